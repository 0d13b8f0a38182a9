// SPDX-License-Identifier: GPL-2.0-only
/*
 * A queue with both its halves, for the tests.
 */
#include "pair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *alloc_area(size_t len)
{
	void *area;

	/* Not a byte more, so that AddressSanitizer sees an access behind it. */
	if (posix_memalign(&area, PV_CACHE_LINE, len)) {
		fputs("Bail out! out of memory\n", stdout);
		exit(EXIT_FAILURE);
	}
	memset(area, 0xa5, len);
	return area;
}

/* What the slots hold when `start` entries have come and gone. */
static void age_slots(u8 *slots, u32 size, u8 shift, u32 start)
{
	__le32 seq;
	u32 nr;

	for (nr = start - size; nr != start; nr++) {
		u8 *end = slots + ((size_t)((nr & (size - 1)) + 1) << shift);

		seq = htole32(PVRING_SEQ(nr));
		memcpy(end - sizeof(seq), &seq, sizeof(seq));
	}
}

static void age(struct pair *p, u32 start)
{
	struct pvring_drv_ctrl *drv = p->drv_area;
	struct pvring_dev_ctrl *dev = p->dev_area;

	drv->irq_event = htole32(start);
	drv->cq_head = htole32(start);
	dev->kick_event = htole32(start);
	age_slots(p->drv.sq, p->drv.size, p->drv.sqe_shift, start);
	age_slots(p->dev.cq, p->dev.size, p->dev.cqe_shift, start);
	p->drv.sq_next = start;
	p->drv.sq_seen = start;
	p->drv.cq_next = start;
	p->dev.sq_next = start;
	p->dev.cq_next = start;
	p->dev.cq_told = start;
}

void pair_init(struct pair *p, u32 size, u8 sqe_shift, u8 cqe_shift, u32 start)
{
	memset(p, 0, sizeof(*p));
	p->drv_len = pvring_drv_area_len(size, sqe_shift);
	p->dev_len = pvring_dev_area_len(size, cqe_shift);
	p->drv_area = alloc_area(p->drv_len);
	p->dev_area = alloc_area(p->dev_len);
	pvring_init(&p->drv, p->drv_area, p->dev_area, size, sqe_shift, cqe_shift);
	if (hring_init(&p->dev, p->drv_area, p->dev_area, size, sqe_shift, cqe_shift)) {
		printf("Bail out! hring_init() refuses size %u, shifts %u and %u\n",
		       size, sqe_shift, cqe_shift);
		exit(EXIT_FAILURE);
	}
	if (start)
		age(p, start);
}

void pair_exit(struct pair *p)
{
	hring_exit(&p->dev);
	free(p->drv_area);
	free(p->dev_area);
}

static u8 content(u32 nr, unsigned int i)
{
	return (nr * 2654435761u >> 13) + i * 37;
}

static unsigned int body_len(u8 shift)
{
	return (1u << shift) - sizeof(__le32);
}

void pair_fill(struct pair_entry *entry, u8 shift, u32 nr)
{
	unsigned int i;

	memcpy(entry->bytes, &nr, sizeof(nr));
	for (i = sizeof(nr); i < body_len(shift); i++)
		entry->bytes[i] = content(nr, i);
}

bool pair_matches(const struct pair_entry *entry, u8 shift, u32 nr)
{
	struct pair_entry wanted;

	pair_fill(&wanted, shift, nr);
	return !memcmp(entry->bytes, wanted.bytes, body_len(shift));
}

u32 pair_id(const struct pair_entry *entry)
{
	u32 id;

	memcpy(&id, entry->bytes, sizeof(id));
	return id;
}

u32 pair_random(u32 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

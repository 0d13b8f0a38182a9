// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device half of a queue: submissions in, completions out, doorbells and interrupts suppressed.
 */
#include "worker/bus/ring.h"

#include <errno.h>
#include <stdlib.h>

#include "worker/bus/shmem.h"

static bool is_bad_shift(uint8_t shift)
{
	return shift < PVRING_ENTRY_SHIFT_MIN || shift > PVRING_ENTRY_SHIFT_MAX;
}

int hring_init(struct hring *r, const void *drv_area, void *dev_area, uint32_t size,
	       uint8_t sqe_shift, uint8_t cqe_shift)
{
	if (size < PVRING_SIZE_MIN || size > PVRING_SIZE_MAX || (size & (size - 1)))
		return -EINVAL;
	if (is_bad_shift(sqe_shift) || is_bad_shift(cqe_shift))
		return -EINVAL;

	*r = (struct hring) {
		.drv = drv_area,
		.dev = dev_area,
		.sq = (const uint8_t *)drv_area + sizeof(struct pvring_drv_ctrl),
		.cq = (uint8_t *)dev_area + sizeof(struct pvring_dev_ctrl),
		.size = size,
		.sqe_shift = sqe_shift,
		.cqe_shift = cqe_shift,
		.irq_at_ns = HRING_NEVER,
	};
	r->posted_ns = calloc(size, sizeof(*r->posted_ns));
	return r->posted_ns ? 0 : -ENOMEM;
}

void hring_exit(struct hring *r)
{
	free(r->posted_ns);
	r->posted_ns = NULL;
}

static const uint8_t *next_sqe(const struct hring *r)
{
	return r->sq + ((size_t)(r->sq_next & (r->size - 1)) << r->sqe_shift);
}

bool hring_has_work(const struct hring *r)
{
	const uint8_t *end = next_sqe(r) + ((size_t)1 << r->sqe_shift);

	/* Partner: the driver's release of the sequence word; the entry is complete then. */
	return !r->error && hostd_load32_acquire((const __le32 *)end - 1) == PVRING_SEQ(r->sq_next);
}

int hring_pop(struct hring *r, void *sqe)
{
	if (!hring_has_work(r))
		return 0;
	if (r->outstanding == r->size)
		return -EPROTO;
	hostd_copy_in(sqe, next_sqe(r), (size_t)1 << r->sqe_shift);
	r->sq_next++;
	r->outstanding++;
	return 1;
}

void hring_push(struct hring *r, const void *cqe, uint64_t now_ns)
{
	uint32_t slot = r->cq_next & (r->size - 1);
	size_t body = ((size_t)1 << r->cqe_shift) - sizeof(__le32);
	uint8_t *to = r->cq + ((size_t)slot << r->cqe_shift);

	if (r->error)
		return;
	hostd_copy_out(to, cqe, body);
	r->posted_ns[slot] = now_ns;
	/* Partner: the driver's acquire of the sequence word; it may copy the entry then. */
	hostd_store32_release((__le32 *)(to + body), PVRING_SEQ(r->cq_next));
	r->cq_next++;
	r->outstanding--;
}

bool hring_need_irq(struct hring *r, uint64_t now_ns)
{
	uint32_t old = r->cq_told;
	uint64_t delay_ns;

	if (r->cq_next == old || r->error)
		return false;
	r->cq_told = r->cq_next;

	/*
	 * Partner: the full barrier of the driver between its store of irq_event
	 * and its last look at the ring. Either it sees the completion, or its
	 * irq_event is seen here.
	 */
	hostd_full_barrier();
	if (pvring_need_event(hostd_load32(&r->drv->irq_event), r->cq_next, old)) {
		r->irq_at_ns = HRING_NEVER;
		return true;
	}
	delay_ns = hostd_load32(&r->drv->irq_delay_us) * 1000ULL;
	if (delay_ns && r->irq_at_ns == HRING_NEVER)
		r->irq_at_ns = now_ns + delay_ns;
	return false;
}

bool hring_irq_due(struct hring *r, uint64_t now_ns)
{
	uint64_t delay_ns = hostd_load32(&r->drv->irq_delay_us) * 1000ULL;
	uint32_t head = hostd_load32(&r->drv->cq_head);
	uint64_t at_ns;

	r->irq_at_ns = HRING_NEVER;
	if (!delay_ns || head == r->cq_next || r->error)
		return false;
	/* A head that is a lie picks a wrong time: a late or needless interrupt. */
	at_ns = r->posted_ns[head & (r->size - 1)] + delay_ns;
	if (now_ns >= at_ns)
		return true;
	r->irq_at_ns = at_ns;
	return false;
}

uint32_t hring_unreaped(const struct hring *r)
{
	return r->cq_told - hostd_load32(&r->drv->cq_head);
}

bool hring_arm(struct hring *r)
{
	hostd_store32(&r->dev->kick_event, r->sq_next);
	/*
	 * Partner: the full barrier of the driver between its sequence word and
	 * its read of kick_event. Either the entry is seen here, or it rings.
	 */
	hostd_full_barrier();
	return !hring_has_work(r);
}

void hring_stop(struct hring *r, uint32_t error)
{
	r->error = error;
	r->irq_at_ns = HRING_NEVER;
	hostd_store32_release(&r->dev->error, error);
}

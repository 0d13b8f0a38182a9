// SPDX-License-Identifier: GPL-2.0-only
/*
 * With as many requests outstanding as the ring has entries, the driver's half refuses the
 * next and writes nothing (RING-G2); the device's half refuses one that comes all the
 * same, and then serves the queue no more (RING-D3).
 */
#include <errno.h>
#include <string.h>

#include "ktap.h"
#include "pair.h"

#define SHIFT	4

static void fill_ring(struct pair *p)
{
	struct pair_entry e;
	u32 nr;

	for (nr = 0; nr < p->drv.size; nr++) {
		pair_fill(&e, SHIFT, nr);
		if (!pvring_put(&p->drv, &e))
			ktap_bail("only %u of %u submissions are taken", nr, p->drv.size);
	}
}

/* Refused, and neither the area nor the counters are touched. */
static bool is_refused(struct pair *p)
{
	struct pvring before = p->drv;
	void *copy = malloc(p->drv_len);
	struct pair_entry e;
	bool ok;

	memcpy(copy, p->drv_area, p->drv_len);
	pair_fill(&e, SHIFT, 4711);
	ok = !pvring_put(&p->drv, &e) && !memcmp(copy, p->drv_area, p->drv_len) &&
	     !memcmp(&before, &p->drv, sizeof(before));
	free(copy);
	return ok;
}

/* It stays full, taken and completed or not, until one is reaped; then there is room for one. */
static bool run_driver(u32 size, u32 start)
{
	struct pair_entry e;
	struct pair p;
	bool ok;
	u32 nr;

	pair_init(&p, size, SHIFT, SHIFT, start);
	fill_ring(&p);
	ok = is_refused(&p);
	while (hring_pop(&p.dev, &e) == 1)
		;
	ok &= is_refused(&p);
	for (nr = 0; nr < size; nr++)
		hring_push(&p.dev, &e, 0);
	ok &= is_refused(&p);

	for (nr = 0; ok && nr < size && nr < 100; nr++)
		ok = pvring_get(&p.drv, &e) && pvring_put(&p.drv, &e) && is_refused(&p);
	pair_exit(&p);
	return ok;
}

/* The driver, lying, writes one more. */
static void put_unchecked(struct pair *p, u32 nr)
{
	u8 *end = (u8 *)p->drv.sq + ((size_t)((nr & (p->drv.size - 1)) + 1) << SHIFT);
	__le32 seq = htole32(PVRING_SEQ(nr));

	memcpy(end - sizeof(seq), &seq, sizeof(seq));
}

static bool run_device(u32 size, u32 start)
{
	struct pair_entry e, before;
	struct pair p;
	bool ok = true;
	u32 nr;

	pair_init(&p, size, SHIFT, SHIFT, start);
	fill_ring(&p);
	for (nr = 0; nr < size; nr++)
		ok &= hring_pop(&p.dev, &e) == 1;
	put_unchecked(&p, start + size);
	before = e;
	ok &= hring_pop(&p.dev, &e) == -EPROTO && !memcmp(&e, &before, sizeof(e));

	hring_stop(&p.dev, PVRING_E_OVERRUN);
	ok &= !hring_has_work(&p.dev) && !hring_pop(&p.dev, &e);
	hring_push(&p.dev, &e, 0);
	ok &= !pvring_pending(&p.drv) && !hring_need_irq(&p.dev, 0);
	ok &= pvring_error(&p.drv) == PVRING_E_OVERRUN;
	pair_exit(&p);
	return ok;
}

int main(void)
{
	bool driver = true, device = true;
	u32 size;

	ktap_plan(2);
	for (size = PVRING_SIZE_MIN; size <= PVRING_SIZE_MAX; size *= 2) {
		driver &= run_driver(size, 0) && run_driver(size, -3) && run_driver(size, -size);
		device &= run_device(size, 0) && run_device(size, -3) && run_device(size, -size);
	}
	ktap_ok(driver, "the driver's half refuses and writes nothing");
	ktap_ok(device, "the device's half refuses and stops");
	return ktap_finish();
}

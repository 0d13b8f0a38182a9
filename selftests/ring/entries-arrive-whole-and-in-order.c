// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whatever the sizes of ring and entries, the device takes every submission once, in order
 * and whole, and the driver reaps every completion so (RING-G2, RING-G3, RING-D1, RING-D2).
 */
#include "ktap.h"
#include "pair.h"

/* Move up to @nr submissions to the device. Returns how many, or -1 if one is wrong. */
static int submit_some(struct pair *p, u32 *submitted, u32 *taken, u32 nr)
{
	struct pair_entry e;
	u32 first = *taken;

	for (; nr && pvring_outstanding(&p->drv) < p->drv.size; nr--) {
		pair_fill(&e, p->drv.sqe_shift, (*submitted)++);
		if (!pvring_put(&p->drv, &e))
			return -1;
	}
	while (hring_pop(&p->dev, &e) == 1) {
		if (!pair_matches(&e, p->dev.sqe_shift, *taken))
			return -1;
		(*taken)++;
	}
	return *taken == *submitted ? (int)(*taken - first) : -1;
}

/* Move up to @nr completions to the driver. Returns false if one is wrong. */
static bool complete_some(struct pair *p, u32 *completed, u32 *reaped, u32 nr)
{
	struct pair_entry e;

	for (; nr && p->dev.outstanding; nr--) {
		pair_fill(&e, p->dev.cqe_shift, ~(*completed)++);
		hring_push(&p->dev, &e, 0);
	}
	while (pvring_pending(&p->drv)) {
		if (!pvring_get(&p->drv, &e) ||
		    !pair_matches(&e, p->drv.cqe_shift, ~*reaped))
			return false;
		(*reaped)++;
	}
	return !pvring_get(&p->drv, &e) && *reaped == *completed;
}

static bool run(u32 size, u8 sqe_shift, u8 cqe_shift)
{
	u32 submitted = 0, taken = 0, completed = 0, reaped = 0, random = size;
	struct pair p;
	bool ok = true;

	pair_init(&p, size, sqe_shift, cqe_shift, 0);
	while (ok && reaped < 4 * size) {
		ok = submit_some(&p, &submitted, &taken, 1 + pair_random(&random) % size) >= 0 &&
		     complete_some(&p, &completed, &reaped, 1 + pair_random(&random) % size);
	}
	if (!ok)
		ktap_note("size %u, shifts %u and %u: %u submitted, %u taken, %u completed, %u reaped",
			  size, sqe_shift, cqe_shift, submitted, taken, completed, reaped);
	pair_exit(&p);
	return ok;
}

int main(void)
{
	u8 sqe_shift, cqe_shift;
	bool ok;
	u32 size;

	ktap_plan(12);
	for (size = PVRING_SIZE_MIN; size <= PVRING_SIZE_MAX; size *= 2) {
		ok = true;
		for (sqe_shift = PVRING_ENTRY_SHIFT_MIN; sqe_shift <= PVRING_ENTRY_SHIFT_MAX; sqe_shift++)
			for (cqe_shift = PVRING_ENTRY_SHIFT_MIN; cqe_shift <= PVRING_ENTRY_SHIFT_MAX;
			     cqe_shift++)
				ok &= run(size, sqe_shift, cqe_shift);
		ktap_ok(ok, "%u entries of 16 to 128 bytes", size);
	}
	return ktap_finish();
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Entry numbers wrap at 2^32 and slots at the size of the ring, and nothing is lost, repeated
 * or taken too early (ring.md, Entries).
 */
#include "ktap.h"
#include "pair.h"

#define SHIFT	5

struct counts {
	u32 submitted, taken, completed, reaped;
};

/* As many at a time as @batch, until @total have gone round. */
static bool run(struct pair *p, struct counts *c, u32 batch, u32 total)
{
	struct pair_entry e;
	u32 i;

	while (c->reaped < total) {
		for (i = 0; i < batch; i++) {
			pair_fill(&e, SHIFT, c->submitted);
			if (!pvring_put(&p->drv, &e))
				return false;
			c->submitted++;
		}
		for (i = 0; i < batch; i++, c->taken++)
			if (hring_pop(&p->dev, &e) != 1 || !pair_matches(&e, SHIFT, c->taken))
				return false;
		if (hring_pop(&p->dev, &e) || hring_has_work(&p->dev))
			return false;
		if (pvring_pending(&p->drv) || pvring_get(&p->drv, &e))
			return false;
		for (i = 0; i < batch; i++) {
			pair_fill(&e, SHIFT, ++c->completed);
			hring_push(&p->dev, &e, 0);
		}
		for (i = 0; i < batch; i++)
			if (!pvring_get(&p->drv, &e) || !pair_matches(&e, SHIFT, ++c->reaped))
				return false;
	}
	return true;
}

static bool run_all_batches(u32 size, u32 start)
{
	struct counts c;
	struct pair p;
	bool ok = true;
	u32 batch;

	for (batch = 1; ok && batch <= size; batch = batch < 4 ? batch + 1 : batch * 2 - 1) {
		c = (struct counts) { 0 };
		pair_init(&p, size, SHIFT, SHIFT, start);
		ok = run(&p, &c, batch, 3 * size + 16);
		ok &= p.drv.sq_next == start + c.submitted && p.dev.cq_next == start + c.completed;
		if (!ok)
			ktap_note("batches of %u: %u submitted, %u taken, %u completed, %u reaped",
				  batch, c.submitted, c.taken, c.completed, c.reaped);
		pair_exit(&p);
	}
	return ok;
}

int main(void)
{
	static const u32 before_wrap[] = { 1, 2, 7, 16 };
	unsigned int i;
	u32 size;

	ktap_plan(12);
	for (size = PVRING_SIZE_MIN; size <= PVRING_SIZE_MAX; size *= 2) {
		bool ok = run_all_batches(size, 0) && run_all_batches(size, -size);

		for (i = 0; ok && i < sizeof(before_wrap) / sizeof(before_wrap[0]); i++)
			ok = run_all_batches(size, -before_wrap[i]);
		ktap_ok(ok, "%u entries, from 0 and across 2^32", size);
	}
	return ktap_finish();
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device may complete in any order: each request is completed once, under its own id, and
 * the slots of those that wait are not overwritten (RING-D1, RING-D2).
 */
#include <string.h>

#include "ktap.h"
#include "pair.h"

#define SQE_SHIFT	6
#define CQE_SHIFT	4
#define NR_REQUESTS	200000

/**
 * struct host - what a device has taken and not completed
 * @held: ids
 * @nr: how many
 */
struct host {
	u32 held[PVRING_SIZE_MAX];
	u32 nr;
};

static bool take_all(struct pair *p, struct host *h)
{
	struct pair_entry e;
	int ret;

	while ((ret = hring_pop(&p->dev, &e)) == 1) {
		u32 id = pair_id(&e);

		if (!pair_matches(&e, SQE_SHIFT, id))
			return false;
		h->held[h->nr++] = id;
	}
	return !ret;
}

static void complete_any(struct pair *p, struct host *h, u32 choice)
{
	u32 i = choice % h->nr;
	struct pair_entry e;

	pair_fill(&e, CQE_SHIFT, h->held[i]);
	h->held[i] = h->held[--h->nr];
	hring_push(&p->dev, &e, 0);
}

/* Reap all; an id that is not in flight, or not for the first time, is wrong. */
static bool reap_all(struct pair *p, u8 *in_flight, u32 *reaped)
{
	struct pair_entry e;

	while (pvring_get(&p->drv, &e)) {
		u32 id = pair_id(&e);

		if (id >= NR_REQUESTS || !in_flight[id] || !pair_matches(&e, CQE_SHIFT, id))
			return false;
		in_flight[id] = 0;
		(*reaped)++;
	}
	return true;
}

static bool run(u32 size, u32 start, u8 *in_flight)
{
	u32 submitted = 0, reaped = 0, random = size + start, nr;
	struct host h = { .nr = 0 };
	struct pair_entry e;
	bool ok = true;
	struct pair p;

	memset(in_flight, 0, NR_REQUESTS);
	pair_init(&p, size, SQE_SHIFT, CQE_SHIFT, start);
	while (ok && reaped < NR_REQUESTS) {
		while (submitted < NR_REQUESTS && pair_random(&random) % 8) {
			pair_fill(&e, SQE_SHIFT, submitted);
			if (!pvring_put(&p.drv, &e))
				break;
			in_flight[submitted++] = 1;
		}
		ok = take_all(&p, &h);
		for (nr = pair_random(&random) % 8; nr && h.nr; nr--)
			complete_any(&p, &h, pair_random(&random));
		ok = ok && reap_all(&p, in_flight, &reaped);
	}
	if (!ok)
		ktap_note("size %u: %u submitted, %u held, %u reaped", size, submitted, h.nr, reaped);
	pair_exit(&p);
	return ok;
}

int main(void)
{
	static const u32 sizes[] = { 2, 4, 32, 256, 4096 };
	static u8 in_flight[NR_REQUESTS];
	unsigned int i;

	ktap_plan(5);
	for (i = 0; i < 5; i++)
		ktap_ok(run(sizes[i], 0, in_flight) && run(sizes[i], -1000, in_flight),
			"%u requests in random order through %u entries", NR_REQUESTS, sizes[i]);
	return ktap_finish();
}

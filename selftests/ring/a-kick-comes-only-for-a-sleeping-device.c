// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device that polls is never kicked; one that has armed is kicked exactly once, for
 * the batch with the submission that it waits for, and may not sleep when that
 * is there already (RING-D4, RING-G4).
 */
#include "ktap.h"
#include "pair.h"

#define SHIFT	4

static const u32 starts[] = { 0, 5, 0x7ffffff0, 0x80000000, -1, -2, -17 };

#define FOR_EACH_START(start) \
	for (const u32 *s = starts; s < starts + sizeof(starts) / sizeof(starts[0]) && \
	     ((start) = *s, true); s++)

static void put(struct pair *p, u32 nr)
{
	struct pair_entry e;

	for (; nr; nr--) {
		pair_fill(&e, SHIFT, nr);
		if (!pvring_put(&p->drv, &e))
			ktap_bail("the ring is full");
	}
}

/* The device takes and completes all; the driver reaps. */
static void turn_round(struct pair *p)
{
	struct pair_entry e;

	while (hring_pop(&p->dev, &e) == 1)
		hring_push(&p->dev, &e, 0);
	while (pvring_get(&p->drv, &e))
		;
}

static bool polling_device_is_not_kicked(u32 start)
{
	u32 random = start | 1, kicks = 0, batch;
	struct pair p;
	int i;

	pair_init(&p, 64, SHIFT, SHIFT, start);
	put(&p, 1);
	/* As a queue starts: kick_event is the first number. */
	kicks = pvring_need_kick(&p.drv);
	turn_round(&p);
	for (i = 0; i < 20000; i++) {
		for (batch = pair_random(&random) % 8; batch; batch--) {
			put(&p, pair_random(&random) % 8);
			kicks += pvring_need_kick(&p.drv);
		}
		turn_round(&p);
	}
	if (kicks != 1)
		ktap_note("from %u: %u kicks", start, kicks);
	pair_exit(&p);
	return kicks == 1;
}

/* It sleeps; batches of all sizes follow. Only the first needs a kick. */
static bool sleeping_device_is_kicked_once(u32 start)
{
	u32 first, batch;
	struct pair p;
	bool ok = true;

	pair_init(&p, 64, SHIFT, SHIFT, start);
	for (first = 1; first <= 32; first++)
		for (batch = 1; batch <= 4; batch++) {
			ok &= hring_arm(&p.dev);
			ok &= !pvring_need_kick(&p.drv);
			put(&p, first);
			ok &= pvring_need_kick(&p.drv);
			ok &= !pvring_need_kick(&p.drv);
			put(&p, batch);
			ok &= !pvring_need_kick(&p.drv);
			turn_round(&p);
		}
	pair_exit(&p);
	return ok;
}

/* What is there when it arms keeps it awake, and what comes then is no kick. */
static bool arming_device_sees_what_is_there(u32 start)
{
	struct pair_entry e;
	struct pair p;
	bool ok = true;
	u32 nr;

	pair_init(&p, 64, SHIFT, SHIFT, start);
	for (nr = 1; nr < 32; nr++) {
		put(&p, nr);
		ok &= !hring_arm(&p.dev);
		turn_round(&p);
		ok &= hring_arm(&p.dev);

		/* It wakes by itself in the middle of a batch, and arms before it has taken it all. */
		put(&p, nr + 1);
		ok &= hring_pop(&p.dev, &e) == 1;
		ok &= !hring_arm(&p.dev);
		turn_round(&p);
		pvring_need_kick(&p.drv);
		hring_push(&p.dev, &e, 0);
		ok &= pvring_get(&p.drv, &e);
	}
	pair_exit(&p);
	return ok;
}

/* "Is the event among [old, new)", said the long way. */
static bool passes(u32 event, u32 new_nr, u32 old_nr)
{
	u32 nr;

	for (nr = old_nr; nr != new_nr; nr++)
		if (nr == event)
			return true;
	return false;
}

static bool need_event_is_right(u32 start)
{
	static const u32 far[] = { 0, 1000, 0x7fffffff, 0x80000000, 0x80000001, -1000 };
	u32 len, at, i;

	for (i = 0; i < sizeof(far) / sizeof(far[0]); i++)
		for (len = 0; len <= 70; len++)
			for (at = start + far[i] - 100; at != start + far[i] + 100; at++)
				if (pvring_need_event(at, start + len, start) !=
				    passes(at, start + len, start)) {
					ktap_note("event %u of [%u, %u)", at, start, start + len);
					return false;
				}
	return true;
}

int main(void)
{
	bool polling = true, sleeping = true, arming = true, event = true;
	u32 start;

	ktap_plan(4);
	FOR_EACH_START(start) {
		event &= need_event_is_right(start);
		polling &= polling_device_is_not_kicked(start);
		sleeping &= sleeping_device_is_kicked_once(start);
		arming &= arming_device_sees_what_is_there(start);
	}
	ktap_ok(event, "an event is needed for the numbers from the old to the last before the new");
	ktap_ok(polling, "no kick for a device that polls, but the one of the start");
	ktap_ok(sleeping, "one kick for a device that sleeps, with the first batch");
	ktap_ok(arming, "a device that arms sees what is there");
	return ktap_finish();
}

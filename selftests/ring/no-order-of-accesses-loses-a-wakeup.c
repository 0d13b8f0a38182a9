// SPDX-License-Identifier: GPL-2.0-only
/*
 * In whichever order the accesses of driver and device reach memory, nobody sleeps on:
 * all orders are tried (interleave/), with both halves as they are (RING-D4, RING-G4,
 * RING-D6, RING-G5, RING-D7). And each time that an event was asked for brings one at most.
 */
#include <stdlib.h>
#include <string.h>

#include "interleave.h"
#include "ktap.h"
#include "pair.h"

#define SIZE	4
#define SHIFT	4
#define LATER	1000000000ULL	/* any delay is over */

static struct {
	struct pair	p;
	bool		doorbell;
	bool		irq;
	bool		room;
	bool		seen_first;	/* the driver has reaped the first completion */
	u32		submitted;
	u32		taken;
	u32		reaped;
	u32		kicks_due;
	u32		irqs_due;
} w;

static _Alignas(PV_CACHE_LINE) u8 drv_area[64 + (SIZE << SHIFT)], dev_area[64 + (SIZE << SHIFT)];
static uint64_t posted_ns[SIZE];

/* As a queue starts, all read; nobody is due an event. */
static void reset(void)
{
	memset(&w, 0, sizeof(w));
	memset(posted_ns, 0, sizeof(posted_ns));
	pvring_init(&w.p.drv, drv_area, dev_area, SIZE, SHIFT, SHIFT);
	if (hring_init(&w.p.dev, drv_area, dev_area, SIZE, SHIFT, SHIFT))
		abort();
	free(w.p.dev.posted_ns);
	w.p.dev.posted_ns = posted_ns;
	w.p.drv.drv->irq_event = htole32(-1);
	((struct pvring_dev_ctrl *)w.p.drv.dev)->kick_event = htole32(-1);
}

/* One event for each time that it is asked for. That of the time before may still be on its way. */
static void ask(u32 *due)
{
	if (*due < 2)
		++*due;
}

static void raise_event(bool *event, u32 *due)
{
	if (!*due)
		il_fail("an event that nobody asked for");
	--*due;
	il_raise(event);
}

/* What the driver does. */

static void submit(u32 nr)
{
	struct pair_entry e = { .bytes = { 0 } };

	for (; nr; nr--) {
		if (!pvring_put(&w.p.drv, &e))
			il_fail("the ring is full too early");
		w.submitted++;
	}
	if (pvring_need_kick(&w.p.drv))
		raise_event(&w.doorbell, &w.kicks_due);
}

/* Without cq_head, which only matters with a delay. */
static u32 reap(void)
{
	struct pair_entry e;
	u32 nr = 0;

	while (pvring_get(&w.p.drv, &e)) {
		nr++;
		w.reaped++;
	}
	return nr;
}

static void ask_and_sleep(u32 event, u32 delay_us)
{
	ask(&w.irqs_due);
	if (!pvring_arm(&w.p.drv, event, delay_us))
		il_sleep(&w.irq);
}

static void reap_until(u32 nr)
{
	for (;;) {
		reap();
		if (w.reaped >= nr)
			return;
		ask_and_sleep(w.p.drv.cq_next, 0);
	}
}

/* What the device does. */

static bool take(void)
{
	struct pair_entry e;

	if (hring_pop(&w.p.dev, &e) != 1)
		return false;
	w.taken++;
	return true;
}

static void complete(u32 nr)
{
	struct pair_entry e = { .bytes = { 0 } };

	for (; nr; nr--)
		hring_push(&w.p.dev, &e, 0);
	if (hring_need_irq(&w.p.dev, 0))
		raise_event(&w.irq, &w.irqs_due);
}

static void ask_for_kick_and_sleep(void)
{
	ask(&w.kicks_due);
	if (hring_arm(&w.p.dev))
		il_sleep(&w.doorbell);
}

/* Submissions only. */

static void submits_three(void)
{
	submit(1);
	submit(2);
}

static void takes_three(void)
{
	while (w.taken < 3)
		if (!take())
			ask_for_kick_and_sleep();
}

/* Completions only. */

static void reset_with_three(void)
{
	struct pair_entry e = { .bytes = { 0 } };
	int i;

	reset();
	for (i = 0; i < 3; i++)
		if (!pvring_put(&w.p.drv, &e) || !take())
			abort();
}

static void completes_three(void)
{
	complete(1);
	complete(2);
}

static void reaps_three(void)
{
	reap_until(3);
}

/* Asked for the last: the interrupt of the third tells of all. */
static void reaps_three_at_the_last(void)
{
	while (w.reaped < 3) {
		ask_and_sleep(w.p.drv.cq_next + 2 - w.reaped, 0);
		reap();
	}
}

/* It asks for none while it is awake, as a driver does that polls first. */
static void reaps_three_disarmed(void)
{
	while (w.reaped < 3) {
		pvring_disarm(&w.p.drv);
		if (!reap())
			ask_and_sleep(w.p.drv.cq_next, 0);
	}
}

/* The second comes only when somebody has seen the first, which only the delay tells of. */
static void completes_second_after_first(void)
{
	complete(1);
	while (w.p.dev.irq_at_ns != HRING_NEVER)
		if (hring_irq_due(&w.p.dev, LATER))
			il_raise(&w.irq);
	il_sleep(&w.seen_first);
	complete(1);
}

static void reset_with_two(void)
{
	struct pair_entry e = { .bytes = { 0 } };
	int i;

	reset();
	for (i = 0; i < 2; i++)
		if (!pvring_put(&w.p.drv, &e) || !take())
			abort();
}

static void reaps_two_with_delay(void)
{
	while (w.reaped < 2) {
		u32 ahead = 1 - w.reaped;

		ask_and_sleep(w.p.drv.cq_next + ahead, ahead ? 100 : 0);
		if (!reap())
			continue;
		pvring_set_head(&w.p.drv);
		if (w.reaped == 1)
			il_raise(&w.seen_first);
	}
}

/* Both ways. */

static void drives_one_at_a_time(void)
{
	u32 nr;

	for (nr = 1; nr <= 3; nr++) {
		submit(1);
		reap_until(nr);
	}
}

static void drives_two_at_a_time(void)
{
	submit(2);
	reap_until(1);
	submit(1);
	reap_until(3);
}

static void serves_three(void)
{
	while (w.taken < 3) {
		if (take())
			complete(1);
		else
			ask_for_kick_and_sleep();
	}
}

/* Submitter, reaper, device. The ring is full at two. */

static void reset_small(void)
{
	reset();
	w.p.drv.size = 2;
	w.p.dev.size = 2;
}

static void submits_when_there_is_room(void)
{
	struct pair_entry e = { .bytes = { 0 } };

	while (w.submitted < 3) {
		if (!pvring_put(&w.p.drv, &e)) {
			il_sleep(&w.room);
			continue;
		}
		w.submitted++;
		if (pvring_need_kick(&w.p.drv))
			raise_event(&w.doorbell, &w.kicks_due);
	}
}

static void reaps_and_makes_room(void)
{
	while (w.reaped < 3) {
		if (reap())
			il_raise(&w.room);
		else
			ask_and_sleep(w.p.drv.cq_next, 0);
	}
}

static const struct il_scenario scenarios[] = {
	{
		"a device that sleeps is kicked",
		{ "driver", "device" }, { submits_three, takes_three }, reset
	}, {
		"a driver that sleeps is interrupted for the next completion",
		{ "driver", "device" }, { reaps_three, completes_three }, reset_with_three
	}, {
		"a driver that sleeps is interrupted for the last completion",
		{ "driver", "device" }, { reaps_three_at_the_last, completes_three },
		reset_with_three
	}, {
		"a driver that asks for none while awake is interrupted when it sleeps",
		{ "driver", "device" }, { reaps_three_disarmed, completes_three }, reset_with_three
	}, {
		"a driver that waits for the last hears of the first in time",
		{ "driver", "device" }, { reaps_two_with_delay, completes_second_after_first },
		reset_with_two
	}, {
		"both sleep, one request at a time",
		{ "driver", "device" }, { drives_one_at_a_time, serves_three }, reset
	}, {
		"both sleep, two requests at a time",
		{ "driver", "device" }, { drives_two_at_a_time, serves_three }, reset
	}, {
		"submitter and reaper are two, and all three sleep",
		{ "submitter", "reaper", "device" },
		{ submits_when_there_is_room, reaps_and_makes_room, serves_three }, reset_small
	},
};

#define NR_SCENARIOS	(sizeof(scenarios) / sizeof(scenarios[0]))

int main(void)
{
	unsigned int i;

	ktap_plan(NR_SCENARIOS);
	il_watch(&w, sizeof(w));
	il_window(drv_area, sizeof(drv_area));
	il_window(dev_area, sizeof(dev_area));
	for (i = 0; i < NR_SCENARIOS; i++)
		ktap_ok(il_explore(&scenarios[i]), "%s", scenarios[i].what);
	return ktap_finish();
}

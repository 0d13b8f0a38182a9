// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver that polls gets no interrupt; one that has armed for a completion gets exactly
 * one, with the batch that holds it, and is told when there is something to reap
 * already (RING-D6, RING-G5).
 */
#include "ktap.h"
#include "pair.h"

#define SHIFT	4
#define NOW	1

static const u32 starts[] = { 0, 5, 0x7ffffff0, 0x80000000, -1, -2, -17 };

/* Put @nr requests before the device. */
static void submit(struct pair *p, u32 nr)
{
	struct pair_entry e;

	for (; nr; nr--) {
		pair_fill(&e, SHIFT, nr);
		if (!pvring_put(&p->drv, &e) || hring_pop(&p->dev, &e) != 1)
			ktap_bail("a submission does not arrive");
	}
}

static void complete(struct pair *p, u32 nr)
{
	struct pair_entry e;

	for (; nr; nr--) {
		pair_fill(&e, SHIFT, nr);
		hring_push(&p->dev, &e, NOW);
	}
}

static u32 reap(struct pair *p)
{
	struct pair_entry e;
	u32 nr = 0;

	while (pvring_get(&p->drv, &e))
		nr++;
	pvring_set_head(&p->drv);
	return nr;
}

static bool polling_driver_is_left_alone(u32 start)
{
	u32 random = start | 1, irqs = 0, batch;
	struct pair p;
	int i;

	pair_init(&p, 64, SHIFT, SHIFT, start);
	submit(&p, 1);
	complete(&p, 1);
	/* As a queue starts: irq_event is the first number. */
	irqs = hring_need_irq(&p.dev, NOW);
	reap(&p);
	for (i = 0; i < 20000; i++) {
		submit(&p, pair_random(&random) % 64);
		while (p.dev.outstanding) {
			batch = 1 + pair_random(&random) % p.dev.outstanding;
			complete(&p, batch);
			irqs += hring_need_irq(&p.dev, NOW);
			if (pair_random(&random) % 2)
				reap(&p);
		}
		irqs += hring_need_irq(&p.dev, NOW);
		irqs += hring_irq_due(&p.dev, NOW);
		reap(&p);
	}
	if (irqs != 1)
		ktap_note("from %u: %u interrupts", start, irqs);
	pair_exit(&p);
	return irqs == 1;
}

/* Of @nr in flight it wants the one at @wanted; they come in batches of @batch. */
static bool one_interrupt(u32 start, u32 nr, u32 wanted, u32 batch)
{
	u32 irqs = 0, done = 0, at = 0;
	struct pair p;
	bool ok;

	pair_init(&p, 64, SHIFT, SHIFT, start);
	submit(&p, nr);
	ok = !pvring_arm(&p.drv, start + wanted, 0);
	while (done < nr) {
		u32 now = nr - done < batch ? nr - done : batch;

		complete(&p, now);
		done += now;
		if (hring_need_irq(&p.dev, NOW)) {
			irqs++;
			at = done;
		}
		irqs += hring_need_irq(&p.dev, NOW);
	}
	ok &= irqs == 1 && at > wanted && at - wanted <= batch && p.dev.irq_at_ns == HRING_NEVER;
	ok &= reap(&p) == nr;
	if (!ok)
		ktap_note("from %u: number %u of %u in batches of %u: %u interrupts, at %u",
			  start, wanted, nr, batch, irqs, at);
	pair_exit(&p);
	return ok;
}

static bool armed_driver_gets_one(u32 start)
{
	u32 nr, wanted, batch;

	for (nr = 1; nr <= 20; nr++)
		for (wanted = 0; wanted < nr; wanted++)
			for (batch = 1; batch <= nr; batch++)
				if (!one_interrupt(start, nr, wanted, batch))
					return false;
	return true;
}

/* It asks, and then asks for none: nothing comes, in whichever step the device is. */
static bool disarmed_driver_is_left_alone(u32 start)
{
	u32 random = start | 1, irqs = 0;
	struct pair p;
	int i;

	pair_init(&p, 64, SHIFT, SHIFT, start);
	for (i = 0; i < 20000; i++) {
		submit(&p, 1 + pair_random(&random) % 32);
		if (pvring_arm(&p.drv, p.drv.cq_next + pair_random(&random) % 40, 0))
			return false;
		pvring_disarm(&p.drv);
		while (p.dev.outstanding) {
			complete(&p, 1 + pair_random(&random) % p.dev.outstanding);
			if (pair_random(&random) % 2) {
				reap(&p);
				pvring_disarm(&p.drv);
			}
			if (pair_random(&random) % 2)
				irqs += hring_need_irq(&p.dev, NOW);
		}
		irqs += hring_need_irq(&p.dev, NOW);
		reap(&p);
	}
	if (irqs)
		ktap_note("from %u: %u interrupts", start, irqs);
	pair_exit(&p);
	return !irqs;
}

/* The device posts and the driver, which polls, takes that and disarms before the device looks. */
static bool disarming_between_is_in_time(u32 start)
{
	u32 irqs = 0;
	struct pair p;
	int i;

	pair_init(&p, 64, SHIFT, SHIFT, start);
	for (i = 0; i < 200; i++) {
		submit(&p, 2);
		if (pvring_arm(&p.drv, p.drv.cq_next + 1, 0))
			return false;
		complete(&p, 1);
		reap(&p);
		pvring_disarm(&p.drv);
		irqs += hring_need_irq(&p.dev, NOW);
		complete(&p, 1);
		reap(&p);
		irqs += hring_need_irq(&p.dev, NOW);
	}
	if (irqs)
		ktap_note("from %u: %u interrupts", start, irqs);
	pair_exit(&p);
	return !irqs;
}

/* What is there when it arms, whichever it arms for, it is told. */
static bool arming_driver_sees_what_is_there(u32 start)
{
	struct pair p;
	bool ok = true;
	u32 nr;

	pair_init(&p, 64, SHIFT, SHIFT, start);
	for (nr = 1; nr < 32; nr++) {
		u32 next = p.drv.cq_next;

		submit(&p, nr);
		ok &= !pvring_arm(&p.drv, next + nr - 1, 0);
		complete(&p, 1);
		ok &= pvring_arm(&p.drv, next + nr - 1, 0) && pvring_arm(&p.drv, next, 0);
		ok &= reap(&p) == 1;
		ok &= !pvring_arm(&p.drv, next + nr - 1, 0);
		complete(&p, nr - 1);
		ok &= pvring_arm(&p.drv, next + nr - 1, 0) == (nr > 1);
		ok &= reap(&p) == nr - 1;
	}
	pair_exit(&p);
	return ok;
}

int main(void)
{
	bool polling = true, armed = true, disarmed = true, between = true, arming = true;
	unsigned int i;

	ktap_plan(5);
	for (i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		polling &= polling_driver_is_left_alone(starts[i]);
		armed &= armed_driver_gets_one(starts[i]);
		disarmed &= disarmed_driver_is_left_alone(starts[i]);
		between &= disarming_between_is_in_time(starts[i]);
		arming &= arming_driver_sees_what_is_there(starts[i]);
	}
	ktap_ok(polling, "no interrupt for a driver that polls, but the one of the start");
	ktap_ok(armed, "one interrupt for a driver that has armed, with the completion that it wants");
	ktap_ok(disarmed, "no interrupt for a driver that has asked for none");
	ktap_ok(between, "nor when it asks for none between a completion and the device's look");
	ktap_ok(arming, "a driver that arms sees what is there");
	return ktap_finish();
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * With irq_delay_us, a completion that nobody reaps raises an interrupt when it has waited so
 * long and not before; reaping it in time, or an interrupt for a later one, cancels that;
 * without, none ever comes (RING-D7, RING-G6). Time is an argument of the device's half.
 */
#include "ktap.h"
#include "pair.h"

#define SHIFT	4
#define US	1000ULL
#define FAR	1000	/* completions from here: not armed for any of them */

static void start(struct pair *p, u32 first, u32 nr, u32 delay_us)
{
	struct pair_entry e;

	pair_init(p, 64, SHIFT, SHIFT, first);
	pair_fill(&e, SHIFT, 0);
	for (; nr; nr--)
		if (!pvring_put(&p->drv, &e) || hring_pop(&p->dev, &e) != 1)
			ktap_bail("a submission does not arrive");
	if (pvring_arm(&p->drv, first + FAR, delay_us))
		ktap_bail("a completion before its request");
}

static bool complete(struct pair *p, u64 now_ns)
{
	struct pair_entry e;

	pair_fill(&e, SHIFT, 0);
	hring_push(&p->dev, &e, now_ns);
	return hring_need_irq(&p->dev, now_ns);
}

static void reap(struct pair *p, u32 nr)
{
	struct pair_entry e;

	for (; nr; nr--)
		if (!pvring_get(&p->drv, &e))
			ktap_bail("a completion does not arrive");
	pvring_set_head(&p->drv);
}

static bool comes_when_due(u32 first)
{
	struct pair p;
	bool ok;

	start(&p, first, 8, 100);
	ok = p.dev.irq_at_ns == HRING_NEVER;
	ok &= !complete(&p, 1000 * US);
	ok &= p.dev.irq_at_ns == 1100 * US;
	ok &= !complete(&p, 1090 * US);
	/* The first one counts, not the last. */
	ok &= p.dev.irq_at_ns == 1100 * US;
	ok &= !hring_irq_due(&p.dev, 1099 * US) && p.dev.irq_at_ns == 1100 * US;
	ok &= hring_irq_due(&p.dev, 1100 * US) && p.dev.irq_at_ns == HRING_NEVER;

	/* Nothing new: no second one for what has been announced. */
	ok &= !hring_need_irq(&p.dev, 2000 * US) && p.dev.irq_at_ns == HRING_NEVER;
	/* Something new, and the old is still there: it is due again. */
	ok &= !complete(&p, 2000 * US) && p.dev.irq_at_ns != HRING_NEVER;
	ok &= hring_irq_due(&p.dev, 2100 * US);
	reap(&p, 3);
	pair_exit(&p);
	return ok;
}

static bool reaping_cancels(u32 first)
{
	struct pair p;
	bool ok;

	start(&p, first, 8, 100);
	ok = !complete(&p, 1000 * US);
	reap(&p, 1);
	ok &= !hring_irq_due(&p.dev, 1100 * US) && p.dev.irq_at_ns == HRING_NEVER;

	/* Reaped but for the last: that one's time counts. */
	ok &= !complete(&p, 2000 * US);
	ok &= !complete(&p, 2020 * US);
	ok &= !complete(&p, 2050 * US);
	reap(&p, 2);
	ok &= !hring_irq_due(&p.dev, 2100 * US) && p.dev.irq_at_ns == 2150 * US;
	ok &= !hring_irq_due(&p.dev, 2149 * US) && p.dev.irq_at_ns == 2150 * US;
	ok &= hring_irq_due(&p.dev, 2150 * US);
	reap(&p, 1);
	pair_exit(&p);
	return ok;
}

/* The interrupt that was asked for tells of the earlier ones too. */
static bool interrupt_cancels(u32 first)
{
	struct pair p;
	bool ok;

	start(&p, first, 3, 100);
	ok = !pvring_arm(&p.drv, first + 2, 100);
	ok &= !complete(&p, 1000 * US) && p.dev.irq_at_ns == 1100 * US;
	ok &= !complete(&p, 1010 * US) && p.dev.irq_at_ns == 1100 * US;
	ok &= complete(&p, 1020 * US) && p.dev.irq_at_ns == HRING_NEVER;
	reap(&p, 3);
	pair_exit(&p);
	return ok;
}

static bool none_without_delay(u32 first)
{
	struct pair p;
	bool ok;

	start(&p, first, 8, 0);
	ok = !complete(&p, 1000 * US) && p.dev.irq_at_ns == HRING_NEVER;
	ok &= !hring_irq_due(&p.dev, 999999 * US) && p.dev.irq_at_ns == HRING_NEVER;

	/* Asked for, and then for none, while a completion waits. */
	ok &= pvring_arm(&p.drv, first + FAR, 100);
	ok &= !complete(&p, 2000 * US) && p.dev.irq_at_ns == 2100 * US;
	pvring_disarm(&p.drv);
	ok &= !hring_irq_due(&p.dev, 2100 * US) && p.dev.irq_at_ns == HRING_NEVER;
	ok &= !complete(&p, 3000 * US) && p.dev.irq_at_ns == HRING_NEVER;
	pair_exit(&p);
	return ok;
}

/* A cq_head that is a lie may cost an interrupt, but never memory or a hang. */
static bool head_may_lie(u32 first)
{
	struct pair p;
	bool ok = true;
	u32 lie, i;

	start(&p, first, 8, 100);
	complete(&p, 1000 * US);
	for (i = 0; i < 200; i++) {
		u64 at;

		lie = i < 100 ? i : 0x80000000u + (i << 20);
		((struct pvring_drv_ctrl *)p.drv_area)->cq_head = htole32(lie);
		p.dev.irq_at_ns = 1100 * US;
		if (hring_irq_due(&p.dev, 1100 * US))
			ok &= p.dev.irq_at_ns == HRING_NEVER;
		else
			ok &= p.dev.irq_at_ns == HRING_NEVER || p.dev.irq_at_ns > 1100 * US;
		at = p.dev.irq_at_ns;
		ok &= at == HRING_NEVER || at <= 2000 * US;
	}
	pair_exit(&p);
	return ok;
}

int main(void)
{
	static const u32 firsts[] = { 0, 63, 0x7fffffff, -1, -2 };
	bool due = true, reaped = true, interrupt = true, none = true, lie = true;
	unsigned int i;

	ktap_plan(5);
	for (i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
		due &= comes_when_due(firsts[i]);
		reaped &= reaping_cancels(firsts[i]);
		interrupt &= interrupt_cancels(firsts[i]);
		none &= none_without_delay(firsts[i]);
		lie &= head_may_lie(firsts[i]);
	}
	ktap_ok(due, "it comes when the first unreaped completion is due");
	ktap_ok(reaped, "reaping in time cancels it");
	ktap_ok(interrupt, "an interrupt that was asked for cancels it");
	ktap_ok(none, "none comes without a delay");
	ktap_ok(lie, "a lie about what has been reaped harms nobody");
	return ktap_finish();
}

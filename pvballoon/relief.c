// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest under pressure gets its memory back (BALLOON-G10), and one without a target gives what
 * it does not need (BALLOON-G9).
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/oom.h>
#include <linux/sizes.h>
#include <linux/swap.h>
#include <linux/vmstat.h>
#include "pvballoon.h"

static uint auto_keep_percent = 10;
module_param(auto_keep_percent, uint, 0644);
MODULE_PARM_DESC(auto_keep_percent, "available memory that a guest without a target keeps, in percent of all (10)");

/* Memory that the balloon leaves to the guest, and a part of all. */
#define RESERVE_MIN	SZ_16M
#define RESERVE_PART	64
/* What one look of the kernel's reclaim gets back, and what a kill for memory is worth. */
#define RELIEF_BYTES	SZ_64M
#define OOM_BYTES	SZ_256M
/* After relief the balloon doesn't grow for so long, and twice as long if that was too soon. */
#define HOLD_MIN	(2 * HZ)
#define HOLD_MAX	(30 * HZ)
#define LOOK_PERIOD	HZ
/* Stalls for want of memory, us in a second, that a guest without a target may have. */
#define STALL_MAX_US	1000
/* It grows by a part of what it could give, and takes back a part of what it gave. */
#define AUTO_GROW_PART	4
#define AUTO_SHRINK_PART 4

/**
 * pvballoon_reserve() - what the balloon leaves to the guest at any time
 *
 * Context: any. Return: bytes.
 */
u64 pvballoon_reserve(void)
{
	return max_t(u64, ((u64)totalram_pages() << PAGE_SHIFT) / RESERVE_PART, RESERVE_MIN);
}

static u64 available(void)
{
	return (u64)max(si_mem_available(), 0L) << PAGE_SHIFT;
}

/**
 * pvballoon_headroom() - what the guest can do without, and not be short of memory
 *
 * By the kernel's own estimate of what can be used without swapping. Context: any. Return: bytes.
 */
u64 pvballoon_headroom(void)
{
	u64 bytes = available();

	return bytes > pvballoon_reserve() ? bytes - pvballoon_reserve() : 0;
}

static bool is_short(void)
{
	return available() < pvballoon_reserve() / 2;
}

static void hold_relieved(struct pvballoon *balloon)
{
	unsigned long now = jiffies, last = READ_ONCE(balloon->relieved_at);
	unsigned long length = READ_ONCE(balloon->hold);

	/* While it holds, the pressure is still the same. */
	if (!length || time_after(now, last + HOLD_MAX))
		length = HOLD_MIN;
	else if (time_after_eq(now, READ_ONCE(balloon->hold_until)))
		length = min_t(unsigned long, 2 * length, HOLD_MAX);
	WRITE_ONCE(balloon->hold, length);
	WRITE_ONCE(balloon->relieved_at, now);
	pvballoon_hold(balloon, length);
}

static u64 relieve(struct pvballoon *balloon, u64 bytes)
{
	u64 done;

	hold_relieved(balloon);
	done = pvballoon_shrink(balloon, bytes);
	spin_lock(&balloon->lock);
	WRITE_ONCE(balloon->relieved, balloon->relieved + done);
	WRITE_ONCE(balloon->auto_target, balloon->auto_target - min(balloon->auto_target, done));
	spin_unlock(&balloon->lock);
	pvballoon_kick_balance(balloon);
	return done;
}

static unsigned long count_objects(struct shrinker *shrinker, struct shrink_control *sc)
{
	struct pvballoon *balloon = compat_shrinker_data(shrinker);

	/* As long as the guest has caches to drop, the host's claim is the older one. */
	if (!is_short())
		return 0;
	return min_t(u64, pvballoon_held(balloon), 2 * RELIEF_BYTES) >> PAGE_SHIFT;
}

static unsigned long scan_objects(struct shrinker *shrinker, struct shrink_control *sc)
{
	struct pvballoon *balloon = compat_shrinker_data(shrinker);
	u64 done = relieve(balloon, (u64)sc->nr_to_scan << PAGE_SHIFT);

	return done ? done >> PAGE_SHIFT : SHRINK_STOP;
}

/* Will more come back when the device answers? */
static bool may_get_more(struct pvballoon *balloon)
{
	return pvballoon_in_flight(balloon) ||
	       pvballoon_is_asked(&balloon->reports, PVBALLOON_OP_REPORT);
}

/* Nothing has come back since the kernel was last about to kill; something may soon. */
static void wait_for_more(struct pvballoon *balloon)
{
	wait_event_timeout(balloon->main.wait,
			   pvballoon_returned(balloon) != balloon->oom_seen ||
			   pvballoon_held(balloon) > pvballoon_in_flight(balloon) ||
			   !may_get_more(balloon), PVBALLOON_WAIT);
	relieve(balloon, OOM_BYTES);
}

/*
 * What others have taken back since the last time is free too, though the allocator did not find it: it
 * looked before, or they are not done with it. The kernel calls this for one at a time.
 */
static int before_oom(struct notifier_block *nb, unsigned long unused, void *freed)
{
	struct pvballoon *balloon = container_of(nb, struct pvballoon, oom);
	u64 returned;

	relieve(balloon, OOM_BYTES);
	if (pvballoon_returned(balloon) == balloon->oom_seen && may_get_more(balloon))
		wait_for_more(balloon);
	wait_event_timeout(balloon->main.wait, !READ_ONCE(balloon->returning), PVBALLOON_WAIT);
	returned = pvballoon_returned(balloon);
	*(unsigned long *)freed += (returned - balloon->oom_seen) >> PAGE_SHIFT;
	balloon->oom_seen = returned;
	return NOTIFY_OK;
}

/* Whether the guest has waited for memory since the last look. */
static bool has_stalled(struct pvballoon *balloon)
{
	u64 some_us, full_us, last = balloon->stall_us;

	if (!pvballoon_psi(&some_us, &full_us))
		some_us = pvballoon_direct_reclaims() * STALL_MAX_US;
	balloon->stall_us = some_us;
	return last && some_us - last >= STALL_MAX_US;
}

static void look(struct pvballoon *balloon)
{
	u64 keep = (((u64)totalram_pages() << PAGE_SHIFT) * min(READ_ONCE(auto_keep_percent), 100U)) / 100;
	u64 held = pvballoon_held(balloon), avail = available(), target = held;

	if (has_stalled(balloon)) {
		hold_relieved(balloon);
		target -= held / AUTO_SHRINK_PART;
	} else if (pvballoon_is_held(balloon)) {
		return;
	} else if (avail > keep) {
		target += (avail - keep) / AUTO_GROW_PART;
	} else if (avail < keep / 2) {
		target -= min(held, keep - avail);
	}
	spin_lock(&balloon->lock);
	WRITE_ONCE(balloon->auto_target, target);
	spin_unlock(&balloon->lock);
	pvballoon_kick_balance(balloon);
}

static void pressure(struct work_struct *work)
{
	struct pvballoon *balloon = container_of(to_delayed_work(work), struct pvballoon, pressure);

	if (READ_ONCE(balloon->target) == PVBALLOON_TARGET_AUTO)
		look(balloon);
	queue_delayed_work(balloon->wq, &balloon->pressure, LOOK_PERIOD);
}

/**
 * pvballoon_relief_start() - from now on the guest can get its memory back
 * @balloon: the balloon
 *
 * Return: 0 or -errno.
 */
int pvballoon_relief_start(struct pvballoon *balloon)
{
	int err;

	balloon->shrinker = compat_shrinker_alloc("pvballoon", balloon);
	if (!balloon->shrinker)
		return -ENOMEM;
	balloon->shrinker->count_objects = count_objects;
	balloon->shrinker->scan_objects = scan_objects;
	balloon->shrinker->batch = RELIEF_BYTES >> PAGE_SHIFT;
	/* It takes no I/O to have them again. */
	balloon->shrinker->seeks = 0;
	err = compat_shrinker_register(balloon->shrinker, "pvballoon");
	if (err)
		goto free_shrinker;
	balloon->oom.notifier_call = before_oom;
	err = register_oom_notifier(&balloon->oom);
	if (err)
		goto free_shrinker;
	INIT_DELAYED_WORK(&balloon->pressure, pressure);
	queue_delayed_work(balloon->wq, &balloon->pressure, LOOK_PERIOD);
	return 0;

free_shrinker:
	shrinker_free(balloon->shrinker);
	return err;
}

/**
 * pvballoon_relief_stop() - the opposite
 * @balloon: the balloon
 */
void pvballoon_relief_stop(struct pvballoon *balloon)
{
	cancel_delayed_work_sync(&balloon->pressure);
	unregister_oom_notifier(&balloon->oom);
	shrinker_free(balloon->shrinker);
}

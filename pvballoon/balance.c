// SPDX-License-Identifier: GPL-2.0-only
/*
 * The way to the target: grow, give, shrink, tell, and wait when the guest or the device cannot.
 */
#include <linux/atomic.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include "pvballoon.h"

static ulong max_rate;
module_param(max_rate, ulong, 0644);
MODULE_PARM_DESC(max_rate, "most bytes given in a second, whatever the host wants (0: no bound)");

static uint cpu_percent = 90;
module_param(cpu_percent, uint, 0644);
MODULE_PARM_DESC(cpu_percent, "most of a CPU that the balloon uses while it moves, 1 to 100 (90)");

/* Time of work after which a pause is due, if one is. */
#define BUSY_NS		(20 * NSEC_PER_MSEC)
/* At a bounded rate, what is given at once. */
#define RATE_PORTIONS	10
/* What is given back to the guest before somebody else may have the lock. */
#define STEP_BYTES	SZ_64M
#define BACKOFF_MIN_MS	100
#define BACKOFF_MAX_MS	5000

/* What a step says, beside the jiffies until the next one. */
#define GO_ON		0L
#define DONE		(-1L)

static u64 goal(struct pvballoon *balloon)
{
	u64 target = READ_ONCE(balloon->target);

	if (READ_ONCE(balloon->ending) || READ_ONCE(balloon->failed))
		return 0;
	if (target == PVBALLOON_TARGET_AUTO)
		target = READ_ONCE(balloon->auto_target);
	return round_down(target, balloon->granule);
}

/**
 * pvballoon_is_balanced() - is there nothing to do, as far as can be seen without a lock
 * @balloon: the balloon
 */
bool pvballoon_is_balanced(struct pvballoon *balloon)
{
	return !READ_ONCE(balloon->retell) && !READ_ONCE(balloon->nr_records) &&
	       !READ_ONCE(balloon->reset_due) &&
	       pvballoon_is_idle(&balloon->main) && pvballoon_given(balloon) == goal(balloon) &&
	       !(READ_ONCE(balloon->stats_ms) && time_after_eq(jiffies, READ_ONCE(balloon->stats_next)));
}

/* Requests in flight, or the guest's memory, must move first. */
static long wait_for_device(struct pvballoon *balloon)
{
	struct pvballoon_channel *channel = &balloon->main;

	if (pvballoon_is_idle(channel))
		return DONE;
	pvballoon_wait(channel, PVBALLOON_WAIT);
	/* A device that is silent is looked after by the watchdog. */
	return pvring_pending(&channel->queue->ring) ? GO_ON : DONE;
}

static long back_off(struct pvballoon *balloon)
{
	long delay;

	balloon->backoff_ms = clamp(2 * balloon->backoff_ms, BACKOFF_MIN_MS, BACKOFF_MAX_MS);
	delay = msecs_to_jiffies(balloon->backoff_ms);
	/* Also for whoever looks at the target meanwhile. */
	pvballoon_hold(balloon, delay);
	return delay;
}

static u64 rate_of(const struct pvballoon *balloon)
{
	return min_not_zero(READ_ONCE(balloon->rate), (u64)READ_ONCE(max_rate));
}

/* BALLOON-G8: what may be taken from the guest now; 0: wait for @delay. */
static u64 allowance(struct pvballoon *balloon, u64 want, long *delay)
{
	unsigned long hold_until = READ_ONCE(balloon->hold_until);
	u64 rate = rate_of(balloon), now = ktime_get_ns();

	*delay = 0;
	if (time_before(jiffies, hold_until)) {
		*delay = clamp_t(long, hold_until - jiffies, 1, HZ);
		return 0;
	}
	want = min(want, pvballoon_headroom());
	if (want < balloon->granule) {
		*delay = back_off(balloon);
		return 0;
	}
	if (!rate)
		return want;
	if (now < balloon->rate_next) {
		*delay = nsecs_to_jiffies(balloon->rate_next - now) + 1;
		return 0;
	}
	return min_t(u64, want, max_t(u64, div_u64(rate, RATE_PORTIONS), balloon->granule));
}

static void account_rate(struct pvballoon *balloon, u64 bytes)
{
	u64 rate = rate_of(balloon);

	if (rate)
		balloon->rate_next = ktime_get_ns() +
				     mul_u64_u64_div_u64(bytes, NSEC_PER_SEC, rate);
}

/* After work on the CPU: go on, or leave it to others for a while. */
static long pause(struct pvballoon *balloon, u64 busy_ns)
{
	u32 percent = clamp(READ_ONCE(cpu_percent), 1U, 100U);

	balloon->busy_ns += busy_ns;
	if (balloon->busy_ns < BUSY_NS || percent == 100)
		return GO_ON;
	busy_ns = balloon->busy_ns;
	balloon->busy_ns = 0;
	return nsecs_to_jiffies(div_u64(busy_ns * (100 - percent), percent)) + 1;
}

/* Take memory from the guest, without the lock: it may have to write to a disk of ours for it. */
static long grow(struct pvballoon *balloon, u64 want)
{
	struct pvballoon_channel *channel = &balloon->main;
	u64 bytes, busy_ns;
	long delay;

	bytes = allowance(balloon, want, &delay);
	if (!bytes)
		return pvballoon_is_idle(channel) ? delay : wait_for_device(balloon);
	mutex_unlock(&channel->lock);
	busy_ns = ktime_get_ns();
	bytes = pvballoon_grow(balloon, bytes);
	busy_ns = ktime_get_ns() - busy_ns;
	mutex_lock(&channel->lock);
	if (bytes) {
		account_rate(balloon, bytes);
		balloon->backoff_ms = 0;
		return pause(balloon, busy_ns);
	}
	WRITE_ONCE(balloon->failures, balloon->failures + 1);
	return back_off(balloon);
}

/*
 * More was taken back than could be noted. What is in flight first: a device that does not answer
 * would not answer RESET either, and be given up for that.
 */
static long reset(struct pvballoon *balloon)
{
	if (!pvballoon_is_idle(&balloon->main))
		return wait_for_device(balloon);
	pvbus_device_restart(balloon->pdev);
	return DONE;
}

static long step(struct pvballoon *balloon)
{
	u64 held, target, window;

	pvballoon_reap(&balloon->main);
	if (READ_ONCE(balloon->reset_due))
		return reset(balloon);
	if (READ_ONCE(balloon->retell) && pvballoon_forget(balloon))
		return GO_ON;
	if (READ_ONCE(balloon->retell))
		return 1;
	pvballoon_areas_introduce(balloon);
	pvballoon_give_fresh(balloon);
	pvballoon_stats_send(balloon);

	held = pvballoon_held(balloon);
	target = goal(balloon);
	/* In portions: the bus may want the lock. */
	if (held > target && pvballoon_shrink(balloon, min_t(u64, held - target, STEP_BYTES)))
		return GO_ON;
	if (pvballoon_areas_follow(balloon))
		return GO_ON;
	/* One part is in flight, the next one is being prepared. */
	window = pvballoon_window(balloon);
	if (held < target && pvballoon_given(balloon) + window >= held)
		return grow(balloon, min(target - held, window));
	return wait_for_device(balloon);
}

/* Let go for a moment, so that the bus, and with it the disks, need not wait for the next pause. */
static void yield_lock(struct pvballoon_channel *channel)
{
	mutex_unlock(&channel->lock);
	cond_resched();
	mutex_lock(&channel->lock);
}

/**
 * pvballoon_balance() - move towards the target until it is reached, or nothing moves
 * @work: pvballoon.balance
 */
void pvballoon_balance(struct work_struct *work)
{
	struct pvballoon *balloon = container_of(to_delayed_work(work), struct pvballoon, balance);
	struct pvballoon_channel *channel = &balloon->main;
	long delay = GO_ON;

	pvballoon_stats_collect(balloon);
	mutex_lock(&channel->lock);
	while (delay == GO_ON && READ_ONCE(channel->running)) {
		/* Pairs with the release in pvballoon_nudge(): what it is about is looked at now. */
		(void)xchg(&channel->nudged, false);
		delay = step(balloon);
		yield_lock(channel);
	}
	mutex_unlock(&channel->lock);

	/* Nobody wants it: BALLOON-G10 needs no device. */
	if (READ_ONCE(balloon->failed))
		pvballoon_shrink(balloon, U64_MAX);
	else if (READ_ONCE(channel->running))
		pvballoon_report_start(balloon);
	wake_up_all(&channel->wait);
	if (delay > 0)
		queue_delayed_work(balloon->wq, &balloon->balance, delay);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * How the driver waits for a completion: awake for a moment, then for an interrupt.
 */
#include <linux/limits.h>
#include <linux/moduleparam.h>
#include <linux/sched/clock.h>
#include <linux/sizes.h>
#include "pvblk.h"

int pvblk_spin_us = -1;
module_param_named(spin_us, pvblk_spin_us, int, 0644);
MODULE_PARM_DESC(spin_us, "longest wait for a completion without sleeping, in us; 0: never; -1: what a sleep and the copies cost (default)");

/* After this many spins in vain the device is slow just now; then only every so many batches try. */
#define SPIN_MISSES_MAX		8
#define SPIN_RETRY_MASK		7
/* What copying may cost the device, in ns per KiB: 2 GiB/s. */
#define COPY_NS_PER_KIB		500
/* cpu_relax() is an exit of its own under some hypervisors: look at the line more often than that. */
#define LOOKS_PER_RELAX		64

/*
 * With several in flight, the longest that a completion waits for its interrupt, in
 * sleeps: while the user waits for them, and while it is expected to submit more.
 */
#define IRQ_DELAY_WAITING	4
#define IRQ_DELAY_SUBMITTING	1

/* Batches over which it is observed how the user submits. */
#define WINDOW		32

/**
 * pvblk_patience_us() - how long a completion may wait for somebody who is awake
 * @queue: the queue
 *
 * Then the device raises an interrupt. Return: microseconds.
 */
u32 pvblk_patience_us(const struct pvblk_queue *queue)
{
	return IRQ_DELAY_WAITING * pvbus_sleep_us(queue->blk->pdev);
}

/* Several parts of a request count for one. A hint, unless nobody submits or reaps. */
static u32 requests_in_flight(const struct pvblk_queue *queue)
{
	s32 nr = pvring_outstanding(&queue->q->ring) - atomic_read(&queue->extra);

	return max(nr, 0);
}

/**
 * pvblk_arm() - ask for an interrupt, if there is something in flight
 * @queue: the queue; its cq_lock is held
 *
 * Ask for that of the last request that will be in flight before the user waits, and for a
 * delayed one before: who submits again meanwhile reaps, and gets neither. Who submits only when all has
 * come back waits for what is in flight now.
 * Return: true if a completion is there already.
 */
bool pvblk_arm(struct pvblk_queue *queue)
{
	struct pvring *ring = &queue->q->ring;
	u32 outstanding = READ_ONCE(ring->sq_next) - ring->cq_next;
	u32 requests = requests_in_flight(queue);
	u32 deepest = READ_ONCE(queue->before_seen) ? READ_ONCE(queue->depth_seen) : 0;
	u32 expected = outstanding + (deepest > requests ? deepest - requests : 0);
	u32 delay_us = pvbus_sleep_us(queue->blk->pdev);

	/* A completion can be here before its submitter has counted it; he looks himself. */
	if (queue->polled || (s32)outstanding <= 0)
		return false;
	if (expected == 1)
		delay_us = 0;
	else
		delay_us *= outstanding == expected ? IRQ_DELAY_WAITING : IRQ_DELAY_SUBMITTING;
	return pvring_arm(ring, ring->cq_next + expected - 1, delay_us);
}

/*
 * What a sleep costs, on top of what the next part takes in any case: one who gave up while its @len bytes are
 * copied would pay for both.
 */
static u64 spin_ns(const struct pvblk_queue *queue, u32 len)
{
	int us = READ_ONCE(pvblk_spin_us);

	if (us >= 0)
		return us * NSEC_PER_USEC;
	return pvbus_sleep_ns(queue->blk->pdev) + len / SZ_1K * COPY_NS_PER_KIB;
}

/*
 * Wait for a completion as long as recent ones took: an interrupt costs a hundred
 * times a look at a cache line.
 */
static void spin(struct pvblk_queue *queue, u32 len)
{
	struct pvring *ring = &queue->q->ring;
	u64 end, budget_ns = spin_ns(queue, len);
	unsigned int looks, misses;

	if (!budget_ns || pvring_pending(ring))
		return;
	misses = READ_ONCE(queue->spin_misses);
	if (misses >= SPIN_MISSES_MAX && (misses & SPIN_RETRY_MASK)) {
		WRITE_ONCE(queue->spin_misses, misses + 1);
		return;
	}

	end = local_clock() + budget_ns;
	do {
		for (looks = 0; looks < LOOKS_PER_RELAX; looks++) {
			if (pvring_pending(ring)) {
				WRITE_ONCE(queue->spin_misses, 0);
				WRITE_ONCE(queue->q->spins, queue->q->spins + 1);
				return;
			}
		}
		cpu_relax();
	} while (local_clock() < end && !need_resched());
	WRITE_ONCE(queue->spin_misses, misses + 1);
}

/* @requests: that are in flight at the end of a batch */
static void observe(struct pvblk_queue *queue, u32 requests)
{
	u32 before = requests - min(requests, READ_ONCE(queue->batch_nr));
	unsigned int batches = READ_ONCE(queue->batches) + 1;
	u32 most = max(READ_ONCE(queue->depth_now), requests);
	u32 most_before = max(READ_ONCE(queue->before_now), before);

	/* Several CPUs may count at once, and step over the end, or lose a count. */
	if (batches >= WINDOW) {
		WRITE_ONCE(queue->depth_seen, most);
		WRITE_ONCE(queue->before_seen, most_before);
		most = 0;
		most_before = 0;
		batches = 0;
	}
	WRITE_ONCE(queue->depth_now, most);
	WRITE_ONCE(queue->before_now, most_before);
	WRITE_ONCE(queue->batches, batches);
}

/**
 * pvblk_wait() - a batch was submitted: look for its end for a moment, if that is likely to pay
 * @queue: the queue
 *
 * The user waits now if more is in flight than he has had of late when he submitted another batch: he who keeps
 * a depth when he has reached it; he who submits a batch and waits for all of it always, however many that are.
 * With less he is about to submit more, and would only be held up.
 */
void pvblk_wait(struct pvblk_queue *queue)
{
	u32 requests = requests_in_flight(queue);
	bool waits;

	observe(queue, requests);
	waits = requests > READ_ONCE(queue->before_seen);
	WRITE_ONCE(queue->awaited, waits ? requests : U32_MAX);
	if (waits)
		spin(queue, min_t(u32, READ_ONCE(queue->batch_len), PVBLK_PIECE_LEN));
	WRITE_ONCE(queue->batch_len, 0);
	WRITE_ONCE(queue->batch_nr, 0);
}

/**
 * pvblk_wait_on() - parts have come back, others are in flight: the same, if no request has ended by them
 * @queue: the queue
 */
void pvblk_wait_on(struct pvblk_queue *queue)
{
	if (requests_in_flight(queue) >= READ_ONCE(queue->awaited))
		spin(queue, PVBLK_PIECE_LEN);
}

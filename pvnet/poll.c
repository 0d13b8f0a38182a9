// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who looks at a pair's queues: its NAPI, called by the device's interrupt or by the poller, which
 * looks while the CPU has nothing else to do. An interrupt, and the sleep before it, cost a hundred
 * times a look.
 *
 * The NAPI alone reaps and arms, but for what was sent, which who sends may reap and arm for too.
 * When it has nothing more to do it always arms: if the poller is awake, for what the poller does
 * not come to in time, else for the next completion. The poller touches no ring. Before it sleeps it
 * says so, and then calls the NAPI once more.
 *
 * It is of use only with a CPU of its own. Where the guest's CPU is seldom idle, interrupts come all
 * the same; where the host gives the CPU to others, the poller finds gaps in its time. Then it rests
 * for a while, and longer if that goes on.
 *
 * The tests build this file in user space, and run it in every order of its accesses.
 */
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/netdevice.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <pv/bus.h>
#include "pvnet.h"

int pvnet_poll_us = -1;

/* By default the poller looks for so many sleeps after the last frame. */
#define WINDOW_SLEEPS		4
/* cpu_relax() is an exit of its own under some hypervisors: look at the lines more often than that. */
#ifndef LOOKS_PER_RELAX
#define LOOKS_PER_RELAX		32
#endif

/* So often in a row an interrupt may come for little while it is awake, */
#ifndef MISSES_MAX
#define MISSES_MAX		8
#endif
#define BATCH_BYTES		65536
/* and so long may be between two of its looks. */
#define GAP_NS			(1000 * (u64)NSEC_PER_USEC)
/* Then it rests so long, at first and at most. */
#define REST_MIN		max(HZ / 100, 1)
#define REST_MAX		HZ

/* With so much in flight somebody is likely to wait for the end of it: sockets limit what they send. */
#define URGENT_BYTES		98304

/*
 * How long a completion may wait for its interrupt where somebody looks anyway: until then he has
 * come to it, if he runs.
 */
static u32 delay_us(const struct pvnet_pair *pair)
{
	return max(pvbus_sleep_ns(pair->net->pdev) / (u32)NSEC_PER_USEC, 1U);
}

/* Older than anything that the device may have posted. */
static u32 no_event(const struct pvring *ring)
{
	return ring->cq_next - 1 - ring->size;
}

/* Is somebody looking, or to look from now on, as there was traffic? */
static bool wake_poller(struct pvnet_pair *pair, bool traffic)
{
	bool awake = READ_ONCE(pair->awake);

	if (awake || !traffic || !READ_ONCE(pvnet_poll_us))
		return awake;
	if (time_before(jiffies, READ_ONCE(pair->rest_until)))
		return false;
	WRITE_ONCE(pair->awake, true);
	wake_up_process(pair->poller);
	return true;
}

/* It is of no use just now. */
static void rest_poller(struct pvnet_pair *pair)
{
	bool again = time_before(jiffies, READ_ONCE(pair->rest_until) + REST_MAX);
	unsigned int rest = again ? 2 * READ_ONCE(pair->rest) : 0;

	rest = clamp_t(unsigned int, rest, REST_MIN, REST_MAX);
	WRITE_ONCE(pair->rest, rest);
	WRITE_ONCE(pair->rest_until, jiffies + rest);
	WRITE_ONCE(pair->misses, 0);
	WRITE_ONCE(pair->awake, false);
}

/* It has missed something if an interrupt came while it was awake, and for little. */
static void judge_poller(struct pvnet_pair *pair)
{
	u64 bytes = pair->rx.stats.bytes + READ_ONCE(pair->tx.stats.bytes);
	bool batch = bytes - pair->bytes_seen >= BATCH_BYTES;

	pair->bytes_seen = bytes;
	if (!READ_ONCE(pair->late))
		return;
	WRITE_ONCE(pair->late, false);
	if (batch)
		return;
	WRITE_ONCE(pair->misses, READ_ONCE(pair->misses) + 1);
	if (READ_ONCE(pair->misses) >= MISSES_MAX)
		rest_poller(pair);
}

/*
 * Which completion of what was sent is to interrupt at once. While nobody looks, the last one in flight
 * is enough, unless the user wants less: only sockets, and the queue's limits, wait for it. What is sent
 * later may take a while, unless pvnet_sent() comes back. Where none is ever late it is the next.
 */
static u32 sent_event(const struct pvring *ring, u32 usecs, u32 frames)
{
	u32 nr = ring->sq_next - ring->cq_next;

	if (usecs && (!nr || !frames))
		return no_event(ring);
	return ring->cq_next + clamp(frames, 1U, max(nr, 1U)) - 1;
}

/* For that; the queue's lock is held. True if there is a completion already. */
static bool arm_tx(struct pvnet_pair *pair, bool awake)
{
	u32 usecs = READ_ONCE(pair->coal.tx_usecs), frames = READ_ONCE(pair->coal.tx_frames);
	struct pvring *ring = &pair->tx.q->ring;
	u32 event = no_event(ring);

	if (!awake)
		event = sent_event(ring, usecs, frames);
	else
		usecs = max(delay_us(pair), usecs);
	pair->tx.event = event;
	return pvring_arm(ring, event, usecs);
}

/* Ask for the next interrupt. True if there is something already. */
static bool arm(struct pvnet_pair *pair, bool traffic)
{
	struct pvring *ring = &pair->rx.q->ring;
	u32 usecs = READ_ONCE(pair->coal.rx_usecs);
	bool awake = wake_poller(pair, traffic), more;

	pvnet_tx_lock(pair);
	more = arm_tx(pair, awake);
	pvnet_tx_unlock(pair);
	if (awake)
		usecs = max(delay_us(pair), usecs);
	return pvring_arm(ring, usecs ? no_event(ring) : ring->cq_next, usecs) || more;
}

/**
 * pvnet_poll() - the NAPI of a pair
 * @napi: it
 * @budget: most frames to receive; 0: reap only what was sent
 *
 * It arms before it lets go: nobody else touches the rings meanwhile, and who comes between the two
 * makes napi_complete_done() call it again.
 */
int pvnet_poll(struct napi_struct *napi, int budget)
{
	struct pvnet_pair *pair = container_of(napi, struct pvnet_pair, napi);
	unsigned int sent;
	int work;

	sent = pvnet_tx_poll(pair, budget);
	work = pvnet_rx_poll(pair, budget);
	judge_poller(pair);
	/* Who polls busily comes back, at last without this bit. */
	if (work == budget || test_bit(NAPI_STATE_IN_BUSY_POLL, &napi->state))
		return work;
	if (!READ_ONCE(pair->halted) && arm(pair, work || sent))
		return budget;
	napi_complete_done(napi, work);
	return work;
}

static bool pending(const struct pvnet_pair *pair)
{
	return pvring_pending(&pair->rx.q->ring) || pvring_pending(&pair->tx.q->ring);
}

/**
 * pvnet_interrupt() - the device has raised the vector of a pair
 * @queue: its receive queue
 */
void pvnet_interrupt(struct pvbus_queue *queue)
{
	struct pvnet_pair *pair = queue->priv;

	if (!pending(pair))
		return;
	WRITE_ONCE(pair->late, READ_ONCE(pair->awake));
	napi_schedule(&pair->napi);
}

/**
 * pvnet_poll_soon() - let the NAPI of a pair look, and arm
 * @pair: the pair; process context
 */
void pvnet_poll_soon(struct pvnet_pair *pair)
{
	local_bh_disable();
	napi_schedule(&pair->napi);
	local_bh_enable();
}

/**
 * pvnet_sent() - frames have been submitted: what comes back is looked for
 * @pair: the pair; the lock of its transmit queue is held
 * @bytes: in flight by now
 *
 * The queue was armed by the NAPI for whatever is sent, so that it is looked at after a while. If
 * nobody looks and somebody is likely to wait, it is armed anew.
 */
void pvnet_sent(struct pvnet_pair *pair, u32 bytes)
{
	const struct pvring *ring = &pair->tx.q->ring;

	if (wake_poller(pair, true) || bytes < URGENT_BYTES)
		return;
	if (pair->tx.event - ring->cq_next < ring->sq_next - ring->cq_next)
		return;
	if (arm_tx(pair, false))
		napi_schedule(&pair->napi);
}

/* True if there was something, and the NAPI has been called for it. */
static bool look(struct pvnet_pair *pair)
{
	unsigned int i;

	for (i = 0; i < LOOKS_PER_RELAX; i++) {
		if (!pending(pair))
			continue;
		/* If it runs elsewhere, it sees this itself. */
		if (test_bit(NAPI_STATE_SCHED, &pair->napi.state))
			return false;
		pvnet_count(pair->rx.q->spins, 1);
		WRITE_ONCE(pair->misses, 0);
		pvnet_poll_soon(pair);
		return true;
	}
	return false;
}

static u64 window_ns(const struct pvnet_pair *pair)
{
	int us = READ_ONCE(pvnet_poll_us);

	return us < 0 ? (u64)WINDOW_SLEEPS * pvbus_sleep_ns(pair->net->pdev) :
			us * (u64)NSEC_PER_USEC;
}

/* Look until there has been nothing for a while, or others want the CPU. */
static void watch(struct pvnet_pair *pair)
{
	u64 window = window_ns(pair), last = local_clock(), end = last + window, now;

	while (READ_ONCE(pair->awake) && last < end && !kthread_should_stop()) {
		if (look(pair)) {
			last = local_clock();
			end = last + window;
		} else if (need_resched()) {
			schedule();
			last = local_clock();
		} else {
			cpu_relax();
			now = local_clock();
			if (now - last > GAP_NS)
				rest_poller(pair);
			last = now;
		}
	}
	/* Before the NAPI is called: if it runs just now, it is called again. */
	WRITE_ONCE(pair->awake, false);
	pvnet_poll_soon(pair);
}

/**
 * pvnet_poller() - the poller of a pair
 * @data: the pair
 *
 * Return: 0, when it is to stop.
 */
int pvnet_poller(void *data)
{
	struct pvnet_pair *pair = data;

	while (!kthread_should_stop()) {
		set_current_state(TASK_IDLE);
		if (!READ_ONCE(pair->awake) && !kthread_should_stop())
			schedule();
		__set_current_state(TASK_RUNNING);
		if (READ_ONCE(pair->awake))
			watch(pair);
	}
	return 0;
}

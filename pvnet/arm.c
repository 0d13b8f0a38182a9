// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is asked for when nobody looks at a pair's queues any more: an interrupt, at once or after a
 * while, and the poller.
 *
 * The NAPI arms both queues; who sends may arm for what was sent. The poller is of use only with a
 * CPU of its own. Where the guest's CPU is seldom idle, interrupts come all the same; where the host
 * gives the CPU to others, the poller finds gaps in its time. Then it rests for a while, and longer
 * if that goes on.
 *
 * The tests build this file in user space, with poll.c.
 */
#include <linux/jiffies.h>
#include <linux/netdevice.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <pv/bus.h>
#include "pvnet.h"

int pvnet_poll_us = -1;

/* So often in a row an interrupt may come for little while the poller is awake. */
#ifndef MISSES_MAX
#define MISSES_MAX		8
#endif
#define BATCH_BYTES		65536
/* Then it rests so long, at first and at most. */
#define REST_MIN		max(HZ / 100, 1)
#define REST_MAX		HZ

/* With so much in flight somebody is likely to wait for the end of it: sockets limit what they send. */
#define URGENT_BYTES		98304

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

/**
 * pvnet_rest_poller() - the poller is of no use just now
 * @pair: the pair; any context
 */
void pvnet_rest_poller(struct pvnet_pair *pair)
{
	bool again = time_before(jiffies, READ_ONCE(pair->rest_until) + REST_MAX);
	unsigned int rest = again ? 2 * READ_ONCE(pair->rest) : 0;

	rest = clamp_t(unsigned int, rest, REST_MIN, REST_MAX);
	WRITE_ONCE(pair->rest, rest);
	WRITE_ONCE(pair->rest_until, jiffies + rest);
	WRITE_ONCE(pair->misses, 0);
	WRITE_ONCE(pair->awake, false);
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
		usecs = max(pvbus_sleep_us(pair->net->pdev), usecs);
	pair->tx.event = event;
	return pvring_arm(ring, event, usecs);
}

/**
 * pvnet_judge_poller() - has the poller missed something
 * @pair: the pair; its NAPI, which has reaped
 *
 * It has if an interrupt came while it was awake, and for little.
 */
void pvnet_judge_poller(struct pvnet_pair *pair)
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
		pvnet_rest_poller(pair);
}

/**
 * pvnet_arm() - ask for the next interrupt of a pair, or wake its poller
 * @pair: the pair; its NAPI, and the lock of its transmit queue is held
 * @traffic: there was some
 *
 * Return: true if there is something already.
 */
bool pvnet_arm(struct pvnet_pair *pair, bool traffic)
{
	struct pvring *ring = &pair->rx.q->ring;
	u32 usecs = READ_ONCE(pair->coal.rx_usecs);
	bool awake = wake_poller(pair, traffic), more;

	more = arm_tx(pair, awake);
	/* Until then who looks has come to it, if he runs. */
	if (awake)
		usecs = max(pvbus_sleep_us(pair->net->pdev), usecs);
	return pvring_arm(ring, usecs ? no_event(ring) : ring->cq_next, usecs) || more;
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
 * pvnet_pass_by() - somebody sends
 * @pair: the pair; softirqs are off
 *
 * What has been received is looked at as soon as they are on again, and needs no interrupt. That is
 * how acknowledgements of a stream come in while its sender has the CPU, and frames of one while its
 * reader has it, which sends acknowledgements.
 */
void pvnet_pass_by(struct pvnet_pair *pair)
{
	/* If the NAPI runs, it sees this itself. */
	if (pvring_pending(&pair->rx.q->ring) && !test_bit(NAPI_STATE_SCHED, &pair->napi.state))
		napi_schedule(&pair->napi);
}

/**
 * pvnet_sent() - frames have been submitted: what comes back is looked for
 * @pair: the pair; the lock of its transmit queue is held
 * @bytes: in flight by now
 *
 * The queue was armed by the NAPI for whatever is sent, so that it is looked at after a while. If
 * nobody looks and somebody is likely to wait, it is armed anew; and where no interrupt is ever late,
 * whenever who sends has reaped what the last one was asked for.
 */
void pvnet_sent(struct pvnet_pair *pair, u32 bytes)
{
	const struct pvring *ring = &pair->tx.q->ring;

	if (wake_poller(pair, true) || (bytes < URGENT_BYTES && READ_ONCE(pair->coal.tx_usecs)))
		return;
	if (pair->tx.event - ring->cq_next < ring->sq_next - ring->cq_next)
		return;
	if (arm_tx(pair, false))
		napi_schedule(&pair->napi);
}

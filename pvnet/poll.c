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
 * A freeze leaves the NAPI on, and only takes the queues away from it, by the pair's lock: who waits
 * for a NAPI waits until it has got a CPU, and since Linux 6.14 for a lock that others allocate under.
 *
 * The tests build this file in user space, and run it in every order of its accesses.
 */
#include <linux/kthread.h>
#include <linux/netdevice.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <pv/bus.h>
#include "pvnet.h"

/* By default the poller looks for so many sleeps after the last frame. */
#define WINDOW_SLEEPS		4
/* cpu_relax() is an exit of its own under some hypervisors: look at the lines more often than that. */
#ifndef LOOKS_PER_RELAX
#define LOOKS_PER_RELAX		32
#endif

/* So often in a row it may find something; then others have their turn, and what they do may be the end of it. */
#define FINDS_MAX		16
/* Between two of its looks may be so long, or others have its CPU. */
#define GAP_NS			(1000 * (u64)NSEC_PER_USEC)

static bool arm(struct pvnet_pair *pair, bool traffic)
{
	bool more;

	pvnet_tx_lock(pair);
	more = pvnet_arm(pair, traffic);
	pvnet_tx_unlock(pair);
	return more;
}

/* Look at both queues, and arm them unless somebody comes back. Returns how many frames were received. */
static int serve(struct pvnet_pair *pair, int budget, bool comes_back, bool *more)
{
	unsigned int sent = pvnet_tx_poll(pair, budget);
	int work = pvnet_rx_poll(pair, budget);

	pvnet_judge_poller(pair);
	if (work < budget && !comes_back && !READ_ONCE(pair->halted))
		*more = arm(pair, work || sent);
	return work;
}

/**
 * pvnet_poll() - the NAPI of a pair
 * @napi: it
 * @budget: most frames to receive; 0: netpoll's, with interrupts off and whoever they have interrupted:
 *	reap what was sent, touch nothing else
 *
 * It arms before it lets go: nobody else touches the rings meanwhile, and who comes between the two
 * makes napi_complete_done() call it again. If there is more by then it lets go all the same, and
 * comes back: where a budget is said to be used up the kernel ends what GRO has begun to merge.
 */
int pvnet_poll(struct napi_struct *napi, int budget)
{
	struct pvnet_pair *pair = container_of(napi, struct pvnet_pair, napi);
	/* Who polls busily does, at last without this bit. */
	bool comes_back = test_bit(NAPI_STATE_IN_BUSY_POLL, &napi->state), more = false;
	int work = 0;

	if (!budget) {
		pvnet_tx_try_poll(pair);
		return 0;
	}
	spin_lock(&pair->lock);
	if (!READ_ONCE(pair->halted))
		work = serve(pair, budget, comes_back, &more);
	spin_unlock(&pair->lock);
	if (work == budget || comes_back)
		return work;
	napi_complete_done(napi, work);
	if (more)
		napi_schedule(napi);
	return work;
}

/**
 * pvnet_shut_pair() - take the queues away from the NAPI
 * @pair: the pair
 *
 * When it returns the NAPI touches them no more, though it may still run. Context: process.
 */
void pvnet_shut_pair(struct pvnet_pair *pair)
{
	spin_lock_bh(&pair->lock);
	WRITE_ONCE(pair->halted, true);
	spin_unlock_bh(&pair->lock);
}

/**
 * pvnet_open_pair() - give them back
 * @pair: the pair
 *
 * The NAPI looks at once: what interrupted meanwhile did so in vain. Context: process.
 */
void pvnet_open_pair(struct pvnet_pair *pair)
{
	spin_lock_bh(&pair->lock);
	WRITE_ONCE(pair->halted, false);
	spin_unlock_bh(&pair->lock);
	pvnet_poll_soon(pair);
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

/* True if there was something, and the NAPI has been called for it. */
static bool look(struct pvnet_pair *pair)
{
	unsigned int i;

	for (i = 0; i < LOOKS_PER_RELAX; i++) {
		/* Of a pair that has halted nothing is taken, whatever its rings say. */
		if (!pending(pair) || READ_ONCE(pair->halted))
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
	unsigned int finds = 0;

	while (READ_ONCE(pair->awake) && last < end && !kthread_should_stop()) {
		if (finds < FINDS_MAX && look(pair)) {
			finds++;
			last = local_clock();
			end = last + window;
		} else if (need_resched()) {
			finds = 0;
			schedule();
			last = local_clock();
		} else {
			finds = 0;
			cpu_relax();
			now = local_clock();
			if (now - last > GAP_NS)
				pvnet_rest_poller(pair);
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

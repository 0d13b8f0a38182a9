// SPDX-License-Identifier: GPL-2.0-only
/*
 * Poller, NAPI and interrupts share the work of one pair: in whichever order their accesses and the
 * device's come, every frame is received without the help of the watchdog, also where the poller never
 * gets a turn, and where nobody looks the first frame interrupts at once (RING-G5, RING-D7). And of a pair
 * that has halted the poller lets go, whatever the ring says. So it is over a freeze, which leaves the NAPI on:
 * while the pair is shut nobody touches its rings, and what has come meanwhile is received when it is open again.
 * pvnet/poll.c, pvnet/arm.c, pvbus/ring.c and host-ref/worker/bus/ring.c as they are; see
 * ../ring/interleave/.
 *
 * timeout: 180
 */
#include <stdlib.h>
#include <string.h>

#include "../../pvnet/pvnet.h"
#include <linux/kthread.h>

#include "worker/bus/ring.h"
#include "interleave.h"
#include "ktap.h"

#define SIZE	4
#define BUDGET	4
#define LATER	1000000000ULL	/* any delay is over */

static struct {
	struct hring		dev;
	struct pvbus_queue	rxq;
	struct pvbus_queue	txq;
	struct pvnet_pair	pair;
	struct pvnet		net;
	struct pvbus_device	pdev;
	struct task_struct	task;
	u64			clock_ns;
	bool			woken;
	bool			irq;
	bool			irq_runs;
	bool			softirq;
	bool			done;
	bool			over;
	bool			shut;
	u32			nr_posted;
	u32			nr_received;
	u32			nr_wanted;
} w;

static _Alignas(PV_CACHE_LINE) u8 drv_area[64 + (SIZE << PVNET_RX_SQE_SHIFT)];
static _Alignas(PV_CACHE_LINE) u8 dev_area[64 + (SIZE << PVNET_CQE_SHIFT)];
static _Alignas(PV_CACHE_LINE) u8 tx_areas[2][64 + (SIZE << PVNET_TX_SQE_SHIFT)];
static uint64_t posted_ns[SIZE];

/* What pvnet/poll.c calls: the bus, */

u32 pvbus_sleep_ns(const struct pvbus_device *pdev)
{
	(void)pdev;
	return 500;
}

bool pvbus_epoch_over(struct pvbus_device *pdev)
{
	(void)pdev;
	return false;
}

void pvbus_device_broken(struct pvbus_device *pdev, const char *why)
{
	(void)pdev;
	il_fail(why);
}

/* the stack, */

/* Others may have their turn, then what follows is done at once. */
static void act_at_once(void)
{
	il_exchange_bits(&w.pair.napi.state, sizeof(w.pair.napi.state), 0, 0);
}

bool napi_schedule(struct napi_struct *napi)
{
	bool first;

	act_at_once();
	first = !(napi->state & BIT(NAPI_STATE_SCHED));
	napi->state |= BIT(first ? NAPI_STATE_SCHED : NAPI_STATE_MISSED);
	if (first)
		il_raise(&w.softirq);
	return first;
}

bool napi_complete_done(struct napi_struct *napi, int work)
{
	bool missed;

	(void)work;
	act_at_once();
	missed = napi->state & BIT(NAPI_STATE_MISSED);
	napi->state &= ~BIT(NAPI_STATE_MISSED);
	if (missed)
		il_raise(&w.softirq);
	else
		napi->state &= ~BIT(NAPI_STATE_SCHED);
	return !missed;
}

void local_bh_disable(void) { }
void local_bh_enable(void) { }

/* the scheduler, */

/* The poller's window is one look at the clock. */
u64 local_clock(void)
{
	return w.clock_ns += 2000;
}

bool kthread_should_stop(void)
{
	return READ_ONCE(w.over);
}

void set_current_state(int state)
{
	act_at_once();
	w.task.state = state;
	act_at_once();
}

void __set_current_state(int state)
{
	w.task.state = state;
	w.woken = false;
}

void schedule(void)
{
	act_at_once();
	if (w.task.state != TASK_IDLE)
		return;
	if (w.pair.halted)
		il_raise(&w.done);
	il_sleep(&w.woken);
}

int wake_up_process(struct task_struct *task)
{
	act_at_once();
	if (task->state == TASK_IDLE) {
		task->state = TASK_RUNNING;
		il_raise(&w.woken);
	}
	return 0;
}

/* and the frames. */

static void touch_rings(void)
{
	if (w.shut)
		il_fail("the rings of a pair that is shut are touched");
}

static unsigned int reap(struct pvring *ring, unsigned int budget)
{
	struct pvnet_cqe cqe;
	unsigned int nr = 0;

	touch_rings();
	pvring_disarm(ring);
	while (nr < budget && pvring_get(ring, &cqe)) {
		nr++;
		if (++w.nr_received == w.nr_wanted)
			il_raise(&w.done);
	}
	touch_rings();
	pvring_set_head(ring);
	return nr;
}

int pvnet_rx_poll(struct pvnet_pair *pair, int budget)
{
	return pair->halted ? 0 : reap(&pair->rx.q->ring, budget);
}

unsigned int pvnet_tx_poll(struct pvnet_pair *pair, int budget)
{
	(void)budget;
	return reap(&pair->tx.q->ring, SIZE);
}

/* Only netpoll calls it. */
void pvnet_tx_try_poll(struct pvnet_pair *pair)
{
	(void)pair;
}

/* To arm. */
void pvnet_tx_lock(struct pvnet_pair *pair)
{
	(void)pair;
	touch_rings();
}

void pvnet_tx_unlock(struct pvnet_pair *pair)
{
	(void)pair;
	touch_rings();
}

/* The pair is asleep, and asks for the interrupt of the first frame. */
static void reset(void)
{
	struct pvnet_rx_sqe sqe = { 0 };
	u32 i;

	memset(&w, 0, sizeof(w));
	memset(posted_ns, 0, sizeof(posted_ns));
	pvring_init(&w.rxq.ring, drv_area, dev_area, SIZE, PVNET_RX_SQE_SHIFT, PVNET_CQE_SHIFT);
	pvring_init(&w.txq.ring, tx_areas[0], tx_areas[1], SIZE, PVNET_TX_SQE_SHIFT, PVNET_CQE_SHIFT);
	if (hring_init(&w.dev, drv_area, dev_area, SIZE, PVNET_RX_SQE_SHIFT, PVNET_CQE_SHIFT))
		abort();
	free(w.dev.posted_ns);
	w.dev.posted_ns = posted_ns;
	w.net.pdev = &w.pdev;
	w.pair.net = &w.net;
	w.pair.rx.q = &w.rxq;
	w.pair.tx.q = &w.txq;
	w.rxq.priv = &w.pair;
	w.nr_wanted = 2;
	for (i = 0; i < SIZE; i++)
		if (!pvring_put(&w.rxq.ring, &sqe) || hring_pop(&w.dev, &sqe) != 1)
			abort();
	spin_lock_init(&w.pair.lock);
	w.pair.poller = &w.task;
	/* As pvnet_init_coal() has it. */
	w.pair.coal.tx_usecs = 1;
	w.pair.coal.tx_frames = SIZE;
}

/* There was traffic, and then the window was overwritten: what is there is not to be taken. */
static void reset_halted(void)
{
	struct pvnet_rx_cqe cqe = { 0 };

	reset();
	hring_push(&w.dev, &cqe, 0);
	w.pair.halted = true;
	w.pair.awake = true;
}

static void softirqs(void)
{
	for (;;) {
		il_sleep(&w.softirq);
		if (READ_ONCE(w.over))
			return;
		while (pvnet_poll(&w.pair.napi, BUDGET) == BUDGET)
			;
	}
}

static void interrupts(void)
{
	for (;;) {
		il_sleep(&w.irq);
		if (READ_ONCE(w.over))
			return;
		w.irq_runs = true;
		pvnet_interrupt(&w.rxq);
		w.irq_runs = false;
	}
}

static void poller(void)
{
	pvnet_poller(&w.pair);
}

/* It comes by whenever it likes. */
static void sender(void)
{
	pvnet_pass_by(&w.pair);
	pvnet_pass_by(&w.pair);
}

/* Nothing will move but for the next frame. */
static bool all_sleep(void)
{
	return w.task.state == TASK_IDLE && !w.woken && !w.pair.awake && !w.pair.napi.state && !w.softirq && !w.irq &&
	       !w.irq_runs;
}

static void post(void)
{
	struct pvnet_rx_cqe cqe = { 0 };
	bool asleep;

	act_at_once();
	asleep = all_sleep() && !w.shut && w.nr_received == w.nr_posted;
	w.nr_posted++;
	hring_push(&w.dev, &cqe, 0);
	if (hring_need_irq(&w.dev, 0))
		il_raise(&w.irq);
	else if (asleep)
		il_fail("nobody looks, and the frame interrupts only after a while");
}

static void end_all(void)
{
	il_sleep(&w.done);
	act_at_once();
	w.over = true;
	w.task.state = TASK_RUNNING;
	il_raise(&w.irq);
	il_raise(&w.softirq);
	il_raise(&w.woken);
}

/* It posts when its turn comes; a delay is over then, too. */
static void device(void)
{
	while (w.nr_posted < w.nr_wanted || w.dev.irq_at_ns != HRING_NEVER) {
		if (w.dev.irq_at_ns != HRING_NEVER && hring_irq_due(&w.dev, LATER))
			il_raise(&w.irq);
		if (w.nr_posted != w.nr_wanted)
			post();
	}
	end_all();
}

/* A life ends, and the next one's frames are there as soon as it begins. */
static void freezer(void)
{
	pvnet_shut_pair(&w.pair);
	w.shut = true;
	act_at_once();
	w.shut = false;
	pvnet_open_pair(&w.pair);
}

/* With a poller one frame comes before, and one meanwhile. No interrupt is needed. */
static void device_over_a_freeze(void)
{
	post();
	pvnet_shut_pair(&w.pair);
	w.shut = true;
	post();
	w.shut = false;
	pvnet_open_pair(&w.pair);
	device();
}

static const struct il_scenario scenarios[] = {
	{
		"no poller: an interrupt calls the NAPI",
		{ "interrupts", "NAPI", "device" }, { interrupts, softirqs, device }, reset
	}, {
		"somebody who sends calls the NAPI, too",
		{ "interrupts", "NAPI", "sender", "device" }, { interrupts, softirqs, sender, device }, reset
	}, {
		"a poller that never gets a turn",
		{ "interrupts", "NAPI", "device" }, { interrupts, softirqs, device }, reset
	}, {
		"a poller looks, sleeps, and interrupts come in its place",
		{ "interrupts", "NAPI", "poller", "device" }, { interrupts, softirqs, poller, device }, reset
	}, {
		"a poller lets go of a pair that has halted",
		{ "NAPI", "poller", "end" }, { softirqs, poller, end_all }, reset_halted
	}, {
		"a freeze, and no poller",
		{ "interrupts", "NAPI", "freezer", "device" }, { interrupts, softirqs, freezer, device }, reset
	}, {
		"a freeze, and a poller",
		{ "NAPI", "poller", "device" }, { softirqs, poller, device_over_a_freeze }, reset
	},
};

#define NR_SCENARIOS	(sizeof(scenarios) / sizeof(scenarios[0]))

int main(void)
{
	unsigned int i;

	ktap_plan(NR_SCENARIOS);
	il_watch(&w, sizeof(w));
	il_share(&w.rxq.ring, sizeof(w.rxq.ring));
	il_share(&w.pair.awake, sizeof(w.pair.awake));
	il_share(&w.pair.halted, sizeof(w.pair.halted));
	il_share(&w.pair.napi.state, sizeof(w.pair.napi.state));
	/* Stores are buffered only where that matters to interrupts: fewer orders. */
	il_watch(drv_area, sizeof(drv_area));
	il_share(drv_area, sizeof(drv_area));
	il_window(drv_area + offsetof(struct pvring_drv_ctrl, irq_event), sizeof(__le32));
	il_window(dev_area, sizeof(dev_area));
	for (i = 0; i < NR_SCENARIOS; i++) {
		pvnet_poll_us = i < 2 || i == 5 ? 0 : -1;
		ktap_ok(il_explore(&scenarios[i]), "%s", scenarios[i].what);
	}
	return ktap_finish();
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Several CPUs submit to one queue and reap it, and whoever finds a reaper at work leaves:
 * in whichever order their accesses and the device's come, every completion is reaped without
 * the help of the watchdog (RING-G5). pvblk/queue.c, pvbus/ring.c and host-ref/worker/bus/ring.c as
 * they are; see ../ring/interleave/.
 *
 * timeout: 180
 */
#include <stdlib.h>
#include <string.h>

#include "../../pvblk/pvblk.h"

#include "worker/bus/ring.h"
#include "interleave.h"
#include "ktap.h"

#define SIZE	4
#define LATER	1000000000ULL	/* any delay is over */

static struct {
	struct hring		dev;
	struct pvbus_queue	q;
	struct pvblk_queue	queue;
	struct pvblk_slot	slots[SIZE];
	struct pvblk		blk;
	struct pvbus_device	pdev;
	struct blk_mq_hw_ctx	hctx;
	struct request		requests[SIZE];
	bool			ended[SIZE];
	bool			irq;
	bool			all_done;
	u32			nr_taken;
	u32			nr_ended;
	u32			nr_wanted;
} w;

static _Alignas(PV_CACHE_LINE) u8 drv_area[64 + (SIZE << PVBLK_SQE_SHIFT)];
static _Alignas(PV_CACHE_LINE) u8 dev_area[64 + (SIZE << PVBLK_CQE_SHIFT)];
static uint64_t posted_ns[SIZE];

/* What pvblk/queue.c calls. */

u32 pvbus_sleep_ns(const struct pvbus_device *pdev)
{
	(void)pdev;
	return 100000;
}

/* Nobody spins. */
u64 local_clock(void)
{
	return 0;
}

void pvbus_kick(struct pvbus_queue *queue)
{
	(void)queue;
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

void blk_mq_end_request(struct request *rq, blk_status_t status)
{
	if (status)
		il_fail("a request fails");
	w.ended[rq->tag] = true;
	if (++w.nr_ended == w.nr_wanted)
		w.all_done = true;
}

static void reset(void)
{
	int i;

	memset(&w, 0, sizeof(w));
	memset(posted_ns, 0, sizeof(posted_ns));
	pvring_init(&w.q.ring, drv_area, dev_area, SIZE, PVBLK_SQE_SHIFT, PVBLK_CQE_SHIFT);
	if (hring_init(&w.dev, drv_area, dev_area, SIZE, PVBLK_SQE_SHIFT, PVBLK_CQE_SHIFT))
		abort();
	free(w.dev.posted_ns);
	w.dev.posted_ns = posted_ns;
	w.q.pdev = &w.pdev;
	w.q.priv = &w.queue;
	w.queue.q = &w.q;
	w.queue.blk = &w.blk;
	w.queue.slots = w.slots;
	w.queue.depth = SIZE;
	spin_lock_init(&w.queue.lock);
	w.blk.pdev = &w.pdev;
	w.pdev.features[0] = BIT_ULL(PVBLK_F_FLUSH);
	w.hctx.driver_data = &w.queue;
	for (i = 0; i < SIZE; i++)
		w.requests[i] = (struct request) {
			.tag = i, .cmd_flags = REQ_OP_FLUSH, .mq_hctx = &w.hctx
		};
	w.nr_wanted = 2;
}

/* The user had more in flight of late, so the driver waits for more. */
static void reset_deep(void)
{
	reset();
	w.queue.depth_seen = SIZE;
}

static void queue_request(int tag)
{
	struct blk_mq_queue_data bd = { .rq = &w.requests[tag], .last = true };

	if (pvblk_mq_ops.queue_rq(&w.hctx, &bd))
		il_fail("a request is refused");
}

static void interrupts(void)
{
	while (!w.all_done) {
		il_sleep(&w.irq);
		pvblk_interrupt(&w.q);
	}
}

/* The user waits for the one before the other. */
static void one_after_the_other(void)
{
	queue_request(0);
	il_sleep(&w.ended[0]);
	queue_request(1);
	il_sleep(&w.ended[1]);
}

static void one_then_interrupts(void)
{
	queue_request(0);
	interrupts();
}

static void another(void)
{
	queue_request(1);
	il_sleep(&w.ended[1]);
}

static void device(void)
{
	struct pvblk_cqe cqe = { 0 };
	struct pvblk_sqe sqe;

	/* It polls: doorbells are ../ring/'s. A delay is over whenever its turn comes. */
	while (w.nr_taken < w.nr_wanted || w.dev.irq_at_ns != HRING_NEVER) {
		if (w.dev.irq_at_ns != HRING_NEVER && hring_irq_due(&w.dev, LATER))
			il_raise(&w.irq);
		if (hring_pop(&w.dev, &sqe) != 1)
			continue;
		w.nr_taken++;
		cqe.id = sqe.id;
		hring_push(&w.dev, &cqe, 0);
		if (hring_need_irq(&w.dev, 0))
			il_raise(&w.irq);
	}
	/* The handler ends too. */
	il_sleep(&w.all_done);
	w.all_done = true;
	il_raise(&w.irq);
}

static const struct il_scenario scenarios[] = {
	{
		"one CPU submits, another gets the interrupts",
		{ "CPU 0", "CPU 1", "device" }, { one_after_the_other, interrupts, device }, reset
	}, {
		"the same, by a user that had more in flight before",
		{ "CPU 0", "CPU 1", "device" }, { one_after_the_other, interrupts, device }, reset_deep
	}, {
		"two CPUs submit, and one of them gets the interrupts",
		{ "CPU 0", "CPU 1", "device" }, { one_then_interrupts, another, device }, reset
	},
};

#define NR_SCENARIOS	(sizeof(scenarios) / sizeof(scenarios[0]))

int main(void)
{
	unsigned int i;

	pvblk_spin_us = 0;
	ktap_plan(NR_SCENARIOS);
	il_watch(&w, sizeof(w));
	il_share(&w.q.ring, sizeof(w.q.ring));
	il_share(&w.queue.state, sizeof(w.queue.state));
	/* Stores are buffered only where that matters to interrupts: fewer orders. */
	il_watch(drv_area, sizeof(drv_area));
	il_share(drv_area, sizeof(drv_area));
	il_window(drv_area + offsetof(struct pvring_drv_ctrl, irq_event), sizeof(__le32));
	il_window(dev_area, sizeof(dev_area));
	for (i = 0; i < NR_SCENARIOS; i++)
		ktap_ok(il_explore(&scenarios[i]), "%s", scenarios[i].what);
	return ktap_finish();
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Several CPUs submit to one queue, reap it, poll it, and end what another has reaped: in whichever order
 * their accesses and the device's come, every completion is reaped without the help of the watchdog
 * (RING-G5), a polled queue raises no interrupt, a request of several parts ends once, from a freeze on
 * nothing is submitted and nothing ends any more, but for what is on its way to another CPU, and what was prepared
 * before it, or submitted in part, is prepared anew and submitted whole. pvblk's queue.c, reap.c and wait.c,
 * pvbus/ring.c and host-ref/worker/bus/ring.c as they are; see ../ring/interleave/.
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
#define PART_LEN	PVBLK_SLOT_LEN
#define LATER	1000000000ULL	/* any delay is over */

static struct {
	struct hring		dev;
	struct pvbus_queue	q;
	struct pvblk_queue	queue;
	struct pvblk_slot	slots[SIZE];
	struct pvblk_part	parts[SIZE];
	struct pvblk		blk;
	struct pvbus_device	pdev;
	struct blk_mq_hw_ctx	hctx;
	struct request		requests[SIZE];
	bool			ended[SIZE];
	bool			remote[SIZE];
	bool			ends_elsewhere;
	bool			is_elsewhere;
	bool			frozen;
	bool			settled;
	bool			waits_elsewhere;
	bool			may_be_refused;
	bool			irq;
	bool			all_done;
	u32			nr_begun;
	u32			nr_done;
	u32			nr_put;
	u32			nr_entries;
	u32			nr_taken;
	u32			nr_ended;
	u32			nr_wanted;
} w;

static _Alignas(PV_CACHE_LINE) u8 drv_area[64 + (SIZE << PVBLK_SQE_SHIFT)];
static _Alignas(PV_CACHE_LINE) u8 dev_area[64 + (SIZE << PVBLK_CQE_SHIFT)];
static uint64_t posted_ns[SIZE];
/* Of a request of two parts: who copies one does so alone. */
static char window_data[SIZE * PART_LEN], user_data[2 * PART_LEN];

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

/* Who waits for others looks again; not for a CPU that is told to end a request, and may not come to it. */
void shim_sleep(unsigned long timeout)
{
	(void)timeout;
	if (w.waits_elsewhere)
		il_fail("a freeze waits for another CPU");
	w.waits_elsewhere = w.is_elsewhere;
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
	if (status && !w.may_be_refused)
		il_fail("a request fails");
	if (w.frozen)
		il_fail("a request ends after the freeze");
	if (w.ended[rq->tag])
		il_fail("a request ends twice");
	w.ended[rq->tag] = true;
	if (++w.nr_ended == w.nr_wanted)
		w.all_done = true;
}

bool blk_mq_complete_request_remote(struct request *rq)
{
	if (!w.ends_elsewhere)
		return false;
	w.is_elsewhere = true;
	il_raise(&w.remote[rq->tag]);
	return true;
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
	w.queue.parts = w.parts;
	w.queue.depth = SIZE;
	w.queue.nr_parts = SIZE;
	spin_lock_init(&w.queue.lock);
	spin_lock_init(&w.queue.cq_lock);
	spin_lock_init(&w.queue.poll_lock);
	w.blk.pdev = &w.pdev;
	w.pdev.features[0] = BIT_ULL(PVBLK_F_FLUSH);
	w.hctx.driver_data = &w.queue;
	for (i = 0; i < SIZE; i++) {
		w.requests[i] = (struct request) {
			.tag = i, .cmd_flags = REQ_OP_FLUSH, .mq_hctx = &w.hctx
		};
		w.parts[i].slot = &w.slots[i];
	}
	w.nr_wanted = 2;
	w.nr_entries = 2;
}

/* One tag, and a request of two parts. */
static void reset_parts(void)
{
	int i;

	reset();
	w.blk.config.max_io = htole32(PART_LEN);
	w.q.data = window_data;
	w.requests[0].cmd_flags = REQ_OP_READ;
	w.requests[0].len = sizeof(user_data);
	w.requests[0].data = user_data;
	w.queue.depth = 1;
	w.queue.pool.piece_len = PART_LEN;
	spin_lock_init(&w.queue.pool.lock);
	for (i = 0; i < SIZE; i++) {
		w.parts[i].room = PART_LEN;
		w.parts[i].off = i * PART_LEN;
		w.parts[i].next = i && i + 1 < SIZE ? &w.parts[i + 1] : NULL;
	}
	w.queue.pool.free = &w.parts[1];
	w.queue.pool.nr_free = SIZE - 1;
	w.nr_wanted = 1;
}

/* Of what is written the first byte of each part is looked at. */
static void reset_write(void)
{
	reset_parts();
	w.requests[0].cmd_flags = REQ_OP_WRITE;
	user_data[0] = 1;
	user_data[PART_LEN] = 2;
	window_data[PART_LEN] = 0;
	window_data[2 * PART_LEN] = 0;
}

/* The user had more in flight of late, so the driver waits for more. */
static void reset_deep(void)
{
	reset();
	w.queue.depth_seen = SIZE;
	w.queue.before_seen = SIZE - 1;
}

/* Its users poll; as pvblk_open() leaves it. */
static void reset_polled(void)
{
	struct pvring_drv_ctrl *drv = (void *)drv_area;

	reset();
	w.queue.polled = true;
	drv->irq_event = htole32(-1 - SIZE);
}

/* The user wants completions on another CPU. */
static void reset_elsewhere(void)
{
	reset();
	w.nr_wanted = 1;
	w.nr_entries = 1;
	w.ends_elsewhere = true;
}

static void queue_request(int tag)
{
	struct blk_mq_queue_data bd = { .rq = &w.requests[tag], .last = true };

	if (pvblk_mq_ops.queue_rq(&w.hctx, &bd) && !w.may_be_refused)
		il_fail("a request is refused");
}

/* And the bottom half, on the same CPU. */
static void interrupts(void)
{
	while (!w.all_done) {
		il_sleep(&w.irq);
		if (w.queue.polled && !w.all_done)
			il_fail("a polled queue raises an interrupt");
		pvblk_interrupt(&w.q);
		while (w.queue.bh.queued) {
			w.queue.bh.queued = false;
			pvblk_bh(&w.queue.bh);
		}
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

/* How often a part has been given something. */
static u32 nr_begun(void)
{
	u32 nr = 0, i;

	for (i = 0; i < SIZE; i++)
		nr += w.parts[i].gen;
	return nr;
}

static void one(void)
{
	queue_request(0);
	/* What was held from the beginning is in its slot. */
	if (w.frozen && w.q.ring.sq_next && w.nr_begun != nr_begun())
		il_fail("a part is touched after the freeze");
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

static void end_elsewhere(void)
{
	il_sleep(&w.remote[0]);
	if (w.is_elsewhere)
		pvblk_mq_ops.complete(&w.requests[0]);
}

/* As a CPU that has been taken by a real-time task does it. */
static void end_late(void)
{
	il_sleep(&w.settled);
	if (w.is_elsewhere)
		pvblk_mq_ops.complete(&w.requests[0]);
}

static void poll_for(int tag)
{
	queue_request(tag);
	while (!w.ended[tag])
		pvblk_mq_ops.poll(&w.hctx, NULL);
}

static void poll_one(void)
{
	poll_for(0);
}

static void poll_another(void)
{
	poll_for(1);
}

static void replay(void)
{
	u32 put = w.q.ring.sq_next;
	bool held = w.slots[0].rq;

	/* No more is taken; but what is submitted now is not of the life before. */
	w.frozen = false;
	pvblk_replay(&w.queue);
	if (held && w.q.ring.sq_next - put != w.nr_entries)
		il_fail("a request is not replayed whole");
}

/* As pvblk/epoch.c does it. */
static void freeze(void)
{
	pvblk_set_mode(&w.queue, PVBLK_HOLD);
	pvblk_shut(&w.queue);
	pvblk_settle(&w.queue);
	il_raise(&w.settled);
	w.nr_begun = nr_begun();
	w.frozen = true;
	if (!w.ended[0] && w.slots[0].life == w.queue.life && w.slots[0].rq)
		il_fail("a request that has not ended is not replayed");
	replay();
	il_raise(&w.remote[0]);
}

/* Another life begins, which does not serve the request. */
static void change_life(void)
{
	u32 put;

	w.may_be_refused = true;
	pvblk_set_mode(&w.queue, PVBLK_HOLD);
	put = w.q.ring.sq_next;
	w.pdev.features[0] = 0;
	pvblk_replay(&w.queue);
	pvblk_set_mode(&w.queue, PVBLK_FAIL);
	if (w.q.ring.sq_next != put)
		il_fail("a request that was prepared for another life is submitted");
}

/* After the submission and the change: all of the request is in this life's ring, its data in this life's window. */
static void check_write(void)
{
	const struct pvblk_part *part;

	if (++w.nr_done < 2)
		return;
	if (w.q.ring.sq_next - w.nr_put != w.nr_entries)
		il_fail("a request is not submitted whole, and once");
	for (part = w.slots[0].pieces; part; part = part->next)
		if (window_data[part->off] != user_data[part->first << SECTOR_SHIFT])
			il_fail("data is not in the new window");
}

static void one_write(void)
{
	queue_request(0);
	check_write();
}

/* As a migration does it. */
static void change_window(void)
{
	pvblk_set_mode(&w.queue, PVBLK_HOLD);
	pvblk_shut(&w.queue);
	pvblk_settle(&w.queue);
	window_data[PART_LEN] = 0;
	window_data[2 * PART_LEN] = 0;
	w.nr_put = w.q.ring.sq_next;
	pvblk_replay(&w.queue);
	check_write();
}

static void device(void)
{
	struct pvblk_cqe cqe = { 0 };
	struct pvblk_sqe sqe;

	/* It polls: doorbells are ../ring/'s. A delay is over whenever its turn comes. */
	while (w.nr_taken < w.nr_entries || w.dev.irq_at_ns != HRING_NEVER) {
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

/* Whatever becomes of it. */
static void device_until_frozen(void)
{
	struct pvblk_cqe cqe = { 0 };
	struct pvblk_sqe sqe;

	while (!w.frozen && w.nr_taken < w.nr_entries) {
		if (hring_pop(&w.dev, &sqe) != 1)
			continue;
		w.nr_taken++;
		cqe.id = sqe.id;
		hring_push(&w.dev, &cqe, 0);
	}
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
	}, {
		"one CPU submits, another gets the interrupt, and the request ends on a third",
		{ "CPU 0", "CPU 1", "CPU 2", "device" }, { one, interrupts, end_elsewhere, device }, reset_elsewhere
	}, {
		"two CPUs poll a queue, and it raises no interrupt",
		{ "CPU 0", "CPU 1", "CPU 2", "device" }, { poll_one, poll_another, interrupts, device }, reset_polled
	}, {
		"one CPU submits a request of two parts, another gets the interrupts",
		{ "CPU 0", "CPU 1", "device" }, { one, interrupts, device }, reset_parts
	}, {
		"a freeze amid the submission of two parts",
		{ "CPU 0", "CPU 1", "device" }, { one, freeze, device_until_frozen }, reset_parts
	}, {
		"a CPU that submits is slower than a whole change of the epoch",
		{ "CPU 0", "CPU 1" }, { one, change_life }, reset
	}, {
		"the same with a write of two parts, whose data is to be in the new window",
		{ "CPU 0", "CPU 1" }, { one_write, change_window }, reset_write
	}, {
		"from a freeze on nothing ends, here or elsewhere, and what has not ended will be replayed",
		{ "CPU 0", "CPU 1", "CPU 2", "device" }, { one, freeze, end_elsewhere, device_until_frozen }, reset_elsewhere
	}, {
		"a freeze does not wait for the CPU that a request is to end on",
		{ "CPU 0", "CPU 1", "CPU 2", "device" }, { one, freeze, end_late, device_until_frozen }, reset_elsewhere
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
	il_share(&w.queue.closed, sizeof(w.queue.closed));
	il_share(&w.queue.ending, sizeof(w.queue.ending));
	/* Stores are buffered only where that matters to interrupts: fewer orders. */
	il_watch(drv_area, sizeof(drv_area));
	il_share(drv_area, sizeof(drv_area));
	il_watch(&window_data[PART_LEN], 1);
	il_watch(&window_data[2 * PART_LEN], 1);
	il_window(drv_area + offsetof(struct pvring_drv_ctrl, irq_event), sizeof(__le32));
	il_window(dev_area, sizeof(dev_area));
	for (i = 0; i < NR_SCENARIOS; i++)
		ktap_ok(il_explore(&scenarios[i]), "%s", scenarios[i].what);
	return ktap_finish();
}

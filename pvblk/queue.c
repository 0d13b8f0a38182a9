// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hardware queue: batches go in, completions are reaped, and nobody sleeps for a fast device.
 */
#include <linux/jiffies.h>
#include <linux/moduleparam.h>
#include <linux/sched/clock.h>
#include "pvblk.h"
#include "trace.h"

int pvblk_spin_us = -1;
module_param_named(spin_us, pvblk_spin_us, int, 0644);
MODULE_PARM_DESC(spin_us, "longest wait for a completion without sleeping, in us; 0: never; -1: what a sleep costs (default)");

/* After this many spins in vain the device is slow just now; then only every so many batches try. */
#define SPIN_MISSES_MAX		8
#define SPIN_RETRY_MASK		7
/* cpu_relax() is an exit of its own under some hypervisors: look at the line more often than that. */
#define LOOKS_PER_RELAX		64

/*
 * With several in flight, the longest that a completion waits for its interrupt, in
 * sleeps: while the user waits for them, and while it is expected to submit more.
 */
#define IRQ_DELAY_WAITING	4
#define IRQ_DELAY_SUBMITTING	1

/* Batches over which the depth that the user drives is observed. */
#define DEPTH_WINDOW		32

/*
 * Give a request to the device, unless it is to be held or to fail; a replay overrides that.
 * Not OK: the request was not taken, neither into the ring nor into its slot.
 */
static blk_status_t submit(struct pvblk_queue *queue, struct request *rq, bool replay)
{
	struct pvblk_slot *slot = &queue->slots[rq->tag];
	enum pvblk_mode mode;
	struct pvblk_sqe sqe;
	unsigned long flags;
	blk_status_t status;
	bool ok = true;

	slot->gen++;
	slot->done = 0;
	slot->part = 0;
	slot->then_flush = req_op(rq) == REQ_OP_WRITE && (rq->cmd_flags & REQ_FUA) &&
			   !pvbus_has_feature(queue->blk->pdev, PVBLK_F_FUA) &&
			   pvbus_has_feature(queue->blk->pdev, PVBLK_F_FLUSH);
	status = pvblk_build_sqe(queue, rq, &sqe);
	if (status)
		return status;
	pvblk_copy_to_window(queue, rq);
	trace_pvblk_submit(queue->blk->index, queue->q->index, rq);

	spin_lock_irqsave(&queue->lock, flags);
	mode = replay ? PVBLK_PASS : queue->mode;
	if (mode != PVBLK_FAIL)
		WRITE_ONCE(slot->rq, rq);
	if (mode == PVBLK_PASS) {
		slot->life = queue->life;
		ok = pvring_put(&queue->q->ring, &sqe);
	} else {
		slot->life = queue->life - 1;
	}
	spin_unlock_irqrestore(&queue->lock, flags);

	if (!ok)
		pvbus_device_broken(queue->blk->pdev, "it completed more than it was given");
	return mode == PVBLK_FAIL ? BLK_STS_IOERR : BLK_STS_OK;
}

/**
 * pvblk_set_mode() - decide what becomes of the requests that come
 * @queue: the queue
 * @mode: PVBLK_HOLD begins another life of the queue
 *
 * When it returns, nobody submits in the mode that was before. Any context.
 */
void pvblk_set_mode(struct pvblk_queue *queue, enum pvblk_mode mode)
{
	unsigned long flags;

	spin_lock_irqsave(&queue->lock, flags);
	if (mode == PVBLK_HOLD)
		queue->life++;
	queue->mode = mode;
	spin_unlock_irqrestore(&queue->lock, flags);
}

/**
 * pvblk_kick() - ring the doorbell if the device sleeps on what was submitted
 * @queue: the queue; any context
 */
void pvblk_kick(struct pvblk_queue *queue)
{
	unsigned long flags;

	spin_lock_irqsave(&queue->lock, flags);
	if (queue->mode == PVBLK_PASS && pvring_need_kick(&queue->q->ring))
		pvbus_kick(queue->q);
	spin_unlock_irqrestore(&queue->lock, flags);
}

/*
 * This life of the device takes less at once than the request wants, or has lost FUA: the next
 * part, or the flush, follows under the same tag. Returns 1 if it was submitted, 0 if there
 * is nothing more.
 */
static int submit_rest(struct pvblk_queue *queue, struct pvblk_slot *slot)
{
	struct pvblk_sqe sqe = { .op = PVBLK_OP_FLUSH };
	struct request *rq = slot->rq;
	unsigned long flags;
	int ret = -ESTALE;

	slot->done += slot->part;
	if (slot->part && slot->done < blk_rq_sectors(rq)) {
		slot->gen++;
		if (pvblk_build_sqe(queue, rq, &sqe))
			return -EPROTO;
	} else if (slot->then_flush) {
		slot->gen++;
		slot->part = 0;
		slot->then_flush = false;
		sqe.id = cpu_to_le32(pvblk_slot_id(slot, rq->tag));
	} else {
		return 0;
	}

	spin_lock_irqsave(&queue->lock, flags);
	if (queue->mode == PVBLK_PASS)
		ret = pvring_put(&queue->q->ring, &sqe) ? 1 : -EPROTO;
	spin_unlock_irqrestore(&queue->lock, flags);
	pvblk_kick(queue);
	return ret;
}

/* -ESTALE: the epoch is over, and with it what was copied (BUS-G4). The request is replayed. */
static int end_slot(struct pvblk_queue *queue, struct pvblk_slot *slot, blk_status_t status,
		     struct io_comp_batch *batch)
{
	struct request *rq = slot->rq;
	int ret;

	if (!status && slot->done + slot->part == blk_rq_sectors(rq))
		pvblk_copy_from_window(queue, rq);
	/* After the copy: a migration may have replaced the window in its midst. */
	if (pvbus_epoch_over(queue->blk->pdev))
		return -ESTALE;
	if (!status) {
		ret = submit_rest(queue, slot);
		if (ret)
			return min(ret, 0);
	}
	trace_pvblk_complete(queue->blk->index, queue->q->index, rq, status);
	WRITE_ONCE(slot->rq, NULL);
	WRITE_ONCE(queue->q->ops, queue->q->ops + 1);
	if (!blk_mq_add_to_batch(rq, batch, status != BLK_STS_OK, blk_mq_end_request_batch))
		blk_mq_end_request(rq, status);
	return 0;
}

/*
 * Take all completions that are there; the caller is the reaper.
 * -EPROTO: the device lies; -ESTALE: the epoch is over.
 */
static int reap_all(struct pvblk_queue *queue)
{
	struct pvring *ring = &queue->q->ring;
	struct io_comp_batch batch = { };
	struct pvblk_slot *slot;
	struct pvblk_cqe cqe;
	blk_status_t status;
	int err = 0;

	pvring_disarm(ring);
	while (!err && pvring_get(ring, &cqe)) {
		slot = pvblk_check_cqe(queue, &cqe, &status);
		if (slot)
			err = end_slot(queue, slot, status, &batch);
		else
			err = pvbus_epoch_over(queue->blk->pdev) ? -ESTALE : -EPROTO;
	}
	pvring_set_head(ring);
	if (batch.complete)
		batch.complete(&batch);
	return err;
}

/*
 * Ask for the interrupt of the last request that will be in flight before the user
 * waits, and for a delayed one before: who submits again meanwhile reaps, and gets
 * neither. The caller is the reaper. True if there is more to reap.
 */
static bool arm(struct pvblk_queue *queue, u32 submitted)
{
	struct pvring *ring = &queue->q->ring;
	u32 outstanding = submitted - ring->cq_next;
	u32 expected = max(outstanding, READ_ONCE(queue->depth_seen));
	u32 delay_us = pvbus_sleep_us(queue->blk->pdev);

	/* A completion can be here before its submitter has counted it. */
	if ((s32)outstanding <= 0)
		return false;
	if (expected == 1)
		delay_us = 0;
	else
		delay_us *= outstanding == expected ? IRQ_DELAY_WAITING : IRQ_DELAY_SUBMITTING;
	return pvring_arm(ring, ring->cq_next + expected - 1, delay_us);
}

/* Nobody reaps any more: PVBLK_REAPING stays set until the queue is frozen. */
static void halt_reaping(struct pvblk_queue *queue, int err)
{
	set_bit(PVBLK_HALTED, &queue->state);
	if (err == -EPROTO)
		pvbus_device_broken(queue->blk->pdev,
				    "it completed a request that is not in flight");
}

/**
 * pvblk_reap() - complete what the device has completed, then ask for an interrupt
 * @queue: the queue
 *
 * Whoever comes while another reaps may leave: the reaper looks again after it
 * has let go. That also ends a recursion by way of a completion that submits. Any context.
 */
void pvblk_reap(struct pvblk_queue *queue)
{
	struct pvring *ring = &queue->q->ring;
	u32 submitted;
	int err;

	do {
		if (test_and_set_bit_lock(PVBLK_REAPING, &queue->state))
			return;
		do {
			err = reap_all(queue);
			if (err) {
				halt_reaping(queue, err);
				return;
			}
			submitted = READ_ONCE(ring->sq_next);
		} while (arm(queue, submitted));
		clear_bit_unlock(PVBLK_REAPING, &queue->state);
		/* Pairs with virt_mb() in pvring_need_kick(): who left because of the bit submitted before. */
		smp_mb__after_atomic();
	} while (READ_ONCE(ring->sq_next) != submitted || pvring_pending(ring));
}

/**
 * pvblk_interrupt() - the device has raised the queue's vector
 * @queue: the queue
 */
void pvblk_interrupt(struct pvbus_queue *queue)
{
	struct pvblk_queue *q = queue->priv;

	if (pvring_pending(&queue->ring))
		pvblk_reap(q);
}

static u64 spin_ns(const struct pvblk_queue *queue)
{
	int us = READ_ONCE(pvblk_spin_us);

	return us < 0 ? pvbus_sleep_ns(queue->blk->pdev) : us * NSEC_PER_USEC;
}

/*
 * Wait for a completion as long as recent ones took: an interrupt costs a hundred
 * times a look at a cache line.
 */
static void spin(struct pvblk_queue *queue)
{
	struct pvring *ring = &queue->q->ring;
	u64 end, budget_ns = spin_ns(queue);
	unsigned int looks;

	if (!budget_ns || test_bit(PVBLK_REAPING, &queue->state) || pvring_pending(ring))
		return;
	if (queue->spin_misses >= SPIN_MISSES_MAX && (queue->spin_misses++ & SPIN_RETRY_MASK))
		return;

	end = local_clock() + budget_ns;
	do {
		for (looks = 0; looks < LOOKS_PER_RELAX; looks++) {
			if (pvring_pending(ring)) {
				queue->spin_misses = 0;
				WRITE_ONCE(queue->q->spins, queue->q->spins + 1);
				return;
			}
		}
		cpu_relax();
	} while (local_clock() < end && !need_resched());
	queue->spin_misses++;
}

/*
 * Will the user wait now? It does when it has as much in flight as it had at most of
 * late; with less it is about to submit more, and a spin would only hold it up.
 */
static bool user_waits(struct pvblk_queue *queue)
{
	u32 depth = pvring_outstanding(&queue->q->ring);

	queue->depth_now = max(queue->depth_now, depth);
	/* Several CPUs may count at once, and step over the end. */
	if (++queue->batches >= DEPTH_WINDOW) {
		WRITE_ONCE(queue->depth_seen, queue->depth_now);
		queue->depth_now = 0;
		queue->batches = 0;
	}
	return depth >= queue->depth_seen;
}

static void end_batch(struct pvblk_queue *queue)
{
	pvblk_kick(queue);
	if (user_waits(queue))
		spin(queue);
	pvblk_reap(queue);
}

/* What is in flight and was not submitted in this life; if there is nothing, what comes passes. */
static struct request *next_held(struct pvblk_queue *queue, unsigned int *cursor)
{
	const struct pvblk_slot *slot;
	struct request *rq = NULL;
	unsigned long flags;
	unsigned int i;

	spin_lock_irqsave(&queue->lock, flags);
	for (i = 0; i < queue->depth && !rq; i++) {
		slot = &queue->slots[(*cursor)++ % queue->depth];
		if (slot->life != queue->life)
			rq = slot->rq;
	}
	if (!rq)
		queue->mode = PVBLK_PASS;
	spin_unlock_irqrestore(&queue->lock, flags);
	return rq;
}

/**
 * pvblk_replay() - submit again what is in flight, then let pass what comes
 * @queue: the queue; frozen, and the device runs
 *
 * What comes meanwhile is held, and follows; at most once for each tag, because nothing is
 * completed before. Return: how many were submitted.
 */
unsigned int pvblk_replay(struct pvblk_queue *queue)
{
	unsigned int cursor = 0, nr = 0;
	blk_status_t status;
	struct request *rq;

	while ((rq = next_held(queue, &cursor))) {
		status = submit(queue, rq, true);
		nr += !status;
		if (status) {
			WRITE_ONCE(queue->slots[rq->tag].rq, NULL);
			blk_mq_end_request(rq, status);
		}
	}
	return nr;
}

static blk_status_t start_request(struct pvblk_queue *queue, struct request *rq)
{
	blk_mq_start_request(rq);
	queue->slots[rq->tag].started = jiffies;
	return submit(queue, rq, false);
}

static blk_status_t queue_rq(struct blk_mq_hw_ctx *hctx, const struct blk_mq_queue_data *bd)
{
	struct pvblk_queue *queue = hctx->driver_data;
	blk_status_t status = start_request(queue, bd->rq);

	if (bd->last)
		end_batch(queue);
	return status;
}

static void commit_rqs(struct blk_mq_hw_ctx *hctx)
{
	end_batch(hctx->driver_data);
}

static void queue_rqs(compat_rq_list *rqlist)
{
	struct pvblk_queue *queue = NULL;
	blk_status_t status;
	struct request *rq;

	while ((rq = rq_list_pop(rqlist))) {
		if (queue && queue != rq->mq_hctx->driver_data)
			end_batch(queue);
		queue = rq->mq_hctx->driver_data;

		status = start_request(queue, rq);
		if (status)
			blk_mq_end_request(rq, status);
	}
	if (queue)
		end_batch(queue);
}

static int init_hctx(struct blk_mq_hw_ctx *hctx, void *data, unsigned int index)
{
	struct pvblk *blk = data;

	hctx->driver_data = &blk->queues[index];
	blk->queues[index].hctx = hctx;
	return 0;
}

const struct blk_mq_ops pvblk_mq_ops = {
	.queue_rq	= queue_rq,
	.queue_rqs	= queue_rqs,
	.commit_rqs	= commit_rqs,
	.init_hctx	= init_hctx,
};

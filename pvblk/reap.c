// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the device has completed: taken off the ring, copied, ended.
 *
 * Anybody may look at any time: who submits, who polls, the bottom half that an interrupt asks for,
 * the watchdog. Under the lock completions are only taken, into private memory. They are copied and ended
 * without it, a batch at a time, so that nobody waits for another's copies; and with bottom halves off,
 * so that what was taken is not left by a task that loses its CPU. Only who polls, in a task, ends them under
 * another lock.
 */
#include <linux/bottom_half.h>
#include <linux/irqflags.h>
#include <linux/percpu.h>
#include <linux/sizes.h>
#include "pvblk.h"
#include "trace.h"

/* A batch: so many parts, or so many bytes to copy. Then interrupts, softirqs and tasks have a turn. */
#define BATCH_PARTS		32
#define BATCH_BYTES		SZ_64K

/* So many batches ends one who came to submit, or polls; the bottom half does the rest, or the next look. */
#define BATCHES_AT_ONCE		32

/* A completion is being ended on this CPU: it may submit, and be called again by that. */
static DEFINE_PER_CPU(bool, ending_here);

/* Until the next arming; a completion that nobody comes to meanwhile still raises an interrupt. */
static void disarm(struct pvblk_queue *queue)
{
	pvring_disarm_for(&queue->q->ring, queue->polled ? 0 : pvblk_patience_us(queue));
}

/* The device lies, or its epoch is over. The lock is held. */
static void refuse(struct pvblk_queue *queue)
{
	WRITE_ONCE(queue->closed, true);
	if (!pvbus_epoch_over(queue->blk->pdev))
		pvbus_device_broken(queue->blk->pdev,
				    "it completed a request that is not in flight");
}

static unsigned int take(struct pvblk_queue *queue, struct pvblk_part **parts)
{
	struct pvring *ring = &queue->q->ring;
	unsigned int nr = 0, bytes = 0;
	struct pvblk_part *part;
	struct pvblk_cqe cqe;

	disarm(queue);
	while (nr < BATCH_PARTS && bytes < BATCH_BYTES && pvring_get(ring, &cqe)) {
		part = pvblk_check_cqe(queue, &cqe);
		if (!part) {
			refuse(queue);
			break;
		}
		WRITE_ONCE(part->in_flight, false);
		bytes += pvblk_copy_len(part);
		parts[nr++] = part;
	}
	if (nr) {
		pvring_set_head(ring);
		atomic_add(nr, &queue->ending);
		WRITE_ONCE(queue->q->ops, queue->q->ops + nr);
	}
	return nr;
}

/*
 * Bottom halves are off. If there is nothing to take, an interrupt is asked for; but none if nothing
 * is in flight, so that there is no need to come back then.
 */
static unsigned int take_batch(struct pvblk_queue *queue, struct pvblk_part **parts, bool *more)
{
	unsigned int nr = 0;

	spin_lock(&queue->cq_lock);
	while (!queue->closed) {
		nr = take(queue, parts);
		if (nr || queue->closed || !pvblk_arm(queue))
			break;
	}
	*more = nr && pvring_outstanding(&queue->q->ring);
	spin_unlock(&queue->cq_lock);
	return nr;
}

/* It has been let go, but the slot is its as long as the tag is. */
static void end(struct request *rq, struct io_comp_batch *batch)
{
	struct pvblk_queue *queue = rq->mq_hctx->driver_data;
	blk_status_t status = queue->slots[rq->tag].status;

	trace_pvblk_complete(queue->blk->index, queue->q->index, rq, status);
	if (!blk_mq_add_to_batch(rq, batch, status != BLK_STS_OK, blk_mq_end_request_batch))
		blk_mq_end_request(rq, status);
}

/*
 * All parts of a request have come back, and it is to end: here, or on the CPU that the user wants it on. That one may
 * not come to it, so from here on nobody waits for the request, and no replay sees it.
 */
static void let_go(struct pvblk_queue *queue, struct pvblk_slot *slot, struct io_comp_batch *batch)
{
	struct request *rq = slot->rq;

	pvblk_put_parts(queue, slot);
	WRITE_ONCE(slot->rq, NULL);
	pvblk_put_ending(queue);
	if (!blk_mq_complete_request_remote(rq))
		end(rq, batch);
}

/* Returns true if there is something in flight by that. */
static bool submit_more(struct pvblk_queue *queue, struct pvblk_part *part)
{
	int err = pvblk_submit_part(queue, part);

	if (err)
		pvblk_shut(queue);
	if (err == -EPROTO)
		pvbus_device_broken(queue->blk->pdev, "it completed more than it was given");
	pvblk_put_ending(queue);
	return !err;
}

/* The device has lost FUA on the way, or there was more than one write. */
static bool flush(struct pvblk_queue *queue, struct pvblk_slot *slot)
{
	struct pvblk_part *part = pvblk_own_part(queue, slot);

	slot->then_flush = false;
	atomic_set(&slot->busy, 1);
	part->nr = 0;
	return submit_more(queue, part);
}

/*
 * Data, then a look at the epoch, as a migration may have replaced the window in the midst of the copy. If it
 * is over, so is what was copied (BUS-G4): the request stays, and is replayed. Else the part goes on with what
 * is left of the request, and with the last the request ends.
 * Returns true if the device has been given something, for which no interrupt has been asked for.
 */
static bool end_taken(struct pvblk_queue *queue, struct pvblk_part *part, struct io_comp_batch *batch)
{
	struct pvblk_slot *slot = part->slot;

	trace_pvblk_taken(queue->blk->index, queue->q->index, slot->rq, part->nr);
	if (part->status)
		WRITE_ONCE(slot->status, part->status);
	else
		pvblk_copy_from_window(queue, part);
	if (pvbus_epoch_over(queue->blk->pdev)) {
		pvblk_shut(queue);
		pvblk_put_ending(queue);
		return false;
	}

	part = pvblk_go_on(queue, part);
	if (part)
		return submit_more(queue, part);
	if (!atomic_dec_and_test(&slot->busy)) {
		atomic_dec(&queue->extra);
		pvblk_put_ending(queue);
		return false;
	}
	if (slot->then_flush && !slot->status)
		return flush(queue, slot);
	let_go(queue, slot, batch);
	return false;
}

/* Bottom halves are off. Return: false if the next interrupt is soon enough. */
static bool reap_batch(struct pvblk_queue *queue)
{
	struct pvblk_part *parts[BATCH_PARTS];
	struct io_comp_batch batch = { };
	unsigned int i, nr;
	bool more;

	nr = take_batch(queue, parts, &more);
	if (!nr)
		return false;

	__this_cpu_write(ending_here, true);
	for (i = 0; i < nr; i++)
		more |= end_taken(queue, parts[i], &batch);
	if (batch.complete)
		batch.complete(&batch);
	__this_cpu_write(ending_here, false);
	return more;
}

/**
 * pvblk_bh() - the bottom half of a queue
 * @bh: pvblk_queue.bh
 */
void pvblk_bh(compat_bh *bh)
{
	struct pvblk_queue *queue = container_of(bh, struct pvblk_queue, bh);

	if (reap_batch(queue))
		compat_bh_queue(bh);
}

/**
 * pvblk_interrupt() - the device has raised the queue's vector
 * @queue: the queue
 *
 * Context: hard interrupt. Nothing is done in it.
 */
void pvblk_interrupt(struct pvbus_queue *queue)
{
	struct pvblk_queue *q = queue->priv;

	if (pvring_pending(&queue->ring))
		compat_bh_queue(&q->bh);
}

/**
 * pvblk_reap() - end what the device has completed, then ask for an interrupt
 * @queue: the queue
 *
 * Whoever has submitted calls it, as only this asks for an interrupt for what is in flight. One that a
 * completion made submit leaves that to the bottom half, so that they do not pile up on the stack. Context: any;
 * a task for a polled queue.
 */
void pvblk_reap(struct pvblk_queue *queue)
{
	unsigned int i;
	bool more = true;

	/* What is polled for ends in a task, as the kernel's caches of bios want it. */
	if (queue->polled) {
		pvblk_poll(queue->hctx, NULL);
		return;
	}
	if (this_cpu_read(ending_here) || irqs_disabled()) {
		compat_bh_queue(&queue->bh);
		return;
	}
	for (i = 1; more; i++) {
		local_bh_disable();
		more = reap_batch(queue);
		if (more && i == BATCHES_AT_ONCE) {
			compat_bh_queue(&queue->bh);
			more = false;
		}
		/* Here the bottom half runs. */
		local_bh_enable();
		if (more)
			pvblk_wait_on(queue);
	}
}

/* Between two batches another poller has his turn. */
static unsigned int poll_batch(struct pvblk_queue *queue)
{
	struct pvblk_part *parts[BATCH_PARTS];
	struct io_comp_batch batch = { };
	unsigned int i, nr;
	bool more;

	spin_lock(&queue->poll_lock);
	local_bh_disable();
	nr = take_batch(queue, parts, &more);
	local_bh_enable();
	for (i = 0; i < nr; i++)
		end_taken(queue, parts[i], &batch);
	if (batch.complete)
		batch.complete(&batch);
	spin_unlock(&queue->poll_lock);
	return nr;
}

/**
 * pvblk_poll() - see blk_mq_ops.poll
 * @hctx: of a polled queue
 * @unused: the caller's batch, which he may lose his CPU with, and which may have another's requests in it
 *
 * All is taken that is there, also for requests that nobody polls for just now: what waits in the window leaves the
 * caches, and its copy takes longer.
 * Return: how many completions there were.
 */
int pvblk_poll(struct blk_mq_hw_ctx *hctx, struct io_comp_batch *unused)
{
	struct pvblk_queue *queue = hctx->driver_data;
	unsigned int i, taken, nr = 0;

	for (i = 0; i < BATCHES_AT_ONCE && pvring_pending(&queue->q->ring); i++) {
		taken = poll_batch(queue);
		if (!taken)
			break;
		nr += taken;
	}
	return nr;
}

/**
 * pvblk_complete() - see blk_mq_ops.complete
 * @rq: on the CPU that it is to end on
 */
void pvblk_complete(struct request *rq)
{
	end(rq, NULL);
}

/**
 * pvblk_open() - from now on completions are taken
 * @queue: the queue; its device has been started, and all that is in flight was submitted
 */
void pvblk_open(struct pvblk_queue *queue)
{
	spin_lock_bh(&queue->cq_lock);
	WRITE_ONCE(queue->closed, false);
	disarm(queue);
	spin_unlock_bh(&queue->cq_lock);
}

/**
 * pvblk_shut() - no more completions are taken, until pvblk_open()
 * @queue: the queue
 *
 * What was taken goes on. Any context.
 */
void pvblk_shut(struct pvblk_queue *queue)
{
	spin_lock_bh(&queue->cq_lock);
	WRITE_ONCE(queue->closed, true);
	spin_unlock_bh(&queue->cq_lock);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hardware queue: what goes into it.
 */
#include "pvblk.h"
#include "trace.h"

/**
 * pvblk_submit() - give a request to the device, unless it is to be held or to fail
 * @queue: its queue
 * @rq: the request
 * @replay: it is submitted, whatever the queue's mode says
 *
 * Any context. Return: BLK_STS_OK, or why it was not taken, neither into the ring nor into its slot.
 */
blk_status_t pvblk_submit(struct pvblk_queue *queue, struct request *rq, bool replay)
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
	if (slot->room)
		WRITE_ONCE(queue->batch_len, READ_ONCE(queue->batch_len) + (slot->part << SECTOR_SHIFT));
	pvblk_copy_to_window(queue, rq);
	trace_pvblk_submit(queue->blk->index, queue->q->index, rq);

	spin_lock_irqsave(&queue->lock, flags);
	mode = replay ? PVBLK_PASS : queue->mode;
	if (mode != PVBLK_FAIL)
		WRITE_ONCE(slot->rq, rq);
	if (mode == PVBLK_PASS) {
		slot->life = queue->life;
		WRITE_ONCE(slot->in_flight, true);
		ok = pvring_put(&queue->q->ring, &sqe);
	} else {
		slot->life = queue->life - 1;
	}
	spin_unlock_irqrestore(&queue->lock, flags);

	if (mode == PVBLK_FAIL)
		pvblk_put_room(queue, slot);
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

/**
 * pvblk_submit_rest() - submit what is still to be done of a request
 * @queue: its queue
 * @slot: its slot, which pvblk_has_rest(); the device has done what was submitted, and the slot is
 *	the caller's
 *
 * There is less room than the request wants, or this life of the device takes less at once, or has
 * lost FUA: the next part, or the flush, follows under the same tag. Any context.
 *
 * Return: 0, -ESTALE if it is to be replayed, or -EPROTO.
 */
int pvblk_submit_rest(struct pvblk_queue *queue, struct pvblk_slot *slot)
{
	struct pvblk_sqe sqe = { .op = PVBLK_OP_FLUSH };
	struct request *rq = slot->rq;
	unsigned long flags;
	int ret = -ESTALE;

	slot->done += slot->part;
	slot->gen++;
	if (slot->part && slot->done < blk_rq_sectors(rq)) {
		if (pvblk_build_sqe(queue, rq, &sqe))
			return -EPROTO;
		pvblk_copy_to_window(queue, rq);
	} else {
		slot->part = 0;
		slot->then_flush = false;
		sqe.id = cpu_to_le32(pvblk_slot_id(slot, rq->tag));
	}

	spin_lock_irqsave(&queue->lock, flags);
	if (queue->mode == PVBLK_PASS) {
		WRITE_ONCE(slot->in_flight, true);
		ret = pvring_put(&queue->q->ring, &sqe) ? 0 : -EPROTO;
	}
	spin_unlock_irqrestore(&queue->lock, flags);
	pvblk_kick(queue);
	return ret;
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
		status = pvblk_submit(queue, rq, true);
		nr += !status;
		if (status) {
			WRITE_ONCE(queue->slots[rq->tag].rq, NULL);
			blk_mq_end_request(rq, status);
		}
	}
	return nr;
}

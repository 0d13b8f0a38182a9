// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hardware queue: what goes into it.
 */
#include "pvblk.h"
#include "trace.h"

/* The entry, and its data in the window, as this life of the device wants them. */
static blk_status_t prepare(struct pvblk_queue *queue, struct request *rq, struct pvblk_sqe *sqe)
{
	const struct pvbus_device *pdev = queue->blk->pdev;
	struct pvblk_slot *slot = &queue->slots[rq->tag];
	blk_status_t status;

	slot->gen++;
	slot->done = 0;
	slot->part = 0;
	slot->then_flush = req_op(rq) == REQ_OP_WRITE && (rq->cmd_flags & REQ_FUA) &&
			   !pvbus_has_feature(pdev, PVBLK_F_FUA) &&
			   pvbus_has_feature(pdev, PVBLK_F_FLUSH);
	status = pvblk_build_sqe(queue, rq, sqe);
	if (!status)
		pvblk_copy_to_window(queue, rq);
	return status;
}

/* It goes into the ring, or only into its slot. The queue's lock is held. Returns false if the ring is full. */
static bool put(struct pvblk_queue *queue, struct request *rq, const struct pvblk_sqe *sqe, bool hold)
{
	struct pvblk_slot *slot = &queue->slots[rq->tag];

	WRITE_ONCE(slot->rq, rq);
	slot->life = hold ? queue->life - 1 : queue->life;
	if (hold)
		return true;
	/* Pairs with the acquire in pvblk_check_cqe(). */
	smp_store_release(&slot->in_flight, true);
	return pvring_put(&queue->q->ring, sqe);
}

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
	u32 turn;

again:
	/* Pairs with the release in turn_to(): what is prepared is of that turn, or of a later one. */
	turn = smp_load_acquire(&queue->turn);
	status = prepare(queue, rq, &sqe);

	spin_lock_irqsave(&queue->lock, flags);
	mode = replay ? PVBLK_PASS : queue->mode;
	if (mode == PVBLK_PASS && !replay && turn != queue->turn) {
		/* Who loses his CPU may have prepared it in a life that is over. */
		spin_unlock_irqrestore(&queue->lock, flags);
		goto again;
	}
	if (mode == PVBLK_FAIL)
		status = BLK_STS_IOERR;
	/* What a life lacks that has yet to begin is seen when it is submitted. */
	if (mode == PVBLK_HOLD)
		status = BLK_STS_OK;
	if (!status) {
		if (slot->room)
			WRITE_ONCE(queue->batch_len, READ_ONCE(queue->batch_len) + (slot->part << SECTOR_SHIFT));
		trace_pvblk_submit(queue->blk->index, queue->q->index, rq);
		ok = put(queue, rq, &sqe, mode == PVBLK_HOLD);
	}
	spin_unlock_irqrestore(&queue->lock, flags);

	if (status)
		pvblk_put_room(queue, slot);
	if (!ok)
		pvbus_device_broken(queue->blk->pdev, "it completed more than it was given");
	return status;
}

/* The queue's lock is held. */
static void turn_to(struct pvblk_queue *queue, enum pvblk_mode mode)
{
	queue->mode = mode;
	/* Pairs with the acquire in pvblk_submit(). */
	smp_store_release(&queue->turn, queue->turn + 1);
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
	turn_to(queue, mode);
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
		/* As in put(). */
		smp_store_release(&slot->in_flight, true);
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
		turn_to(queue, PVBLK_PASS);
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

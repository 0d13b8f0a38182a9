// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hardware queue: what goes into it.
 */
#include <linux/bottom_half.h>
#include <linux/delay.h>
#include <linux/irqflags.h>
#include "pvblk.h"
#include "trace.h"

/* The queue's lock is held, and the request is of this life. Returns false if the ring is full. */
static bool put(struct pvblk_queue *queue, struct pvblk_part *part, const struct pvblk_sqe *sqe)
{
	/* Pairs with the acquire in pvblk_check_cqe(). */
	smp_store_release(&part->in_flight, true);
	return pvring_put(&queue->q->ring, sqe);
}

/* The data into the window, and the entry. */
static void prepare(struct pvblk_queue *queue, struct request *rq, struct pvblk_part *part,
		    struct pvblk_sqe *sqe)
{
	part->gen++;
	pvblk_build_sqe(queue, rq, part, sqe);
	pvblk_copy_to_window(queue, rq, part);
}

/**
 * pvblk_submit_part() - submit what is next of a request of which something has been submitted
 * @queue: its queue
 * @part: the part; it is the caller's, who is counted in pvblk_queue.ending
 *
 * Any context. Return: 0, -ESTALE if the request is to be replayed, or -EPROTO.
 */
int pvblk_submit_part(struct pvblk_queue *queue, struct pvblk_part *part)
{
	struct pvblk_sqe sqe;
	unsigned long flags;
	int ret = -ESTALE;

	prepare(queue, part->slot->rq, part, &sqe);
	spin_lock_irqsave(&queue->lock, flags);
	if (part->slot->life == queue->life)
		ret = put(queue, part, &sqe) ? 0 : -EPROTO;
	spin_unlock_irqrestore(&queue->lock, flags);
	pvblk_kick(queue);
	return ret;
}

/* From now on a replay sees it. The queue's lock is held. */
static void keep(struct pvblk_queue *queue, struct request *rq, u32 life)
{
	struct pvblk_slot *slot = &queue->slots[rq->tag];

	trace_pvblk_submit(queue->blk->index, queue->q->index, rq);
	WRITE_ONCE(slot->rq, rq);
	slot->life = life;
}

/* The first part of a request. The queue's lock is held. Returns false if the ring is full. */
static bool put_first(struct pvblk_queue *queue, struct request *rq, struct pvblk_part *part,
		      const struct pvblk_sqe *sqe)
{
	keep(queue, rq, queue->life);
	WRITE_ONCE(queue->batch_nr, READ_ONCE(queue->batch_nr) + 1);
	if (pvblk_has_data(rq))
		WRITE_ONCE(queue->batch_len, READ_ONCE(queue->batch_len) + (part->nr << SECTOR_SHIFT));
	if (part->next)
		atomic_add(atomic_read(&part->slot->busy) - 1, &queue->extra);
	return put(queue, part, sqe);
}

/*
 * Who submits another part is counted: whoever takes the lock to freeze the queue sees that, or is seen. Returns
 * false in another life: the parts are no more the caller's.
 */
static bool get_ending(struct pvblk_queue *queue, u32 life)
{
	unsigned long flags;
	bool same;

	spin_lock_irqsave(&queue->lock, flags);
	same = queue->life == life;
	if (same)
		atomic_inc(&queue->ending);
	spin_unlock_irqrestore(&queue->lock, flags);
	return same;
}

/**
 * pvblk_put_ending() - what was taken is looked after, or a part has been submitted
 * @queue: the queue; it may be gone afterwards
 */
void pvblk_put_ending(struct pvblk_queue *queue)
{
	/* Pairs with the acquire in pvblk_settle(). */
	(void)atomic_dec_return_release(&queue->ending);
}

/**
 * pvblk_settle() - wait until what was taken is to end, here or elsewhere, or is in its slot
 * @queue: the queue; no more is taken
 *
 * Context: process.
 */
void pvblk_settle(struct pvblk_queue *queue)
{
	/* Pairs with the release in pvblk_put_ending(). */
	while (atomic_read_acquire(&queue->ending))
		usleep_range(10, 100);
}

/* One of them; with the last the request is the device's, and may end. */
static int submit_another(struct pvblk_queue *queue, struct pvblk_part **parts, u32 life)
{
	struct pvblk_part *part = *parts;
	int err;

	if (!get_ending(queue, life))
		return -ESTALE;
	*parts = part->next;
	err = pvblk_submit_part(queue, part);
	pvblk_put_ending(queue);
	return err;
}

/*
 * The device is busy with the first part meanwhile. Whoever freezes the queue waits for the part that is being copied
 * just now, so its submitter keeps his CPU until it is submitted; between two parts he may lose it, and finds the
 * request replayed when he goes on. Returns false if the ring is full.
 */
static bool submit_others(struct pvblk_queue *queue, struct pvblk_part *parts, u32 life)
{
	bool may_lose_cpu = !irqs_disabled();
	int err = 0;

	pvblk_kick(queue);
	while (parts && !err) {
		if (may_lose_cpu)
			local_bh_disable();
		err = submit_another(queue, &parts, life);
		if (may_lose_cpu)
			local_bh_enable();
	}
	return err != -EPROTO;
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
	struct pvblk_part *part, *others = NULL;
	blk_status_t status = BLK_STS_OK;
	enum pvblk_mode mode;
	struct pvblk_sqe sqe;
	unsigned long flags;
	bool ok = true;
	u32 turn, life = 0;

again:
	/* Pairs with the release in turn_to(): what is prepared is of that turn, or of a later one. */
	turn = smp_load_acquire(&queue->turn);
	part = pvblk_divide(queue, rq);
	if (part)
		prepare(queue, rq, part, &sqe);

	spin_lock_irqsave(&queue->lock, flags);
	mode = replay ? PVBLK_PASS : queue->mode;
	if (mode == PVBLK_PASS && !replay && turn != queue->turn) {
		/* Who loses his CPU may have prepared it in a life that is over. */
		spin_unlock_irqrestore(&queue->lock, flags);
		goto again;
	}
	if (mode == PVBLK_HOLD) {
		/* What a life lacks that has yet to begin is seen when it is submitted. */
		keep(queue, rq, queue->life - 1);
	} else if (mode == PVBLK_PASS && part) {
		/* Once it is put it may end. */
		others = part->next;
		life = queue->life;
		ok = put_first(queue, rq, part, &sqe);
	} else {
		status = mode == PVBLK_FAIL ? queue->blk->failure : BLK_STS_NOTSUPP;
	}
	spin_unlock_irqrestore(&queue->lock, flags);

	if (status)
		pvblk_put_parts(queue, &queue->slots[rq->tag]);
	if (others)
		ok &= submit_others(queue, others, life);
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

	atomic_set(&queue->extra, 0);
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

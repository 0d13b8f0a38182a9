// SPDX-License-Identifier: GPL-2.0-only
/*
 * One request: the entry that describes it, its data in the window, the check of its completion.
 */
#include <linux/highmem.h>
#include <linux/nospec.h>
#include "pvblk.h"

#define ID_TAG_BITS	16

/**
 * pvblk_slot_id() - the id under which a slot is in flight
 * @slot: the slot
 * @tag: its tag
 */
u32 pvblk_slot_id(const struct pvblk_slot *slot, u32 tag)
{
	return (u32)slot->gen << ID_TAG_BITS | tag;
}

/*
 * The operation, and how many sectors this life of the device takes at once: with more, a
 * request is submitted in parts. Returns 0 for what it doesn't serve: a feature it lacks, or
 * an operation that is none of ours.
 */
static u32 rq_op(const struct pvblk *blk, const struct request *rq, u8 *op)
{
	const struct pvblk_config *c = &blk->config;

	switch (req_op(rq)) {
	case REQ_OP_READ:
		*op = PVBLK_OP_READ;
		/* A callback of the bus may write the same there. */
		return le32_to_cpu(READ_ONCE(c->max_io)) >> SECTOR_SHIFT;
	case REQ_OP_WRITE:
		*op = PVBLK_OP_WRITE;
		return le32_to_cpu(READ_ONCE(c->max_io)) >> SECTOR_SHIFT;
	case REQ_OP_FLUSH:
		*op = PVBLK_OP_FLUSH;
		return pvbus_has_feature(blk->pdev, PVBLK_F_FLUSH);
	case REQ_OP_DISCARD:
		*op = PVBLK_OP_DISCARD;
		return pvbus_has_feature(blk->pdev, PVBLK_F_DISCARD) ?
		       le32_to_cpu(READ_ONCE(c->max_discard_sectors)) : 0;
	case REQ_OP_WRITE_ZEROES:
		*op = PVBLK_OP_WRITE_ZEROES;
		return pvbus_has_feature(blk->pdev, PVBLK_F_WRITE_ZEROES) ?
		       le32_to_cpu(READ_ONCE(c->max_write_zeroes_sectors)) : 0;
	default:
		return 0;
	}
}

static bool has_data(const struct request *rq)
{
	return req_op(rq) == REQ_OP_READ || req_op(rq) == REQ_OP_WRITE;
}

/*
 * Room for what is left of a request: the slot's own, or a piece of the pool. If there is none as
 * large, a part of it goes first, so that nobody waits for room.
 */
static void get_room(struct pvblk_queue *queue, struct request *rq)
{
	struct pvblk_slot *slot = &queue->slots[rq->tag];
	u32 left = (blk_rq_sectors(rq) - slot->done) << SECTOR_SHIFT;

	pvblk_put_room(queue, slot);
	if (left > PVBLK_SLOT_LEN)
		slot->room = pvblk_pool_get(&queue->pool, left, &slot->off);
	if (slot->room) {
		slot->off += queue->depth * PVBLK_SLOT_LEN;
	} else {
		slot->room = PVBLK_SLOT_LEN;
		slot->off = rq->tag * PVBLK_SLOT_LEN;
	}
}

/**
 * pvblk_put_room() - let others have the room that a slot has taken
 * @queue: its queue
 * @slot: a slot whose data the device is done with
 */
void pvblk_put_room(struct pvblk_queue *queue, struct pvblk_slot *slot)
{
	if (slot->room > PVBLK_SLOT_LEN)
		pvblk_pool_put(&queue->pool, slot->off - queue->depth * PVBLK_SLOT_LEN, slot->room);
	slot->room = 0;
}

/**
 * pvblk_build_sqe() - describe what comes next of a request
 * @queue: its queue
 * @rq: the request; its slot says how much is done, and then how much is submitted, and gets room
 *	for its data
 * @sqe: private memory
 *
 * Return: BLK_STS_NOTSUPP if the device does not serve it.
 */
blk_status_t pvblk_build_sqe(struct pvblk_queue *queue, struct request *rq, struct pvblk_sqe *sqe)
{
	const struct pvbus_device *pdev = queue->blk->pdev;
	struct pvblk_slot *slot = &queue->slots[rq->tag];
	u32 max;

	memset(sqe, 0, sizeof(*sqe));
	sqe->id = cpu_to_le32(pvblk_slot_id(slot, rq->tag));
	max = rq_op(queue->blk, rq, &sqe->op);
	if (!max)
		return BLK_STS_NOTSUPP;
	if (sqe->op == PVBLK_OP_FLUSH)
		return BLK_STS_OK;

	if (has_data(rq)) {
		get_room(queue, rq);
		max = min(max, slot->room >> SECTOR_SHIFT);
		sqe->data_off = cpu_to_le64(pvshm_raw(queue->q->data_off) + slot->off);
	}
	slot->part = min(blk_rq_sectors(rq) - slot->done, max);
	sqe->sector = cpu_to_le64(blk_rq_pos(rq) + slot->done);
	sqe->nr_sectors = cpu_to_le32(slot->part);
	if (sqe->op == PVBLK_OP_WRITE && (rq->cmd_flags & REQ_FUA) &&
	    pvbus_has_feature(pdev, PVBLK_F_FUA))
		sqe->flags = PVBLK_RQ_FUA;
	if (sqe->op == PVBLK_OP_WRITE_ZEROES && !(rq->cmd_flags & REQ_NOUNMAP) &&
	    pvbus_has_feature(pdev, PVBLK_F_UNMAP))
		sqe->flags = PVBLK_RQ_UNMAP;
	return BLK_STS_OK;
}

/* The data of a slot's part, between its user's memory and the window. */
static void copy_part(const struct pvblk_queue *queue, struct request *rq, bool to_window)
{
	const struct pvblk_slot *slot = &queue->slots[rq->tag];
	u32 skip = slot->done << SECTOR_SHIFT, left = slot->part << SECTOR_SHIFT;
	void *data = queue->q->data + slot->off;
	struct req_iterator iter;
	struct bio_vec bvec;

	rq_for_each_segment(bvec, rq, iter) {
		if (skip >= bvec.bv_len) {
			skip -= bvec.bv_len;
			continue;
		}
		bvec.bv_offset += skip;
		bvec.bv_len = min(bvec.bv_len - skip, left);
		skip = 0;
		if (to_window)
			memcpy_from_bvec(data, &bvec);
		else
			memcpy_to_bvec(&bvec, data);
		data += bvec.bv_len;
		left -= bvec.bv_len;
		if (!left)
			return;
	}
}

/**
 * pvblk_copy_to_window() - copy the data of a write's part to its room
 * @queue: its queue
 * @rq: the request; with other operations nothing is done
 */
void pvblk_copy_to_window(const struct pvblk_queue *queue, struct request *rq)
{
	if (req_op(rq) == REQ_OP_WRITE)
		copy_part(queue, rq, true);
}

/**
 * pvblk_copy_from_window() - copy the data of a read's part out of its room
 * @queue: its queue
 * @rq: the request; with other operations nothing is done
 */
void pvblk_copy_from_window(const struct pvblk_queue *queue, struct request *rq)
{
	if (req_op(rq) == REQ_OP_READ)
		copy_part(queue, rq, false);
}

/**
 * pvblk_has_rest() - is there something to do of a request, after what was submitted
 * @slot: its slot
 */
bool pvblk_has_rest(const struct pvblk_slot *slot)
{
	return slot->then_flush ||
	       (slot->part && slot->done + slot->part < blk_rq_sectors(slot->rq));
}

/**
 * pvblk_copy_len() - how much is to be copied when a slot ends, or goes on
 * @slot: a slot that the device has completed
 *
 * Return: bytes.
 */
u32 pvblk_copy_len(const struct pvblk_slot *slot)
{
	bool copied = req_op(slot->rq) == REQ_OP_READ ||
		      (req_op(slot->rq) == REQ_OP_WRITE && pvblk_has_rest(slot));

	return copied && !slot->status ? slot->part << SECTOR_SHIFT : 0;
}

static bool status_known(u32 status, blk_status_t *blk_status)
{
	switch (status) {
	case PVBLK_S_OK:
		*blk_status = BLK_STS_OK;
		return true;
	case PVBLK_S_IOERR:
	case PVBLK_S_RANGE:
	case PVBLK_S_RDONLY:
		*blk_status = BLK_STS_IOERR;
		return true;
	case PVBLK_S_NOSPC:
		*blk_status = BLK_STS_NOSPC;
		return true;
	case PVBLK_S_UNSUPP:
		*blk_status = BLK_STS_NOTSUPP;
		return true;
	default:
		return false;
	}
}

/**
 * pvblk_check_cqe() - the one check of what the device says (RING-G3)
 * @queue: the queue
 * @cqe: private copy of the completion
 *
 * Return: the slot that is completed, and has the status, or NULL if the device broke the ABI.
 */
struct pvblk_slot *pvblk_check_cqe(struct pvblk_queue *queue, const struct pvblk_cqe *cqe)
{
	u32 id = le32_to_cpu(cqe->id);
	u32 tag = id & (BIT(ID_TAG_BITS) - 1);
	struct pvblk_slot *slot;

	if (tag >= queue->depth)
		return NULL;
	tag = array_index_nospec(tag, queue->depth);
	slot = &queue->slots[tag];
	/* Pairs with the release in pvblk/queue.c: the slot was filled before. */
	if (!smp_load_acquire(&slot->in_flight) || pvblk_slot_id(slot, tag) != id)
		return NULL;
	if (!status_known(le32_to_cpu(cqe->status), &slot->status))
		return NULL;
	return slot;
}

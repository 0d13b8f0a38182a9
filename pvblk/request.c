// SPDX-License-Identifier: GPL-2.0-only
/*
 * One request: the entry that describes it, its data in the window, the check of its completion.
 */
#include <linux/highmem.h>
#include <linux/nospec.h>
#include "pvblk.h"

#define ID_TAG_BITS	16

static void *slot_data(const struct pvblk_queue *queue, u32 tag)
{
	return queue->q->data + ((size_t)tag << queue->blk->slot_shift);
}

static u64 slot_data_off(const struct pvblk_queue *queue, u32 tag)
{
	return pvshm_raw(queue->q->data_off) + ((u64)tag << queue->blk->slot_shift);
}

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
		return le32_to_cpu(c->max_io) >> SECTOR_SHIFT;
	case REQ_OP_WRITE:
		*op = PVBLK_OP_WRITE;
		return le32_to_cpu(c->max_io) >> SECTOR_SHIFT;
	case REQ_OP_FLUSH:
		*op = PVBLK_OP_FLUSH;
		return pvbus_has_feature(blk->pdev, PVBLK_F_FLUSH);
	case REQ_OP_DISCARD:
		*op = PVBLK_OP_DISCARD;
		return pvbus_has_feature(blk->pdev, PVBLK_F_DISCARD) ?
		       le32_to_cpu(c->max_discard_sectors) : 0;
	case REQ_OP_WRITE_ZEROES:
		*op = PVBLK_OP_WRITE_ZEROES;
		return pvbus_has_feature(blk->pdev, PVBLK_F_WRITE_ZEROES) ?
		       le32_to_cpu(c->max_write_zeroes_sectors) : 0;
	default:
		return 0;
	}
}

/**
 * pvblk_build_sqe() - describe what comes next of a request
 * @queue: its queue
 * @rq: the request; its slot says how much is done, and then how much is submitted
 * @sqe: private memory
 *
 * Return: BLK_STS_NOTSUPP if the device does not serve it.
 */
blk_status_t pvblk_build_sqe(const struct pvblk_queue *queue, struct request *rq,
			     struct pvblk_sqe *sqe)
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

	slot->part = min(blk_rq_sectors(rq) - slot->done, max);
	sqe->sector = cpu_to_le64(blk_rq_pos(rq) + slot->done);
	sqe->nr_sectors = cpu_to_le32(slot->part);
	if (sqe->op == PVBLK_OP_READ || sqe->op == PVBLK_OP_WRITE)
		sqe->data_off = cpu_to_le64(slot_data_off(queue, rq->tag) +
					    ((u64)slot->done << SECTOR_SHIFT));
	if (sqe->op == PVBLK_OP_WRITE && (rq->cmd_flags & REQ_FUA) &&
	    pvbus_has_feature(pdev, PVBLK_F_FUA))
		sqe->flags = PVBLK_RQ_FUA;
	if (sqe->op == PVBLK_OP_WRITE_ZEROES && !(rq->cmd_flags & REQ_NOUNMAP) &&
	    pvbus_has_feature(pdev, PVBLK_F_UNMAP))
		sqe->flags = PVBLK_RQ_UNMAP;
	return BLK_STS_OK;
}

/**
 * pvblk_copy_to_window() - copy the data of a write into its slot
 * @queue: its queue
 * @rq: the request; with other operations nothing is done
 */
void pvblk_copy_to_window(const struct pvblk_queue *queue, struct request *rq)
{
	struct req_iterator iter;
	struct bio_vec bvec;
	void *data;

	if (req_op(rq) != REQ_OP_WRITE)
		return;
	data = slot_data(queue, rq->tag);
	rq_for_each_segment(bvec, rq, iter) {
		memcpy_from_bvec(data, &bvec);
		data += bvec.bv_len;
	}
}

/**
 * pvblk_copy_from_window() - copy the data of a read out of its slot
 * @queue: its queue
 * @rq: the request; with other operations nothing is done
 */
void pvblk_copy_from_window(const struct pvblk_queue *queue, struct request *rq)
{
	struct req_iterator iter;
	struct bio_vec bvec;
	void *data;

	if (req_op(rq) != REQ_OP_READ)
		return;
	data = slot_data(queue, rq->tag);
	rq_for_each_segment(bvec, rq, iter) {
		memcpy_to_bvec(&bvec, data);
		data += bvec.bv_len;
	}
}

/**
 * pvblk_copy_len() - how much is to be copied when a slot ends
 * @slot: a slot that the device has completed
 *
 * Return: bytes.
 */
u32 pvblk_copy_len(const struct pvblk_slot *slot)
{
	return req_op(slot->rq) == REQ_OP_READ && !slot->status ? slot->part << SECTOR_SHIFT : 0;
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
	if (!READ_ONCE(slot->in_flight) || pvblk_slot_id(slot, tag) != id)
		return NULL;
	if (!status_known(le32_to_cpu(cqe->status), &slot->status))
		return NULL;
	return slot;
}

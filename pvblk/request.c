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

static u8 rq_op(const struct request *rq)
{
	switch (req_op(rq)) {
	case REQ_OP_READ:
		return PVBLK_OP_READ;
	case REQ_OP_WRITE:
		return PVBLK_OP_WRITE;
	case REQ_OP_FLUSH:
		return PVBLK_OP_FLUSH;
	case REQ_OP_DISCARD:
		return PVBLK_OP_DISCARD;
	default:
		return PVBLK_OP_WRITE_ZEROES;
	}
}

/**
 * pvblk_build_sqe() - describe a request
 * @queue: its queue
 * @rq: the request; its slot is filled in
 * @sqe: private memory
 */
void pvblk_build_sqe(const struct pvblk_queue *queue, struct request *rq, struct pvblk_sqe *sqe)
{
	const struct pvbus_device *pdev = queue->blk->pdev;
	u32 tag = rq->tag;

	memset(sqe, 0, sizeof(*sqe));
	sqe->id = cpu_to_le32(pvblk_slot_id(&queue->slots[tag], tag));
	sqe->op = rq_op(rq);
	if (sqe->op == PVBLK_OP_FLUSH)
		return;

	sqe->sector = cpu_to_le64(blk_rq_pos(rq));
	sqe->nr_sectors = cpu_to_le32(blk_rq_sectors(rq));
	if (sqe->op == PVBLK_OP_READ || sqe->op == PVBLK_OP_WRITE)
		sqe->data_off = cpu_to_le64(slot_data_off(queue, tag));
	if (sqe->op == PVBLK_OP_WRITE && (rq->cmd_flags & REQ_FUA) &&
	    pvbus_has_feature(pdev, PVBLK_F_FUA))
		sqe->flags = PVBLK_RQ_FUA;
	if (sqe->op == PVBLK_OP_WRITE_ZEROES && !(rq->cmd_flags & REQ_NOUNMAP) &&
	    pvbus_has_feature(pdev, PVBLK_F_UNMAP))
		sqe->flags = PVBLK_RQ_UNMAP;
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
 * @status: what it means
 *
 * Return: the slot that is completed, or NULL if the device broke the ABI.
 */
struct pvblk_slot *pvblk_check_cqe(struct pvblk_queue *queue, const struct pvblk_cqe *cqe,
				   blk_status_t *status)
{
	u32 id = le32_to_cpu(cqe->id);
	u32 tag = id & (BIT(ID_TAG_BITS) - 1);
	struct pvblk_slot *slot;

	if (tag >= queue->depth)
		return NULL;
	tag = array_index_nospec(tag, queue->depth);
	slot = &queue->slots[tag];
	if (!READ_ONCE(slot->rq) || pvblk_slot_id(slot, tag) != id)
		return NULL;
	if (!status_known(le32_to_cpu(cqe->status), status))
		return NULL;
	return slot;
}

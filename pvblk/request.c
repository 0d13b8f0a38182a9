// SPDX-License-Identifier: GPL-2.0-only
/*
 * One request: its parts, the entries that describe them, their data in the window, the check of their
 * completions.
 */
#include <linux/highmem.h>
#include <linux/nospec.h>
#include "pvblk.h"

#define ID_PART_BITS	16

/**
 * pvblk_part_id() - the id under which a part is in flight
 * @queue: its queue
 * @part: the part
 */
u32 pvblk_part_id(const struct pvblk_queue *queue, const struct pvblk_part *part)
{
	return (u32)part->gen << ID_PART_BITS | (u32)(part - queue->parts);
}

/**
 * pvblk_own_part() - the part that the tag of a request has for itself
 * @queue: its queue
 * @slot: the request
 */
struct pvblk_part *pvblk_own_part(const struct pvblk_queue *queue, const struct pvblk_slot *slot)
{
	return &queue->parts[slot - queue->slots];
}

/*
 * The operation, and how many sectors this life of the device takes at once. Returns 0 for what it
 * doesn't serve: a feature it lacks, or an operation that is none of ours.
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

static bool is_durable(const struct request *rq)
{
	return req_op(rq) == REQ_OP_WRITE && rq->cmd_flags & REQ_FUA;
}

/* So many sectors of a request go in a part at once, if the device takes @max. */
static u32 step_of(const struct pvblk_part *part, const struct request *rq, u32 max)
{
	return pvblk_has_data(rq) ? min(max, part->room >> SECTOR_SHIFT) : max;
}

static unsigned int take_pieces(struct pvblk_queue *queue, struct request *rq)
{
	u32 len = blk_rq_sectors(rq) << SECTOR_SHIFT;

	if (!pvblk_has_data(rq) || len <= PVBLK_SLOT_LEN)
		return 0;
	return pvblk_pool_get(queue, &queue->slots[rq->tag],
			      DIV_ROUND_UP(len, queue->pool.piece_len));
}

/**
 * pvblk_divide() - divide a request into parts, each with what it begins with
 * @queue: its queue
 * @rq: the request; the device has nothing of it
 *
 * One part is the rule. A large request has several, so that the driver copies one while the device copies
 * another. If the pool has less than it wants, they take turns with what is left (pvblk_go_on()), at last
 * the tag's own alone: nobody waits for room.
 *
 * Any context. Return: the first of them, or NULL if the device does not serve the request.
 */
struct pvblk_part *pvblk_divide(struct pvblk_queue *queue, struct request *rq)
{
	const struct pvbus_device *pdev = queue->blk->pdev;
	struct pvblk_slot *slot = &queue->slots[rq->tag];
	u32 max, step, first = 0, sectors = blk_rq_sectors(rq);
	struct pvblk_part *part, *head;
	u8 op;

	/* In an earlier life, if it is replayed. */
	pvblk_put_parts(queue, slot);
	max = rq_op(queue->blk, rq, &op);
	if (!max)
		return NULL;

	atomic_set(&slot->busy, take_pieces(queue, rq) ?: 1);
	head = slot->pieces ?: pvblk_own_part(queue, slot);
	step = step_of(head, rq, max);
	/* One flush is less than several writes through the cache. */
	slot->then_flush = is_durable(rq) && pvbus_has_feature(pdev, PVBLK_F_FLUSH) &&
			   (!pvbus_has_feature(pdev, PVBLK_F_FUA) || sectors > step);
	slot->status = BLK_STS_OK;
	for (part = head; part; part = part->next, first += step) {
		part->first = first;
		part->nr = min(step, sectors - first);
	}
	atomic_set(&slot->begun, first);
	return head;
}

/**
 * pvblk_go_on() - what a part does next, after the device has done what it was given
 * @queue: its queue
 * @part: the part; it is the caller's
 *
 * Any context. Return: the part, or another with more room, with what is to be submitted; NULL: nothing of
 * the request is left, or it fails, as one of its parts has, or as the device serves no more of its kind.
 */
struct pvblk_part *pvblk_go_on(struct pvblk_queue *queue, struct pvblk_part *part)
{
	struct pvblk_slot *slot = part->slot;
	struct request *rq = slot->rq;
	u32 step, first, sectors = blk_rq_sectors(rq);
	u8 op;

	if (!part->nr || READ_ONCE(slot->status) || atomic_read(&slot->begun) >= sectors)
		return NULL;
	/* There may be room now. The tag's own part is alone. */
	if (!slot->pieces && pvblk_has_data(rq) && pvblk_pool_get(queue, slot, 1))
		part = slot->pieces;
	step = step_of(part, rq, rq_op(queue->blk, rq, &op));
	if (!step) {
		WRITE_ONCE(slot->status, BLK_STS_NOTSUPP);
		return NULL;
	}
	first = atomic_fetch_add(step, &slot->begun);
	if (first >= sectors)
		return NULL;
	part->first = first;
	part->nr = min(step, sectors - first);
	return part;
}

/**
 * pvblk_put_parts() - let others have the room that a request has taken
 * @queue: its queue
 * @slot: the request; it has ended, or the device has ended its life
 */
void pvblk_put_parts(struct pvblk_queue *queue, struct pvblk_slot *slot)
{
	WRITE_ONCE(pvblk_own_part(queue, slot)->in_flight, false);
	if (!slot->pieces)
		return;
	pvblk_pool_put(queue, slot->pieces);
	slot->pieces = NULL;
}

/**
 * pvblk_build_sqe() - describe a part
 * @queue: its queue
 * @rq: the request
 * @part: the part
 * @sqe: private memory
 */
void pvblk_build_sqe(const struct pvblk_queue *queue, const struct request *rq,
		     const struct pvblk_part *part, struct pvblk_sqe *sqe)
{
	const struct pvbus_device *pdev = queue->blk->pdev;

	memset(sqe, 0, sizeof(*sqe));
	sqe->id = cpu_to_le32(pvblk_part_id(queue, part));
	sqe->op = PVBLK_OP_FLUSH;
	if (!part->nr)
		return;

	rq_op(queue->blk, rq, &sqe->op);
	sqe->sector = cpu_to_le64(blk_rq_pos(rq) + part->first);
	sqe->nr_sectors = cpu_to_le32(part->nr);
	if (pvblk_has_data(rq))
		sqe->data_off = cpu_to_le64(pvshm_raw(queue->q->data_off) + part->off);
	if (is_durable(rq) && !part->slot->then_flush && pvbus_has_feature(pdev, PVBLK_F_FUA))
		sqe->flags = PVBLK_RQ_FUA;
	if (sqe->op == PVBLK_OP_WRITE_ZEROES && !(rq->cmd_flags & REQ_NOUNMAP) &&
	    pvbus_has_feature(pdev, PVBLK_F_UNMAP))
		sqe->flags = PVBLK_RQ_UNMAP;
}

static void copy_segment(struct bio_vec *bvec, void *data, bool to_window)
{
	void *at = bvec_kmap_local(bvec);

	if (to_window) {
		pvshm_move(data, at, bvec->bv_len);
	} else {
		pvshm_move(at, data, bvec->bv_len);
		flush_dcache_page(bvec->bv_page);
	}
	kunmap_local(at);
}

/* What a bio has of a part's data from @skip on. Returns its bytes. */
static u32 copy_bio(struct bio *bio, u32 skip, void *data, u32 len, bool to_window)
{
	struct bvec_iter iter = bio->bi_iter;
	struct bio_vec bvec;

	bio_advance_iter(bio, &iter, skip);
	len = min(iter.bi_size, len);
	iter.bi_size = len;
	__bio_for_each_segment(bvec, bio, iter, iter) {
		copy_segment(&bvec, data, to_window);
		data += bvec.bv_len;
	}
	return len;
}

/* The data of a part, between its user's memory and the window. */
static void copy_part(const struct pvblk_queue *queue, struct request *rq,
		      const struct pvblk_part *part, bool to_window)
{
	u32 skip = part->first << SECTOR_SHIFT, left = part->nr << SECTOR_SHIFT, len;
	void *data = queue->q->data + part->off;
	struct bio *bio;

	__rq_for_each_bio(bio, rq) {
		if (skip >= bio->bi_iter.bi_size) {
			skip -= bio->bi_iter.bi_size;
			continue;
		}
		len = copy_bio(bio, skip, data, left, to_window);
		skip = 0;
		data += len;
		left -= len;
		if (!left)
			return;
	}
}

/**
 * pvblk_copy_to_window() - copy the data of a write's part to its room
 * @queue: its queue
 * @rq: the request; with other operations nothing is done
 * @part: the part
 */
void pvblk_copy_to_window(const struct pvblk_queue *queue, struct request *rq,
			  const struct pvblk_part *part)
{
	if (part->nr && req_op(rq) == REQ_OP_WRITE)
		copy_part(queue, rq, part, true);
}

/**
 * pvblk_copy_from_window() - copy the data of a read's part out of its room
 * @queue: its queue
 * @part: the part; with other operations nothing is done
 */
void pvblk_copy_from_window(const struct pvblk_queue *queue, const struct pvblk_part *part)
{
	if (req_op(part->slot->rq) == REQ_OP_READ)
		copy_part(queue, part->slot->rq, part, false);
}

/**
 * pvblk_copy_len() - how much is to be copied when a part ends, or goes on
 * @part: a part that the device has completed
 *
 * Return: bytes.
 */
u32 pvblk_copy_len(const struct pvblk_part *part)
{
	const struct pvblk_slot *slot = part->slot;
	bool copied = req_op(slot->rq) == REQ_OP_READ ||
		      (req_op(slot->rq) == REQ_OP_WRITE &&
		       atomic_read(&slot->begun) < blk_rq_sectors(slot->rq));

	return copied && !part->status ? part->nr << SECTOR_SHIFT : 0;
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
 * Return: the part that is completed, and has the status, or NULL if the device broke the ABI.
 */
struct pvblk_part *pvblk_check_cqe(struct pvblk_queue *queue, const struct pvblk_cqe *cqe)
{
	u32 id = le32_to_cpu(cqe->id);
	u32 nr = id & (BIT(ID_PART_BITS) - 1);
	struct pvblk_part *part;

	if (nr >= queue->nr_parts)
		return NULL;
	part = &queue->parts[array_index_nospec(nr, queue->nr_parts)];
	/* Pairs with the release in pvblk/queue.c:put(): the part was filled before. */
	if (!smp_load_acquire(&part->in_flight) || pvblk_part_id(queue, part) != id)
		return NULL;
	if (!status_known(le32_to_cpu(cqe->status), &part->status))
		return NULL;
	return part;
}

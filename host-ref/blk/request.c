// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests of the block device: checked on a private copy, then handed to an engine.
 */
#include "blk/device.h"

#include <endian.h>
#include <errno.h>

#include "worker/bus/bus.h"

/* Was the operation, with these flags, agreed? */
static bool is_served(const struct hdev *dev, const struct pvblk_sqe *sqe)
{
	unsigned int flags = sqe->flags;

	switch (sqe->op) {
	case PVBLK_OP_READ:
		return !flags;
	case PVBLK_OP_WRITE:
		if (flags & PVBLK_RQ_FUA && !hdev_has_feature(dev, PVBLK_F_FUA))
			return false;
		return !(flags & ~PVBLK_RQ_FUA);
	case PVBLK_OP_FLUSH:
		return !flags && hdev_has_feature(dev, PVBLK_F_FLUSH);
	case PVBLK_OP_DISCARD:
		return !flags && hdev_has_feature(dev, PVBLK_F_DISCARD);
	case PVBLK_OP_WRITE_ZEROES:
		if (flags & PVBLK_RQ_UNMAP && !hdev_has_feature(dev, PVBLK_F_UNMAP))
			return false;
		return !(flags & ~PVBLK_RQ_UNMAP) && hdev_has_feature(dev, PVBLK_F_WRITE_ZEROES);
	default:
		return false;
	}
}

/* BLK-G1 for an operation that is served; gives the place of the data. */
static bool is_well_formed(const struct hdev_queue *q, const struct pvblk_sqe *sqe, void **data)
{
	const struct blk *blk = q->dev->priv;
	uint32_t nr = le32toh(sqe->nr_sectors);
	uint64_t sector = le64toh(sqe->sector);
	uint32_t max = blk->max_sectors;

	*data = NULL;
	if (sqe->op == PVBLK_OP_FLUSH)
		return !sector && !nr;
	if (sqe->op == PVBLK_OP_DISCARD)
		max = BLK_MAX_DISCARD_SECTORS;
	else if (sqe->op == PVBLK_OP_WRITE_ZEROES)
		max = BLK_MAX_ZEROES_SECTORS;
	if (!nr || nr > max || ((sector | nr) & (blk->block_sectors - 1)))
		return false;
	if (sqe->op > PVBLK_OP_WRITE)
		return true;
	*data = hostd_window_at(&q->data, le64toh(sqe->data_off),
				(uint64_t)nr << PVBLK_SECTOR_SHIFT, BLK_SECTOR);
	return *data;
}

/* All checks of a copied request: PVBLK_S_*, or -EPROTO for a broken ABI (BLK-D1). */
static int check_request(const struct hdev_queue *q, const struct pvblk_sqe *sqe, void **data)
{
	const struct blk *blk = q->dev->priv;
	uint32_t nr = le32toh(sqe->nr_sectors);
	uint64_t sector = le64toh(sqe->sector);

	if (!is_served(q->dev, sqe))
		return PVBLK_S_UNSUPP;
	if (!is_well_formed(q, sqe, data))
		return -EPROTO;
	if ((blk->ro || blk->no_writes) && sqe->op != PVBLK_OP_READ && sqe->op != PVBLK_OP_FLUSH)
		return PVBLK_S_RDONLY;
	if (sector > blk->capacity || nr > blk->capacity - sector)
		return PVBLK_S_RANGE;
	return PVBLK_S_OK;
}

static uint32_t status_of(int result)
{
	switch (result) {
	case 0:
		return PVBLK_S_OK;
	case -ENOSPC:
	case -EDQUOT:
	case -EFBIG:
		return PVBLK_S_NOSPC;
	case -EOPNOTSUPP:
		return PVBLK_S_UNSUPP;
	case -EROFS:
		return PVBLK_S_RDONLY;
	default:
		return PVBLK_S_IOERR;
	}
}

static void post(struct hdev_queue *q, uint32_t id, uint32_t status)
{
	struct pvblk_cqe cqe = { .id = htole32(id), .status = htole32(status) };

	hdev_queue_push(q, &cqe, status == PVBLK_S_OK);
}

void hdev_blk_finish(struct blk_req *req)
{
	struct hdev_queue *q = req->q;
	struct blk_queue *bq = q->priv;

	if (req->io.op == HOSTD_IO_READ)
		q->stats.read_bytes += req->io.len;
	else if (req->io.op == HOSTD_IO_WRITE)
		q->stats.write_bytes += req->io.len;
	hdev_blk_count_latency(req);
	post(q, req->id, status_of(req->io.result));
	req->next = bq->free;
	bq->free = req;
}

/* The host is done with it. */
static void take_result(struct blk_req *req)
{
	if (!req->io.result)
		hdev_blk_worked(req);
	else if (hdev_blk_failed(req))
		return;
	hdev_blk_finish(req);
}

static void complete(struct hostd_io *io)
{
	struct blk_req *req = (struct blk_req *)io;

	req->q->in_flight--;
	req->q->work_ns = req->q->dev->loop->now_ns;
	take_result(req);
}

void hdev_blk_start(struct blk_req *req)
{
	/* Before: another thread may be the loop while this one's call has not returned. */
	req->q->in_flight++;
	req->is_at_once = hostd_io_submit(&req->io);
	if (!req->is_at_once)
		return;
	req->q->in_flight--;
	take_result(req);
}

static void start_request(struct hdev_queue *q, const struct pvblk_sqe *sqe, void *data)
{
	static const uint8_t ops[] = {
		[PVBLK_OP_READ] = HOSTD_IO_READ,
		[PVBLK_OP_WRITE] = HOSTD_IO_WRITE,
		[PVBLK_OP_FLUSH] = HOSTD_IO_FLUSH,
		[PVBLK_OP_DISCARD] = HOSTD_IO_DISCARD,
		[PVBLK_OP_WRITE_ZEROES] = HOSTD_IO_ZERO,
	};
	struct blk_queue *bq = q->priv;
	struct blk_req *req = bq->free;

	bq->free = req->next;
	req->id = le32toh(sqe->id);
	req->io.complete = complete;
	req->io.op = ops[sqe->op];
	req->io.flags = 0;
	req->taken_ns = q->dev->loop->now_ns;
	req->is_at_once = false;
	req->is_final = false;
	if (sqe->flags & PVBLK_RQ_FUA)
		req->io.flags |= HOSTD_IO_DURABLE;
	if (sqe->flags & PVBLK_RQ_UNMAP)
		req->io.flags |= HOSTD_IO_UNMAP;
	req->io.buf = data;
	req->io.pos = le64toh(sqe->sector) << PVBLK_SECTOR_SHIFT;
	req->io.len = (uint64_t)le32toh(sqe->nr_sectors) << PVBLK_SECTOR_SHIFT;
	if (((struct blk *)q->dev->priv)->limits.on)
		hdev_blk_count_taken(q, data ? req->io.len : 0);
	if (!hdev_blk_hold(req))
		hdev_blk_start(req);
}

unsigned int hdev_blk_poll(struct hdev_queue *q, unsigned int budget)
{
	const struct blk_limits *limits = &((struct blk *)q->dev->priv)->limits;
	const struct blk_queue *bq = q->priv;
	uint64_t from_ns = q->dev->loop->now_ns;
	struct pvblk_sqe sqe;
	unsigned int nr;
	void *data;
	int ret;

	for (nr = 0; nr < budget; nr++) {
		if ((limits->on && !hdev_blk_may_take(q)) || !hdev_queue_pop(q, &sqe))
			break;
		ret = check_request(q, &sqe, &data);
		if (ret < 0) {
			hdev_queue_break(q, PVRING_E_ENTRY, "a request is malformed");
			break;
		}
		if (ret == PVBLK_S_OK)
			start_request(q, &sqe, data);
		else
			post(q, le32toh(sqe.id), ret);
	}
	if (bq->at_once)
		hdev_blk_count_at_once(q, from_ns);
	return nr;
}

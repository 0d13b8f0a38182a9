// SPDX-License-Identifier: GPL-2.0-only
/*
 * The block device (Documentation/abi/blk.md): checks requests, and hands them to an engine.
 */
#include "hdev.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pv/blk.h>

#include "bus.h"
#include "hjson.h"
#include "util.h"

#define SECTOR			(1U << PVBLK_SECTOR_SHIFT)
#define BIT(n)			(1ULL << (n))
#define MAX_IO_LIMIT		(16U << 20)

/* So that one request keeps a thread of the engine for a second at most. */
#define MAX_DISCARD_SECTORS	((1U << 30) >> PVBLK_SECTOR_SHIFT)
#define MAX_ZEROES_SECTORS	((32U << 20) >> PVBLK_SECTOR_SHIFT)

#define OPTIMAL_IO		(64U << 10)

/**
 * struct blk - a disk
 * @file: where the data is
 * @capacity: sectors
 * @block_sectors: sectors of a logical block
 * @max_sectors: most sectors of a read or write
 * @ro: writes are refused
 * @config: as published
 */
struct blk {
	struct hostd_file file;
	uint64_t capacity;
	uint32_t block_sectors;
	uint32_t max_sectors;
	bool ro;
	struct pvblk_config config;
};

/**
 * struct blk_req - a request in an engine
 * @io: the engine's part; first, so that the one is the other
 * @q: its queue
 * @id: the driver's
 * @next: next free one
 */
struct blk_req {
	struct hostd_io io;
	struct hdev_queue *q;
	uint32_t id;
	struct blk_req *next;
};

/**
 * struct blk_queue - requests of a queue
 * @free: those that are free; never empty while the ring yields submissions
 * @reqs: all of them
 */
struct blk_queue {
	struct blk_req *free;
	struct blk_req reqs[];
};

static bool is_block_size(uint64_t size)
{
	return size >= 512 && size <= 4096 && hostd_is_power_of_two(size);
}

static int fail(char *error, const char *text)
{
	snprintf(error, HDEV_ERROR_LEN, "%s", text);
	return -EINVAL;
}

static int parse_config(struct hdev *dev, struct blk *blk, struct json_object *config, char *error)
{
	uint64_t logical = hostd_json_u64(config, "logical_block", 512);
	uint64_t physical = hostd_json_u64(config, "physical_block", 4096);
	uint64_t max_io = hostd_json_u64(config, "max_io", 128 << 10);
	uint64_t queues = hostd_json_u64(config, "queues", 1);
	uint64_t size = hostd_json_u64(config, "queue_size", 256);
	const char *serial = hostd_json_str(config, "serial");
	struct pvblk_config *c = &blk->config;

	if (!is_block_size(logical))
		return fail(error, "logical_block must be 512, 1024, 2048 or 4096");
	if (physical < logical || physical > (1 << 20) || !hostd_is_power_of_two(physical))
		return fail(error, "physical_block must be a power of two, at least logical_block");
	if (max_io < 4096 || max_io > MAX_IO_LIMIT || max_io % 4096)
		return fail(error, "max_io must be a multiple of 4096, at most 16M");
	if (!queues || queues > PVBUS_MAX_QUEUES)
		return fail(error, "queues must be 1 to 64");
	if (size < PVRING_SIZE_MIN || size > PVRING_SIZE_MAX || !hostd_is_power_of_two(size))
		return fail(error, "queue_size must be a power of two, 2 to 4096");

	dev->max_queues = queues;
	dev->max_queue_size = size;
	blk->ro = hostd_json_bool(config, "ro", false);
	blk->block_sectors = logical / SECTOR;
	blk->max_sectors = max_io / SECTOR;
	c->logical_block = htole32(logical);
	c->physical_block = htole32(physical);
	c->io_min = htole32(physical);
	c->io_opt = htole32(max_io < OPTIMAL_IO ? max_io : OPTIMAL_IO);
	c->max_io = htole32(max_io);
	if (serial)
		strncpy((char *)c->serial, serial, sizeof(c->serial) - 1);
	return 0;
}

static int set_capacity(struct blk *blk, uint64_t size, char *error)
{
	uint64_t file_size;
	int ret = hostd_file_size(&blk->file, &file_size);

	if (ret) {
		snprintf(error, HDEV_ERROR_LEN, "cannot tell the size of the image: %s",
			 strerror(-ret));
		return ret;
	}
	if (!size || size % (blk->block_sectors * SECTOR))
		return fail(error, "size must be a multiple of the logical block, not 0");
	if (size > file_size) {
		snprintf(error, HDEV_ERROR_LEN,
			 "the image has %llu bytes, less than %llu: enlarge it first (truncate -s)",
			 (unsigned long long)file_size, (unsigned long long)size);
		return -EINVAL;
	}
	blk->capacity = size / SECTOR;
	blk->config.capacity = htole64(blk->capacity);
	return 0;
}

static void set_features(struct hdev *dev, struct blk *blk, bool want_discard)
{
	struct pvblk_config *c = &blk->config;
	bool discard = want_discard && !blk->file.no_punch;

	if (blk->ro) {
		dev->features[0] = BIT(PVBLK_F_RO);
		return;
	}
	dev->features[0] = BIT(PVBLK_F_FLUSH) | BIT(PVBLK_F_FUA) | BIT(PVBLK_F_WRITE_ZEROES);
	c->max_write_zeroes_sectors = htole32(MAX_ZEROES_SECTORS);
	if (discard) {
		dev->features[0] |= BIT(PVBLK_F_DISCARD) | BIT(PVBLK_F_UNMAP);
		c->max_discard_sectors = htole32(MAX_DISCARD_SECTORS);
		c->discard_granularity = c->physical_block;
	}
}

static int open_file(struct hdev *dev, struct blk *blk, const char *engine_name, int fd,
		     char *error)
{
	struct hostd_engine *engine;
	int ret;

	engine = hostd_engines_find(&dev->bus->engines, engine_name);
	if (!engine) {
		snprintf(error, HDEV_ERROR_LEN,
			 "engine %s doesn't work on this host: use auto", engine_name);
		return -EINVAL;
	}
	if (engine->ops != &hostd_engine_null && fd < 0)
		return fail(error, "no image was given");
	if (engine->ops == &hostd_engine_null && fd >= 0)
		return fail(error, "engine null takes no image");
	ret = hostd_file_init(&blk->file, engine, fd);
	if (ret)
		snprintf(error, HDEV_ERROR_LEN, "the image is neither a file nor a block device");
	return ret;
}

static int blk_create(struct hdev *dev, struct json_object *config, int fd, char *error)
{
	const char *engine = hostd_json_str(config, "engine");
	struct blk *blk = calloc(1, sizeof(*blk));
	int ret = -ENOMEM;

	if (!blk) {
		snprintf(error, HDEV_ERROR_LEN, "out of memory");
		goto close_fd;
	}
	ret = parse_config(dev, blk, config, error);
	if (ret)
		goto free_blk;
	ret = open_file(dev, blk, engine ? engine : "auto", fd, error);
	if (ret)
		goto free_blk;
	ret = set_capacity(blk, hostd_json_u64(config, "size", 0), error);
	if (ret)
		goto free_blk;
	set_features(dev, blk, hostd_json_bool(config, "discard", true));
	dev->priv = blk;
	hdev_set_config(dev, &blk->config, sizeof(blk->config));
	return 0;

free_blk:
	free(blk);
close_fd:
	if (fd >= 0)
		close(fd);
	return ret;
}

static void blk_destroy(struct hdev *dev)
{
	struct blk *blk = dev->priv;

	hostd_file_exit(&blk->file);
	free(blk);
	dev->priv = NULL;
}

static int blk_resize(struct hdev *dev, uint64_t size, char *error)
{
	struct blk *blk = dev->priv;
	int ret = set_capacity(blk, size, error);

	if (!ret)
		hdev_set_config(dev, &blk->config, sizeof(blk->config));
	return ret;
}

static int blk_start(struct hdev_queue *q)
{
	struct blk *blk = q->dev->priv;
	struct blk_queue *bq;
	uint32_t i;

	bq = calloc(1, sizeof(*bq) + q->ring.size * sizeof(bq->reqs[0]));
	if (!bq)
		return -ENOMEM;
	for (i = 0; i < q->ring.size; i++) {
		bq->reqs[i].q = q;
		bq->reqs[i].io.file = &blk->file;
		bq->reqs[i].next = bq->free;
		bq->free = &bq->reqs[i];
	}
	q->priv = bq;
	return 0;
}

static void blk_stop(struct hdev_queue *q)
{
	free(q->priv);
	q->priv = NULL;
}

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
		max = MAX_DISCARD_SECTORS;
	else if (sqe->op == PVBLK_OP_WRITE_ZEROES)
		max = MAX_ZEROES_SECTORS;
	if (!nr || nr > max || ((sector | nr) & (blk->block_sectors - 1)))
		return false;
	if (sqe->op > PVBLK_OP_WRITE)
		return true;
	*data = hostd_window_at(&q->data, le64toh(sqe->data_off),
				(uint64_t)nr << PVBLK_SECTOR_SHIFT, SECTOR);
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
	if (blk->ro && sqe->op != PVBLK_OP_READ && sqe->op != PVBLK_OP_FLUSH)
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

	q->stats.ops++;
	if (status != PVBLK_S_OK)
		q->stats.errors++;
	hring_push(&q->ring, &cqe, q->dev->bus->now_ns);
}

static void finish(struct blk_req *req)
{
	struct hdev_queue *q = req->q;
	struct blk_queue *bq = q->priv;

	if (req->io.op == HOSTD_IO_READ)
		q->stats.read_bytes += req->io.len;
	else if (req->io.op == HOSTD_IO_WRITE)
		q->stats.write_bytes += req->io.len;
	if (q->running)
		post(q, req->id, status_of(req->io.result));
	req->next = bq->free;
	bq->free = req;
}

static void complete(struct hostd_io *io)
{
	struct blk_req *req = (struct blk_req *)io;

	req->q->in_flight--;
	req->q->work_ns = req->q->dev->bus->now_ns;
	finish(req);
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
	if (sqe->flags & PVBLK_RQ_FUA)
		req->io.flags |= HOSTD_IO_DURABLE;
	if (sqe->flags & PVBLK_RQ_UNMAP)
		req->io.flags |= HOSTD_IO_UNMAP;
	req->io.buf = data;
	req->io.pos = le64toh(sqe->sector) << PVBLK_SECTOR_SHIFT;
	req->io.len = (uint64_t)le32toh(sqe->nr_sectors) << PVBLK_SECTOR_SHIFT;
	if (hostd_io_submit(&req->io))
		finish(req);
	else
		q->in_flight++;
}

static unsigned int blk_poll(struct hdev_queue *q, unsigned int budget)
{
	struct pvblk_sqe sqe;
	unsigned int nr;
	void *data;
	int ret;

	for (nr = 0; nr < budget; nr++) {
		ret = hring_pop(&q->ring, &sqe);
		if (!ret)
			break;
		if (ret < 0) {
			hdev_queue_break(q, PVRING_E_OVERRUN, "more requests than the ring has entries");
			break;
		}
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
	return nr;
}

const struct pvdev_ops hdev_blk_ops = {
	.name = "blk",
	.type = PVBUS_T_BLK,
	.sqe_shift = PVBLK_SQE_SHIFT,
	.cqe_shift = PVBLK_CQE_SHIFT,
	.create = blk_create,
	.destroy = blk_destroy,
	.start = blk_start,
	.stop = blk_stop,
	.poll = blk_poll,
	.resize = blk_resize,
};

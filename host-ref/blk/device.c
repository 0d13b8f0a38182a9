// SPDX-License-Identifier: GPL-2.0-only
/*
 * The block device (Documentation/abi/blk.md): its options, config area, features and queues.
 */
#include "blk/device.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/json.h"
#include "lib/util.h"
#include "worker/bus/bus.h"

#define BIT(n)			(1ULL << (n))
#define OPTIMAL_IO		(1U << 20)
/* How long a server may take at the end; a file is not given up. */
#define SYNC_MS			30000

static int fail(char *error, const char *text)
{
	snprintf(error, HDEV_ERROR_LEN, "%s", text);
	return -EINVAL;
}

/* What may change while it is served. */
static void take_live(struct blk *blk, struct json_object *config)
{
	const uint64_t second_ns = 1000000000;

	hdev_blk_set_policy(blk, config);
	blk->stall.limit_ns = hostd_json_u64(config, "nbd-timeout", blk->stall.limit_ns / second_ns) * second_ns;
	blk->no_writes = hostd_json_bool(config, "read-only", blk->no_writes);
	blk->config.flags = htole32(blk->no_writes && !blk->ro ? PVBLK_CFG_RO : 0);
}

/* The keys have seen to the bounds; the broker to what the medium takes. */
static int take_config(struct hdev *dev, struct blk *blk, struct json_object *config, char *error)
{
	uint64_t logical = hostd_json_u64(config, "logical-block", BLK_SECTOR);
	uint64_t physical = hostd_json_u64(config, "physical-block", 4096);
	uint64_t max_io = hostd_json_u64(config, "max-io", 0);
	const char *serial = hostd_json_str(config, "serial");
	struct pvblk_config *c = &blk->config;

	dev->max_queues = hostd_json_u64(config, "queues", 0);
	dev->max_queue_size = hostd_json_u64(config, "queue-size", 0);
	blk->ro = hostd_json_bool(config, "ro", false);
	blk->block_sectors = logical / BLK_SECTOR;
	blk->max_sectors = max_io / BLK_SECTOR;
	c->logical_block = htole32(logical);
	c->physical_block = htole32(physical);
	c->io_min = htole32(physical);
	c->io_opt = htole32(max_io < OPTIMAL_IO ? max_io : OPTIMAL_IO);
	c->max_io = htole32(max_io);
	if (serial)
		strncpy((char *)c->serial, serial, sizeof(c->serial) - 1);
	blk->latency = calloc(dev->max_queues, sizeof(*blk->latency));
	if (hdev_blk_init_trouble(blk, config) || !blk->latency)
		return fail(error, "out of memory");
	take_live(blk, config);
	return 0;
}

/* Whether the image is that large has been seen to: to look may wait for its file system. */
static int set_capacity(struct blk *blk, uint64_t size, char *error)
{
	if (!size || size % (blk->block_sectors * BLK_SECTOR))
		return fail(error, "size must be a multiple of the logical block, not 0");
	blk->capacity = size / BLK_SECTOR;
	blk->config.capacity = htole64(blk->capacity);
	return 0;
}

static void set_features(struct hdev *dev, struct blk *blk, struct json_object *config)
{
	bool want_discard = hostd_json_bool(config, "discard", true);
	struct pvblk_config *c = &blk->config;
	bool discard = want_discard && !blk->file.no_punch;

	if (blk->ro) {
		dev->features[0] = BIT(PVBLK_F_RO);
		return;
	}
	dev->features[0] = BIT(PVBLK_F_FLUSH) | BIT(PVBLK_F_FUA) | BIT(PVBLK_F_WRITE_ZEROES) |
			   BIT(PVBLK_F_SWITCH_RO);
	c->max_write_zeroes_sectors = htole32(BLK_MAX_ZEROES_SECTORS);
	if (discard) {
		dev->features[0] |= BIT(PVBLK_F_DISCARD) | BIT(PVBLK_F_UNMAP);
		c->max_discard_sectors = htole32(BLK_MAX_DISCARD_SECTORS);
		c->discard_granularity = blk->file.discard_granularity ?
					 htole32(blk->file.discard_granularity) : c->physical_block;
	}
}

static bool parse_medium(struct json_object *obj, struct hostd_medium *medium)
{
	*medium = (struct hostd_medium) {
		.is_block = hostd_json_bool(obj, "block", false),
		.direct = hostd_json_bool(obj, "direct", false),
		.in_memory = hostd_json_bool(obj, "memory", false),
		.is_remote = hostd_json_bool(obj, "remote", false),
		.punch = hostd_json_bool(obj, "punch", false),
		.discard_granularity = hostd_json_u64(obj, "discard_granularity", 0),
		.fallocate_block = hostd_json_u64(obj, "fallocate_block", 0),
	};
	return obj;
}

static const struct hostd_backend_ops *choose_backend(struct json_object *config)
{
	if (hostd_json_get(config, "null"))
		return &hostd_backend_null;
	return hostd_json_get(config, "nbd") ? &hostd_backend_nbd : &hostd_backend_file;
}

static int open_file(struct hdev *dev, struct blk *blk, struct json_object *config, int fd,
		     char *error)
{
	const char *engine = hostd_json_str(config, "engine"), *export = hostd_json_str(config, "export");
	const char *cache = hostd_json_str(config, "cache");
	struct hostd_medium medium;
	bool known = parse_medium(hostd_json_get(config, "medium"), &medium);
	struct hostd_backend_spec spec = {
		.fd = fd,
		.engine = engine ? engine : "auto",
		.medium = known ? &medium : NULL,
		.name = dev->name,
		.export = export ? export : "",
		.size = hostd_json_u64(config, "size", 0),
		.block = blk->block_sectors * BLK_SECTOR,
		.max_io = blk->max_sectors * BLK_SECTOR,
		.ro = blk->ro,
		.direct = cache && !strcmp(cache, "none"),
	};

	return choose_backend(config)->open(&blk->file, &dev->loop->engines, &spec, error, HDEV_ERROR_LEN);
}

static void free_disk(struct blk *blk)
{
	free(blk->latency);
	free(blk->trouble.path);
	free(blk);
}

static int blk_create(struct hdev *dev, struct json_object *config, const int *fds,
		      unsigned int nr_fds, char *error)
{
	struct blk *blk = calloc(1, sizeof(*blk));
	int ret = -ENOMEM;

	if (!blk) {
		snprintf(error, HDEV_ERROR_LEN, "out of memory");
		return ret;
	}
	ret = take_config(dev, blk, config, error);
	if (ret)
		goto free_blk;
	ret = open_file(dev, blk, config, nr_fds ? fds[0] : -1, error);
	if (ret)
		goto free_blk;
	ret = set_capacity(blk, hostd_json_u64(config, "size", hostd_json_u64(config, "null", 0)), error);
	if (ret)
		goto free_blk;
	set_features(dev, blk, config);
	dev->priv = blk;
	hdev_blk_init_limits(dev);
	hdev_blk_set_limits(dev, config);
	hdev_set_config(dev, &blk->config, sizeof(blk->config));
	return 0;

free_blk:
	free_disk(blk);
	return ret;
}

static void blk_destroy(struct hdev *dev)
{
	struct blk *blk = dev->priv;

	blk->file.backend->close(&blk->file, &dev->loop->engines);
	free_disk(blk);
	dev->priv = NULL;
}

static int blk_set(struct hdev *dev, struct json_object *config, char *error)
{
	struct blk *blk = dev->priv;
	int ret = 0;

	take_live(blk, config);
	hdev_blk_set_limits(dev, config);
	/* Of what is held writes are refused, and the rest is tried again. */
	if (blk->no_writes && blk->trouble.stopped)
		hdev_blk_continue(dev);
	if (hostd_json_get(config, "size"))
		ret = set_capacity(blk, hostd_json_u64(config, "size", 0), error);
	if (hostd_json_get(config, "size") || hostd_json_get(config, "read-only"))
		hdev_set_config(dev, &blk->config, sizeof(blk->config));
	return ret;
}

static void blk_describe(const struct hdev *dev, struct json_object *obj)
{
	const struct blk *blk = dev->priv;

	hostd_json_add_str(obj, "engine", blk->file.backend->describe(&blk->file));
	if (blk->file.backend->count)
		blk->file.backend->count(&blk->file, obj);
	hostd_json_add_u64(obj, "limit_waits", blk->limits.nr_waits);
	hdev_blk_describe_trouble(blk, obj);
	hdev_blk_describe_stall(dev, obj);
}

static void blk_beat(struct hdev *dev)
{
	struct blk *blk = dev->priv;

	if (blk->file.backend->look)
		blk->file.backend->look(&blk->file);
	hdev_blk_look_for_stall(dev);
	hdev_blk_retry(dev);
}

static void synced(struct hostd_io *io)
{
	((struct blk_sync *)io)->done = true;
}

static int blk_sync(struct hdev *dev, unsigned int ms)
{
	struct blk *blk = dev->priv;
	struct blk_sync *s = &blk->sync;

	if (blk->ro)
		return 0;
	if (!s->begun) {
		s->begun = true;
		s->io = (struct hostd_io) { .file = &blk->file, .op = HOSTD_IO_FLUSH, .complete = synced };
		s->done = hostd_io_submit(&s->io);
	}
	if (s->done)
		return s->io.result;
	if (ms >= SYNC_MS && blk->file.backend->give_up)
		blk->file.backend->give_up(&blk->file);
	return -EINPROGRESS;
}

static int blk_start(struct hdev_queue *q)
{
	struct blk *blk = q->dev->priv;
	struct blk_queue *bq;
	uint32_t i;

	bq = calloc(1, sizeof(*bq) + q->ring.size * sizeof(bq->reqs[0]));
	if (!bq)
		return -ENOMEM;
	bq->latency = &blk->latency[q->index];
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
	hdev_blk_drop_held(q);
	free(q->priv);
	q->priv = NULL;
}

const struct pvdev_ops hdev_blk_ops = {
	.sqe_shift = PVBLK_SQE_SHIFT,
	.cqe_shift = PVBLK_CQE_SHIFT,
	.max_fds = 1,
	.has_parcels = true,
	.create = blk_create,
	.destroy = blk_destroy,
	.start = blk_start,
	.stop = blk_stop,
	.poll = hdev_blk_poll,
	.set = blk_set,
	.beat = blk_beat,
	.go_on = hdev_blk_continue,
	.work = hdev_blk_work,
	.describe = blk_describe,
	.describe_queue = hdev_blk_describe_queue,
	.sync = blk_sync,
};

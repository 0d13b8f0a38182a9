// SPDX-License-Identifier: GPL-2.0-only
/*
 * The disk: what the operator asked for, checked, and what the worker is told of it.
 */
#include "disks.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/io_uring.h>
#include <pv/bus.h>
#include <pv/ring.h>

#define DEF_LOGICAL_BLOCK	512
#define DEF_PHYSICAL_BLOCK	4096
#define DEF_QUEUES		4
#define DEF_QUEUE_SIZE		256
#define DEF_MAX_IO		(128 << 10)
#define MAX_MAX_IO		(16 << 20)

static bool is_serial(const char *text)
{
	size_t i;

	for (i = 0; text[i]; i++)
		if (text[i] < ' ' || text[i] > '~')
			return false;
	return i < sizeof(((struct hostd_disk *)0)->serial);
}

static bool uring_allowed(void)
{
	struct io_uring_params params = { 0 };
	int fd = syscall(__NR_io_uring_setup, 1, &params);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Text members: file, serial, engine, cache. Returns the complaint. */
static const char *take_texts(struct hostd_disk *disk, struct json_object *args)
{
	const char *file = hostd_json_str(args, "file"), *serial = hostd_json_str(args, "serial");
	const char *engine = hostd_json_str(args, "engine");
	const char *cache = hostd_json_str(args, "cache");

	if (!file == !hostd_json_get(args, "null"))
		return "give either file=PATH or null=SIZE";
	if (serial && !is_serial(serial))
		return "serial= is at most 47 printable ASCII characters";
	strcpy(disk->serial, serial ? serial : disk->dev.id);
	if (!engine)
		engine = "auto";
	if (strcmp(engine, "auto") && strcmp(engine, "uring") && strcmp(engine, "sync"))
		return "use engine=auto, engine=uring or engine=sync";
	strcpy(disk->engine, file ? engine : "null");
	if (cache && strcmp(cache, "writeback") && strcmp(cache, "none"))
		return "use cache=writeback or cache=none";
	disk->direct = cache && !strcmp(cache, "none");
	if (file)
		disk->file = strdup(file);
	disk->dev.medium = disk->file;
	return file && !disk->file ? "out of memory" : NULL;
}

/* Numbers and switches. Returns the complaint. */
static const char *take_numbers(struct hostd_disk *disk, struct json_object *args)
{
	uint64_t logical = hostd_json_u64(args, "logical-block", DEF_LOGICAL_BLOCK);
	uint64_t physical = hostd_json_u64(args, "physical-block",
					   logical > DEF_PHYSICAL_BLOCK ? logical : DEF_PHYSICAL_BLOCK);
	uint64_t queues = hostd_json_u64(args, "queues", DEF_QUEUES);
	uint64_t queue_size = hostd_json_u64(args, "queue-size", DEF_QUEUE_SIZE);
	uint64_t max_io = hostd_json_u64(args, "max-io", DEF_MAX_IO);

	if (!hostd_is_power_of_two(logical) || logical < 512 || logical > 4096)
		return "logical-block= is 512, 1024, 2048 or 4096";
	if (!hostd_is_power_of_two(physical) || physical < logical || physical > 1 << 20)
		return "physical-block= is a power of two, from the logical block to 1M";
	if (queues < 1 || queues > PVBUS_MAX_QUEUES)
		return "queues= is 1 to 64";
	if (!hostd_is_power_of_two(queue_size) || queue_size < PVRING_SIZE_MIN ||
	    queue_size > PVRING_SIZE_MAX)
		return "queue-size= is a power of two, 2 to 4096";
	if (!max_io || max_io % 4096 || max_io > MAX_MAX_IO)
		return "max-io= is a multiple of 4K, at most 16M";
	disk->ro = hostd_json_bool(args, "ro", false);
	disk->discard = hostd_json_bool(args, "discard", true);
	disk->dev.wait = hostd_json_bool(args, "wait", false);
	disk->logical_block = logical;
	disk->physical_block = physical;
	disk->queues = queues;
	disk->queue_size = queue_size;
	disk->max_io = max_io;
	if (disk->file)
		return NULL;
	disk->size = hostd_json_u64(args, "null", 0);
	if (!disk->size || disk->size % logical)
		return "null=SIZE is a multiple of the logical block, and not 0";
	return NULL;
}

static int disk_open(struct hostd_device *dev, int *fd, char *err)
{
	struct hostd_disk *disk = hostd_container_of(dev, struct hostd_disk, dev);
	int ret;

	if (!disk->file)
		return 0;
	ret = hostd_image_open(disk, err);
	if (ret < 0)
		return ret;
	*fd = ret;
	return 0;
}

static int disk_init(struct hostd_device *dev, struct json_object *args, char *err)
{
	struct hostd_disk *disk = hostd_container_of(dev, struct hostd_disk, dev);
	const char *complaint;
	int fd = -1, ret;

	complaint = take_texts(disk, args);
	if (!complaint)
		complaint = take_numbers(disk, args);
	if (!complaint && !strcmp(disk->engine, "uring") && !uring_allowed())
		complaint = "io_uring is not allowed here: use engine=sync or engine=auto";
	if (complaint) {
		snprintf(err, HOSTD_ERROR_MAX, "%s", complaint);
		return -EINVAL;
	}
	if (!strcmp(disk->engine, "auto"))
		strcpy(disk->engine, uring_allowed() ? "uring" : "sync");
	ret = disk_open(dev, &fd, err);
	if (fd >= 0)
		close(fd);
	return ret;
}

static void disk_exit(struct hostd_device *dev)
{
	free(hostd_container_of(dev, struct hostd_disk, dev)->file);
}

static void disk_configure(const struct hostd_device *dev, struct json_object *config)
{
	const struct hostd_disk *disk = hostd_container_of(dev, struct hostd_disk, dev);

	hostd_json_add_u64(config, "size", disk->size);
	hostd_json_add_bool(config, "ro", disk->ro);
	hostd_json_add_str(config, "serial", disk->serial);
	hostd_json_add_u64(config, "logical_block", disk->logical_block);
	hostd_json_add_u64(config, "physical_block", disk->physical_block);
	hostd_json_add_str(config, "engine", disk->engine);
	hostd_json_add_u64(config, "queues", disk->queues);
	hostd_json_add_u64(config, "queue_size", disk->queue_size);
	hostd_json_add_u64(config, "max_io", disk->max_io);
	hostd_json_add_bool(config, "discard", disk->discard);
	hostd_json_add_str(config, "cache", disk->direct ? "none" : "writeback");
}

static void disk_describe(const struct hostd_device *dev, struct json_object *obj)
{
	const struct hostd_disk *disk = hostd_container_of(dev, struct hostd_disk, dev);

	hostd_json_add_u64(obj, "size", disk->size);
	hostd_json_add_bool(obj, "ro", disk->ro);
	hostd_json_add_str(obj, "engine", disk->engine);
	hostd_json_add_str(obj, "cache", disk->direct ? "none" : "writeback");
	hostd_json_add_str(obj, "serial", disk->serial);
	hostd_json_add_str(obj, "file", disk->file);
}

static int disk_resize(struct hostd_device *dev, uint64_t size, char *err)
{
	struct hostd_disk *disk = hostd_container_of(dev, struct hostd_disk, dev);

	if (!size || size % disk->logical_block) {
		snprintf(err, HOSTD_ERROR_MAX,
			 "a size is a multiple of the logical block, %u bytes, and not 0",
			 disk->logical_block);
		return -EINVAL;
	}
	return disk->file ? hostd_image_resize(disk, size, err) : 0;
}

static void disk_resized(struct hostd_device *dev, uint64_t size)
{
	hostd_container_of(dev, struct hostd_disk, dev)->size = size;
}

_Static_assert(!offsetof(struct hostd_disk, dev), "struct hostd_class asks for it");

const struct hostd_class hostd_blk_class = {
	.name = "blk",
	.spec = &hostd_spec_disk,
	.size = sizeof(struct hostd_disk),
	.init = disk_init,
	.exit = disk_exit,
	.open = disk_open,
	.configure = disk_configure,
	.describe = disk_describe,
	.resize = disk_resize,
	.resized = disk_resized,
};

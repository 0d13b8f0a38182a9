// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does a medium fit to what the operator wants of a disk, and to what the guest was told of it?
 */
#include "blk/class.h"

#include <errno.h>
#include <stdio.h>

#include "lib/json.h"
#include "lib/util.h"

#define DEF_PHYSICAL_BLOCK	4096
#define LOGICAL_BLOCK_MAX	4096
/* Least of what a server takes at once. */
#define MAX_IO_MIN		4096

static int refuse(char *err, const char *text)
{
	snprintf(err, HOSTD_ERROR_MAX, "%s", text);
	return -EINVAL;
}

int hostd_disk_choose_blocks(struct hostd_disk *disk, uint32_t unit, char *err)
{
	uint32_t physical = disk->medium.physical_block;

	if (disk->logical_block && disk->logical_block < unit) {
		snprintf(err, HOSTD_ERROR_MAX,
			 "logical-block=%u is less than %s takes%s, %u: leave it out%s", disk->logical_block, disk->shown,
			 disk->file ? " with direct I/O" : "", unit, disk->file ? ", or use cache=writeback" : "");
		return -EINVAL;
	}
	if (!disk->logical_block)
		disk->logical_block = unit;
	if (physical < DEF_PHYSICAL_BLOCK)
		physical = DEF_PHYSICAL_BLOCK;
	if (!disk->physical_block)
		disk->physical_block = physical;
	if (disk->physical_block < disk->logical_block)
		return refuse(err, "physical-block= is less than the logical block: leave it out");
	return 0;
}

static int check_size(const struct hostd_disk *disk, uint64_t size, char *err)
{
	if (!disk->size && size % disk->logical_block) {
		snprintf(err, HOSTD_ERROR_MAX,
			 "%s: its size, %llu, is not a multiple of the logical block, %u: change one of them",
			 disk->shown, (unsigned long long)size, disk->logical_block);
		return -EINVAL;
	}
	if (size < disk->size) {
		snprintf(err, HOSTD_ERROR_MAX,
			 "%s has only %llu of the %llu bytes that the guest was told: make it as large again",
			 disk->shown, (unsigned long long)size, (unsigned long long)disk->size);
		return -EINVAL;
	}
	return 0;
}

/* @unit: of its I/O; @size: bytes */
static int take(struct hostd_disk *disk, uint32_t unit, uint64_t size, char *err)
{
	int ret = 0;

	if (!disk->size) {
		ret = hostd_disk_choose_blocks(disk, unit, err);
	} else if (disk->logical_block < unit) {
		snprintf(err, HOSTD_ERROR_MAX,
			 "%s takes only blocks of %u bytes by now, and the guest was told of %u: give it back the blocks that it had",
			 disk->shown, unit, disk->logical_block);
		ret = -EINVAL;
	}
	if (!ret)
		ret = check_size(disk, size, err);
	if (!ret && !disk->size)
		disk->size = size;
	return ret;
}

int hostd_disk_take_image(struct hostd_disk *disk, const struct hostd_image_report *report, char *err)
{
	disk->medium = report->medium;
	return take(disk, disk->direct ? report->medium.direct_block : HOSTD_BLK_SECTOR, report->size, err);
}

static bool is_power_of_two(uint64_t n)
{
	return n && !(n & (n - 1));
}

/* What the guest was told of the largest request holds on, too. */
static int take_max(struct hostd_disk *disk, uint64_t max, char *err)
{
	uint64_t wanted = hostd_json_u64(disk->dev.args, "max-io", 0);

	if (disk->max_io)
		wanted = disk->max_io;
	if (!max || max >= wanted)
		return 0;
	max -= max % MAX_IO_MIN;
	if (!disk->size && max) {
		disk->max_io = max;
		return 0;
	}
	snprintf(err, HOSTD_ERROR_MAX, "%s takes %llu bytes at once, which is too few: have its server take %llu",
		 disk->shown, (unsigned long long)max, (unsigned long long)wanted);
	return -EINVAL;
}

int hostd_disk_take_server(struct hostd_disk *disk, const struct hostd_nbd_facts *facts, char *err)
{
	uint64_t unit = facts->block_min > HOSTD_BLK_SECTOR ? facts->block_min : HOSTD_BLK_SECTOR;

	if (facts->ro && !disk->ro)
		return refuse(err, "its server lets nobody write it: add ro=on, or have it served for writing");
	if (!facts->size || facts->size > HOSTD_SIZE_MAX)
		return refuse(err, "the size that its server says is none");
	if (!is_power_of_two(unit) || unit > LOGICAL_BLOCK_MAX)
		return refuse(err, "its server takes only blocks that no disk has: have it take 512 or 4096 bytes");
	if (is_power_of_two(facts->block_preferred) && facts->block_preferred <= HOSTD_BLK_PHYSICAL_MAX)
		disk->medium.physical_block = facts->block_preferred;
	if (take_max(disk, facts->block_max, err))
		return -EINVAL;
	return take(disk, unit, facts->size, err);
}

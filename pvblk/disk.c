// SPDX-License-Identifier: GPL-2.0-only
/*
 * The gendisk: limits from the device's config, capacity, serial.
 */
#include <linux/log2.h>
#include <linux/sysfs.h>
#include "pvblk.h"

#define PVBLK_MINORS	16

int pvblk_major;

static const struct block_device_operations pvblk_fops = {
	.owner	= THIS_MODULE,
};

static const char *config_fault(const struct pvblk_config *c)
{
	u32 lbs = le32_to_cpu(c->logical_block), pbs = le32_to_cpu(c->physical_block);
	u32 max_io = le32_to_cpu(c->max_io);
	u64 capacity = le64_to_cpu(c->capacity);

	if (!is_power_of_2(lbs) || lbs < SECTOR_SIZE || lbs > PV_PAGE_SIZE)
		return "logical_block";
	if (!is_power_of_2(pbs) || pbs < lbs)
		return "physical_block";
	if (max_io < PV_PAGE_SIZE || max_io % PV_PAGE_SIZE)
		return "max_io";
	if (capacity > (u64)LLONG_MAX >> SECTOR_SHIFT || (capacity << SECTOR_SHIFT) % lbs)
		return "capacity";
	return NULL;
}

/**
 * pvblk_read_config() - checked copy of the config area
 * @pdev: the device
 * @config: the copy
 *
 * Context: process. Return: 0 or -EPROTO (said in the log).
 */
int pvblk_read_config(struct pvbus_device *pdev, struct pvblk_config *config)
{
	const char *fault;
	int err;

	err = pvbus_read_config(pdev, config, sizeof(*config));
	if (err)
		return err;

	fault = config_fault(config);
	if (fault) {
		dev_err(&pdev->dev, "the device's config makes no sense (%s)\n", fault);
		return -EPROTO;
	}
	pvbus_clean_text(config->serial, sizeof(config->serial));
	return 0;
}

static ssize_t serial_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	const struct pvblk *blk = dev_to_disk(dev)->private_data;

	return sysfs_emit(buf, "%s\n", blk->config.serial);
}
static DEVICE_ATTR_RO(serial);

static struct attribute *pvblk_attrs[] = {
	&dev_attr_serial.attr,
	NULL
};

static const struct attribute_group pvblk_group = {
	.attrs	= pvblk_attrs,
};

static const struct attribute_group *pvblk_groups[] = {
	&pvblk_group,
	NULL
};

static void config_limits(const struct pvblk *blk, struct queue_limits *lim)
{
	const struct pvblk_config *c = &blk->config;

	*lim = (struct queue_limits) {
		.logical_block_size	= le32_to_cpu(c->logical_block),
		.physical_block_size	= le32_to_cpu(c->physical_block),
		.io_min			= le32_to_cpu(c->io_min) ?: le32_to_cpu(c->physical_block),
		.io_opt			= le32_to_cpu(c->io_opt),
		.max_hw_sectors		= min_t(u32, le32_to_cpu(c->max_io), 1U << blk->slot_shift) >>
					  SECTOR_SHIFT,
		/* The data is copied, so its segments do not matter. */
		.max_segments		= USHRT_MAX,
		.max_segment_size	= UINT_MAX,
		.dma_alignment		= 3,
	};
	if (pvbus_has_feature(blk->pdev, PVBLK_F_DISCARD)) {
		lim->discard_granularity = le32_to_cpu(c->discard_granularity) ?:
					   lim->logical_block_size;
		lim->max_hw_discard_sectors = le32_to_cpu(c->max_discard_sectors);
	}
	if (pvbus_has_feature(blk->pdev, PVBLK_F_WRITE_ZEROES))
		lim->max_write_zeroes_sectors = le32_to_cpu(c->max_write_zeroes_sectors);
}

static void set_names(struct pvblk *blk)
{
	struct gendisk *disk = blk->disk;

	snprintf(disk->disk_name, DISK_NAME_LEN, "pvblk%d", blk->index);
	disk->major = pvblk_major;
	disk->first_minor = blk->index * PVBLK_MINORS;
	disk->minors = PVBLK_MINORS;
	disk->fops = &pvblk_fops;
	disk->private_data = blk;
}

/**
 * pvblk_add_disk() - make the disk and show it
 * @blk: the disk; its device runs
 *
 * Does I/O (partition tables). Context: process. Return: 0 or -errno.
 */
int pvblk_add_disk(struct pvblk *blk)
{
	struct pvbus_device *pdev = blk->pdev;
	struct queue_limits lim;
	unsigned int i;
	int err;

	blk->write_cache = pvbus_has_feature(pdev, PVBLK_F_FLUSH);
	config_limits(blk, &lim);
	blk->disk = compat_blk_mq_alloc_disk(&blk->set, &lim, blk->write_cache,
					     pvbus_has_feature(pdev, PVBLK_F_FUA), blk);
	if (IS_ERR(blk->disk))
		return PTR_ERR(blk->disk);

	set_names(blk);
	set_capacity(blk->disk, le64_to_cpu(blk->config.capacity));
	if (pvbus_has_feature(pdev, PVBLK_F_RO))
		set_disk_ro(blk->disk, true);
	blk_queue_rq_timeout(blk->disk->queue, 30 * HZ);

	err = pvbus_device_start(pdev);
	if (err)
		goto put_disk;
	/* Callbacks of the bus may come from here on, and they want the disk. */
	pvbus_device_ready(pdev);
	err = device_add_disk(&pdev->dev, blk->disk, pvblk_groups);
	if (err)
		goto stop_device;
	for (i = 0; i < blk->nr_queues; i++)
		pvbus_queue_set_affinity(blk->queues[i].q, blk->queues[i].hctx->cpumask);
	return 0;

stop_device:
	pvbus_device_stop(pdev);
put_disk:
	put_disk(blk->disk);
	return err;
}

/**
 * pvblk_update_disk() - follow a changed config or changed features
 * @blk: the disk; its config copy is new
 *
 * Context: process, from the bus.
 */
void pvblk_update_disk(struct pvblk *blk)
{
	struct queue_limits lim;

	config_limits(blk, &lim);
	if (compat_update_limits(blk->disk, &lim, blk->write_cache,
				 pvbus_has_feature(blk->pdev, PVBLK_F_FUA)))
		dev_warn(&blk->pdev->dev, "could not take over the new limits\n");
	if (set_capacity_and_notify(blk->disk, le64_to_cpu(blk->config.capacity)))
		dev_info(&blk->pdev->dev, "pvblk%d has %llu sectors now\n", blk->index,
			 le64_to_cpu(blk->config.capacity));
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The gendisk: limits from the device's config, capacity, serial.
 */
#include <linux/log2.h>
#include <linux/math.h>
#include <linux/sizes.h>
#include <linux/sysfs.h>
#include "pvblk.h"

/* Preferred sizes beyond this are nonsense: readahead is twice as much. */
#define IO_HINT_MAX	SZ_16M

/* So long who loads the driver, and other devices, wait for a disk to be there. */
#define SHOW_TIMEOUT	(5 * HZ)

/* Whatever changes in this time is one change, and one event for user space. */
#define UPDATE_DELAY	(HZ / 20)

struct workqueue_struct *pvblk_wq;

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

/*
 * What no disk is better for, what BLK-D6 asks for, and one flag for both ways to be read-only.
 */
static void trim_config(const struct pvbus_device *pdev, struct pvblk_config *c)
{
	u32 lbs = le32_to_cpu(c->logical_block), sectors = lbs >> SECTOR_SHIFT;

	if (!pvbus_has_feature(pdev, PVBLK_F_SWITCH_RO))
		c->flags = 0;
	if (pvbus_has_feature(pdev, PVBLK_F_RO))
		c->flags |= cpu_to_le32(PVBLK_CFG_RO);

	c->io_min = cpu_to_le32(min_t(u32, le32_to_cpu(c->io_min), IO_HINT_MAX));
	c->io_opt = cpu_to_le32(min_t(u32, le32_to_cpu(c->io_opt), IO_HINT_MAX));
	c->max_discard_sectors =
		cpu_to_le32(rounddown(le32_to_cpu(c->max_discard_sectors), sectors));
	c->max_write_zeroes_sectors =
		cpu_to_le32(rounddown(le32_to_cpu(c->max_write_zeroes_sectors), sectors));
	pvbus_clean_text(c->serial, sizeof(c->serial));
}

/**
 * pvblk_read_config() - checked copy of the config area
 * @pdev: the device
 * @config: the copy
 *
 * Context: process. Return: 0 or -errno, as pvbus_read_config(); it makes no sense: -EPROTO, and the log says why.
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
		dev_err_ratelimited(&pdev->dev, "the device's config makes no sense (%s)\n", fault);
		return -EPROTO;
	}
	trim_config(pdev, config);
	return 0;
}

static void get_config(struct pvblk *blk, struct pvblk_config *config)
{
	spin_lock(&blk->config_lock);
	*config = blk->config;
	spin_unlock(&blk->config_lock);
}

/**
 * pvblk_take_config() - follow a changed config or changed features
 * @blk: the disk
 * @config: checked
 *
 * The block layer hears of it by and by. Context: a callback of the bus.
 */
void pvblk_take_config(struct pvblk *blk, const struct pvblk_config *config)
{
	spin_lock(&blk->config_lock);
	blk->config = *config;
	spin_unlock(&blk->config_lock);
	queue_delayed_work(pvblk_wq, &blk->update, UPDATE_DELAY);
}

static ssize_t serial_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct pvblk_config config;

	get_config(dev_to_disk(dev)->private_data, &config);
	return sysfs_emit(buf, "%s\n", config.serial);
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

static bool is_read_only(const struct pvblk_config *c)
{
	return le32_to_cpu(c->flags) & PVBLK_CFG_RO;
}

static void config_limits(const struct pvblk *blk, const struct pvblk_config *c,
			  struct queue_limits *lim)
{
	/* Compared as memory. */
	memset(lim, 0, sizeof(*lim));
	lim->logical_block_size = le32_to_cpu(c->logical_block);
	lim->physical_block_size = le32_to_cpu(c->physical_block);
	lim->io_min = le32_to_cpu(c->io_min) ?: le32_to_cpu(c->physical_block);
	lim->io_opt = le32_to_cpu(c->io_opt);
	/* Whatever the device takes: what it is asked for without waiting may not be split. */
	lim->max_hw_sectors = PVBLK_IO_MAX >> SECTOR_SHIFT;
	/* The data is copied, so its segments do not matter. */
	lim->max_segments = USHRT_MAX;
	lim->max_segment_size = UINT_MAX;
	lim->dma_alignment = 3;
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

	/* No major of its own: LVM ignores disks of a major whose name it does not know, and knows blkext. */
	snprintf(disk->disk_name, DISK_NAME_LEN, "pvblk%d", blk->index);
	disk->fops = &pvblk_fops;
	disk->private_data = blk;
}

/**
 * pvblk_show_work() - show the disk
 * @work: pvblk.show
 */
void pvblk_show_work(struct work_struct *work)
{
	struct pvblk *blk = container_of(work, struct pvblk, show);
	unsigned int i;
	int err;

	err = device_add_disk(&blk->pdev->dev, blk->disk, pvblk_groups);
	if (err)
		dev_err(&blk->pdev->dev, "pvblk%d cannot be shown (%d)\n", blk->index, err);
	for (i = 0; !err && i < blk->nr_queues - blk->nr_polled; i++)
		pvbus_queue_set_affinity(blk->queues[i].q, blk->queues[i].hctx->cpumask);
	blk->added = !err;
	complete_all(&blk->shown);
}

/* All I/O has ended. */
static void stop(struct pvblk *blk)
{
	unsigned int i;

	/* Afterwards no interrupt asks for a bottom half. */
	pvbus_device_stop(blk->pdev);
	for (i = 0; i < blk->nr_queues; i++)
		compat_bh_cancel(&blk->queues[i].bh);
	/* Who has seen to a part of a request may be behind who has ended it. */
	for (i = 0; i < blk->nr_queues; i++)
		pvblk_settle(&blk->queues[i]);
	cancel_delayed_work_sync(&blk->update);
}

/**
 * pvblk_add_disk() - make the disk and show it
 * @blk: the disk; its device does not run yet
 *
 * If the device does not answer soon, the disk is shown when it does. Context: process. Return: 0 or -errno.
 */
int pvblk_add_disk(struct pvblk *blk)
{
	struct pvbus_device *pdev = blk->pdev;
	struct queue_limits lim;
	unsigned int i;
	int err;

	blk->write_cache = pvbus_has_feature(pdev, PVBLK_F_FLUSH);
	blk->fua = pvbus_has_feature(pdev, PVBLK_F_FUA);
	config_limits(blk, &blk->config, &lim);
	blk->limits = lim;
	blk->disk = compat_blk_mq_alloc_disk(&blk->set, &lim, blk->write_cache, blk->fua, blk);
	if (IS_ERR(blk->disk))
		return PTR_ERR(blk->disk);

	/*
	 * The device copies one request while the driver copies another. Eight of 128 KiB that became one would
	 * be copied one after the other; and bios that are large by themselves stay so.
	 */
	blk_queue_flag_set(QUEUE_FLAG_NOMERGES, blk->disk->queue);
	set_names(blk);
	set_capacity(blk->disk, le64_to_cpu(blk->config.capacity));
	blk->read_only = is_read_only(&blk->config);
	set_disk_ro(blk->disk, blk->read_only);

	err = pvbus_device_start(pdev);
	if (err)
		goto stop_device;
	for (i = 0; i < blk->nr_queues; i++)
		pvblk_open(&blk->queues[i]);
	/* Callbacks of the bus may come from here on, and they want the disk. */
	pvbus_device_ready(pdev);
	queue_work(pvblk_wq, &blk->show);
	if (!wait_for_completion_timeout(&blk->shown, SHOW_TIMEOUT)) {
		dev_warn(&pdev->dev, "pvblk%d does not answer: it is there when it does\n", blk->index);
		return 0;
	}
	if (blk->added)
		return 0;
	err = -ENODEV;

stop_device:
	stop(blk);
	put_disk(blk->disk);
	return err;
}

/**
 * pvblk_remove_disk() - the other end of pvblk_add_disk()
 * @blk: the disk
 *
 * Waits for what is in flight; the bus goes on restoring the device meanwhile. Its disk is still to be put.
 * Context: process.
 */
void pvblk_remove_disk(struct pvblk *blk)
{
	cancel_work_sync(&blk->show);
	if (blk->added)
		del_gendisk(blk->disk);
	stop(blk);
}

/* A write cache may be new in a later life; one that was relied on does not go (BLK-G4). */
static void update_limits(struct pvblk *blk, const struct queue_limits *lim)
{
	bool write_cache = blk->write_cache || pvbus_has_feature(blk->pdev, PVBLK_F_FLUSH);
	bool fua = pvbus_has_feature(blk->pdev, PVBLK_F_FUA);

	if (!memcmp(lim, &blk->limits, sizeof(*lim)) && write_cache == blk->write_cache &&
	    fua == blk->fua)
		return;
	if (compat_update_limits(blk->disk, lim, write_cache, fua)) {
		dev_warn_ratelimited(&blk->pdev->dev, "could not take over the new limits\n");
		return;
	}
	blk->limits = *lim;
	blk->fua = fua;
	WRITE_ONCE(blk->write_cache, write_cache);
}

static void update_read_only(struct pvblk *blk, bool read_only)
{
	if (read_only == blk->read_only)
		return;
	blk->read_only = read_only;
	set_disk_ro(blk->disk, read_only);
	dev_info_ratelimited(&blk->pdev->dev, "pvblk%d is %s now\n", blk->index,
			     read_only ? "read-only" : "writable");
}

/**
 * pvblk_update_work() - tell the block layer, and by it the users, what has changed
 * @work: pvblk.update
 */
void pvblk_update_work(struct work_struct *work)
{
	struct pvblk *blk = container_of(to_delayed_work(work), struct pvblk, update);
	struct pvblk_config config;
	struct queue_limits lim;

	get_config(blk, &config);
	config_limits(blk, &config, &lim);
	update_limits(blk, &lim);
	update_read_only(blk, is_read_only(&config));
	if (set_capacity_and_notify(blk->disk, le64_to_cpu(config.capacity)))
		dev_info_ratelimited(&blk->pdev->dev, "pvblk%d has %llu sectors now\n", blk->index,
				     le64_to_cpu(config.capacity));
}

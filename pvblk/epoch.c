// SPDX-License-Identifier: GPL-2.0-only
/*
 * The disk over an epoch change: hold still, check the new life, replay (blk.md, Replay).
 */
#include <linux/delay.h>
#include "pvblk.h"

static void lock_reaping(struct pvblk_queue *queue)
{
	while (test_and_set_bit_lock(PVBLK_REAPING, &queue->state) &&
	       !test_and_clear_bit(PVBLK_HALTED, &queue->state))
		usleep_range(10, 100);
}

static void unlock_reaping(struct pvblk_queue *queue)
{
	clear_bit_unlock(PVBLK_REAPING, &queue->state);
}

/**
 * pvblk_freeze() - see pvbus_driver.freeze
 * @pdev: the device
 */
void pvblk_freeze(struct pvbus_device *pdev)
{
	struct pvblk *blk = pvbus_get_drvdata(pdev);
	unsigned int i;

	blk_mq_quiesce_queue(blk->disk->queue);
	for (i = 0; i < blk->nr_queues; i++)
		lock_reaping(&blk->queues[i]);
}

static void unfreeze(struct pvblk *blk)
{
	unsigned int i;

	for (i = 0; i < blk->nr_queues; i++)
		unlock_reaping(&blk->queues[i]);
	blk_mq_unquiesce_queue(blk->disk->queue);
	for (i = 0; i < blk->nr_queues; i++)
		pvblk_reap(&blk->queues[i]);
}

/* BLK-G4: what the new life must not lack. */
static const char *misfit(const struct pvblk *blk, const struct pvblk_config *config)
{
	const struct pvbus_device *pdev = blk->pdev;

	if (config->logical_block != blk->config.logical_block)
		return "another logical block size";
	if (le64_to_cpu(config->capacity) < get_capacity(blk->disk))
		return "a smaller disk";
	if (le32_to_cpu(config->max_io) < (u64)queue_max_hw_sectors(blk->disk->queue) << SECTOR_SHIFT)
		return "a smaller largest request";
	if (pvbus_has_feature(pdev, PVBLK_F_RO) && !get_disk_ro(blk->disk))
		return "a read-only medium where there was a writable one";
	if (blk->write_cache && !pvbus_has_feature(pdev, PVBLK_F_FLUSH))
		return "no FLUSH";
	if (pdev->max_queues < blk->nr_queues || pdev->max_queue_size < blk->queues[0].depth)
		return "fewer or smaller queues";
	return NULL;
}

static int replay(struct pvblk_queue *queue)
{
	unsigned int tag, nr = 0;

	for (tag = 0; tag < queue->depth; tag++)
		nr += pvblk_resubmit(queue, tag);
	return nr;
}

/**
 * pvblk_restore() - see pvbus_driver.restore
 * @pdev: the device
 *
 * Return: 0, -EINVAL if this life of the device does not fit, or -errno of the bus.
 */
int pvblk_restore(struct pvbus_device *pdev)
{
	struct pvblk *blk = pvbus_get_drvdata(pdev);
	struct pvblk_config config;
	unsigned int i, nr = 0;
	const char *why;
	int err;

	err = pvblk_read_config(pdev, &config);
	if (err)
		return err;
	why = misfit(blk, &config);
	if (why) {
		pvbus_device_broken(pdev, why);
		return -EINVAL;
	}

	err = pvbus_device_start(pdev);
	if (err)
		return err;

	blk->config = config;
	WRITE_ONCE(blk->failed, false);
	for (i = 0; i < blk->nr_queues; i++)
		nr += replay(&blk->queues[i]);
	unfreeze(blk);
	for (i = 0; i < blk->nr_queues; i++)
		pvblk_kick(&blk->queues[i]);

	pvblk_update_disk(blk);
	dev_info_ratelimited(&pdev->dev, "pvblk%d goes on, %u requests submitted again\n", blk->index, nr);
	return 0;
}

static void fail_slots(struct pvblk_queue *queue)
{
	struct request *rq;
	unsigned int tag;

	for (tag = 0; tag < queue->depth; tag++) {
		rq = queue->slots[tag].rq;
		WRITE_ONCE(queue->slots[tag].rq, NULL);
		if (rq)
			blk_mq_end_request(rq, BLK_STS_IOERR);
	}
}

/**
 * pvblk_gone() - see pvbus_driver.gone
 * @pdev: the device
 */
void pvblk_gone(struct pvbus_device *pdev)
{
	struct pvblk *blk = pvbus_get_drvdata(pdev);
	unsigned int i;

	WRITE_ONCE(blk->failed, true);
	for (i = 0; i < blk->nr_queues; i++) {
		fail_slots(&blk->queues[i]);
		unlock_reaping(&blk->queues[i]);
	}
	blk_mq_unquiesce_queue(blk->disk->queue);
}

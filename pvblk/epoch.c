// SPDX-License-Identifier: GPL-2.0-only
/*
 * The disk over an epoch change: hold still, check the new life, replay (blk.md, Replay).
 */
#include <linux/moduleparam.h>
#include "pvblk.h"

static unsigned int timeout_s;
module_param(timeout_s, uint, 0644);
MODULE_PARM_DESC(timeout_s, "fail I/O when a request is older than this, in s; 0: wait for ever (default)");

/* So long a suspend waits for a disk. */
#define DRAIN_TIMEOUT	(10 * HZ)

/**
 * pvblk_freeze() - see pvbus_driver.freeze
 * @pdev: the device
 *
 * What comes from now on waits in its slot, like what is in flight.
 */
void pvblk_freeze(struct pvbus_device *pdev)
{
	struct pvblk *blk = pvbus_get_drvdata(pdev);
	unsigned int i;

	for (i = 0; i < blk->nr_queues; i++)
		pvblk_set_mode(&blk->queues[i], PVBLK_HOLD);
	for (i = 0; i < blk->nr_queues; i++)
		pvblk_shut(&blk->queues[i]);
	for (i = 0; i < blk->nr_queues; i++)
		pvblk_settle(&blk->queues[i]);
}

/* BLK-G4: what the new life must not lack. */
static const char *misfit(const struct pvblk *blk, const struct pvblk_config *config)
{
	const struct pvbus_device *pdev = blk->pdev;

	if (config->logical_block != blk->config.logical_block)
		return "another logical block size";
	if (le64_to_cpu(config->capacity) < get_capacity(blk->disk))
		return "a smaller disk";
	if (pvbus_has_feature(pdev, PVBLK_F_RO) && !get_disk_ro(blk->disk))
		return "a read-only medium where there was a writable one";
	if (READ_ONCE(blk->write_cache) && !pvbus_has_feature(pdev, PVBLK_F_FLUSH))
		return "no FLUSH";
	if (pdev->max_queues < blk->nr_queues || pdev->max_queue_size < blk->queues[0].q->ring.size)
		return "fewer or smaller queues";
	return NULL;
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

	pvblk_take_config(blk, &config);
	for (i = 0; i < blk->nr_queues; i++)
		nr += pvblk_replay(&blk->queues[i]);
	for (i = 0; i < blk->nr_queues; i++) {
		pvblk_open(&blk->queues[i]);
		pvblk_kick(&blk->queues[i]);
		pvblk_reap(&blk->queues[i]);
	}
	dev_info_ratelimited(&pdev->dev, "pvblk%d goes on, %u requests submitted again\n", blk->index, nr);
	return 0;
}

static void fail_slots(struct pvblk_queue *queue)
{
	struct request *rq;
	unsigned int tag;

	for (tag = 0; tag < queue->depth; tag++) {
		rq = queue->slots[tag].rq;
		/* What is being submitted just now will find that it fails. */
		if (!rq)
			continue;
		pvblk_put_parts(queue, &queue->slots[tag]);
		WRITE_ONCE(queue->slots[tag].rq, NULL);
		blk_mq_end_request(rq, queue->blk->failure);
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

	/* A disk that is taken away has not failed. */
	blk->failure = pvbus_device_leaves(pdev) ? BLK_STS_OFFLINE : BLK_STS_IOERR;
	for (i = 0; i < blk->nr_queues; i++) {
		pvblk_set_mode(&blk->queues[i], PVBLK_FAIL);
		/* It is frozen: what the device completes yet is nobody's. */
		fail_slots(&blk->queues[i]);
	}
}

static bool late(struct pvblk_queue *queue, unsigned long limit)
{
	const struct pvblk_slot *slot;
	unsigned int tag;
	bool is_late = false;

	spin_lock_irq(&queue->lock);
	for (tag = 0; tag < queue->depth && !is_late; tag++) {
		slot = &queue->slots[tag];
		is_late = READ_ONCE(slot->rq) && time_after(jiffies, READ_ONCE(slot->started) + limit);
	}
	spin_unlock_irq(&queue->lock);
	return is_late;
}

/**
 * pvblk_expire() - see pvbus_driver.expire
 * @pdev: the device
 */
void pvblk_expire(struct pvbus_device *pdev)
{
	unsigned long limit = (unsigned long)READ_ONCE(timeout_s) * HZ;
	struct pvblk *blk = pvbus_get_drvdata(pdev);
	unsigned int i;

	for (i = 0; limit && i < blk->nr_queues; i++)
		if (late(&blk->queues[i], limit))
			pvbus_device_broken(pdev, "a request is older than timeout_s");
}

/**
 * pvblk_suspend() - see pvbus_driver.suspend
 * @pdev: the device
 *
 * A request in flight would keep its CPU from going offline, after the device has been frozen.
 *
 * Return: 0, or -EBUSY: the device does not end what is in flight.
 */
int pvblk_suspend(struct pvbus_device *pdev)
{
	struct pvblk *blk = pvbus_get_drvdata(pdev);

	compat_freeze_queue_start(blk->disk->queue);
	if (blk_mq_freeze_queue_wait_timeout(blk->disk->queue, DRAIN_TIMEOUT))
		return 0;
	compat_unfreeze_queue(blk->disk->queue);
	dev_err(&pdev->dev, "pvblk%d: requests are in flight and do not end: no time to sleep\n",
		blk->index);
	return -EBUSY;
}

/**
 * pvblk_resume() - see pvbus_driver.resume
 * @pdev: the device
 */
void pvblk_resume(struct pvbus_device *pdev)
{
	struct pvblk *blk = pvbus_get_drvdata(pdev);

	compat_unfreeze_queue(blk->disk->queue);
}

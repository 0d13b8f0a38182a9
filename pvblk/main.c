// SPDX-License-Identifier: GPL-2.0-only
/*
 * Probe and remove of the block driver.
 */
#include <linux/idr.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/workqueue.h>
#include "pvblk.h"

static unsigned int queue_depth = 256;
module_param(queue_depth, uint, 0444);
MODULE_PARM_DESC(queue_depth, "requests in flight per queue, a power of two (default 256)");

static unsigned int poll_queues;
module_param(poll_queues, uint, 0644);
MODULE_PARM_DESC(poll_queues, "queues of a disk that comes, for users that poll, as with io_uring's IOPOLL; at most one less than the device has (default 0)");

#define DEPTH_MIN	16
#define DEPTH_MAX	1024
#define ROOM_MIN	SZ_1M
/* Most of the window for data of a queue that is more than a page. */
#define POOL_MAX	SZ_16M

static DEFINE_IDA(pvblk_ids);

static const u8 features[] = {
	PVBLK_F_RO,
	PVBLK_F_FLUSH,
	PVBLK_F_FUA,
	PVBLK_F_DISCARD,
	PVBLK_F_WRITE_ZEROES,
	PVBLK_F_UNMAP,
	PVBLK_F_SWITCH_RO,
};

/* At least one queue is for those who sleep. */
static void choose_queues(struct pvblk *blk)
{
	unsigned int most = blk->pdev->max_queues, cpus = num_possible_cpus();

	blk->nr_polled = min3(poll_queues, most - 1, cpus);
	blk->nr_queues = min(cpus, most - blk->nr_polled) + blk->nr_polled;
}

static void drop_queue(struct pvblk *blk)
{
	blk->nr_queues--;
	if (blk->nr_polled)
		blk->nr_polled--;
}

/*
 * Depth, pool and queues that fit into the device's share of the window. A disk that is smaller than
 * its share needs no more than it has itself. The pool gets half of it at least, and half of the ring.
 */
static int choose_size(struct pvblk *blk, struct pvbus_queue_params *params)
{
	u64 bytes = le64_to_cpu(blk->config.capacity) << SECTOR_SHIFT;
	u64 room = min_t(u64, pvbus_space_share(blk->pdev), max_t(u64, bytes, ROOM_MIN));
	u32 depth = clamp(queue_depth, DEPTH_MIN, DEPTH_MAX), size;
	u64 slots, pool;

	if (!blk->pdev->max_queues || blk->pdev->max_queue_size < PVRING_SIZE_MIN)
		return -EINVAL;
	choose_queues(blk);
	size = rounddown_pow_of_two(blk->pdev->max_queue_size);
	depth = rounddown_pow_of_two(min(depth, size / 2));

	while (2ULL * blk->nr_queues * depth * PVBLK_SLOT_LEN > room) {
		if (depth > DEPTH_MIN)
			depth /= 2;
		else if (blk->nr_queues > 1)
			drop_queue(blk);
		else
			return -ENOSPC;
	}
	slots = depth * PVBLK_SLOT_LEN;
	pool = min_t(u64, div_u64(room, blk->nr_queues) - slots, POOL_MAX);
	blk->depth = depth;
	blk->pieces = min_t(u32, pool / PVBLK_PIECE_LEN, size - depth);
	params->size = roundup_pow_of_two(depth + blk->pieces);
	params->data_len = slots + blk->pieces * PVBLK_PIECE_LEN;
	return 0;
}

static void free_queues(struct pvblk *blk)
{
	unsigned int i;

	pvbus_free_queues(blk->pdev);
	for (i = 0; i < blk->nr_queues; i++) {
		kvfree(blk->queues[i].parts);
		kvfree(blk->queues[i].slots);
	}
	kfree(blk->queues);
}

static int init_queue(struct pvblk *blk, unsigned int index,
		      const struct pvbus_queue_params *params)
{
	struct pvblk_queue *queue = &blk->queues[index];

	queue->blk = blk;
	queue->polled = index >= blk->nr_queues - blk->nr_polled;
	queue->depth = blk->depth;
	queue->closed = true;
	spin_lock_init(&queue->lock);
	spin_lock_init(&queue->cq_lock);
	spin_lock_init(&queue->poll_lock);
	compat_bh_init(&queue->bh, pvblk_bh);
	queue->slots = kvcalloc(queue->depth, sizeof(*queue->slots), GFP_KERNEL);
	if (!queue->slots)
		return -ENOMEM;
	return pvblk_alloc_parts(queue, blk->pieces, PVBLK_PIECE_LEN);
}

/* In the window. Who polls wants no interrupts. */
static int place_queues(struct pvblk *blk, const struct pvbus_queue_params *like)
{
	struct pvbus_queue_params *params = kcalloc(blk->nr_queues, sizeof(*params), GFP_KERNEL);
	unsigned int i;
	int err;

	if (!params)
		return -ENOMEM;
	for (i = 0; i < blk->nr_queues; i++) {
		params[i] = *like;
		if (blk->queues[i].polled)
			params[i].callback = NULL;
	}
	err = pvbus_alloc_queues_each(blk->pdev, blk->nr_queues, params);
	kfree(params);
	if (err)
		return err;

	for (i = 0; i < blk->nr_queues; i++) {
		blk->queues[i].q = blk->pdev->queues[i];
		blk->pdev->queues[i]->priv = &blk->queues[i];
	}
	return 0;
}

static int alloc_queues(struct pvblk *blk)
{
	struct pvbus_queue_params params = {
		.name		= "req",
		.sqe_shift	= PVBLK_SQE_SHIFT,
		.cqe_shift	= PVBLK_CQE_SHIFT,
		.callback	= pvblk_interrupt,
	};
	unsigned int i;
	int err;

	err = choose_size(blk, &params);
	if (err)
		return err;
	blk->queues = kcalloc(blk->nr_queues, sizeof(*blk->queues), GFP_KERNEL);
	if (!blk->queues)
		return -ENOMEM;

	for (i = 0; i < blk->nr_queues && !err; i++)
		err = init_queue(blk, i, &params);
	if (!err)
		err = place_queues(blk, &params);
	if (err)
		free_queues(blk);
	return err;
}

static int alloc_tags(struct pvblk *blk)
{
	blk->set = (struct blk_mq_tag_set) {
		.ops		= &pvblk_mq_ops,
		.nr_hw_queues	= blk->nr_queues,
		.nr_maps	= blk->nr_polled ? HCTX_MAX_TYPES : 1,
		.queue_depth	= blk->depth,
		.numa_node	= dev_to_node(blk->pdev->dev.parent),
		.flags		= COMPAT_BLK_MQ_F_SHOULD_MERGE | BLK_MQ_F_NO_SCHED_BY_DEFAULT,
		.driver_data	= blk,
	};
	return blk_mq_alloc_tag_set(&blk->set);
}

/* Named by slot, so that the name does not depend on which probe is first; later buses follow. */
static int alloc_index(const struct pvbus_device *pdev)
{
	int index = ida_alloc_range(&pvblk_ids, pdev->slot, pdev->slot, GFP_KERNEL);

	return index < 0 ? ida_alloc_min(&pvblk_ids, PVBUS_MAX_DEVICES, GFP_KERNEL) : index;
}

static int pvblk_probe(struct pvbus_device *pdev)
{
	struct pvblk *blk = kzalloc(sizeof(*blk), GFP_KERNEL);
	int err;

	if (!blk)
		return -ENOMEM;
	blk->pdev = pdev;
	spin_lock_init(&blk->config_lock);
	INIT_WORK(&blk->show, pvblk_show_work);
	init_completion(&blk->shown);
	INIT_DELAYED_WORK(&blk->update, pvblk_update_work);
	pvbus_set_drvdata(pdev, blk);

	err = pvblk_read_config(pdev, &blk->config);
	if (err)
		goto free_blk;
	blk->index = alloc_index(pdev);
	if (blk->index < 0) {
		err = blk->index;
		goto free_blk;
	}
	err = alloc_queues(blk);
	if (err)
		goto free_index;
	err = alloc_tags(blk);
	if (err)
		goto free_queues;
	err = pvblk_add_disk(blk);
	if (err)
		goto free_tags;

	dev_info(&pdev->dev, "pvblk%d: '%s', %llu sectors, %u queues of %u\n", blk->index,
		 pdev->name, le64_to_cpu(blk->config.capacity), blk->nr_queues,
		 blk->depth);
	return 0;

free_tags:
	blk_mq_free_tag_set(&blk->set);
free_queues:
	free_queues(blk);
free_index:
	ida_free(&pvblk_ids, blk->index);
free_blk:
	kfree(blk);
	return err;
}

static void pvblk_remove(struct pvbus_device *pdev)
{
	struct pvblk *blk = pvbus_get_drvdata(pdev);

	pvblk_remove_disk(blk);
	free_queues(blk);
	put_disk(blk->disk);
	blk_mq_free_tag_set(&blk->set);
	ida_free(&pvblk_ids, blk->index);
	kfree(blk);
}

static int pvblk_config_changed(struct pvbus_device *pdev)
{
	struct pvblk *blk = pvbus_get_drvdata(pdev);
	struct pvblk_config config, changed;
	int err;

	err = pvblk_read_config(pdev, &config);
	if (err)
		return err;
	if (config.logical_block != blk->config.logical_block) {
		pvbus_device_broken(pdev, "it changed the logical block size while running");
		return -EPROTO;
	}
	/* Only these may change while requests are in flight. */
	changed = blk->config;
	changed.capacity = config.capacity;
	changed.flags = config.flags;
	pvblk_take_config(blk, &changed);
	return 0;
}

static void pvblk_watchdog(struct pvbus_device *pdev)
{
	struct pvblk *blk = pvbus_get_drvdata(pdev);
	unsigned int i;

	for (i = 0; i < blk->nr_queues; i++) {
		pvblk_reap(&blk->queues[i]);
		/* The bus sees no other epoch, so there is none. */
		if (READ_ONCE(blk->queues[i].closed) && !pvbus_epoch_over(pdev))
			pvbus_device_broken(pdev, "its epoch was over, and came back");
	}
}

static struct pvbus_driver pvblk_driver = {
	.driver.name	= "pvblk",
	.type		= PVBUS_T_BLK,
	.features	= features,
	.nr_features	= ARRAY_SIZE(features),
	.probe		= pvblk_probe,
	.remove		= pvblk_remove,
	.freeze		= pvblk_freeze,
	.restore	= pvblk_restore,
	.gone		= pvblk_gone,
	.config_changed	= pvblk_config_changed,
	.watchdog	= pvblk_watchdog,
	.expire		= pvblk_expire,
	.suspend	= pvblk_suspend,
	.resume		= pvblk_resume,
};

static int __init pvblk_init(void)
{
	int err;

	/* Limits change while the disk is frozen, so who changes them may not be left without his CPU. */
	pvblk_wq = alloc_workqueue("pvblk", WQ_UNBOUND | WQ_FREEZABLE, 0);
	if (!pvblk_wq)
		return -ENOMEM;

	err = pvbus_register_driver(&pvblk_driver);
	if (err)
		destroy_workqueue(pvblk_wq);
	return err;
}
module_init(pvblk_init);

static void __exit pvblk_exit(void)
{
	pvbus_unregister_driver(&pvblk_driver);
	destroy_workqueue(pvblk_wq);
}
module_exit(pvblk_exit);

MODULE_DESCRIPTION("pvkit paravirtual disk");
MODULE_LICENSE("GPL");
MODULE_VERSION(PVKIT_VERSION);
MODULE_ALIAS_PVBUS(PVBUS_T_BLK);

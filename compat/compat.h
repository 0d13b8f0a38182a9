/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Older kernels, behind the newest kernel's interfaces. What a kernel has is found
 * out by compat/probe/; no driver asks for a version.
 */
#ifndef _PVKIT_COMPAT_H
#define _PVKIT_COMPAT_H

#include <linux/backing-dev.h>
#include <linux/blk-mq.h>
#include <linux/clocksource.h>
#include <linux/device.h>
#include <linux/timekeeping.h>
#include "gen/config.h"

#ifndef container_of_const
#define container_of_const(ptr, type, member) ((type *)container_of(ptr, type, member))
#endif

/* bus_type.match */
#ifdef PVKIT_HAVE_BUS_MATCH_CONST_DRV
typedef const struct device_driver compat_match_drv;
#else
typedef struct device_driver compat_match_drv;
#endif

/* bus_type.uevent */
#ifdef PVKIT_HAVE_BUS_UEVENT_CONST_DEV
typedef const struct device compat_uevent_dev;
#else
typedef struct device compat_uevent_dev;
#endif

/* A bus type holds private data of the bus core until that moved out of it. */
#ifdef PVKIT_HAVE_BUS_REGISTER_CONST
#define COMPAT_BUS_CONST	const
#else
#define COMPAT_BUS_CONST
#endif

/* blk_mq_ops.queue_rqs */
#ifdef PVKIT_HAVE_RQ_LIST
typedef struct rq_list compat_rq_list;
#else
typedef struct request *compat_rq_list;
#endif

#ifdef PVKIT_HAVE_BLK_MQ_F_SHOULD_MERGE
#define COMPAT_BLK_MQ_F_SHOULD_MERGE	BLK_MQ_F_SHOULD_MERGE
#else
#define COMPAT_BLK_MQ_F_SHOULD_MERGE	0
#endif

/* What the kernel's watchdog bears between a clocksource and another, in ns; none once it knows itself */
static inline void compat_set_uncertainty(struct clocksource *cs, u32 ns)
{
#ifdef PVKIT_HAVE_CLOCKSOURCE_UNCERTAINTY
	cs->uncertainty_margin = ns;
#endif
}

/* The history of a cross-timestamp */
static inline void compat_get_snapshot(const struct system_device_crosststamp *xt,
				       struct system_time_snapshot *snapshot)
{
#ifdef PVKIT_HAVE_KTIME_GET_SNAPSHOT_ID
	ktime_get_snapshot_id(xt->clock_id, snapshot);
#else
	ktime_get_snapshot(snapshot);
#endif
}

/* A queue that is frozen by one task and let go by another */
#ifdef PVKIT_HAVE_FREEZE_NON_OWNER
#define compat_freeze_queue_start	blk_freeze_queue_start_non_owner
#define compat_unfreeze_queue		blk_mq_unfreeze_queue_non_owner
#else
#define compat_freeze_queue_start	blk_freeze_queue_start
#define compat_unfreeze_queue		blk_mq_unfreeze_queue
#endif

#ifdef PVKIT_HAVE_QUEUE_LIMITS_ALLOC_DISK

static inline void compat_limits_cache(struct queue_limits *lim, bool write_cache, bool fua)
{
	lim->features &= ~(BLK_FEAT_WRITE_CACHE | BLK_FEAT_FUA);
	if (write_cache)
		lim->features |= BLK_FEAT_WRITE_CACHE;
	if (write_cache && fua)
		lim->features |= BLK_FEAT_FUA;
}

static inline struct gendisk *compat_blk_mq_alloc_disk(struct blk_mq_tag_set *set,
						       struct queue_limits *lim,
						       bool write_cache, bool fua, void *data)
{
	compat_limits_cache(lim, write_cache, fua);
	return blk_mq_alloc_disk(set, lim, data);
}

/* What a device may have other values of in a later life; the user's read-ahead stays. */
static inline int compat_update_limits(struct gendisk *disk, const struct queue_limits *new,
				       bool write_cache, bool fua)
{
	struct queue_limits lim = queue_limits_start_update(disk->queue);
	unsigned long ra_pages = disk->bdi->ra_pages;
	int err;

	lim.physical_block_size = new->physical_block_size;
	lim.io_min = new->io_min;
	lim.io_opt = new->io_opt;
	lim.max_hw_sectors = new->max_hw_sectors;
	lim.discard_granularity = new->discard_granularity;
	lim.max_hw_discard_sectors = new->max_hw_discard_sectors;
	lim.max_write_zeroes_sectors = new->max_write_zeroes_sectors;
	compat_limits_cache(&lim, write_cache, fua);
#ifdef PVKIT_HAVE_QUEUE_LIMITS_COMMIT_FROZEN
	err = queue_limits_commit_update_frozen(disk->queue, &lim);
#else
	blk_mq_freeze_queue(disk->queue);
	err = queue_limits_commit_update(disk->queue, &lim);
	blk_mq_unfreeze_queue(disk->queue);
#endif
	disk->bdi->ra_pages = ra_pages;
	return err;
}

#else

static inline void compat_set_limits(struct gendisk *disk, const struct queue_limits *lim,
				     bool write_cache, bool fua)
{
	struct request_queue *q = disk->queue;

	blk_queue_physical_block_size(q, lim->physical_block_size);
	blk_queue_io_min(q, lim->io_min);
	blk_queue_io_opt(q, lim->io_opt);
	blk_queue_max_hw_sectors(q, lim->max_hw_sectors);
	q->limits.discard_granularity = lim->discard_granularity;
	blk_queue_max_discard_sectors(q, lim->max_hw_discard_sectors);
	blk_queue_max_write_zeroes_sectors(q, lim->max_write_zeroes_sectors);
	blk_queue_write_cache(q, write_cache, write_cache && fua);
}

static inline int compat_update_limits(struct gendisk *disk, const struct queue_limits *new,
				       bool write_cache, bool fua)
{
	unsigned long ra_pages = disk->bdi->ra_pages;

	blk_mq_freeze_queue(disk->queue);
	compat_set_limits(disk, new, write_cache, fua);
	blk_mq_unfreeze_queue(disk->queue);
	disk->bdi->ra_pages = ra_pages;
	return 0;
}

static inline struct gendisk *compat_blk_mq_alloc_disk(struct blk_mq_tag_set *set,
						       struct queue_limits *lim,
						       bool write_cache, bool fua, void *data)
{
	struct gendisk *disk = blk_mq_alloc_disk(set, data);
	struct request_queue *q;

	if (IS_ERR(disk))
		return disk;
	q = disk->queue;
	blk_queue_logical_block_size(q, lim->logical_block_size);
	blk_queue_max_segments(q, lim->max_segments);
	blk_queue_max_segment_size(q, lim->max_segment_size);
	blk_queue_dma_alignment(q, lim->dma_alignment);
	blk_queue_flag_set(QUEUE_FLAG_NONROT, q);
	blk_queue_flag_clear(QUEUE_FLAG_ADD_RANDOM, q);
	compat_set_limits(disk, lim, write_cache, fua);
	return disk;
}

#endif

#endif /* _PVKIT_COMPAT_H */

// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the block layer calls: requests come one by one or in batches, and at the end of a batch the
 * driver rings, and looks for what has been completed.
 */
#include <linux/jiffies.h>
#include <linux/seq_file.h>
#include "pvblk.h"

static void end_batch(struct pvblk_queue *queue)
{
	pvblk_kick(queue);
	if (queue->polled)
		return;
	pvblk_wait(queue);
	pvblk_reap(queue);
}

static blk_status_t start_request(struct pvblk_queue *queue, struct request *rq)
{
	blk_mq_start_request(rq);
	WRITE_ONCE(queue->slots[rq->tag].started, jiffies);
	return pvblk_submit(queue, rq, false);
}

static blk_status_t queue_rq(struct blk_mq_hw_ctx *hctx, const struct blk_mq_queue_data *bd)
{
	struct pvblk_queue *queue = hctx->driver_data;
	blk_status_t status = start_request(queue, bd->rq);

	if (bd->last)
		end_batch(queue);
	return status;
}

static void commit_rqs(struct blk_mq_hw_ctx *hctx)
{
	end_batch(hctx->driver_data);
}

static void queue_rqs(compat_rq_list *rqlist)
{
	struct pvblk_queue *queue = NULL;
	blk_status_t status;
	struct request *rq;

	while ((rq = rq_list_pop(rqlist))) {
		if (queue && queue != rq->mq_hctx->driver_data)
			end_batch(queue);
		queue = rq->mq_hctx->driver_data;

		status = start_request(queue, rq);
		if (status)
			blk_mq_end_request(rq, status);
	}
	if (queue)
		end_batch(queue);
}

static int init_hctx(struct blk_mq_hw_ctx *hctx, void *data, unsigned int index)
{
	struct pvblk *blk = data;

	hctx->driver_data = &blk->queues[index];
	blk->queues[index].hctx = hctx;
	return 0;
}

static void map_queues(struct blk_mq_tag_set *set)
{
	const struct pvblk *blk = set->driver_data;
	struct blk_mq_queue_map *map = &set->map[HCTX_TYPE_DEFAULT];

	map->nr_queues = blk->nr_queues - blk->nr_polled;
	map->queue_offset = 0;
	blk_mq_map_queues(map);
	if (!blk->nr_polled)
		return;

	set->map[HCTX_TYPE_READ].nr_queues = 0;
	map = &set->map[HCTX_TYPE_POLL];
	map->nr_queues = blk->nr_polled;
	map->queue_offset = blk->nr_queues - blk->nr_polled;
	blk_mq_map_queues(map);
}

#ifdef CONFIG_BLK_DEBUG_FS
static void show_rq(struct seq_file *file, struct request *rq)
{
	const struct pvblk_queue *queue = rq->mq_hctx->driver_data;
	const struct pvblk_slot *slot;
	int tag = READ_ONCE(rq->tag);

	/* A scheduler's have none before they are dispatched. */
	if (tag < 0)
		return;
	slot = &queue->slots[tag];
	seq_printf(file, ", .slot={.life=%u of %u, .begun=%d, .busy=%d, .then_flush=%d}",
		   READ_ONCE(slot->life), READ_ONCE(queue->life), atomic_read(&slot->begun),
		   atomic_read(&slot->busy), READ_ONCE(slot->then_flush));
}
#endif

const struct blk_mq_ops pvblk_mq_ops = {
	.queue_rq	= queue_rq,
	.queue_rqs	= queue_rqs,
	.commit_rqs	= commit_rqs,
	.complete	= pvblk_complete,
	.poll		= pvblk_poll,
	.map_queues	= map_queues,
	.init_hctx	= init_hctx,
#ifdef CONFIG_BLK_DEBUG_FS
	.show_rq	= show_rq,
#endif
};

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The parts of a queue: each tag has one for small requests; larger ones take some of a pool.
 *
 * A part has its room in the window, its id, and its entry in the ring, so nobody ever waits for one of them.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include "pvblk.h"

/**
 * pvblk_pool_get() - take parts, and add them to those of a request
 * @queue: its queue
 * @slot: the request
 * @wanted: how many; at least 1
 *
 * When there are few, some are left for others. Any context. Return: how many were taken.
 */
unsigned int pvblk_pool_get(struct pvblk_queue *queue, struct pvblk_slot *slot, unsigned int wanted)
{
	struct pvblk_pool *pool = &queue->pool;
	struct pvblk_part *part;
	unsigned long flags;
	unsigned int i, nr;

	spin_lock_irqsave(&pool->lock, flags);
	nr = min(wanted, DIV_ROUND_UP(pool->nr_free, 2));
	for (i = 0; i < nr; i++) {
		part = pool->free;
		pool->free = part->next;
		part->slot = slot;
		part->next = slot->pieces;
		slot->pieces = part;
	}
	pool->nr_free -= nr;
	spin_unlock_irqrestore(&pool->lock, flags);
	return nr;
}

/**
 * pvblk_pool_put() - give parts back
 * @queue: their queue
 * @parts: a list of them; the device has none of them
 *
 * Any context.
 */
void pvblk_pool_put(struct pvblk_queue *queue, struct pvblk_part *parts)
{
	struct pvblk_pool *pool = &queue->pool;
	struct pvblk_part *part;
	unsigned long flags;

	spin_lock_irqsave(&pool->lock, flags);
	while ((part = parts)) {
		parts = part->next;
		WRITE_ONCE(part->in_flight, false);
		part->next = pool->free;
		pool->free = part;
		pool->nr_free++;
	}
	spin_unlock_irqrestore(&pool->lock, flags);
}

/**
 * pvblk_alloc_parts() - make the parts of a queue
 * @queue: has slots, and no parts yet; its extent has room for each
 * @nr_pieces: how many the pool gets
 * @piece_len: bytes of room of each of these
 *
 * Context: process. Return: 0 or -ENOMEM. kvfree(@queue->parts) undoes it.
 */
int pvblk_alloc_parts(struct pvblk_queue *queue, unsigned int nr_pieces, u32 piece_len)
{
	struct pvblk_part *part;
	u32 off = 0;

	queue->nr_parts = queue->depth + nr_pieces;
	queue->parts = kvcalloc(queue->nr_parts, sizeof(*queue->parts), GFP_KERNEL);
	if (!queue->parts)
		return -ENOMEM;

	queue->pool.piece_len = piece_len;
	spin_lock_init(&queue->pool.lock);
	for (part = queue->parts; part < queue->parts + queue->nr_parts; part++) {
		part->room = part < queue->parts + queue->depth ? PVBLK_SLOT_LEN : piece_len;
		part->off = off;
		off += part->room;
	}
	/* The first to be taken is the first. */
	while (part-- > queue->parts + queue->depth)
		pvblk_pool_put(queue, part);
	for (part = queue->parts; part < queue->parts + queue->depth; part++)
		part->slot = &queue->slots[part - queue->parts];
	return 0;
}

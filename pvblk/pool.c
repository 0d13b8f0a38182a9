// SPDX-License-Identifier: GPL-2.0-only
/*
 * Room in the window for what does not fit a slot: pieces of 32 KiB to 1 MiB, each twice the next smaller,
 * halved when there is none of a size, and joined again (a buddy allocator).
 *
 * For each size a bitmap says which pieces are free. All of it is private memory.
 */
#include <linux/bitmap.h>
#include <linux/log2.h>
#include <linux/slab.h>
#include "pvblk.h"

static unsigned int order_of(u32 len)
{
	return clamp(order_base_2(len), PVBLK_PIECE_MIN_SHIFT, PVBLK_PIECE_MAX_SHIFT) -
	       PVBLK_PIECE_MIN_SHIFT;
}

static unsigned long nr_pieces(const struct pvblk_pool *pool, unsigned int order)
{
	return pool->nr >> order;
}

static unsigned long find_free(const struct pvblk_pool *pool, unsigned int order)
{
	return find_first_bit(pool->free[order], nr_pieces(pool, order));
}

/* The smallest that is as large, else the largest there is. PVBLK_PIECE_ORDERS: none. */
static unsigned int choose_order(const struct pvblk_pool *pool, unsigned int wanted)
{
	unsigned int order;

	for (order = wanted; order < PVBLK_PIECE_ORDERS; order++)
		if (find_free(pool, order) < nr_pieces(pool, order))
			return order;
	for (order = wanted; order-- > 0; )
		if (find_free(pool, order) < nr_pieces(pool, order))
			return order;
	return PVBLK_PIECE_ORDERS;
}

/**
 * pvblk_pool_get() - take a piece
 * @pool: the pool
 * @len: bytes wanted
 * @off: gets its place in the pool
 *
 * Any context. Return: its length, a power of two, and less than @len if there is nothing as large;
 * 0: there is nothing.
 */
u32 pvblk_pool_get(struct pvblk_pool *pool, u32 len, u32 *off)
{
	unsigned int order, wanted = order_of(len);
	unsigned long flags, nr = 0;

	spin_lock_irqsave(&pool->lock, flags);
	order = choose_order(pool, wanted);
	if (order < PVBLK_PIECE_ORDERS) {
		nr = find_free(pool, order);
		__clear_bit(nr, pool->free[order]);
	}
	/* The second half of what is larger stays free. */
	for (; order < PVBLK_PIECE_ORDERS && order > wanted; nr *= 2)
		__set_bit(2 * nr + 1, pool->free[--order]);
	spin_unlock_irqrestore(&pool->lock, flags);

	if (order == PVBLK_PIECE_ORDERS)
		return 0;
	*off = nr << (order + PVBLK_PIECE_MIN_SHIFT);
	return 1U << (order + PVBLK_PIECE_MIN_SHIFT);
}

/**
 * pvblk_pool_put() - give a piece back
 * @pool: the pool
 * @off: its place
 * @len: its length
 *
 * Any context.
 */
void pvblk_pool_put(struct pvblk_pool *pool, u32 off, u32 len)
{
	unsigned int order = order_of(len);
	unsigned long flags, nr = off >> (order + PVBLK_PIECE_MIN_SHIFT);

	spin_lock_irqsave(&pool->lock, flags);
	for (; order < PVBLK_PIECE_ORDERS - 1; order++) {
		if ((nr ^ 1) >= nr_pieces(pool, order) || !test_bit(nr ^ 1, pool->free[order]))
			break;
		__clear_bit(nr ^ 1, pool->free[order]);
		nr /= 2;
	}
	__set_bit(nr, pool->free[order]);
	spin_unlock_irqrestore(&pool->lock, flags);
}

/**
 * pvblk_pool_init() - make a pool, all of it free
 * @pool: zeroed
 * @len: its bytes, a multiple of the smallest piece; may be 0
 *
 * Context: process. Return: 0 or -ENOMEM; then too pvblk_pool_exit() undoes it.
 */
int pvblk_pool_init(struct pvblk_pool *pool, u32 len)
{
	unsigned int order, i;

	spin_lock_init(&pool->lock);
	pool->nr = len >> PVBLK_PIECE_MIN_SHIFT;
	for (order = 0; order < PVBLK_PIECE_ORDERS; order++) {
		pool->free[order] = bitmap_zalloc(nr_pieces(pool, order) + 1, GFP_KERNEL);
		if (!pool->free[order])
			return -ENOMEM;
	}
	for (i = 0; i < pool->nr; i++)
		pvblk_pool_put(pool, i << PVBLK_PIECE_MIN_SHIFT, 1U << PVBLK_PIECE_MIN_SHIFT);
	return 0;
}

/**
 * pvblk_pool_exit() - free what the pool itself has taken
 * @pool: zeroed, or made
 */
void pvblk_pool_exit(struct pvblk_pool *pool)
{
	unsigned int order;

	for (order = 0; order < PVBLK_PIECE_ORDERS; order++)
		bitmap_free(pool->free[order]);
}

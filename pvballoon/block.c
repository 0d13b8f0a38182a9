// SPDX-License-Identifier: GPL-2.0-only
/*
 * Blocks, taken from the guest's allocator and given back to it.
 */
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include "pvballoon.h"

/* So many bytes at a time are on the way to the balloon, where who is short of memory finds them. */
#define PORTION_BYTES	SZ_128K

/* Their content is lost; clearing them would make the host find memory for them first. */
#define GFP_BLOCK	(GFP_HIGHUSER | __GFP_NORETRY | __GFP_NOWARN | __GFP_NOMEMALLOC | \
			 COMPAT_GFP_UNCLEARED)

/* Nobody saves, dumps or reads what is marked so. Movable pages are marked when they are given. */
static void mark_offline(const struct pvballoon_pool *pool, struct page *page, bool offline)
{
	unsigned int i;

	for (i = 0; !pool->movable && i < 1U << pool->order; i++) {
		if (offline)
			__SetPageOffline(page + i);
		else
			__ClearPageOffline(page + i);
	}
}

static struct page *alloc_block(const struct pvballoon_pool *pool, bool reclaim)
{
	gfp_t gfp = GFP_BLOCK;
	struct page *page;

	if (pool->movable)
		gfp |= __GFP_MOVABLE;
	if (!reclaim)
		gfp &= ~__GFP_RECLAIM;
	page = alloc_pages(gfp, pool->order);
	if (page)
		mark_offline(pool, page, true);
	return page;
}

/**
 * pvballoon_free_blocks() - give blocks to the guest's allocator
 * @pool: their pool
 * @blocks: on no other list; empty on return
 */
void pvballoon_free_blocks(struct pvballoon_pool *pool, struct list_head *blocks)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, blocks, lru) {
		list_del(&page->lru);
		mark_offline(pool, page, false);
		__free_pages(page, pool->order);
	}
}

static unsigned long grow_portion(struct pvballoon *balloon, struct pvballoon_pool *pool,
				  unsigned long nr, bool reclaim)
{
	unsigned long done;
	struct page *page;
	LIST_HEAD(blocks);

	for (done = 0; done < nr; done++) {
		page = alloc_block(pool, reclaim);
		if (!page)
			break;
		list_add_tail(&page->lru, &blocks);
	}
	spin_lock(&balloon->lock);
	list_splice_tail(&blocks, &pool->fresh);
	pool->nr_fresh += done;
	spin_unlock(&balloon->lock);
	return done;
}

/* Ends early when there are no more, or the guest has become short of memory meanwhile. */
static unsigned long grow_pool(struct pvballoon *balloon, struct pvballoon_pool *pool,
			       unsigned long nr, bool reclaim)
{
	unsigned long portion = max_t(u64, div64_u64(PORTION_BYTES, pvballoon_block_bytes(pool)), 1);
	unsigned long done = 0, want, got;

	while (done < nr && !pvballoon_is_held(balloon)) {
		want = min(nr - done, portion);
		got = grow_portion(balloon, pool, want, reclaim);
		done += got;
		if (got < want)
			break;
		cond_resched();
	}
	return done;
}

/**
 * pvballoon_grow() - take memory from the guest; it is fresh then
 * @balloon: the balloon
 * @bytes: how much, at most what fits into one request
 *
 * Large blocks as long as there are free ones, then small ones, for which the guest may have to
 * reclaim. Less if the guest becomes short of memory. Context: process. Return: bytes taken.
 */
u64 pvballoon_grow(struct pvballoon *balloon, u64 bytes)
{
	u64 left = min_t(u64, bytes, PVBALLOON_REQUEST_BYTES);
	unsigned int i;

	bytes = left;
	for (i = 0; i < PVBALLOON_POOLS; i++) {
		struct pvballoon_pool *pool = &balloon->pools[i];
		unsigned long nr = min_t(u64, div64_u64(left, pvballoon_block_bytes(pool)),
					 PVBALLOON_RANGES_MAX);

		/* Small blocks of one request only: large ones may be free again by then. */
		nr = grow_pool(balloon, pool, nr, i == PVBALLOON_SMALL);
		left -= nr * pvballoon_block_bytes(pool);
	}
	return bytes - left;
}

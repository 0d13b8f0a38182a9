// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory that the guest does without: given, taken back, moved.
 *
 * A block is fresh (allocated, and the device does not know it in this epoch), in flight, or
 * given. Whoever is short of memory takes fresh and given ones, under a spinlock and
 * without waiting for the device; blocks in flight belong to their request.
 */
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include "pvballoon.h"

/* Blocks are taken from the lists in portions, so that the lock is held briefly. */
#define PORTION		32
#define FORGET_PORTION	512

/**
 * pvballoon_pools_init() - choose the sizes of blocks
 * @balloon: the balloon; granule is known
 *
 * Return: 0; -EINVAL if the guest cannot allocate a granule.
 */
int pvballoon_pools_init(struct pvballoon *balloon)
{
	unsigned int small = get_order(balloon->granule), i;

	if (small > MAX_PAGE_ORDER)
		return -EINVAL;
	for (i = 0; i < PVBALLOON_POOLS; i++) {
		INIT_LIST_HEAD(&balloon->pools[i].fresh);
		INIT_LIST_HEAD(&balloon->pools[i].given);
	}
	balloon->pools[PVBALLOON_SMALL].order = small;
	balloon->pools[PVBALLOON_SMALL].movable = COMPAT_BALLOON_MOVES && !small;
	balloon->pools[PVBALLOON_HUGE].order =
		clamp_t(unsigned int, get_order(SZ_2M), small, MAX_PAGE_ORDER);
	balloon_devinfo_init(&balloon->movable);
	balloon->movable.migratepage = pvballoon_migrate;
	return 0;
}

/* What a block can be. */
#define FRESH		BIT(0)
#define IN_FLIGHT	BIT(1)
#define GIVEN		BIT(2)

static u64 sum_bytes(struct pvballoon *balloon, unsigned long what)
{
	u64 bytes = 0;
	unsigned int i;

	spin_lock(&balloon->lock);
	for (i = 0; i < PVBALLOON_POOLS; i++) {
		const struct pvballoon_pool *pool = &balloon->pools[i];
		u64 nr = 0;

		if (what & FRESH)
			nr += pool->nr_fresh;
		if (what & IN_FLIGHT)
			nr += pool->nr_in_flight;
		if (what & GIVEN)
			nr += pool->nr_given;
		bytes += nr * pvballoon_block_bytes(pool);
	}
	spin_unlock(&balloon->lock);
	return bytes;
}

/**
 * pvballoon_held() - what the guest does without
 * @balloon: the balloon; any context but interrupts
 *
 * Return: bytes.
 */
u64 pvballoon_held(struct pvballoon *balloon)
{
	return sum_bytes(balloon, FRESH | IN_FLIGHT | GIVEN);
}

/**
 * pvballoon_given() - what of it the device has been given
 * @balloon: the balloon; any context but interrupts
 *
 * Return: bytes.
 */
u64 pvballoon_given(struct pvballoon *balloon)
{
	return sum_bytes(balloon, GIVEN);
}

/**
 * pvballoon_in_flight() - what of it is nobody's, as the device may be about to free it
 * @balloon: the balloon; any context but interrupts
 *
 * Return: bytes.
 */
u64 pvballoon_in_flight(struct pvballoon *balloon)
{
	return sum_bytes(balloon, IN_FLIGHT);
}

/**
 * pvballoon_returned() - what has gone back to the guest's allocator, or is on the way to it
 * @balloon: the balloon; any context but interrupts
 *
 * Return: bytes since the driver was loaded.
 */
u64 pvballoon_returned(struct pvballoon *balloon)
{
	u64 bytes;

	spin_lock(&balloon->lock);
	bytes = balloon->returned;
	spin_unlock(&balloon->lock);
	return bytes;
}

/*
 * Note what the device is to be told later; the lock is held. What no longer fits is not told one
 * by one: the device is reset and told anew what is left (BALLOON-D9), so that relief never ends.
 */
static void record_range(struct pvballoon *balloon, const struct page *page, unsigned int order)
{
	struct pvballoon_record *records = balloon->records;
	unsigned int nr = balloon->nr_records;
	u64 addr = page_to_phys(page), len = (u64)PAGE_SIZE << order;

	if (balloon->retell || balloon->reset_due)
		return;
	if (nr && records[nr - 1].addr + records[nr - 1].len == addr &&
	    pvballoon_same_area(balloon, addr - 1, addr)) {
		records[nr - 1].len += len;
		return;
	}
	if (nr == PVBALLOON_RECORDS) {
		WRITE_ONCE(balloon->reset_due, true);
		WRITE_ONCE(balloon->nr_records, 0);
		return;
	}
	records[nr] = (struct pvballoon_record) { .addr = addr, .len = len };
	WRITE_ONCE(balloon->nr_records, nr + 1);
}

static unsigned long take_fresh(struct pvballoon_pool *pool, unsigned long nr,
				struct list_head *blocks)
{
	unsigned long done;

	for (done = 0; done < nr && pool->nr_fresh; done++) {
		list_move_tail(pool->fresh.next, blocks);
		pool->nr_fresh--;
	}
	return done;
}

/* The pages of the kernel's movable list are not to be looked at before they are dequeued. */
static unsigned long take_movable(struct pvballoon *balloon, struct pvballoon_pool *pool,
				  unsigned long nr, struct list_head *blocks)
{
	struct page *page;
	LIST_HEAD(pages);

	nr = balloon_page_list_dequeue(&balloon->movable, &pages, nr);
	pool->nr_given -= nr;
	list_for_each_entry(page, &pages, lru)
		record_range(balloon, page, pool->order);
	list_splice_tail(&pages, blocks);
	return nr;
}

static unsigned long take_given(struct pvballoon *balloon, struct pvballoon_pool *pool,
				unsigned long nr, struct list_head *blocks)
{
	unsigned long done;
	struct page *page;

	if (pool->movable)
		return take_movable(balloon, pool, nr, blocks);
	for (done = 0; done < nr && pool->nr_given; done++) {
		page = list_first_entry(&pool->given, struct page, lru);
		record_range(balloon, page, pool->order);
		list_move_tail(&page->lru, blocks);
		pool->nr_given--;
	}
	return done;
}

static unsigned long take_portion(struct pvballoon *balloon, struct pvballoon_pool *pool,
				  unsigned long nr)
{
	unsigned long done;
	LIST_HEAD(blocks);

	spin_lock(&balloon->lock);
	done = take_fresh(pool, nr, &blocks);
	if (done < nr)
		done += take_given(balloon, pool, nr - done, &blocks);
	balloon->returned += done * pvballoon_block_bytes(pool);
	WRITE_ONCE(balloon->returning, balloon->returning + 1);
	spin_unlock(&balloon->lock);
	pvballoon_free_blocks(pool, &blocks);
	spin_lock(&balloon->lock);
	WRITE_ONCE(balloon->returning, balloon->returning - 1);
	spin_unlock(&balloon->lock);
	return done;
}

static u64 shrink_pool(struct pvballoon *balloon, struct pvballoon_pool *pool, u64 bytes, bool more)
{
	u64 size = pvballoon_block_bytes(pool), done = 0;
	unsigned long nr;

	while (done < bytes) {
		nr = min_t(u64, div64_u64(bytes - done, size), PORTION);
		if (!nr && more)
			nr = 1;
		nr = take_portion(balloon, pool, nr);
		if (!nr)
			break;
		done += nr * size;
		cond_resched();
	}
	/* Somebody may wait for what is free now (relief.c). */
	wake_up_all(&balloon->main.wait);
	return done;
}

/**
 * pvballoon_shrink() - give memory back to the guest, without waiting for anything
 * @balloon: the balloon
 * @bytes: how much; U64_MAX: all
 *
 * Up to a large block more than @bytes is given back; less, if the rest is in flight. Context:
 * process, reclaim too. Return: bytes.
 */
u64 pvballoon_shrink(struct pvballoon *balloon, u64 bytes)
{
	struct pvballoon_pool *huge = &balloon->pools[PVBALLOON_HUGE];
	struct pvballoon_pool *small = &balloon->pools[PVBALLOON_SMALL];
	u64 done = shrink_pool(balloon, huge, bytes, false);

	if (done < bytes)
		done += shrink_pool(balloon, small, bytes - done, true);
	if (done < bytes)
		done += shrink_pool(balloon, huge, bytes - done, true);
	return done;
}

/* Pages that somebody looks at, to move them, make way. Returns their number. */
static unsigned long part_looked_at(struct list_head *pages, struct list_head *looked_at)
{
	struct page *page, *next;
	unsigned long nr = 0;

	list_for_each_entry_safe(page, next, pages, lru) {
		if (compat_balloon_may_return(page))
			continue;
		list_move_tail(&page->lru, looked_at);
		nr++;
	}
	return nr;
}

/* Make some of a pool fresh again, or let them go. Returns how many are given no more. */
static unsigned long forget_portion(struct pvballoon *balloon, struct pvballoon_pool *pool)
{
	unsigned long nr, nr_moved = 0;
	LIST_HEAD(looked_at);
	LIST_HEAD(blocks);

	spin_lock(&balloon->lock);
	nr = pool->nr_given;
	if (pool->movable) {
		nr = min_t(unsigned long, nr, FORGET_PORTION);
		nr = balloon_page_list_dequeue(&balloon->movable, &blocks, nr);
		nr_moved = part_looked_at(&blocks, &looked_at);
		WRITE_ONCE(balloon->moved, balloon->moved + nr_moved);
	} else {
		list_splice_init(&pool->given, &blocks);
	}
	list_splice_tail(&blocks, &pool->fresh);
	pool->nr_fresh += nr - nr_moved;
	pool->nr_given -= nr;
	spin_unlock(&balloon->lock);
	pvballoon_free_blocks(pool, &looked_at);
	return nr;
}

/**
 * pvballoon_forget() - make some of what was given fresh again: the device does not know it any more
 * @balloon: the balloon, with retell set; the lock of the main channel is held
 *
 * The bus may want the lock, so it is let go between two portions. Pages that are just being moved come later.
 * Return: how many blocks it was; 0: no more than that, and retell is clear if nothing is given any more.
 */
unsigned long pvballoon_forget(struct pvballoon *balloon)
{
	unsigned long nr = 0, given = 0;
	unsigned int i;

	for (i = 0; i < PVBALLOON_POOLS; i++)
		nr += forget_portion(balloon, &balloon->pools[i]);
	if (nr)
		return nr;

	spin_lock(&balloon->lock);
	for (i = 0; i < PVBALLOON_POOLS; i++)
		given += balloon->pools[i].nr_given;
	if (!given)
		WRITE_ONCE(balloon->retell, false);
	spin_unlock(&balloon->lock);
	return 0;
}

/**
 * pvballoon_is_moving() - may the kernel still look at the balloon to move a page of it
 * @balloon: the balloon, of which nothing is given any more
 *
 * A page that made way does not count as given from then on, but the kernel, and
 * pvballoon_migrate(), are not done with it. Context: process.
 */
bool pvballoon_is_moving(struct pvballoon *balloon)
{
	LIST_HEAD(none);

	if (READ_ONCE(balloon->movable.isolated_pages))
		return true;
	/* It counts under a lock of its own, which whoever counted last has left when this returns. */
	balloon_page_list_dequeue(&balloon->movable, &none, 0);
	return false;
}

/**
 * pvballoon_take_unknown() - take a fresh block of whose area the device does not know
 * @balloon: the balloon; the lock of the main channel is held
 * @pool: gets its pool
 *
 * Return: the block, which counts as in flight until pvballoon_put_back(); NULL: there is none.
 */
struct page *pvballoon_take_unknown(struct pvballoon *balloon, struct pvballoon_pool **pool)
{
	struct page *page;
	unsigned int i;

	spin_lock(&balloon->lock);
	for (i = 0; i < PVBALLOON_POOLS; i++) {
		*pool = &balloon->pools[i];
		page = list_first_entry_or_null(&(*pool)->fresh, struct page, lru);
		if (!page || pvballoon_area_known(balloon, page, (*pool)->order))
			continue;
		list_del(&page->lru);
		(*pool)->nr_fresh--;
		(*pool)->nr_in_flight++;
		spin_unlock(&balloon->lock);
		return page;
	}
	spin_unlock(&balloon->lock);
	return NULL;
}

/**
 * pvballoon_put_back() - make a block fresh again, or let it go
 * @balloon: the balloon
 * @pool: the block's
 * @page: the block, of pvballoon_take_unknown()
 * @refused: the device does not want it
 */
void pvballoon_put_back(struct pvballoon *balloon, struct pvballoon_pool *pool, struct page *page,
			bool refused)
{
	LIST_HEAD(blocks);

	spin_lock(&balloon->lock);
	list_add(&page->lru, refused ? &blocks : &pool->fresh);
	pool->nr_fresh += !refused;
	pool->nr_in_flight--;
	WRITE_ONCE(balloon->refused, balloon->refused + refused);
	spin_unlock(&balloon->lock);
	pvballoon_free_blocks(pool, &blocks);
}

/**
 * pvballoon_migrate() - see balloon_dev_info.migratepage: make way for a larger block
 * @info: pvballoon.movable
 * @newpage: where the page may move to; it is not taken
 * @page: the page, isolated and locked
 * @mode: how long this may take
 *
 * A page without content need not be moved: it is let go, and the balloon grows by another one
 * when it next looks. So compaction never waits for the device. From when the page no longer
 * counts as given to the end, pvballoon_is_moving() keeps the balloon. Return: as its caller wants it.
 */
int pvballoon_migrate(struct balloon_dev_info *info, struct page *newpage, struct page *page,
		      enum migrate_mode mode)
{
	struct pvballoon *balloon = container_of(info, struct pvballoon, movable);

	spin_lock(&balloon->lock);
	record_range(balloon, page, 0);
	balloon->pools[PVBALLOON_SMALL].nr_given--;
	WRITE_ONCE(balloon->moved, balloon->moved + 1);
	spin_unlock(&balloon->lock);
	pvballoon_kick_balance(balloon);
	return compat_balloon_deflated(info, page);
}

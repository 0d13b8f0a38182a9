// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is given to the device, and what was taken back: INFLATE and DEFLATE (balloon.md).
 */
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include "pvballoon.h"

/* Slots that no INFLATE takes, so that others need not wait for memory to be freed. */
#define RESERVED	2

/**
 * pvballoon_window() - how much may be in flight
 * @balloon: the balloon; the lock of the main channel is held
 *
 * What is in flight is nobody's (BALLOON-G12). Return: bytes; little if the device has not answered
 * for a while, when it may stand still.
 */
u64 pvballoon_window(const struct pvballoon *balloon)
{
	u64 window = balloon->window;

	if (time_after(jiffies, balloon->answered_at + PVBALLOON_WAIT))
		window = PVBALLOON_WINDOW_MIN;
	return max_t(u64, window, balloon->granule);
}

/* The device answers: twice as much, up to two requests, or what the balloon leaves to the guest. */
static void open_window(struct pvballoon *balloon)
{
	u64 max = clamp_t(u64, round_down(pvballoon_reserve(), PVBALLOON_WINDOW_MIN),
			  PVBALLOON_WINDOW_MIN, 2 * PVBALLOON_REQUEST_BYTES);

	balloon->window = min(2 * pvballoon_window(balloon), max);
	balloon->answered_at = jiffies;
}

/* What was about to be given will have no effect any more. */
static void return_to_fresh(struct pvballoon *balloon, struct pvballoon_slot *slot)
{
	struct pvballoon_pool *pool = slot->pool;

	spin_lock(&balloon->lock);
	list_splice_init(&slot->blocks, &pool->fresh);
	pool->nr_in_flight -= slot->nr_blocks;
	pool->nr_fresh += slot->nr_blocks;
	spin_unlock(&balloon->lock);
}

/* The blocks of which the device said no; the ranges are in the order of the blocks. */
static unsigned long sort_out(struct pvballoon_slot *slot, const struct pvballoon_range *ranges,
			      struct list_head *refused)
{
	unsigned int shift = slot->pool->order + PAGE_SHIFT - PVBALLOON_PAGE_SHIFT, in_range = 0;
	struct page *page, *next;
	unsigned long nr = 0;

	list_for_each_entry_safe(page, next, &slot->blocks, lru) {
		if (ranges->status) {
			list_move_tail(&page->lru, refused);
			nr++;
		}
		if (++in_range == le32_to_cpu(ranges->nr_pages) >> shift) {
			ranges++;
			in_range = 0;
		}
	}
	return nr;
}

/* @ranges: what the driver wrote, with the device's statuses; NULL: all were taken. */
static void inflated(struct pvballoon *balloon, struct pvballoon_slot *slot, const void *ranges)
{
	struct pvballoon_pool *pool = slot->pool;
	unsigned long nr_refused = 0;
	LIST_HEAD(refused);

	open_window(balloon);
	if (ranges)
		nr_refused = sort_out(slot, ranges, &refused);
	spin_lock(&balloon->lock);
	if (pool->movable)
		balloon_page_list_enqueue(&balloon->movable, &slot->blocks);
	else
		list_splice_init(&slot->blocks, &pool->given);
	pool->nr_in_flight -= slot->nr_blocks;
	pool->nr_given += slot->nr_blocks - nr_refused;
	WRITE_ONCE(balloon->refused, balloon->refused + nr_refused);
	spin_unlock(&balloon->lock);
	pvballoon_free_blocks(pool, &refused);
	if (nr_refused)
		pvballoon_hold(balloon, PVBALLOON_HOLD_REFUSED);
}

static const struct pvballoon_request inflate = {
	.op		= PVBALLOON_OP_INFLATE,
	.size		= sizeof(struct pvballoon_range),
	.done		= inflated,
	.forgotten	= return_to_fresh,
};

static const struct pvballoon_request deflate = {
	.op		= PVBALLOON_OP_DEFLATE,
};

static void write_range(struct pvballoon_range *shared, u64 addr, u64 len)
{
	struct pvballoon_range range = {
		.addr = cpu_to_le64(addr),
		.nr_pages = cpu_to_le32(len >> PVBALLOON_PAGE_SHIFT),
	};

	memcpy(shared, &range, sizeof(range));
}

/**
 * pvballoon_tell_taken_back() - tell the device of all memory that was taken back
 * @balloon: the balloon; the lock of the main channel is held, and it runs
 *
 * Must come before the same memory is given again. Return: false if not all could be told, as
 * all requests are in flight, or the device has first to be reset.
 */
bool pvballoon_tell_taken_back(struct pvballoon *balloon)
{
	struct pvballoon_channel *channel = &balloon->main;
	struct pvballoon_range *ranges;
	struct pvballoon_slot *slot;
	unsigned int i, nr;
	bool reset_due;

	while ((slot = pvballoon_get_slot(channel, 0))) {
		ranges = pvballoon_slot_data(channel, slot);
		spin_lock(&balloon->lock);
		reset_due = balloon->reset_due;
		nr = min_t(unsigned int, balloon->nr_records, PVBALLOON_RANGES_MAX);
		for (i = 0; i < nr; i++)
			write_range(&ranges[i], balloon->records[i].addr, balloon->records[i].len);
		WRITE_ONCE(balloon->nr_records, balloon->nr_records - nr);
		memmove(balloon->records, balloon->records + nr,
			balloon->nr_records * sizeof(*balloon->records));
		spin_unlock(&balloon->lock);
		if (!nr)
			return !reset_due;
		pvballoon_submit(channel, slot, &deflate, nr);
	}
	return false;
}

/* How many fresh blocks of a pool a request has. */
static u64 blocks_of_request(const struct pvballoon_pool *pool, u64 window)
{
	u64 bytes = min_t(u64, window, PVBALLOON_REQUEST_BYTES);
	u64 max = clamp_t(u64, div64_u64(bytes, pvballoon_block_bytes(pool)), 1,
			  PVBALLOON_RANGES_MAX);

	return min_t(u64, max, pool->nr_fresh);
}

/*
 * Fill a request with blocks whose area the device knows. Returns their number; 0 if there are none, the
 * first of each pool is in an area that the device doesn't know, or too much is in flight.
 */
static unsigned int take_fresh(struct pvballoon *balloon, struct pvballoon_slot *slot)
{
	u64 window = pvballoon_window(balloon), in_flight = pvballoon_in_flight(balloon), max;
	struct page *page, *next;
	unsigned int i, nr = 0;

	INIT_LIST_HEAD(&slot->blocks);
	spin_lock(&balloon->lock);
	for (i = 0; i < PVBALLOON_POOLS && !nr; i++) {
		struct pvballoon_pool *pool = &balloon->pools[i];

		max = blocks_of_request(pool, window);
		/* Rather wait for room for all of it than make two of it. */
		if (in_flight && in_flight + max * pvballoon_block_bytes(pool) > window)
			break;
		slot->pool = pool;
		list_for_each_entry_safe(page, next, &pool->fresh, lru) {
			if (nr == max || !pvballoon_area_known(balloon, page, pool->order))
				break;
			list_move_tail(&page->lru, &slot->blocks);
			nr++;
		}
		pool->nr_fresh -= nr;
		pool->nr_in_flight += nr;
	}
	spin_unlock(&balloon->lock);
	slot->nr_blocks = nr;
	return nr;
}

/* Does a block continue a range, at either end? BALLOON-G2: in the same region. */
static bool is_next(struct pvballoon *balloon, u64 addr, u64 len, u64 next, u64 size)
{
	return (next == addr + len || next + size == addr) &&
	       pvballoon_same_area(balloon, addr, next);
}

/* Neighbours among the blocks become one range; the ranges stay in the order of the blocks. */
static unsigned int write_blocks(struct pvballoon_channel *channel,
				 const struct pvballoon_slot *slot)
{
	struct pvballoon_range *ranges = pvballoon_slot_data(channel, slot);
	u64 size = pvballoon_block_bytes(slot->pool), addr = 0, len = 0, next;
	unsigned int nr = 0;
	struct page *page;

	list_for_each_entry(page, &slot->blocks, lru) {
		next = page_to_phys(page);
		if (len && is_next(channel->balloon, addr, len, next, size)) {
			addr = min(addr, next);
			len += size;
			continue;
		}
		if (len)
			write_range(&ranges[nr++], addr, len);
		addr = next;
		len = size;
	}
	write_range(&ranges[nr++], addr, len);
	return nr;
}

/**
 * pvballoon_give_fresh() - give the device what is fresh, as far as requests are left
 * @balloon: the balloon; the lock of the main channel is held, and it runs
 */
void pvballoon_give_fresh(struct pvballoon *balloon)
{
	struct pvballoon_channel *channel = &balloon->main;
	struct pvballoon_slot *slot;

	while (pvballoon_tell_taken_back(balloon)) {
		slot = pvballoon_get_slot(channel, RESERVED);
		if (!slot || !take_fresh(balloon, slot))
			return;
		pvballoon_submit(channel, slot, &inflate, write_blocks(channel, slot));
	}
}

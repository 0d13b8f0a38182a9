// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the guest's memory is, told to the device with a proof (BALLOON-G1).
 */
#include <linux/highmem.h>
#include <linux/ioport.h>
#include <linux/mm.h>
#include <asm/barrier.h>
#include "pvballoon.h"

/* Attempts to get a page of each kind of memory, to prove areas with. */
#define PROOFS_PER_KIND		4
#define PROOFS_MAX		16

/**
 * struct proofs - pages that contain the nonce
 * @area: where each is
 * @page: the page of each
 * @nr: their number
 */
struct proofs {
	struct pvballoon_area	*area[PROOFS_MAX];
	struct page		*page[PROOFS_MAX];
	unsigned int		nr;
};

/* Called for each part of the memory, in ascending order; known parts stay as they are. */
static int add_area(struct resource *res, void *data)
{
	struct pvballoon *balloon = data;
	u64 start = round_up(res->start, balloon->granule);
	u64 end = round_down(res->end + 1, balloon->granule);
	struct pvballoon_area *area;
	unsigned int i;

	for (i = 0; i < balloon->nr_areas; i++) {
		area = &balloon->areas[i];
		if (start < area->end && area->start < end)
			start = area->end;
	}
	if (start >= end || balloon->nr_areas == PVBALLOON_REGIONS_MAX)
		return 0;
	area = &balloon->areas[balloon->nr_areas];
	*area = (struct pvballoon_area) { .start = start, .end = end };
	/* Pairs with the acquire in lookup(), which others call without the lock. */
	smp_store_release(&balloon->nr_areas, balloon->nr_areas + 1);
	return 0;
}

/* Memory may have been added since the last time. */
static void find_areas(struct pvballoon *balloon)
{
	walk_iomem_res_desc(IORES_DESC_NONE, IORESOURCE_SYSTEM_RAM | IORESOURCE_BUSY, 0, -1,
			    balloon, add_area);
}

static struct pvballoon_area *lookup(struct pvballoon *balloon, u64 addr, u64 len)
{
	/* Pairs with the release in add_area(). */
	unsigned int i, nr = smp_load_acquire(&balloon->nr_areas);

	for (i = 0; i < nr; i++)
		if (addr >= balloon->areas[i].start && addr + len <= balloon->areas[i].end)
			return &balloon->areas[i];
	return NULL;
}

/**
 * pvballoon_areas_forget() - the device knows no area
 * @balloon: the balloon; its main channel is locked or not used yet
 */
void pvballoon_areas_forget(struct pvballoon *balloon)
{
	WRITE_ONCE(balloon->nr_areas, 0);
}

/**
 * pvballoon_area_known() - may a block be given
 * @balloon: the balloon; its main channel is locked
 * @page: the block
 * @order: its size
 *
 * Return: true; false if the device has first to be told of its area.
 */
bool pvballoon_area_known(struct pvballoon *balloon, struct page *page, unsigned int order)
{
	const struct pvballoon_area *area = lookup(balloon, page_to_phys(page),
						     (u64)PAGE_SIZE << order);

	return area && area->told;
}

/**
 * pvballoon_same_area() - may two neighbours be told as one range
 * @balloon: the balloon; any context
 * @addr: an address
 * @next: another
 */
bool pvballoon_same_area(struct pvballoon *balloon, u64 addr, u64 next)
{
	return lookup(balloon, addr, 1) == lookup(balloon, next, 1);
}

/**
 * pvballoon_is_proven() - is memory found by the device
 * @balloon: the balloon; any context
 * @addr: first byte
 * @len: bytes
 */
bool pvballoon_is_proven(struct pvballoon *balloon, u64 addr, u64 len)
{
	const struct pvballoon_area *area = lookup(balloon, addr, len);

	return area && READ_ONCE(area->proven);
}

static void add_proof(struct pvballoon *balloon, struct proofs *proofs, struct page *page,
		      struct pvballoon_area *area)
{
	void *at = kmap_local_page(page);

	memcpy(at, balloon->nonce, PVBALLOON_NONCE_LEN);
	kunmap_local(at);
	proofs->area[proofs->nr] = area;
	proofs->page[proofs->nr] = page;
	proofs->nr++;
}

static bool is_wanted(const struct proofs *proofs, const struct pvballoon_area *area)
{
	unsigned int i;

	if (!area || area->told || proofs->nr == PROOFS_MAX)
		return false;
	for (i = 0; i < proofs->nr; i++)
		if (proofs->area[i] == area)
			return false;
	return true;
}

/* A page of each area, as far as the allocator gives one without effort. */
static void find_proofs(struct pvballoon *balloon, struct proofs *proofs)
{
	static const gfp_t kinds[] = { GFP_HIGHUSER, GFP_USER | GFP_DMA32, GFP_USER | GFP_DMA };
	struct pvballoon_area *area;
	struct page *page;
	unsigned int i;
	LIST_HEAD(vain);

	for (i = 0; i < ARRAY_SIZE(kinds) * PROOFS_PER_KIND; i++) {
		page = alloc_page((kinds[i / PROOFS_PER_KIND] & ~__GFP_RECLAIM) | __GFP_NOWARN |
				  __GFP_NOMEMALLOC);
		if (!page)
			continue;
		area = lookup(balloon, page_to_phys(page), PAGE_SIZE);
		if (is_wanted(proofs, area))
			add_proof(balloon, proofs, page, area);
		else
			list_add(&page->lru, &vain);
	}
	while (!list_empty(&vain)) {
		page = list_first_entry(&vain, struct page, lru);
		list_del(&page->lru);
		__free_page(page);
	}
}

static void write_regions(const struct proofs *proofs, struct pvballoon_region *shared)
{
	unsigned int i;

	for (i = 0; i < proofs->nr; i++) {
		const struct pvballoon_area *area = proofs->area[i];
		struct pvballoon_region region = {
			.addr	= cpu_to_le64(area->start),
			.len	= cpu_to_le64(area->end - area->start),
			.proof	= cpu_to_le64(page_to_phys(proofs->page[i])),
		};

		memcpy(&shared[i], &region, sizeof(region));
	}
}

static int take_statuses(struct pvballoon_channel *channel, const struct pvballoon_slot *slot,
			 const struct proofs *proofs)
{
	struct pvballoon_region *copy = channel->copy;
	u32 status = PVBALLOON_S_OK;
	unsigned int i;

	pvshm_copy(copy, pvballoon_slot_data(channel, slot), proofs->nr * sizeof(*copy));
	if (pvbus_epoch_over(channel->queue->pdev))
		return -ESTALE;
	for (i = 0; i < proofs->nr; i++) {
		if (slot->status == PVBALLOON_S_SOME)
			status = le32_to_cpu(copy[i].status);
		WRITE_ONCE(proofs->area[i]->proven, status == PVBALLOON_S_OK);
		proofs->area[i]->refused = status && status != PVBALLOON_S_UNPROVEN;
		proofs->area[i]->told = !proofs->area[i]->refused;
	}
	return 0;
}

static int tell(struct pvballoon *balloon, const struct proofs *proofs)
{
	struct pvballoon_channel *channel = &balloon->main;
	struct pvballoon_slot *slot = pvballoon_get_slot(channel);

	if (!slot)
		return -EAGAIN;
	write_regions(proofs, pvballoon_slot_data(channel, slot));
	pvballoon_submit(channel, slot, PVBALLOON_OP_REGION, proofs->nr);
	while (slot->busy && READ_ONCE(channel->running)) {
		pvballoon_wait(channel, PVBALLOON_WAIT);
		pvballoon_reap(channel);
	}
	return slot->busy ? -ESTALE : take_statuses(channel, slot, proofs);
}

static void say_unproven(struct pvballoon *balloon, const struct proofs *proofs)
{
	unsigned int i;

	for (i = 0; i < proofs->nr && !balloon->warned; i++) {
		if (!proofs->area[i]->told || proofs->area[i]->proven)
			continue;
		balloon->warned = true;
		dev_warn(&balloon->pdev->dev,
			 "the host gets no memory back: what is given is only counted; 'pvctl balloon' there says why\n");
	}
}

/**
 * pvballoon_areas_tell() - tell the device of memory that it does not know
 * @balloon: the balloon; the lock of the main channel is held, and it runs
 * @block: to tell of its area, with its first page as the proof; NULL: of all areas of which the
 *	allocator gives a page
 * @order: of @block
 *
 * Context: process. Return: 0; -ENOENT: the kernel's resource tree has no such memory; -EPERM:
 * the device does not want it; -EAGAIN, -ESTALE: not now.
 */
int pvballoon_areas_tell(struct pvballoon *balloon, struct page *block, unsigned int order)
{
	struct proofs proofs = { .nr = 0 };
	struct pvballoon_area *area;
	unsigned int i;
	int err = 0;

	find_areas(balloon);
	if (block) {
		area = lookup(balloon, page_to_phys(block), (u64)PAGE_SIZE << order);
		if (!area)
			return -ENOENT;
		if (area->told || area->refused)
			return area->told ? 0 : -EPERM;
		add_proof(balloon, &proofs, block, area);
	} else {
		find_proofs(balloon, &proofs);
	}
	if (proofs.nr)
		err = tell(balloon, &proofs);
	if (!err)
		say_unproven(balloon, &proofs);
	if (block)
		return err || area->told ? err : -EPERM;
	/* Should the device still look at one, it sees other content, and finds nothing. */
	for (i = 0; i < proofs.nr; i++)
		__free_page(proofs.page[i]);
	return err;
}

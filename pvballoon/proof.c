// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device is told where the guest's memory is, and proven it: REGION (BALLOON-G1).
 */
#include <linux/highmem.h>
#include <linux/mm.h>
#include "pvballoon.h"

/* Attempts to get a page of each kind of memory, to prove areas with. */
#define PROOFS_PER_KIND		4

static void add_proof(struct pvballoon *balloon, struct page *page, struct pvballoon_area *area)
{
	struct pvballoon_proofs *proofs = &balloon->proofs;
	void *at = kmap_local_page(page);

	memcpy(at, balloon->nonce, PVBALLOON_NONCE_LEN);
	kunmap_local(at);
	proofs->area[proofs->nr] = area;
	proofs->page[proofs->nr] = page;
	proofs->nr++;
}

static bool is_wanted(const struct pvballoon_proofs *proofs, const struct pvballoon_area *area)
{
	unsigned int i;

	if (!area || area->told || proofs->nr == PVBALLOON_PROOFS_MAX)
		return false;
	for (i = 0; i < proofs->nr; i++)
		if (proofs->area[i] == area)
			return false;
	return true;
}

/* A page of each area, as far as the allocator gives one without effort. */
static void find_proofs(struct pvballoon *balloon)
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
		area = pvballoon_area_of(balloon, page_to_phys(page), PAGE_SIZE);
		if (is_wanted(&balloon->proofs, area))
			add_proof(balloon, page, area);
		else
			list_add(&page->lru, &vain);
	}
	while (!list_empty(&vain)) {
		page = list_first_entry(&vain, struct page, lru);
		list_del(&page->lru);
		__free_page(page);
	}
}

/* The proofs are not needed any more. @refused: the device does not want the block that is one. */
static void release_proofs(struct pvballoon *balloon, bool refused)
{
	struct pvballoon_proofs *proofs = &balloon->proofs;
	unsigned int i;

	if (proofs->pool)
		pvballoon_put_back(balloon, proofs->pool, proofs->page[0], refused);
	/* Should the device still look at one, it sees other content, and finds nothing. */
	for (i = 0; i < proofs->nr && !proofs->pool; i++)
		__free_page(proofs->page[i]);
	proofs->pool = NULL;
	proofs->nr = 0;
	if (refused)
		pvballoon_hold(balloon, PVBALLOON_HOLD_REFUSED);
}

static void say_unproven(struct pvballoon *balloon)
{
	const struct pvballoon_proofs *proofs = &balloon->proofs;
	unsigned int i;

	for (i = 0; i < proofs->nr && !balloon->warned; i++) {
		if (!proofs->area[i]->told || proofs->area[i]->proven)
			continue;
		balloon->warned = true;
		dev_warn(&balloon->pdev->dev,
			 "the host gets no memory back: what is given is only counted; 'pvctl balloon' there says why\n");
	}
}

/* @data: what the driver wrote, with the device's statuses; NULL: all were taken. */
static void told(struct pvballoon *balloon, struct pvballoon_slot *slot, const void *data)
{
	const struct pvballoon_region *regions = data;
	struct pvballoon_proofs *proofs = &balloon->proofs;
	u32 status = PVBALLOON_S_OK;
	unsigned int i;

	for (i = 0; i < proofs->nr; i++) {
		struct pvballoon_area *area = proofs->area[i];

		if (regions)
			status = le32_to_cpu(regions[i].status);
		WRITE_ONCE(area->proven, status == PVBALLOON_S_OK);
		area->refused = status && status != PVBALLOON_S_UNPROVEN;
		WRITE_ONCE(area->told, !area->refused);
	}
	say_unproven(balloon);
	if (!proofs->pool)
		WRITE_ONCE(balloon->introduced, true);
	release_proofs(balloon, proofs->pool && proofs->area[0]->refused);
}

static void untold(struct pvballoon *balloon, struct pvballoon_slot *slot)
{
	release_proofs(balloon, false);
}

static const struct pvballoon_request region = {
	.op		= PVBALLOON_OP_REGION,
	.size		= sizeof(struct pvballoon_region),
	.done		= told,
	.forgotten	= untold,
};

static void submit(struct pvballoon *balloon, struct pvballoon_slot *slot)
{
	const struct pvballoon_proofs *proofs = &balloon->proofs;
	struct pvballoon_region *shared = pvballoon_slot_data(&balloon->main, slot);
	unsigned int i;

	for (i = 0; i < proofs->nr; i++) {
		const struct pvballoon_area *area = proofs->area[i];
		struct pvballoon_region shown = {
			.addr	= cpu_to_le64(area->start),
			.len	= cpu_to_le64(area->end - area->start),
			.proof	= cpu_to_le64(page_to_phys(proofs->page[i])),
		};

		memcpy(&shared[i], &shown, sizeof(shown));
	}
	pvballoon_submit(&balloon->main, slot, &region, proofs->nr);
}

/**
 * pvballoon_areas_introduce() - tell the device of all memory of which the allocator gives a page
 * @balloon: the balloon; the lock of the main channel is held, and it runs
 *
 * Once in each life of the device; pvballoon.introduced says when that has been done. Nothing is
 * waited for.
 */
void pvballoon_areas_introduce(struct pvballoon *balloon)
{
	struct pvballoon_slot *slot = pvballoon_get_slot(&balloon->main, 0);

	if (READ_ONCE(balloon->introduced) || balloon->proofs.nr || !slot)
		return;
	pvballoon_areas_find(balloon);
	find_proofs(balloon);
	if (balloon->proofs.nr)
		submit(balloon, slot);
	else
		WRITE_ONCE(balloon->introduced, true);
}

/**
 * pvballoon_areas_follow() - tell the device of the area of the first fresh block, if it does not know it
 * @balloon: the balloon; the lock of the main channel is held, and it runs
 *
 * The block is the proof, and counts as in flight meanwhile. Nothing is waited for. Return:
 * true if something has come of it at once.
 */
bool pvballoon_areas_follow(struct pvballoon *balloon)
{
	struct pvballoon_slot *slot = pvballoon_get_slot(&balloon->main, 0);
	struct pvballoon_area *area;
	struct pvballoon_pool *pool;
	struct page *block;

	if (balloon->proofs.nr || !slot)
		return false;
	block = pvballoon_take_unknown(balloon, &pool);
	if (!block)
		return false;
	pvballoon_areas_find(balloon);
	area = pvballoon_area_of(balloon, page_to_phys(block), pvballoon_block_bytes(pool));
	balloon->proofs.pool = pool;
	if (area && !area->told && !area->refused) {
		add_proof(balloon, block, area);
		submit(balloon, slot);
		return false;
	}
	/* Not in the kernel's resource tree, or in memory that the device does not want. */
	balloon->proofs.page[0] = block;
	release_proofs(balloon, !area || area->refused);
	return true;
}

/**
 * pvballoon_drop_proofs() - nobody is to find the proofs of a request in flight any more
 * @balloon: the balloon; the lock of the main channel is held, and it is stopped for good
 *
 * A device that is late only looks at them.
 */
void pvballoon_drop_proofs(struct pvballoon *balloon)
{
	release_proofs(balloon, false);
}

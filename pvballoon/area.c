// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the guest's memory is, and what the device knows of it (BALLOON-G1).
 */
#include <linux/ioport.h>
#include <linux/mm.h>
#include <asm/barrier.h>
#include "pvballoon.h"

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
	/* Pairs with the acquire in pvballoon_area_of(), which others call without the lock. */
	smp_store_release(&balloon->nr_areas, balloon->nr_areas + 1);
	return 0;
}

/**
 * pvballoon_areas_find() - look where the guest's memory is
 * @balloon: the balloon; its main channel is locked
 *
 * Memory may have been added since the last time. What is known stays as it is.
 */
void pvballoon_areas_find(struct pvballoon *balloon)
{
	walk_iomem_res_desc(IORES_DESC_NONE, IORESOURCE_SYSTEM_RAM | IORESOURCE_BUSY, 0, -1,
			    balloon, add_area);
}

/**
 * pvballoon_area_of() - the area that memory is in
 * @balloon: the balloon; any context
 * @addr: first byte
 * @len: bytes
 *
 * Return: NULL if none is known that all of it is in.
 */
struct pvballoon_area *pvballoon_area_of(struct pvballoon *balloon, u64 addr, u64 len)
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
	const struct pvballoon_area *area = pvballoon_area_of(balloon, page_to_phys(page),
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
	return pvballoon_area_of(balloon, addr, 1) == pvballoon_area_of(balloon, next, 1);
}

/**
 * pvballoon_is_proven() - is memory found by the device
 * @balloon: the balloon; any context
 * @addr: first byte
 * @len: bytes
 */
bool pvballoon_is_proven(struct pvballoon *balloon, u64 addr, u64 len)
{
	const struct pvballoon_area *area = pvballoon_area_of(balloon, addr, len);

	return area && READ_ONCE(area->proven);
}

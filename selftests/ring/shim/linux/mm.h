/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_MM_H
#define SHIM_LINUX_MM_H

#include <string.h>
#include <asm/byteorder.h>
#include <linux/limits.h>
#include <linux/list.h>
#include <linux/types.h>

#define PAGE_SHIFT		12
#define PAGE_SIZE		4096UL
#define MAX_PAGE_ORDER		10
#define pageblock_order		9

typedef unsigned int gfp_t;

#define GFP_HIGHUSER		0x1
#define GFP_USER		0x2
#define GFP_DMA32		0x4
#define GFP_DMA			0x8
#define __GFP_NORETRY		0x10
#define __GFP_NOWARN		0x20
#define __GFP_NOMEMALLOC	0x40
#define __GFP_MOVABLE		0x80
#define __GFP_RECLAIM		0x100
#define GFP_ATOMIC		0x200

struct page {
	struct list_head	lru;
	bool			taken;
	bool			offline;
	bool			movable;	/* of a balloon, once, and not freed since: others may lock it */
	bool			looked_at;	/* others have a reference */
};

/* The test's. */
struct page *alloc_pages(gfp_t gfp, unsigned int order);
void __free_pages(struct page *page, unsigned int order);
u64 page_to_phys(const struct page *page);
void *page_address(const struct page *page);
struct page *virt_to_head_page(const void *at);
void put_page(struct page *page);
long si_mem_available(void);
unsigned long totalram_pages(void);

#define alloc_page(gfp)		alloc_pages(gfp, 0)
#define __free_page(page)	__free_pages(page, 0)
#define __SetPageOffline(page)	((void)((page)->offline = true))
#define __ClearPageOffline(page) ((void)((page)->offline = false))

static inline unsigned int get_order(u64 len)
{
	unsigned int order = 0;

	while (PAGE_SIZE << order < len)
		order++;
	return order;
}

#endif

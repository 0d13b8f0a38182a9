// SPDX-License-Identifier: GPL-2.0-only
/*
 * The window in the guest's address space: write-back, as it is memory, if the guest can have that.
 */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include "pvbus.h"

#ifdef CONFIG_X86

#include <asm/pgtable.h>

/* What was asked for is not what is got: firmware's MTRRs make a hole for PCI uncached. */
static enum pvbus_cache cache_of(void *window)
{
	unsigned int level;
	pte_t *pte = lookup_address((unsigned long)window, &level);
	unsigned long bits;

	if (!pte)
		return PVBUS_CACHE_UNKNOWN;
	bits = pgprot_val(pte_pgprot(*pte)) &
	       (level == PG_LEVEL_4K ? _PAGE_CACHE_MASK : _PAGE_LARGE_CACHE_MASK);
	return bits ? PVBUS_CACHE_UNCACHED : PVBUS_CACHE_WRITE_BACK;
}

#else

/* memremap(MEMREMAP_WB) is what it says. */
static enum pvbus_cache cache_of(void *window)
{
	return PVBUS_CACHE_WRITE_BACK;
}

#endif

#if defined(CONFIG_VMAP_PFN) && defined(CONFIG_X86)

static void unmap(void *window)
{
	vunmap(window);
}

/*
 * By page tables of our own, which ask nobody. The window is the host's to read, so it is not
 * encrypted in a guest whose memory is. NULL: not possible.
 */
static void *map_by_pages(struct device *dev, u64 start, u64 len)
{
	unsigned long i, nr = len >> PAGE_SHIFT, *pfns;
	void *window = NULL;

	pfns = kvmalloc_array(nr, sizeof(*pfns), GFP_KERNEL | __GFP_NOWARN);
	if (!pfns)
		return NULL;
	for (i = 0; i < nr; i++) {
		pfns[i] = PHYS_PFN(start) + i;
		/* The kernel takes that for its own memory. */
		if (pfn_valid(pfns[i]))
			break;
	}
	if (i == nr)
		window = vmap_pfn(pfns, nr, pgprot_decrypted(PAGE_KERNEL));
	kvfree(pfns);
	if (window && devm_add_action_or_reset(dev, unmap, window))
		return NULL;
	return window;
}

#else

static void *map_by_pages(struct device *dev, u64 start, u64 len)
{
	return NULL;
}

#endif

/**
 * pvbus_map_window() - map the window of a carrier, as memory
 * @transport: the carrier; window, window_len and window_cache are set
 * @start: the window's address
 * @len: bytes, a multiple of a page
 *
 * The mapping goes with the carrier's device. Context: process. Return: 0 or -errno.
 */
int pvbus_map_window(struct pvbus_transport *transport, u64 start, u64 len)
{
	struct device *dev = transport->dev;
	void *window, *better;

	window = devm_memremap(dev, start, len, MEMREMAP_WB | MEMREMAP_DEC);
	if (IS_ERR(window))
		return PTR_ERR(window);
	transport->window_cache = cache_of(window);
	if (transport->window_cache == PVBUS_CACHE_UNCACHED) {
		better = map_by_pages(dev, start, len);
		if (better) {
			devm_memunmap(dev, window);
			window = better;
			transport->window_cache = cache_of(window);
		}
	}
	transport->window = window;
	transport->window_len = len;
	return 0;
}

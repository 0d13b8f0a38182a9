/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Older kernels' memory management, behind the newest kernel's interfaces; see compat.h.
 */
#ifndef _PVKIT_COMPAT_MM_H
#define _PVKIT_COMPAT_MM_H

#include <linux/mm.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include "gen/config.h"

#ifdef PVKIT_HAVE_LINUX_BALLOON_H
#include <linux/balloon.h>
#else
#include <linux/balloon_compaction.h>
#endif

#ifndef MAX_PAGE_ORDER
#define MAX_PAGE_ORDER		(MAX_ORDER - 1)
#endif

/*
 * The kernel exports no allocation that init_on_alloc does not clear, but before 7.0 it takes
 * __GFP_ZEROTAGS for "cleared together with the tags" and leaves the page alone where there are
 * none. Only on x86: elsewhere the flag may do what it says, and arm64 executes the
 * instructions of memory tags for it whether or not the CPU has them.
 */
#ifdef CONFIG_X86
#define COMPAT_GFP_UNCLEARED	__GFP_ZEROTAGS
#else
#define COMPAT_GFP_UNCLEARED	((__force gfp_t)0)
#endif

/* Can pages of a balloon be moved? */
#define COMPAT_BALLOON_MOVES \
	(IS_ENABLED(CONFIG_BALLOON_COMPACTION) || IS_ENABLED(CONFIG_BALLOON_MIGRATION))

/*
 * The end of a balloon_dev_info.migratepage that does not take the new page but lets @page
 * go; returns what that returns.
 */
static inline int compat_balloon_deflated(struct balloon_dev_info *info, struct page *page)
{
#ifdef PVKIT_HAVE_LINUX_BALLOON_H
	return -ENOENT;
#else
	unsigned long flags;

	spin_lock_irqsave(&info->pages_lock, flags);
	info->isolated_pages--;
	spin_unlock_irqrestore(&info->pages_lock, flags);
	balloon_page_finalize(page);
	put_page(page);
	return 0;
#endif
}

/*
 * May a page of a balloon, taken from its list, be put there again? Before 7.0 that needs the page's lock, which the
 * core must find free. But whoever looks for pages to move may have it: he has a reference then, and locks what counts
 * as movable, as a page does for as long as nobody makes it forget that. Under its lock, as he looks twice.
 */
static inline bool compat_balloon_may_return(struct page *page)
{
#ifdef PVKIT_HAVE_LINUX_BALLOON_H
	return true;
#elif defined(PAGE_MAPPING_MOVABLE)
	if (!trylock_page(page))
		return false;
	page->mapping = NULL;
	unlock_page(page);
	/* Pairs with the reference that isolate_movable_page() takes before it looks at the mapping. */
	smp_mb();
	return page_count(page) == 1;
#else
	/* Between, it is movable until it is freed. */
	return false;
#endif
}

#ifdef PVKIT_HAVE_SHRINKER_ALLOC

static inline struct shrinker *compat_shrinker_alloc(const char *name, void *data)
{
	struct shrinker *shrinker = shrinker_alloc(0, "%s", name);

	if (shrinker)
		shrinker->private_data = data;
	return shrinker;
}

static inline void *compat_shrinker_data(struct shrinker *shrinker)
{
	return shrinker->private_data;
}

static inline int compat_shrinker_register(struct shrinker *shrinker, const char *name)
{
	shrinker_register(shrinker);
	return 0;
}

#else

struct compat_shrinker {
	struct shrinker	shrinker;
	void		*data;
};

static inline struct shrinker *compat_shrinker_alloc(const char *name, void *data)
{
	struct compat_shrinker *compat = kzalloc(sizeof(*compat), GFP_KERNEL);

	if (!compat)
		return NULL;
	compat->data = data;
	return &compat->shrinker;
}

static inline void *compat_shrinker_data(struct shrinker *shrinker)
{
	return container_of(shrinker, struct compat_shrinker, shrinker)->data;
}

static inline int compat_shrinker_register(struct shrinker *shrinker, const char *name)
{
	return register_shrinker(shrinker, "%s", name);
}

static inline void shrinker_free(struct shrinker *shrinker)
{
	unregister_shrinker(shrinker);
	kfree(container_of(shrinker, struct compat_shrinker, shrinker));
}

#endif

#endif /* _PVKIT_COMPAT_MM_H */

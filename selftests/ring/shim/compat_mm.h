/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_COMPAT_MM_H
#define SHIM_COMPAT_MM_H

/* In the place of compat/compat_mm.h. */
#include <stdlib.h>
#include <linux/mm.h>

#define COMPAT_GFP_UNCLEARED	0u
#define COMPAT_BALLOON_MOVES	1

enum migrate_mode { MIGRATE_SYNC };

#define SHRINK_STOP		(~0UL)

struct shrink_control {
	unsigned long		nr_to_scan;
};

struct shrinker {
	unsigned long		(*count_objects)(struct shrinker *shrinker, struct shrink_control *sc);
	unsigned long		(*scan_objects)(struct shrinker *shrinker, struct shrink_control *sc);
	long			batch;
	int			seeks;
	void			*data;
};

static inline struct shrinker *compat_shrinker_alloc(const char *name, void *data)
{
	static struct shrinker shrinker;

	(void)name;
	shrinker.data = data;
	return &shrinker;
}

static inline void *compat_shrinker_data(struct shrinker *shrinker)
{
	return shrinker->data;
}

static inline int compat_shrinker_register(struct shrinker *shrinker, const char *name)
{
	(void)shrinker;
	(void)name;
	return 0;
}

static inline void shrinker_free(struct shrinker *shrinker)
{
	(void)shrinker;
}

struct balloon_dev_info {
	unsigned long		isolated_pages;
	struct list_head	pages;
	int (*migratepage)(struct balloon_dev_info *info, struct page *newpage, struct page *page,
			   enum migrate_mode mode);
};

static inline void balloon_devinfo_init(struct balloon_dev_info *info)
{
	info->isolated_pages = 0;
	INIT_LIST_HEAD(&info->pages);
}

/* As the kernel before 7.0 it does not bear a page that somebody else may have locked. */
static inline size_t balloon_page_list_enqueue(struct balloon_dev_info *info, struct list_head *pages)
{
	struct page *page;

	list_for_each_entry(page, pages, lru) {
		if (page->movable)
			abort();
		page->movable = true;
	}
	list_splice_init(pages, &info->pages);
	return 0;
}

static inline bool compat_balloon_may_return(struct page *page)
{
	page->movable = page->looked_at;
	return !page->looked_at;
}

static inline size_t balloon_page_list_dequeue(struct balloon_dev_info *info, struct list_head *pages,
					       size_t nr)
{
	size_t done;

	for (done = 0; done < nr && !list_empty(&info->pages); done++)
		list_move_tail(info->pages.next, pages);
	return done;
}

/* The test's: the kernel is not done with the page yet. */
int compat_balloon_deflated(struct balloon_dev_info *info, struct page *page);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_PAGE_REPORTING_H
#define SHIM_LINUX_PAGE_REPORTING_H

#include <linux/types.h>

#define CONFIG_PAGE_REPORTING	1

struct scatterlist;

struct page_reporting_dev_info {
	int		(*report)(struct page_reporting_dev_info *prdev, struct scatterlist *sgl,
				  unsigned int nents);
	unsigned int	order;
};

static inline int page_reporting_register(struct page_reporting_dev_info *prdev)
{
	(void)prdev;
	return 0;
}

static inline void page_reporting_unregister(struct page_reporting_dev_info *prdev)
{
	(void)prdev;
}

static inline bool page_poisoning_enabled_static(void)
{
	return false;
}

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_HIGHMEM_H
#define SHIM_LINUX_HIGHMEM_H

#include <linux/blk-mq.h>

struct page;

/* The test's. */
void *kmap_local_page(struct page *page);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_COMPAT_NET_H
#define SHIM_COMPAT_NET_H

/* In the place of compat/compat_net.h, and of the page pool's. */
#include <linux/mm.h>
#include <linux/netdevice.h>

#define COMPAT_VNET_HDR_GSO_UDP_L4	5

/* The test's. */
struct page *page_pool_dev_alloc_frag(struct page_pool *pool, unsigned int *off, unsigned int len);
void page_pool_put_full_page(struct page_pool *pool, struct page *page, bool direct);

#define page_pool_recycle_direct(pool, page)	page_pool_put_full_page(pool, page, true)

#endif

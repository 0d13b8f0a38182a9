/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Older kernels' networking, behind the newest kernel's interfaces; see compat.h.
 */
#ifndef _PVKIT_COMPAT_NET_H
#define _PVKIT_COMPAT_NET_H

#include <linux/netdevice.h>
#include <uapi/linux/virtio_net.h>
#include "gen/config.h"

#ifdef PVKIT_HAVE_PAGE_POOL_HELPERS
#include <net/page_pool/helpers.h>
#else
#include <net/page_pool.h>
#endif

/* A page pool that gives out parts of pages had to be told so. */
#ifdef PP_FLAG_PAGE_FRAG
#define COMPAT_PP_FLAGS		PP_FLAG_PAGE_FRAG
#else
#define COMPAT_PP_FLAGS		0
#endif

/* Where UDP to be segmented is unknown to virtio_net_hdr_to_skb(), PVNET_F_RX_USO is not taken. */
#ifdef PVKIT_HAVE_VNET_HDR_USO
#define COMPAT_VNET_HDR_GSO_UDP_L4	VIRTIO_NET_HDR_GSO_UDP_L4
#else
#define COMPAT_VNET_HDR_GSO_UDP_L4	VIRTIO_NET_HDR_GSO_NONE
#endif

#endif /* _PVKIT_COMPAT_NET_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Older kernels' networking, behind the newest kernel's interfaces; see compat.h.
 */
#ifndef _PVKIT_COMPAT_NET_H
#define _PVKIT_COMPAT_NET_H

#include <linux/dim.h>
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

/* What a driver can do for XDP: older kernels ask nobody. */
#ifdef PVKIT_HAVE_XDP_FEATURES
#define compat_set_xdp_features(dev) \
	((dev)->xdp_features = NETDEV_XDP_ACT_BASIC | NETDEV_XDP_ACT_REDIRECT | NETDEV_XDP_ACT_NDO_XMIT)
#else
#define compat_set_xdp_features(dev)	((void)(dev))
#endif

static inline void compat_net_dim(struct dim *dim, const struct dim_sample *sample)
{
#ifdef PVKIT_HAVE_NET_DIM_POINTER
	net_dim(dim, sample);
#else
	net_dim(dim, *sample);
#endif
}

#endif /* _PVKIT_COMPAT_NET_H */

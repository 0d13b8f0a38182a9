/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_VIRTIO_NET_H
#define SHIM_LINUX_VIRTIO_NET_H

#include_next <linux/virtio_net.h>
#include <linux/skbuff.h>

/* The test's: what the stack itself checks of it. */
int virtio_net_hdr_to_skb(struct sk_buff *skb, const struct virtio_net_hdr *hdr, bool little_endian);

#endif

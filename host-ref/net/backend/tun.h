/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is said to a tap (drivers/net/tun.c of Linux), also what older headers do not have.
 */
#ifndef HOSTD_NET_TUN_H
#define HOSTD_NET_TUN_H

#include <linux/if_tun.h>
#include <linux/virtio_net.h>

/* Since Linux 6.2. */
#ifndef TUN_F_USO4
#define TUN_F_USO4	0x20
#define TUN_F_USO6	0x40
#endif
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4	5
#endif

/* Bytes of the header that goes with each frame: struct virtio_net_hdr_v1, little endian. */
#define TUN_HDR_LEN	12

#endif /* HOSTD_NET_TUN_H */

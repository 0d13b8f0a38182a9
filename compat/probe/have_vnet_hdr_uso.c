// SPDX-License-Identifier: GPL-2.0-only
/* Linux 6.2, 860b7f27b8f7 "linux/virtio_net.h: Support USO offload in vnet header." */
#include <uapi/linux/virtio_net.h>

int probe = VIRTIO_NET_HDR_GSO_UDP_L4;

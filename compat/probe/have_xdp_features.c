// SPDX-License-Identifier: GPL-2.0-only
/* Linux 6.3, "drivers: net: turn on XDP features" */
#include <linux/netdevice.h>

const struct net_device probe = { .xdp_features = NETDEV_XDP_ACT_NDO_XMIT };

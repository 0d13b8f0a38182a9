/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_ETHTOOL_H
#define SHIM_LINUX_ETHTOOL_H

#include <linux/types.h>

#define ETH_RSS_HASH_NO_CHANGE	0
#define ETH_RSS_HASH_TOP	1

#define RXH_IP_SRC	0x10
#define RXH_IP_DST	0x20
#define RXH_L4_B_0_1	0x40
#define RXH_L4_B_2_3	0x80

enum { TCP_V4_FLOW = 1, UDP_V4_FLOW, TCP_V6_FLOW = 5, UDP_V6_FLOW, IPV4_FLOW = 16, IPV6_FLOW };

static inline u32 ethtool_rxfh_indir_default(u32 index, u32 nr_rings)
{
	return index % nr_rings;
}

#endif

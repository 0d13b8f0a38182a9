/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_COMPAT_ETHTOOL_H
#define SHIM_COMPAT_ETHTOOL_H

/* In the place of compat/compat_ethtool.h. */
#include <linux/ethtool.h>

struct netlink_ext_ack;

struct ethtool_rxfh_param {
	u8	hfunc;
	u32	*indir;
	u8	*key;
};

struct ethtool_rxfh_fields {
	u32	data;
	u32	flow_type;
};

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_ETHTOOL_H
#define SHIM_LINUX_ETHTOOL_H

#include <linux/types.h>

static inline u32 ethtool_rxfh_indir_default(u32 index, u32 nr_rings)
{
	return index % nr_rings;
}

#endif

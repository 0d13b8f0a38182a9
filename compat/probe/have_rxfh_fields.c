// SPDX-License-Identifier: GPL-2.0-only
/* Linux 6.17 (and 6.12.y), "net: ethtool: add dedicated callbacks for getting and setting rxfh fields" */
#include <linux/ethtool.h>

static int get(struct net_device *dev, struct ethtool_rxfh_fields *fields)
{
	return 0;
}

const struct ethtool_ops probe = { .get_rxfh_fields = get };

// SPDX-License-Identifier: GPL-2.0-only
/* Linux 6.8, "net: ethtool: pass a pointer to parameters to get/set_rxfh ethtool ops" */
#include <linux/ethtool.h>

const struct ethtool_rxfh_param probe;

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Older kernels' ethtool operations for the spreading of frames, behind the newest kernel's
 * interfaces; see compat.h.
 *
 * Where the table of a driver's operations is, COMPAT_RXFH(get_rxfh) and so on are its functions, of
 * the newest kernel's types, and compat_get_rxfh() and so on are what goes into the table.
 */
#ifndef _PVKIT_COMPAT_ETHTOOL_H
#define _PVKIT_COMPAT_ETHTOOL_H

#include <linux/ethtool.h>
#include "gen/config.h"

#ifndef PVKIT_HAVE_RXFH_PARAM
struct ethtool_rxfh_param {
	u8	hfunc;
	u32	*indir;
	u8	*key;
};
#endif

#ifndef PVKIT_HAVE_RXFH_FIELDS
struct ethtool_rxfh_fields {
	u32	data;
	u32	flow_type;
};
#endif

#ifdef COMPAT_RXFH

#ifdef PVKIT_HAVE_RXFH_PARAM
#define compat_get_rxfh		COMPAT_RXFH(get_rxfh)
#define compat_set_rxfh		COMPAT_RXFH(set_rxfh)
#else
static int compat_get_rxfh(struct net_device *dev, u32 *indir, u8 *key, u8 *hfunc)
{
	struct ethtool_rxfh_param param = { .indir = indir, .key = key };
	int err = COMPAT_RXFH(get_rxfh)(dev, &param);

	if (hfunc)
		*hfunc = param.hfunc;
	return err;
}

static int compat_set_rxfh(struct net_device *dev, const u32 *indir, const u8 *key, const u8 hfunc)
{
	struct ethtool_rxfh_param param = {
		.hfunc	= hfunc,
		.indir	= (u32 *)indir,
		.key	= (u8 *)key,
	};

	return COMPAT_RXFH(set_rxfh)(dev, &param, NULL);
}
#endif

/* In the table, where the kernel has these operations; else they are among the next two. */
#ifdef PVKIT_HAVE_RXFH_FIELDS
#define COMPAT_RXFH_FIELDS_OPS	.get_rxfh_fields = COMPAT_RXFH(get_rxfh_fields), \
				.set_rxfh_fields = COMPAT_RXFH(set_rxfh_fields),
#else
#define COMPAT_RXFH_FIELDS_OPS
#endif

static int compat_get_rxnfc(struct net_device *dev, struct ethtool_rxnfc *info, u32 *rules)
{
	struct ethtool_rxfh_fields fields = { .flow_type = info->flow_type };
	int err;

	switch (info->cmd) {
	case ETHTOOL_GRXRINGS:
		info->data = dev->real_num_rx_queues;
		return 0;
	case ETHTOOL_GRXFH:
		err = COMPAT_RXFH(get_rxfh_fields)(dev, &fields);
		info->data = fields.data;
		return err;
	default:
		return -EOPNOTSUPP;
	}
}

static int compat_set_rxnfc(struct net_device *dev, struct ethtool_rxnfc *info)
{
	struct ethtool_rxfh_fields fields = { .flow_type = info->flow_type, .data = info->data };

	if (info->cmd != ETHTOOL_SRXFH || info->data != fields.data)
		return -EOPNOTSUPP;
	return COMPAT_RXFH(set_rxfh_fields)(dev, &fields, NULL);
}

#endif /* COMPAT_RXFH */

#endif /* _PVKIT_COMPAT_ETHTOOL_H */

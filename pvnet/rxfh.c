// SPDX-License-Identifier: GPL-2.0-only
/*
 * What ethtool sees and changes of how received frames are hashed and spread.
 */
#include <linux/ethtool.h>
#include <linux/netlink.h>
#include "compat_ethtool.h"
#include "pvnet.h"

#define ADDRESSES	(RXH_IP_SRC | RXH_IP_DST)
#define PORTS		(RXH_L4_B_0_1 | RXH_L4_B_2_3)

/* What of a flow is hashed: addresses by one type, and with the other also ports. */
static const struct {
	u32	flow;
	u32	addresses;
	u32	ports;
} flows[] = {
	{ IPV4_FLOW, PVNET_HASH_IPV4, 0 },
	{ IPV6_FLOW, PVNET_HASH_IPV6, 0 },
	{ TCP_V4_FLOW, PVNET_HASH_IPV4, PVNET_HASH_TCPV4 },
	{ TCP_V6_FLOW, PVNET_HASH_IPV6, PVNET_HASH_TCPV6 },
	{ UDP_V4_FLOW, PVNET_HASH_IPV4, PVNET_HASH_UDPV4 },
	{ UDP_V6_FLOW, PVNET_HASH_IPV6, PVNET_HASH_UDPV6 },
};

/* Whatever size a life of the device gives to its table, its entries are the first of ours. */
static void repeat_table(struct pvnet_rss *rss, unsigned int size)
{
	unsigned int i;

	for (i = size; i < ARRAY_SIZE(rss->table); i++)
		rss->table[i] = rss->table[i - size];
}

/**
 * pvnet_get_rxfh_key_size() - see ethtool_ops.get_rxfh_key_size
 * @dev: the interface
 *
 * Return: bytes; 0: nothing is hashed.
 */
u32 pvnet_get_rxfh_key_size(struct net_device *dev)
{
	return pvnet_has(netdev_priv(dev), PVNET_F_HASH) ? PVNET_RSS_KEY_LEN : 0;
}

/**
 * pvnet_get_rxfh_indir_size() - see ethtool_ops.get_rxfh_indir_size
 * @dev: the interface
 *
 * The kernel takes memory for so many, and asks for them then: a life that begins meanwhile, with a
 * table of another size, does not change it.
 *
 * Return: entries; 0: frames are not spread by their hash.
 */
u32 pvnet_get_rxfh_indir_size(struct net_device *dev)
{
	const struct pvnet *net = netdev_priv(dev);

	return pvnet_has(net, PVNET_F_RSS) ? net->rss.size : 0;
}

/**
 * pvnet_get_rxfh() - see ethtool_ops.get_rxfh
 * @dev: the interface
 * @param: where to
 *
 * Return: 0.
 */
int pvnet_get_rxfh(struct net_device *dev, struct ethtool_rxfh_param *param)
{
	const struct pvnet *net = netdev_priv(dev);
	unsigned int i;

	param->hfunc = ETH_RSS_HASH_TOP;
	for (i = 0; param->indir && i < net->rss.size; i++)
		param->indir[i] = net->rss.table[i];
	if (param->key)
		memcpy(param->key, net->rss.key, sizeof(net->rss.key));
	return 0;
}

/**
 * pvnet_set_rxfh() - see ethtool_ops.set_rxfh
 * @dev: the interface
 * @param: what is to be changed
 * @extack: where it is said what is wrong
 *
 * Return: 0 or -EOPNOTSUPP.
 */
int pvnet_set_rxfh(struct net_device *dev, struct ethtool_rxfh_param *param,
			  struct netlink_ext_ack *extack)
{
	struct pvnet *net = netdev_priv(dev);
	unsigned int i, size = net->rss.size;

	if (param->hfunc != ETH_RSS_HASH_NO_CHANGE && param->hfunc != ETH_RSS_HASH_TOP) {
		NL_SET_ERR_MSG_MOD(extack, "the hash is Toeplitz' and no other");
		return -EOPNOTSUPP;
	}
	if (param->indir) {
		for (i = 0; i < size; i++)
			WRITE_ONCE(net->rss.table[i], param->indir[i]);
		repeat_table(&net->rss, size);
	}
	if (param->key)
		memcpy(net->rss.key, param->key, sizeof(net->rss.key));
	pvnet_change_settings(net);
	return 0;
}

static int find_flow(u32 flow)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(flows); i++)
		if (flows[i].flow == flow)
			return i;
	return -EOPNOTSUPP;
}

/**
 * pvnet_get_rxfh_fields() - see ethtool_ops.get_rxfh_fields
 * @dev: the interface
 * @fields: of which flows, and where to
 *
 * Return: 0, or -EOPNOTSUPP for flows that are not hashed.
 */
int pvnet_get_rxfh_fields(struct net_device *dev, struct ethtool_rxfh_fields *fields)
{
	const struct pvnet *net = netdev_priv(dev);
	u32 types = net->rss.types & le32_to_cpu(net->config.hash_types);
	int i = find_flow(fields->flow_type);

	if (i < 0)
		return i;
	fields->data = 0;
	if (types & flows[i].ports)
		fields->data = ADDRESSES | PORTS;
	else if (types & flows[i].addresses)
		fields->data = ADDRESSES;
	return 0;
}

/**
 * pvnet_set_rxfh_fields() - see ethtool_ops.set_rxfh_fields
 * @dev: the interface
 * @fields: the flows, and what of them
 * @extack: where it is said what is wrong
 *
 * Return: 0 or -EOPNOTSUPP.
 */
int pvnet_set_rxfh_fields(struct net_device *dev, const struct ethtool_rxfh_fields *fields,
				 struct netlink_ext_ack *extack)
{
	struct pvnet *net = netdev_priv(dev);
	u32 known = le32_to_cpu(net->config.hash_types), types = net->rss.types & known;
	int i = find_flow(fields->flow_type);
	u32 type;

	if (i < 0)
		return i;
	/* Addresses alone, for the protocols below IP, are of IP; all its protocols share them. */
	type = flows[i].ports ?: flows[i].addresses;
	if (fields->data == (flows[i].ports ? ADDRESSES | PORTS : ADDRESSES) && (known & type)) {
		types |= type;
	} else if (fields->data == (flows[i].ports && (types & flows[i].addresses) ? ADDRESSES : 0)) {
		types &= ~type;
	} else {
		NL_SET_ERR_MSG_MOD(extack, "hashed are both addresses, or both with both ports");
		return -EOPNOTSUPP;
	}
	WRITE_ONCE(net->rss.types, types);
	pvnet_change_settings(net);
	return 0;
}

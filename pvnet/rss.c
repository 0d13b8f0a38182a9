// SPDX-License-Identifier: GPL-2.0-only
/*
 * How received frames are spread over the pairs, and what is hashed for that (NET-D11).
 */
#include <linux/ethtool.h>
#include "pvnet.h"

/**
 * pvnet_init_rss() - spread by everything that the device can hash
 * @net: the NIC; its config is known
 */
void pvnet_init_rss(struct pvnet *net)
{
	net->rss.types = PVNET_HASH_IPV4 | PVNET_HASH_IPV6 | PVNET_HASH_TCPV4 | PVNET_HASH_TCPV6 |
			 PVNET_HASH_UDPV4 | PVNET_HASH_UDPV6;
	net->rss.size = le16_to_cpu(net->config.rss_size) ?: PVNET_RSS_SIZE_MAX;
	netdev_rss_key_fill(net->rss.key, sizeof(net->rss.key));
	pvnet_spread_evenly(net);
}

/**
 * pvnet_spread_evenly() - the default table, for the pairs that are in use
 * @net: the NIC
 */
void pvnet_spread_evenly(struct pvnet *net)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(net->rss.table); i++)
		net->rss.table[i] = ethtool_rxfh_indir_default(i, pvnet_pairs_in_use(net));
}

/**
 * pvnet_fill_rss() - say it in the settings
 * @net: the NIC
 * @s: the settings; pairs in use are known
 *
 * Key and table may be changing, and are said once more then.
 *
 * Return: PVNET_M_*
 */
u16 pvnet_fill_rss(const struct pvnet *net, struct pvnet_settings *s)
{
	u16 mode = 0;
	unsigned int i;

	if (pvnet_has(net, PVNET_F_HASH) && (READ_ONCE(net->chosen) & NETIF_F_RXHASH))
		mode |= PVNET_M_HASH;
	if (pvnet_has(net, PVNET_F_RSS))
		mode |= PVNET_M_RSS;
	s->hash_types = cpu_to_le32(READ_ONCE(net->rss.types) & le32_to_cpu(net->config.hash_types));
	/* Half of an old key is only used until the settings are said once more. */
	data_race(memcpy(s->rss_key, net->rss.key, sizeof(s->rss_key)));
	for (i = 0; i < ARRAY_SIZE(s->rss_table); i++)
		s->rss_table[i] = READ_ONCE(net->rss.table[i]) % le16_to_cpu(s->nr_pairs);
	return mode;
}

/**
 * pvnet_hash_to_skb() - take over the hash that the device reports
 * @net: the NIC
 * @skb: the frame
 * @frame: private copy of its header
 *
 * It spreads load and no more: a wrong one makes nothing unsafe.
 */
void pvnet_hash_to_skb(const struct pvnet *net, struct sk_buff *skb, const struct pvnet_frame *frame)
{
	u32 type = le32_to_cpu(frame->hash_type);

	if (!type || !(READ_ONCE(net->dev->features) & NETIF_F_RXHASH))
		return;
	skb_set_hash(skb, le32_to_cpu(frame->hash),
		     type & (PVNET_HASH_IPV4 | PVNET_HASH_IPV6) ? PKT_HASH_TYPE_L3 : PKT_HASH_TYPE_L4);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * What ethtool shows and changes.
 */
#include <linux/ethtool.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include "pvnet.h"

#define COMPAT_RXFH(op)	pvnet_##op
#include "compat_ethtool.h"

/* Fewer would let the device wait for a buffer that is being read, or a queue for each frame. */
#define RX_BUFS_MIN	2
#define TX_FRAMES_MIN	2

struct counter {
	char	name[ETH_GSTRING_LEN - 4];
	size_t	off;
};

/* Counters of a pair. The sums of all pairs are those of rtnl_link_stats64 (pvnet_get_stats64()). */
#define RX(name)	{ #name, offsetof(struct pvnet_pair, rx.stats.name) }
#define TX(name)	{ #name, offsetof(struct pvnet_pair, tx.stats.name) }
static const struct counter rx_counters[] = {
	RX(packets), RX(bytes), RX(no_memory), RX(bad_offload), RX(down), RX(buffers),
	RX(xdp_drop), RX(xdp_tx), RX(xdp_redirect), RX(xdp_aborted), RX(xdp_unfit),
};

static const struct counter tx_counters[] = {
	TX(packets), TX(bytes), TX(dropped), TX(invalid), TX(stale), TX(bad_len), TX(replayed),
	TX(stops), TX(wakes), TX(xdp), TX(xdp_full),
};

/* And of each queue. */
#define QUEUE(name)	{ #name, offsetof(struct pvbus_queue, name) }
static const struct counter queue_counters[] = { QUEUE(kicks), QUEUE(interrupts) };

/* And of the NIC, first: how often it was started anew, and settings that were said. */
#define NIC_COUNTERS	2

static void pvnet_get_drvinfo(struct net_device *dev, struct ethtool_drvinfo *info)
{
	const struct pvnet *net = netdev_priv(dev);

	strscpy(info->driver, "pvnet", sizeof(info->driver));
	strscpy(info->version, PVKIT_VERSION, sizeof(info->version));
	strscpy(info->bus_info, dev_name(&net->pdev->dev), sizeof(info->bus_info));
}

static int pvnet_get_link_ksettings(struct net_device *dev, struct ethtool_link_ksettings *now)
{
	const struct pvnet *net = netdev_priv(dev);
	u32 speed = le32_to_cpu(READ_ONCE(net->config.speed_mbps));

	ethtool_link_ksettings_zero_link_mode(now, supported);
	now->base.port = PORT_OTHER;
	now->base.autoneg = AUTONEG_DISABLE;
	now->base.duplex = DUPLEX_FULL;
	now->base.speed = speed && speed <= INT_MAX ? speed : (u32)SPEED_UNKNOWN;
	return 0;
}

static int pvnet_get_sset_count(struct net_device *dev, int set)
{
	const struct pvnet *net = netdev_priv(dev);

	if (set != ETH_SS_STATS)
		return -EOPNOTSUPP;
	return NIC_COUNTERS +
	       net->nr_pairs * (ARRAY_SIZE(rx_counters) + ARRAY_SIZE(tx_counters) +
				2 * ARRAY_SIZE(queue_counters));
}

static void add_names(u8 **text, const char *way, unsigned int pair, const struct counter *counters,
		      unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		ethtool_sprintf(text, "%s%u_%s", way, pair, counters[i].name);
}

static void pvnet_get_strings(struct net_device *dev, u32 set, u8 *text)
{
	const struct pvnet *net = netdev_priv(dev);
	unsigned int i;

	if (set != ETH_SS_STATS)
		return;
	ethtool_sprintf(&text, "nic_%s", "restarts");
	ethtool_sprintf(&text, "nic_%s", "settings");
	for (i = 0; i < net->nr_pairs; i++) {
		add_names(&text, "rx", i, rx_counters, ARRAY_SIZE(rx_counters));
		add_names(&text, "rx", i, queue_counters, ARRAY_SIZE(queue_counters));
		add_names(&text, "tx", i, tx_counters, ARRAY_SIZE(tx_counters));
		add_names(&text, "tx", i, queue_counters, ARRAY_SIZE(queue_counters));
	}
}

static void add_values(u64 **data, const void *from, const struct counter *counters, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		*(*data)++ = READ_ONCE(*(const u64 *)(from + counters[i].off));
}

static void pvnet_get_ethtool_stats(struct net_device *dev, struct ethtool_stats *stats, u64 *data)
{
	const struct pvnet *net = netdev_priv(dev);
	const struct pvnet_pair *pair;

	*data++ = READ_ONCE(net->restarts);
	*data++ = READ_ONCE(net->control.q->ops);
	for (pair = net->pairs; pair < net->pairs + net->nr_pairs; pair++) {
		add_values(&data, pair, rx_counters, ARRAY_SIZE(rx_counters));
		add_values(&data, pair->rx.q, queue_counters, ARRAY_SIZE(queue_counters));
		add_values(&data, pair, tx_counters, ARRAY_SIZE(tx_counters));
		add_values(&data, pair->tx.q, queue_counters, ARRAY_SIZE(queue_counters));
	}
}

static void pvnet_get_ringparam(struct net_device *dev, struct ethtool_ringparam *now,
				struct kernel_ethtool_ringparam *kernel,
				struct netlink_ext_ack *extack)
{
	const struct pvnet *net = netdev_priv(dev);
	const struct pvnet_pair *pair = &net->pairs[0];

	now->rx_max_pending = READ_ONCE(pair->rx.nr_bufs);
	now->rx_pending = min(net->rx_bufs, now->rx_max_pending);
	now->tx_max_pending = pair->tx.q->ring.size;
	now->tx_pending = net->tx_frames;
	kernel->rx_buf_len = READ_ONCE(pair->rx.buf_len);
}

/* Takes effect as buffers and frames come back: nothing stops. */
static int pvnet_set_ringparam(struct net_device *dev, struct ethtool_ringparam *wanted,
			       struct kernel_ethtool_ringparam *kernel,
			       struct netlink_ext_ack *extack)
{
	struct pvnet *net = netdev_priv(dev);
	unsigned int i;

	if (wanted->rx_pending < RX_BUFS_MIN || wanted->tx_pending < TX_FRAMES_MIN) {
		NL_SET_ERR_MSG_MOD(extack, "rx is the number of buffers, tx of frames in flight: at least 2");
		return -EINVAL;
	}
	WRITE_ONCE(net->rx_bufs, wanted->rx_pending);
	WRITE_ONCE(net->tx_frames, wanted->tx_pending);
	for (i = 0; i < net->nr_pairs; i++)
		pvnet_poll_soon(&net->pairs[i]);
	return 0;
}

static void pvnet_get_channels(struct net_device *dev, struct ethtool_channels *now)
{
	const struct pvnet *net = netdev_priv(dev);

	now->max_combined = net->nr_pairs;
	now->combined_count = dev->real_num_tx_queues;
}

/* The others go on with what they have, and are given no more. */
static int pvnet_set_channels(struct net_device *dev, struct ethtool_channels *wanted)
{
	struct pvnet *net = netdev_priv(dev);
	unsigned int nr = wanted->combined_count;
	int err;

	if (!nr || wanted->rx_count || wanted->tx_count || wanted->other_count)
		return -EINVAL;
	err = netif_set_real_num_queues(dev, nr, nr);
	if (err)
		return err;
	if (!netif_is_rxfh_configured(dev))
		pvnet_spread_evenly(net);
	pvnet_spread_pairs(net);
	pvnet_change_settings(net);
	return 0;
}

const struct ethtool_ops pvnet_ethtool_ops = {
	.supported_coalesce_params = ETHTOOL_COALESCE_USECS | ETHTOOL_COALESCE_TX_MAX_FRAMES |
				     ETHTOOL_COALESCE_USE_ADAPTIVE_RX,
	.get_drvinfo		= pvnet_get_drvinfo,
	.get_link		= ethtool_op_get_link,
	.get_link_ksettings	= pvnet_get_link_ksettings,
	.get_ts_info		= ethtool_op_get_ts_info,
	.get_sset_count		= pvnet_get_sset_count,
	.get_strings		= pvnet_get_strings,
	.get_ethtool_stats	= pvnet_get_ethtool_stats,
	.get_ringparam		= pvnet_get_ringparam,
	.set_ringparam		= pvnet_set_ringparam,
	.get_channels		= pvnet_get_channels,
	.set_channels		= pvnet_set_channels,
	.get_coalesce		= pvnet_get_coalesce,
	.set_coalesce		= pvnet_set_coalesce,
	.get_per_queue_coalesce	= pvnet_get_queue_coalesce,
	.set_per_queue_coalesce	= pvnet_set_queue_coalesce,
	.get_rxfh_key_size	= pvnet_get_rxfh_key_size,
	.get_rxfh_indir_size	= pvnet_get_rxfh_indir_size,
	.get_rxfh		= compat_get_rxfh,
	.set_rxfh		= compat_set_rxfh,
	.get_rxnfc		= compat_get_rxnfc,
	.set_rxnfc		= compat_set_rxnfc,
	COMPAT_RXFH_FIELDS_OPS
};

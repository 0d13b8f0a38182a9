// SPDX-License-Identifier: GPL-2.0-only
/*
 * The interface as the stack sees it: its features, limits and addresses.
 */
#include <linux/ctype.h>
#include <linux/etherdevice.h>
#include <linux/rtnetlink.h>
#include "pvnet.h"

/* The stack looks so often whether a queue is stuck; one that has frames in flight pvnet_watchdog() looks after. */
#define TX_TIMEOUT	(10 * HZ)

/* What this one can do. */
static netdev_features_t offer(const struct pvnet *net)
{
	netdev_features_t f = NETIF_F_SG;

	if (pvnet_has(net, PVNET_F_CSUM)) {
		f |= NETIF_F_HW_CSUM;
		f |= pvnet_has(net, PVNET_F_TSO4) ? NETIF_F_TSO : 0;
		f |= pvnet_has(net, PVNET_F_TSO6) ? NETIF_F_TSO6 : 0;
		f |= pvnet_has(net, PVNET_F_TSO_ECN) ? NETIF_F_TSO_ECN : 0;
		f |= pvnet_has(net, PVNET_F_USO) ? NETIF_F_GSO_UDP_L4 : 0;
	}
	if (pvnet_has(net, PVNET_F_RX_CSUM)) {
		f |= NETIF_F_RXCSUM;
		if (pvnet_has(net, PVNET_F_RX_TSO4) || pvnet_has(net, PVNET_F_RX_TSO6) ||
		    pvnet_has(net, PVNET_F_RX_USO))
			f |= NETIF_F_GRO_HW;
	}
	if (pvnet_has(net, PVNET_F_FILTER))
		f |= NETIF_F_HW_VLAN_CTAG_FILTER;
	if (pvnet_has(net, PVNET_F_HASH))
		f |= NETIF_F_RXHASH;
	return f;
}

/* Of those, what is of no use to a VLAN on top. */
#define NOT_FOR_VLANS	(NETIF_F_RXCSUM | NETIF_F_GRO_HW | NETIF_F_RXHASH | NETIF_F_HW_VLAN_CTAG_FILTER)

/* What was offered once may be offered again: it stays to be wanted, and is masked meanwhile. */
static void offer_features(struct pvnet *net)
{
	struct net_device *dev = net->dev;
	netdev_features_t new = READ_ONCE(net->offer) & ~dev->hw_features;

	dev->hw_features |= new;
	dev->wanted_features |= new;
	dev->vlan_features |= new & ~NOT_FOR_VLANS;
}

static u32 tso_max_size(const struct pvnet *net)
{
	/* Longer ones are cut by the host's stack, to frames of the MTU. */
	return min_t(u32, le32_to_cpu(net->config.max_frame), GSO_LEGACY_MAX_SIZE);
}

static void set_config(struct pvnet *net, const struct pvnet_config *config)
{
	net->config = *config;
	WRITE_ONCE(net->mtu, le32_to_cpu(config->mtu));
	WRITE_ONCE(net->max_mtu, le32_to_cpu(config->max_mtu));
	WRITE_ONCE(net->features, net->pdev->features[0]);
	WRITE_ONCE(net->offer, offer(net));
	WRITE_ONCE(net->link_up, le16_to_cpu(config->flags) & PVNET_LINK_UP);
}

/**
 * pvnet_take_config() - from now on the device is as it says
 * @net: the NIC; of the bus's callbacks
 * @config: checked copy of its config
 */
void pvnet_take_config(struct pvnet *net, const struct pvnet_config *config)
{
	bool mtu = config->mtu != net->config.mtu || config->max_mtu != net->config.max_mtu;
	u64 features = net->features;

	set_config(net, config);
	pvnet_tell_stack(net, PVNET_NEWS_LINK);
	if (mtu)
		pvnet_tell_stack(net, PVNET_NEWS_MTU);
	if (features != net->features)
		pvnet_tell_stack(net, PVNET_NEWS_FEATURES);
}

/**
 * pvnet_tell_stack() - something has changed that the stack is to know
 * @net: the NIC
 * @news: what: PVNET_NEWS_*
 *
 * Any context.
 */
void pvnet_tell_stack(struct pvnet *net, unsigned int news)
{
	set_bit(news, &net->news);
	queue_work(system_dfl_wq, &net->update);
}

static void set_carrier(const struct pvnet *net)
{
	if (READ_ONCE(net->link_up))
		netif_carrier_on(net->dev);
	else
		netif_carrier_off(net->dev);
}

/**
 * pvnet_update_work() - tell the stack what has changed
 * @work: pvnet.update
 *
 * The carrier is among it: the stack takes a reference for a change, which must not outlive the
 * interface.
 */
void pvnet_update_work(struct work_struct *work)
{
	struct pvnet *net = container_of(work, struct pvnet, update);
	struct net_device *dev = net->dev;

	rtnl_lock();
	if (dev->reg_state != NETREG_REGISTERED)
		goto unlock;
	if (test_and_clear_bit(PVNET_NEWS_LINK, &net->news))
		set_carrier(net);
	if (test_and_clear_bit(PVNET_NEWS_FEATURES, &net->news)) {
		offer_features(net);
		netdev_update_features(dev);
	}
	if (test_and_clear_bit(PVNET_NEWS_MTU, &net->news)) {
		pvnet_set_max_mtu(net);
		if (dev_set_mtu(dev, READ_ONCE(net->mtu)))
			dev_warn_ratelimited(&net->pdev->dev, "%s: the operator's MTU %u is not taken\n",
					     dev->name, READ_ONCE(net->mtu));
	}
	if (test_and_clear_bit(PVNET_NEWS_MOVED, &net->news))
		__netdev_notify_peers(dev);
unlock:
	rtnl_unlock();
}

static int pvnet_open(struct net_device *dev)
{
	pvnet_change_settings(netdev_priv(dev));
	netif_tx_start_all_queues(dev);
	return 0;
}

static int pvnet_close(struct net_device *dev)
{
	pvnet_change_settings(netdev_priv(dev));
	/* What is received from now on sees that the interface is down. */
	synchronize_net();
	return 0;
}

static void pvnet_set_rx_mode(struct net_device *dev)
{
	pvnet_change_settings(netdev_priv(dev));
}

static int pvnet_set_mac_address(struct net_device *dev, void *addr)
{
	int err = eth_mac_addr(dev, addr);

	if (!err)
		pvnet_change_settings(netdev_priv(dev));
	return err;
}

static int pvnet_change_mtu(struct net_device *dev, int mtu)
{
	WRITE_ONCE(dev->mtu, mtu);
	pvnet_change_settings(netdev_priv(dev));
	return 0;
}

static int pvnet_vlan_rx_add_vid(struct net_device *dev, __be16 proto, u16 vid)
{
	struct pvnet *net = netdev_priv(dev);

	net->vlans[vid / 8] |= BIT(vid % 8);
	pvnet_change_settings(net);
	return 0;
}

static int pvnet_vlan_rx_kill_vid(struct net_device *dev, __be16 proto, u16 vid)
{
	struct pvnet *net = netdev_priv(dev);

	net->vlans[vid / 8] &= ~BIT(vid % 8);
	pvnet_change_settings(net);
	return 0;
}

static netdev_features_t pvnet_fix_features(struct net_device *dev, netdev_features_t features)
{
	const struct pvnet *net = netdev_priv(dev);

	features &= READ_ONCE(net->offer) | ~PVNET_OFFERS;
	/* A program sees frames as they are on the wire. */
	if (rcu_access_pointer(net->prog))
		features &= ~(NETIF_F_RXCSUM | NETIF_F_GRO_HW);
	return features;
}

static int pvnet_set_features(struct net_device *dev, netdev_features_t features)
{
	struct pvnet *net = netdev_priv(dev);

	/* dev->features follows when this returns: the settings may be said before. */
	WRITE_ONCE(net->chosen, features);
	pvnet_change_settings(net);
	return 0;
}

static void pvnet_get_stats64(struct net_device *dev, struct rtnl_link_stats64 *sum)
{
	struct pvnet *net = netdev_priv(dev);
	const struct pvnet_tx_stats *tx;
	const struct pvnet_rx_stats *rx;
	unsigned int i;

	for (i = 0; i < net->nr_pairs; i++) {
		tx = &net->pairs[i].tx.stats;
		rx = &net->pairs[i].rx.stats;
		sum->tx_packets += READ_ONCE(tx->packets);
		sum->tx_bytes += READ_ONCE(tx->bytes);
		sum->tx_dropped += READ_ONCE(tx->dropped) + READ_ONCE(tx->stale) +
				   READ_ONCE(tx->xdp_full);
		sum->tx_errors += READ_ONCE(tx->invalid) + READ_ONCE(tx->bad_len);
		sum->rx_packets += READ_ONCE(rx->packets);
		sum->rx_bytes += READ_ONCE(rx->bytes);
		sum->rx_dropped += READ_ONCE(rx->no_memory) + READ_ONCE(rx->down) +
				   READ_ONCE(rx->xdp_unfit);
		sum->rx_errors += READ_ONCE(rx->bad_offload);
		sum->rx_frame_errors += READ_ONCE(rx->bad_offload);
	}
}

/**
 * pvnet_restart() - frames are stuck: start the device anew, and send them again
 * @net: the NIC
 * @pair: of which pair
 */
void pvnet_restart(struct pvnet *net, unsigned int pair)
{
	pvnet_count(net->restarts, 1);
	dev_warn_ratelimited(&net->pdev->dev,
			     "%s: frames of queue %u do not end: the device is started anew\n",
			     net->dev->name, pair);
	pvbus_device_restart(net->pdev);
}

static void pvnet_tx_timeout(struct net_device *dev, unsigned int txqueue)
{
	pvnet_restart(netdev_priv(dev), txqueue);
}

/* Udev puts it behind the function's name, enp10s0n, and all of it has IFNAMSIZ. */
#define PORT_NAME_MAX	7

/* The operator's name, where it can be part of an interface's and is not like that of a slot. */
static bool is_port_name(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

	return len && len <= PORT_NAME_MAX && !name[len] && !(name[0] == 'p' && isdigit(name[1]));
}

static int pvnet_get_phys_port_name(struct net_device *dev, char *name, size_t len)
{
	const struct pvbus_device *pdev = ((const struct pvnet *)netdev_priv(dev))->pdev;
	int n;

	/* It is not one of several ports of the PCI function that it replaces. */
	if (pvbus_replaced(pdev))
		return -EOPNOTSUPP;
	if (is_port_name(pdev->name))
		n = snprintf(name, len, "%s", pdev->name);
	else
		n = snprintf(name, len, "p%u", pdev->slot);
	return n < len ? 0 : -EINVAL;
}

static const struct net_device_ops netdev_ops = {
	.ndo_open		= pvnet_open,
	.ndo_stop		= pvnet_close,
	.ndo_start_xmit		= pvnet_start_xmit,
	.ndo_features_check	= pvnet_features_check,
	.ndo_set_rx_mode	= pvnet_set_rx_mode,
	.ndo_set_mac_address	= pvnet_set_mac_address,
	.ndo_validate_addr	= eth_validate_addr,
	.ndo_change_mtu		= pvnet_change_mtu,
	.ndo_vlan_rx_add_vid	= pvnet_vlan_rx_add_vid,
	.ndo_vlan_rx_kill_vid	= pvnet_vlan_rx_kill_vid,
	.ndo_fix_features	= pvnet_fix_features,
	.ndo_set_features	= pvnet_set_features,
	.ndo_get_stats64	= pvnet_get_stats64,
	.ndo_tx_timeout		= pvnet_tx_timeout,
	.ndo_bpf		= pvnet_bpf,
	.ndo_xdp_xmit		= pvnet_xdp_xmit,
	.ndo_get_phys_port_name	= pvnet_get_phys_port_name,
};

/**
 * pvnet_init_netdev() - describe the interface to the stack
 * @net: the NIC
 * @config: checked copy of its config
 */
void pvnet_init_netdev(struct pvnet *net, const struct pvnet_config *config)
{
	struct net_device *dev = net->dev;

	set_config(net, config);
	set_carrier(net);
	dev->netdev_ops = &netdev_ops;
	dev->ethtool_ops = &pvnet_ethtool_ops;
	compat_set_xdp_features(dev);
	dev->watchdog_timeo = TX_TIMEOUT;
	dev->priv_flags |= IFF_UNICAST_FLT | IFF_LIVE_ADDR_CHANGE;
	dev->min_mtu = PVNET_MTU_MIN;
	pvnet_set_max_mtu(net);
	dev->mtu = net->mtu;
	eth_hw_addr_set(dev, net->config.mac);
	memcpy(dev->perm_addr, net->config.mac, ETH_ALEN);
	offer_features(net);
	pvnet_init_rss(net);
	/* A frame is copied, wherever it is. */
	dev->features = dev->hw_features | NETIF_F_HIGHDMA | NETIF_F_FRAGLIST | NETIF_F_GSO_ROBUST;
	net->chosen = dev->features;
	dev->vlan_features |= NETIF_F_HIGHDMA | NETIF_F_FRAGLIST;
	netif_set_tso_max_size(dev, tso_max_size(net));
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * How late interrupts may be: as the user says, for all pairs or for one, or as the kernel's DIM
 * finds out. What it means is in pvnet_coal; arm.c asks for interrupts by it.
 */
#include <linux/dim.h>
#include <linux/ethtool.h>
#include <linux/netlink.h>
#include "pvnet.h"

/* Longer than that is a mistake, or an interrupt that never comes. */
#define USECS_MAX	100000

static void apply_dim(struct work_struct *work)
{
	struct dim *dim = container_of(work, struct dim, work);
	struct pvnet_coal *coal = container_of(dim, struct pvnet_coal, dim);
	struct dim_cq_moder moder;

	if (!IS_REACHABLE(CONFIG_DIMLIB) || !READ_ONCE(coal->adaptive))
		return;
	moder = net_dim_get_rx_moderation(dim->mode, dim->profile_ix);
	WRITE_ONCE(coal->rx_usecs, moder.usec);
	dim->state = DIM_START_MEASURE;
}

/**
 * pvnet_adapt() - let DIM see what has come
 * @pair: the pair, of which that is wanted; its NAPI
 */
void pvnet_adapt(struct pvnet_pair *pair)
{
	struct pvnet_rx *rx = &pair->rx;
	struct dim_sample sample = { };

	if (!IS_REACHABLE(CONFIG_DIMLIB))
		return;
	dim_update_sample(READ_ONCE(rx->q->interrupts), rx->stats.packets, rx->stats.bytes, &sample);
	compat_net_dim(&pair->coal.dim, &sample);
}

/**
 * pvnet_init_coal() - what is right for most
 * @pair: the pair
 *
 * Who waits for a frame gets it at once. Nobody waits for one that was sent, but sockets and the
 * queue's limits: the last in flight is enough, and those before it may take as long as a sleep.
 */
void pvnet_init_coal(struct pvnet_pair *pair)
{
	struct pvnet_coal *coal = &pair->coal;

	coal->tx_usecs = min_t(u32, pvbus_sleep_us(pair->net->pdev), USECS_MAX);
	coal->tx_frames = pair->tx.q->ring.size;
	INIT_WORK(&coal->dim.work, apply_dim);
	coal->dim.mode = DIM_CQ_PERIOD_MODE_START_FROM_EQE;
}

/**
 * pvnet_exit_coal() - the other end
 * @pair: the pair; its NAPI is off
 */
void pvnet_exit_coal(struct pvnet_pair *pair)
{
	if (pair->coal.dim.work.func)
		cancel_work_sync(&pair->coal.dim.work);
}

static int check_coal(const struct ethtool_coalesce *wanted, struct netlink_ext_ack *extack)
{
	if (wanted->rx_coalesce_usecs > USECS_MAX || wanted->tx_coalesce_usecs > USECS_MAX)
		NL_SET_ERR_MSG_MOD(extack, "rx-usecs and tx-usecs are " __stringify(USECS_MAX) " at most");
	else if (!wanted->tx_coalesce_usecs && !wanted->tx_max_coalesced_frames)
		NL_SET_ERR_MSG_MOD(extack, "tx-usecs and tx-frames must not both be 0");
	else if (wanted->use_adaptive_rx_coalesce && !IS_REACHABLE(CONFIG_DIMLIB))
		NL_SET_ERR_MSG_MOD(extack, "this kernel has no DIM: adaptive-rx must be off");
	else
		return 0;
	return -EINVAL;
}

static void set_coal(struct pvnet_pair *pair, const struct ethtool_coalesce *wanted)
{
	struct pvnet_coal *coal = &pair->coal;
	bool adaptive = wanted->use_adaptive_rx_coalesce;

	WRITE_ONCE(coal->tx_usecs, wanted->tx_coalesce_usecs);
	WRITE_ONCE(coal->tx_frames, wanted->tx_max_coalesced_frames);
	/* What DIM has found is given back with whatever else is set. */
	if (adaptive && coal->adaptive)
		return;
	WRITE_ONCE(coal->adaptive, false);
	cancel_work_sync(&coal->dim.work);
	coal->dim.state = DIM_START_MEASURE;
	WRITE_ONCE(coal->adaptive, adaptive);
	WRITE_ONCE(coal->rx_usecs, wanted->rx_coalesce_usecs);
	/* Each interrupt that it waits for is asked for anew. */
	pvnet_poll_soon(pair);
}

static void get_coal(const struct pvnet_pair *pair, struct ethtool_coalesce *now)
{
	const struct pvnet_coal *coal = &pair->coal;

	now->rx_coalesce_usecs = READ_ONCE(coal->rx_usecs);
	now->tx_coalesce_usecs = coal->tx_usecs;
	now->tx_max_coalesced_frames = coal->tx_frames;
	now->use_adaptive_rx_coalesce = coal->adaptive;
}

/**
 * pvnet_get_coalesce() - see ethtool_ops.get_coalesce; the first pair's
 * @dev: the interface
 * @now: where to
 * @kernel: unused
 * @extack: unused
 *
 * Return: 0.
 */
int pvnet_get_coalesce(struct net_device *dev, struct ethtool_coalesce *now,
		       struct kernel_ethtool_coalesce *kernel, struct netlink_ext_ack *extack)
{
	const struct pvnet *net = netdev_priv(dev);

	get_coal(&net->pairs[0], now);
	return 0;
}

/**
 * pvnet_set_coalesce() - see ethtool_ops.set_coalesce; for all pairs
 * @dev: the interface
 * @wanted: the values
 * @kernel: unused
 * @extack: where it is said what is wrong
 *
 * Return: 0 or -EINVAL.
 */
int pvnet_set_coalesce(struct net_device *dev, struct ethtool_coalesce *wanted,
		       struct kernel_ethtool_coalesce *kernel, struct netlink_ext_ack *extack)
{
	struct pvnet *net = netdev_priv(dev);
	int err = check_coal(wanted, extack);
	unsigned int i;

	for (i = 0; i < net->nr_pairs && !err; i++)
		set_coal(&net->pairs[i], wanted);
	return err;
}

/**
 * pvnet_get_queue_coalesce() - see ethtool_ops.get_per_queue_coalesce
 * @dev: the interface
 * @queue: the pair
 * @now: where to
 *
 * Return: 0 or -EINVAL.
 */
int pvnet_get_queue_coalesce(struct net_device *dev, u32 queue, struct ethtool_coalesce *now)
{
	const struct pvnet *net = netdev_priv(dev);

	if (queue >= net->nr_pairs)
		return -EINVAL;
	get_coal(&net->pairs[queue], now);
	return 0;
}

/**
 * pvnet_set_queue_coalesce() - see ethtool_ops.set_per_queue_coalesce
 * @dev: the interface
 * @queue: the pair
 * @wanted: the values
 *
 * Return: 0 or -EINVAL.
 */
int pvnet_set_queue_coalesce(struct net_device *dev, u32 queue, struct ethtool_coalesce *wanted)
{
	struct pvnet *net = netdev_priv(dev);

	if (queue >= net->nr_pairs || check_coal(wanted, NULL))
		return -EINVAL;
	set_coal(&net->pairs[queue], wanted);
	return 0;
}

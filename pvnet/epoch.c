// SPDX-License-Identifier: GPL-2.0-only
/*
 * The NIC over an epoch change: hold still, check the new life, replay (net.md, Replay).
 */
#include <linux/rtnetlink.h>
#include "pvnet.h"

/* Twice what a device takes at most for the turn of a pair, whatever its back end does (NET-D5). */
#define TURN		(4 * HZ)

/**
 * pvnet_go() - the device has been started: replay, and let everything pass
 * @net: the NIC; its pairs are shut, its config taken
 *
 * Context: process; allocates nothing.
 */
void pvnet_go(struct pvnet *net)
{
	unsigned int i, nr = 0;

	for (i = 0; i < net->nr_pairs; i++)
		pvnet_rx_start(&net->pairs[i]);
	pvnet_control_start(net);
	for (i = 0; i < net->nr_pairs; i++) {
		nr += pvnet_tx_resume(&net->pairs[i]);
		pvnet_open_pair(&net->pairs[i]);
	}
	net->running = true;
	if (net->dev->reg_state == NETREG_REGISTERED)
		netdev_dbg(net->dev, "goes on, %u frames submitted again\n", nr);
}

/**
 * pvnet_halt() - use the queues no more
 * @net: the NIC
 *
 * Carrier and interface stay up; what is to be sent waits in the stack. Context: process; waits for no
 * lock that others allocate under, nor for a NAPI that has yet to get a CPU.
 */
void pvnet_halt(struct pvnet *net)
{
	unsigned int i;

	if (!net->running)
		return;
	net->running = false;
	for (i = 0; i < net->nr_pairs; i++)
		pvnet_tx_hold(&net->pairs[i]);
	for (i = 0; i < net->nr_pairs; i++)
		pvnet_shut_pair(&net->pairs[i]);
	pvnet_control_stop(net);
}

/**
 * pvnet_freeze() - see pvbus_driver.freeze
 * @pdev: the device
 */
void pvnet_freeze(struct pvbus_device *pdev)
{
	struct pvnet *net = pvbus_get_drvdata(pdev);
	unsigned int i;

	pvnet_halt(net);
	/* One that had failed dropped what came. */
	for (i = 0; i < net->nr_pairs; i++)
		pvnet_tx_hold(&net->pairs[i]);
}

/* NET-G8: what the new life must not lack. */
static const char *misfit(const struct pvnet *net, const struct pvnet_config *config)
{
	const struct pvbus_device *pdev = net->pdev;
	u32 least = READ_ONCE(net->dev->mtu) + ETH_HLEN + VLAN_HLEN;
	unsigned int i;

	if (memcmp(config->mac, net->config.mac, ETH_ALEN))
		return "another address";
	if (le32_to_cpu(config->max_frame) < least ||
	    le32_to_cpu(config->max_mtu) < READ_ONCE(net->dev->mtu))
		return "frames too short for the MTU";
	if (pdev->max_queues < pdev->nr_queues)
		return "fewer queues";
	for (i = 0; i < pdev->nr_queues; i++)
		if (pdev->queues[i]->ring.size > pdev->max_queue_size)
			return "smaller queues";
	return NULL;
}

/**
 * pvnet_restore() - see pvbus_driver.restore
 * @pdev: the device
 *
 * Return: 0, -EINVAL if this life of the device does not fit, or -errno of the bus.
 */
int pvnet_restore(struct pvbus_device *pdev)
{
	struct pvnet *net = pvbus_get_drvdata(pdev);
	struct pvnet_config config;
	const char *why;
	int err;

	err = pvnet_read_config(pdev, &config);
	if (err)
		return err;
	why = misfit(net, &config);
	if (why) {
		pvbus_device_broken(pdev, why);
		return -EINVAL;
	}
	err = pvbus_device_start(pdev);
	if (err)
		return err;
	pvnet_take_config(net, &config);
	pvnet_go(net);
	pvnet_tell_stack(net, PVNET_NEWS_MOVED);
	dev_info_ratelimited(&pdev->dev, "%s goes on\n", net->dev->name);
	return 0;
}

/**
 * pvnet_gone() - see pvbus_driver.gone
 * @pdev: the device
 */
void pvnet_gone(struct pvbus_device *pdev)
{
	struct pvnet *net = pvbus_get_drvdata(pdev);
	unsigned int i;

	WRITE_ONCE(net->link_up, false);
	pvnet_tell_stack(net, PVNET_NEWS_LINK);
	for (i = 0; i < net->nr_pairs; i++) {
		pvnet_tx_drop(&net->pairs[i]);
		pvnet_tx_refuse(&net->pairs[i]);
	}
}

/**
 * pvnet_config_changed() - see pvbus_driver.config_changed
 * @pdev: the device
 */
int pvnet_config_changed(struct pvbus_device *pdev)
{
	struct pvnet *net = pvbus_get_drvdata(pdev);
	struct pvnet_config config, now = net->config;
	int err;

	err = pvnet_read_config(pdev, &config);
	if (err)
		return err;
	/* Only these may change while it runs (NET-D12). */
	now.flags = config.flags;
	now.speed_mbps = config.speed_mbps;
	now.mtu = config.mtu;
	pvnet_take_config(net, &now);
	return 0;
}

/**
 * pvnet_watchdog() - see pvbus_driver.watchdog
 * @pdev: the device
 */
void pvnet_watchdog(struct pvbus_device *pdev)
{
	struct pvnet *net = pvbus_get_drvdata(pdev);
	struct pvnet_pair *pair;
	unsigned int i;

	pvnet_control_poll(net);
	for (i = 0; i < net->nr_pairs; i++) {
		pair = &net->pairs[i];
		if (pvring_pending(&pair->rx.q->ring) || pvring_pending(&pair->tx.q->ring))
			pvnet_poll_soon(pair);
		/* The bus sees no other epoch, so there is none. */
		if (READ_ONCE(pair->halted) && !pvbus_epoch_over(pdev))
			pvbus_device_broken(pdev, "its epoch was over, and came back");
	}
	pair = pvnet_find_stuck(net, TURN);
	if (pair)
		pvnet_restart(net, pair->index);
}

/**
 * pvnet_expire() - see pvbus_driver.expire
 * @pdev: the device
 *
 * While it is frozen its queues are stopped, which is no reason for the stack to complain.
 */
void pvnet_expire(struct pvbus_device *pdev)
{
	struct pvnet *net = pvbus_get_drvdata(pdev);
	unsigned int i;

	for (i = 0; !net->running && i < net->nr_pairs; i++)
		WRITE_ONCE(net->pairs[i].tx.txq->trans_start, jiffies);
}

/**
 * pvnet_suspend() - see pvbus_driver.suspend
 * @pdev: the device
 *
 * Frames in flight are sent again when the guest is awake.
 *
 * Return: 0.
 */
int pvnet_suspend(struct pvbus_device *pdev)
{
	struct pvnet *net = pvbus_get_drvdata(pdev);

	netif_device_detach(net->dev);
	return 0;
}

/**
 * pvnet_resume() - see pvbus_driver.resume
 * @pdev: the device
 */
void pvnet_resume(struct pvbus_device *pdev)
{
	struct pvnet *net = pvbus_get_drvdata(pdev);

	netif_device_attach(net->dev);
}

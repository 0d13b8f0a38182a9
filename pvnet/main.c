// SPDX-License-Identifier: GPL-2.0-only
/*
 * Probe and remove of the network driver.
 */
#include <linux/etherdevice.h>
#include <linux/module.h>
#include <linux/rtnetlink.h>
#include <linux/sizes.h>
#include "pvnet.h"

/* Queues: entries, and bytes of data of a pair where there is room, and at least. */
#define CTRL_SIZE	4
#define RX_SIZE		32
#define TX_SIZE		256
#define RX_FRAMES	8
#define TX_FRAMES	7
#define RX_FRAMES_MIN	2
#define TX_FRAMES_MIN	2

static const u8 features[] = {
	PVNET_F_CSUM,
	PVNET_F_TSO4,
	PVNET_F_TSO6,
	PVNET_F_TSO_ECN,
	PVNET_F_USO,
	PVNET_F_RX_CSUM,
	PVNET_F_RX_TSO4,
	PVNET_F_RX_TSO6,
	PVNET_F_RX_TSO_ECN,
#ifdef PVKIT_HAVE_VNET_HDR_USO
	PVNET_F_RX_USO,
#endif
	PVNET_F_FILTER,
	PVNET_F_RSS,
	PVNET_F_HASH,
};

/* The room that each direction of each pair has, in frames of the greatest length. */
struct shape {
	unsigned int	pairs;
	u32		rx_frames;
	u32		tx_frames;
};

/* Any life of the device may have frames of the greatest length, whatever this one has. */
static u64 frames_len(u32 frames)
{
	return (u64)frames * round_up(PVNET_FRAME_MAX + sizeof(struct pvnet_frame), SZ_4K);
}

static u64 shape_len(const struct shape *shape)
{
	u64 rings = 4 * SZ_4K + (TX_SIZE << PVNET_TX_SQE_SHIFT) + (TX_SIZE << PVNET_CQE_SHIFT);

	return shape->pairs * (frames_len(shape->rx_frames + shape->tx_frames) + rings);
}

/* As much as fits into the device's share of the window: less room first, then fewer pairs. */
static int choose_shape(struct pvbus_device *pdev, struct shape *shape)
{
	u64 room = pvbus_space_share(pdev);

	*shape = (struct shape){
		.pairs		= clamp((pdev->max_queues - 1) / 2, 1U,
					min_t(unsigned int, num_possible_cpus(), PVNET_MAX_PAIRS)),
		.rx_frames	= RX_FRAMES,
		.tx_frames	= TX_FRAMES,
	};
	while (shape_len(shape) > room) {
		if (shape->rx_frames > RX_FRAMES_MIN)
			shape->rx_frames--;
		else if (shape->tx_frames > TX_FRAMES_MIN)
			shape->tx_frames--;
		else if (shape->pairs > 1)
			shape->pairs--;
		else
			return -ENOSPC;
		if (shape->tx_frames > shape->rx_frames)
			shape->tx_frames--;
	}
	return 0;
}

static int alloc_queues(struct pvbus_device *pdev, const struct shape *shape)
{
	u32 most = rounddown_pow_of_two(pdev->max_queue_size ?: 1);
	struct pvbus_queue_params *params;
	unsigned int i, nr = 1 + 2 * shape->pairs;
	int err;

	if (pdev->max_queues < nr || most < 2)
		return -EINVAL;
	params = kcalloc(nr, sizeof(*params), GFP_KERNEL);
	if (!params)
		return -ENOMEM;
	params[PVNET_CTRL_QUEUE] = (struct pvbus_queue_params){
		.name		= "ctrl",
		.size		= min_t(u32, CTRL_SIZE, most),
		.sqe_shift	= PVNET_CTRL_SQE_SHIFT,
		.cqe_shift	= PVNET_CQE_SHIFT,
		.data_len	= sizeof(struct pvnet_settings),
		.callback	= pvnet_control_interrupt,
	};
	for (i = 0; i < shape->pairs; i++) {
		params[PVNET_RX_QUEUE(i)] = (struct pvbus_queue_params){
			.name		= "rxtx",
			.size		= min_t(u32, RX_SIZE, most),
			.sqe_shift	= PVNET_RX_SQE_SHIFT,
			.cqe_shift	= PVNET_CQE_SHIFT,
			.data_len	= frames_len(shape->rx_frames),
			.callback	= pvnet_interrupt,
		};
		params[PVNET_TX_QUEUE(i)] = (struct pvbus_queue_params){
			.name		= "tx",
			.size		= min_t(u32, TX_SIZE, most),
			.sqe_shift	= PVNET_TX_SQE_SHIFT,
			.cqe_shift	= PVNET_CQE_SHIFT,
			.data_len	= frames_len(shape->tx_frames),
			.same_vector	= true,
		};
	}
	err = pvbus_alloc_queues_each(pdev, nr, params);
	kfree(params);
	return err;
}

static struct net_device *alloc_netdev_for(struct pvbus_device *pdev, unsigned int nr_pairs)
{
	struct net_device *dev = alloc_etherdev_mq(sizeof(struct pvnet), nr_pairs);
	struct device *replaced = pvbus_replaced(pdev);
	struct pvnet *net;

	if (!dev)
		return NULL;
	net = netdev_priv(dev);
	net->pdev = pdev;
	net->dev = dev;
	net->nr_pairs = nr_pairs;
	INIT_WORK(&net->update, pvnet_update_work);
	/*
	 * Names come from the parent, if that is a PCI function, and from the port of it.
	 * Who replaces another takes its name.
	 */
	SET_NETDEV_DEV(dev, replaced ?: pdev->dev.parent);
	dev->dev_port = replaced ? 0 : pdev->slot;
	pvbus_set_drvdata(pdev, net);
	return dev;
}

static int start(struct pvnet *net)
{
	int err = pvbus_device_start(net->pdev);

	if (err)
		return err;
	pvnet_go(net);
	err = register_netdev(net->dev);
	if (err)
		pvbus_device_stop(net->pdev);
	return err;
}

static int pvnet_probe(struct pvbus_device *pdev)
{
	struct pvnet_config config;
	struct net_device *dev;
	struct pvnet *net;
	struct shape shape;
	int err;

	err = pvnet_read_config(pdev, &config);
	if (err)
		return err;
	err = choose_shape(pdev, &shape);
	if (!err)
		err = alloc_queues(pdev, &shape);
	if (err)
		return err;

	err = -ENOMEM;
	dev = alloc_netdev_for(pdev, shape.pairs);
	if (!dev)
		goto free_queues;
	net = netdev_priv(dev);
	pvnet_init_netdev(net, &config);
	pvnet_init_control(net);
	err = pvnet_init_pairs(net);
	if (err)
		goto free_netdev;
	err = start(net);
	if (err)
		goto exit_pairs;

	rtnl_lock();
	pvnet_spread_pairs(net);
	rtnl_unlock();
	netdev_info(dev, "'%s', %pM, %u pairs of queues\n", pdev->name, dev->dev_addr, net->nr_pairs);
	return 0;

exit_pairs:
	pvnet_halt(net);
	pvnet_exit_pairs(net);
	cancel_work_sync(&net->control.work);
free_netdev:
	free_netdev(dev);
free_queues:
	pvbus_free_queues(pdev);
	return err;
}

static void pvnet_remove(struct pvbus_device *pdev)
{
	struct pvnet *net = pvbus_get_drvdata(pdev);

	/* The bus goes on restoring the device meanwhile. */
	unregister_netdev(net->dev);
	pvbus_device_stop(pdev);
	pvnet_halt(net);
	pvnet_exit_pairs(net);
	cancel_work_sync(&net->control.work);
	cancel_work_sync(&net->update);
	pvbus_free_queues(pdev);
	free_netdev(net->dev);
}

static struct pvbus_driver pvnet_driver = {
	.driver.name	= "pvnet",
	.type		= PVBUS_T_NET,
	.features	= features,
	.nr_features	= ARRAY_SIZE(features),
	.probe		= pvnet_probe,
	.remove		= pvnet_remove,
	.freeze		= pvnet_freeze,
	.restore	= pvnet_restore,
	.gone		= pvnet_gone,
	.config_changed	= pvnet_config_changed,
	.watchdog	= pvnet_watchdog,
	.expire		= pvnet_expire,
	.suspend	= pvnet_suspend,
	.resume		= pvnet_resume,
};

module_pvbus_driver(pvnet_driver);

MODULE_DESCRIPTION("pvkit paravirtual network card");
MODULE_LICENSE("GPL");
MODULE_VERSION(PVKIT_VERSION);
MODULE_ALIAS_PVBUS(PVBUS_T_NET);

// SPDX-License-Identifier: GPL-2.0-only
/*
 * All that the driver wants, said over the control queue whenever it has changed. Nobody waits.
 */
#include <linux/netdevice.h>
#include "pvnet.h"

/* So long a device that lives may take for an answer, at most. */
#define ANSWER_TIMEOUT	(10 * HZ)

/* More addresses than the device filters: it is asked for all of their kind. */
static u16 add_macs(const struct pvnet *net, struct pvnet_settings *s)
{
	u16 max = min_t(u16, le16_to_cpu(net->config.max_macs), PVNET_MACS_MAX);
	const struct net_device *dev = net->dev;
	struct netdev_hw_addr *ha;
	u16 nr = 0;

	netdev_for_each_uc_addr(ha, dev) {
		if (nr == max)
			return PVNET_M_PROMISC;
		ether_addr_copy(s->macs[nr++], ha->addr);
	}
	s->nr_macs = cpu_to_le16(nr);
	netdev_for_each_mc_addr(ha, dev) {
		if (nr == max)
			return PVNET_M_ALLMULTI;
		ether_addr_copy(s->macs[nr++], ha->addr);
	}
	s->nr_macs = cpu_to_le16(nr);
	return 0;
}

static u64 wanted_offloads(const struct pvnet *net)
{
	netdev_features_t features = READ_ONCE(net->chosen);
	u64 bits = 0;

	if (features & NETIF_F_RXCSUM)
		bits |= BIT_ULL(PVNET_F_RX_CSUM);
	if (features & NETIF_F_GRO_HW)
		bits |= BIT_ULL(PVNET_F_RX_TSO4) | BIT_ULL(PVNET_F_RX_TSO6) |
			BIT_ULL(PVNET_F_RX_TSO_ECN) | BIT_ULL(PVNET_F_RX_USO);
	return bits & READ_ONCE(net->features);
}

/* The modes that its addresses ask for. Until it is registered it has one address, and no lock yet. */
static u16 fill_addresses(const struct pvnet *net, struct pvnet_settings *s)
{
	struct net_device *dev = net->dev;
	u16 mode;

	if (dev->reg_state == NETREG_UNINITIALIZED) {
		ether_addr_copy(s->mac, dev->dev_addr);
		return 0;
	}
	netif_addr_lock_bh(dev);
	ether_addr_copy(s->mac, dev->dev_addr);
	mode = add_macs(net, s);
	if (dev->flags & IFF_PROMISC)
		mode |= PVNET_M_PROMISC;
	if (dev->flags & IFF_ALLMULTI)
		mode |= PVNET_M_ALLMULTI;
	netif_addr_unlock_bh(dev);
	return mode;
}

static void fill(struct pvnet *net, struct pvnet_settings *s)
{
	const struct net_device *dev = net->dev;
	u16 mode;

	memset(s, 0, sizeof(*s));
	mode = fill_addresses(net, s);
	if (netif_running(dev))
		mode |= PVNET_M_UP;
	if (pvnet_has(net, PVNET_F_FILTER) && (READ_ONCE(net->chosen) & NETIF_F_HW_VLAN_CTAG_FILTER))
		mode |= PVNET_M_VLANS;
	s->nr_pairs = cpu_to_le16(pvnet_pairs_in_use(net));
	mode |= pvnet_fill_rss(net, s);
	s->mode = cpu_to_le16(mode);
	s->mtu = cpu_to_le32(READ_ONCE(dev->mtu));
	s->offloads = cpu_to_le64(wanted_offloads(net));
	/* May be changing, and is said once more then. */
	data_race(memcpy(s->vlans, net->vlans, sizeof(s->vlans)));
}

/* The answers; each command has one. The lock is held. */
static void take_answers(struct pvnet *net)
{
	struct pvnet_control *c = &net->control;
	struct pvnet_cqe cqe;

	while (pvring_get(&c->q->ring, &cqe)) {
		if (!c->busy || le32_to_cpu(cqe.id) != c->id) {
			if (!pvbus_epoch_over(net->pdev))
				pvbus_device_broken(net->pdev, "it answered what was not asked");
			c->running = false;
			return;
		}
		c->busy = false;
		c->unanswered = 0;
		pvnet_count(c->q->ops, 1);
		if (cqe.status)
			dev_warn_ratelimited(&net->pdev->dev,
					     "%s: the device side did not take the settings (%u)\n",
					     net->dev->name, le32_to_cpu(cqe.status));
	}
	pvring_set_head(&c->q->ring);
}

/* Say what is wanted. The lock is held. */
static void say(struct pvnet *net)
{
	struct pvnet_control *c = &net->control;
	struct pvnet_ctrl_sqe sqe = {
		.id		= cpu_to_le32(++c->id),
		.op		= cpu_to_le32(PVNET_CTRL_SET),
		.data_off	= cpu_to_le64(pvshm_raw(c->q->data_off)),
		.len		= cpu_to_le32(sizeof(struct pvnet_settings)),
	};

	/* What changes from now on is said once more. Pairs with pvnet_change_settings(). */
	smp_store_mb(c->dirty, false);
	fill(net, &c->settings);
	memcpy(c->q->data, &c->settings, sizeof(c->settings));
	c->busy = true;
	c->since = jiffies;
	pvring_put(&c->q->ring, &sqe);
	if (pvring_need_kick(&c->q->ring))
		pvbus_kick(c->q);
}

/* NET-G7: started anew once, because each time what was told before is lost, too. Frames pass for as long as they do. */
static void look_at_time(struct pvnet *net)
{
	struct pvnet_control *c = &net->control;

	if (!c->busy || !time_after(jiffies, c->since + ANSWER_TIMEOUT))
		return;
	c->since = jiffies;
	if (!c->unanswered) {
		pvnet_count(net->restarts, 1);
		dev_warn_ratelimited(&net->pdev->dev,
				     "%s: settings are not answered: the device is started anew\n",
				     net->dev->name);
		pvbus_device_restart(net->pdev);
	} else if (c->unanswered == 1) {
		dev_warn_ratelimited(&net->pdev->dev,
				     "%s: settings are still not answered: whether they hold is not known\n",
				     net->dev->name);
	}
	c->unanswered++;
}

static void look(struct pvnet *net)
{
	struct pvnet_control *c = &net->control;

	lockdep_assert_held(&c->lock);
	if (!c->running)
		return;
	do {
		take_answers(net);
		if (c->running && !c->busy && READ_ONCE(c->dirty))
			say(net);
	} while (c->running && pvring_arm(&c->q->ring, c->q->ring.cq_next, 0));
	if (c->running)
		look_at_time(net);
}

static void control_work(struct work_struct *work)
{
	struct pvnet *net = container_of(work, struct pvnet, control.work);

	mutex_lock(&net->control.lock);
	look(net);
	mutex_unlock(&net->control.lock);
}

/**
 * pvnet_control_poll() - look at the control queue
 * @net: the NIC; any context
 */
void pvnet_control_poll(struct pvnet *net)
{
	queue_work(system_dfl_wq, &net->control.work);
}

/**
 * pvnet_control_interrupt() - the device has raised the vector of the control queue
 * @queue: the queue
 */
void pvnet_control_interrupt(struct pvbus_queue *queue)
{
	if (pvring_pending(&queue->ring))
		pvnet_control_poll(queue->priv);
}

/**
 * pvnet_change_settings() - what the driver wants has changed
 * @net: the NIC; any context
 */
void pvnet_change_settings(struct pvnet *net)
{
	/* After the change, before the work: pairs with the barrier in say(). */
	smp_store_mb(net->control.dirty, true);
	pvnet_control_poll(net);
}

/**
 * pvnet_control_start() - say all anew, in a new life of the device
 * @net: the NIC; the device has been started
 *
 * Context: process.
 */
void pvnet_control_start(struct pvnet *net)
{
	mutex_lock(&net->control.lock);
	net->control.busy = false;
	net->control.running = true;
	WRITE_ONCE(net->control.dirty, true);
	look(net);
	mutex_unlock(&net->control.lock);
}

/**
 * pvnet_control_stop() - use the control queue no more
 * @net: the NIC; context: process
 */
void pvnet_control_stop(struct pvnet *net)
{
	mutex_lock(&net->control.lock);
	net->control.running = false;
	mutex_unlock(&net->control.lock);
}

/**
 * pvnet_init_control() - before the device is started
 * @net: the NIC; its queues are allocated
 */
void pvnet_init_control(struct pvnet *net)
{
	struct pvnet_control *c = &net->control;

	mutex_init(&c->lock);
	INIT_WORK(&c->work, control_work);
	c->q = net->pdev->queues[PVNET_CTRL_QUEUE];
	c->q->priv = net;
}

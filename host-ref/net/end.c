// SPDX-License-Identifier: GPL-2.0-only
/*
 * The end of a peer: what it has sent before is received first.
 *
 * That is in the socket, as much as this had room for, and stays there while the driver has no buffers, or a limit
 * is reached. A socket at its end is always ready: it is watched only while it may be read (watch.c).
 */
#include "net/device.h"

#include "worker/bus/bus.h"

/* For so long the driver may take nothing of it. */
#define PATIENCE_NS	1000000000ULL

void net_end(struct net *net, const char *why)
{
	if (net->ending)
		return;
	if (!net->be.ops->attach || !net->up || !net_has_link(net)) {
		net_lost(net, why);
		return;
	}
	net->ending = why;
	hdev_timer_set(&net->end_timer, net->dev->loop->now_ns + PATIENCE_NS);
	/* What waits for room is dropped next. */
	hdev_timer_set(&net->full_timer, net->dev->loop->now_ns);
	net_watch(net);
	if (net_rx_can_look(net, 0))
		net_rx_look(net, 0);
	else if (!net->rx[0]->q->running || !net_rx_has_more(net, 0))
		net_lost(net, why);
}

static void end_due(struct hdev_timer *timer)
{
	struct net *net = timer->dev->priv;
	uint64_t from_ns = net->came_ns;

	/* A limit lets it go on later. */
	if (net->up && from_ns < hostd_rate_at(&net->rx_rate))
		from_ns = hostd_rate_at(&net->rx_rate);
	if (net->ending && from_ns + PATIENCE_NS > net->dev->loop->now_ns)
		hdev_timer_set(timer, from_ns + PATIENCE_NS);
	else if (net->ending)
		net_lost(net, net->ending);
}

void net_end_init(struct net *net)
{
	hdev_timer_init(net->dev, &net->end_timer, end_due);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a NIC waits for while the loop sleeps, and the end of its back end.
 *
 * A descriptor that nothing is done with is not watched: one that stays ready would keep the loop awake.
 */
#include "net/device.h"

#include <string.h>

#include "lib/log/log.h"
#include "lib/log/report.h"

static unsigned int find_source(const struct net *net, int fd)
{
	unsigned int i = 0;

	while (i + 1 < net->be.nr_sources && net->be.fds[i] != fd)
		i++;
	return i;
}

static void ready(struct hdev *dev, int fd, uint32_t events)
{
	struct net *net = dev->priv;
	unsigned int source = find_source(net, fd);

	if (events & EPOLLOUT)
		net_tx_go_on(net);
	if (events & ~EPOLLOUT && source < net->be.nr_used && net_rx_can_look(net, source))
		net_rx_look(net, source);
	/* What it had is read, or nobody reads it. */
	if (events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP) && net->has_peer && net->be.fds[source] == fd)
		net_lost(net, "it has closed");
}

static bool waits_for_room(const struct net *net, unsigned int source)
{
	unsigned int i;

	for (i = 0; i < PVNET_MAX_PAIRS; i++)
		if (net->tx[i] && net->tx[i]->nr && net_source_of(net, i) == source)
			return true;
	return net->full;
}

static uint32_t wanted_events(const struct net *net, unsigned int source)
{
	uint32_t events = net->be.ops->attach ? EPOLLRDHUP : 0;

	if (net->be.fds[source] < 0 || !net->has_peer)
		return 0;
	if (source < net->be.nr_used && net->rx[source] && net_rx_can_look(net, source))
		events |= EPOLLIN;
	if (waits_for_room(net, source))
		events |= EPOLLOUT;
	return events;
}

void net_watch(struct net *net)
{
	unsigned int i;

	for (i = 0; i < net->be.nr_sources; i++) {
		uint32_t events = wanted_events(net, i);

		if (events == net->watched[i])
			continue;
		net->watched[i] = events;
		if (!events)
			hdev_unwatch(net->dev, net->be.fds[i]);
		else if (hdev_watch(net->dev, net->be.fds[i], events, ready))
			hostd_report(HOSTD_LOG_ERR, "%s: its back end cannot be watched", net->dev->name);
	}
}

void net_lost(struct net *net, const char *why)
{
	hostd_report(HOSTD_LOG_WARN, "%s: the %s is gone: %s", net->dev->name, net->be.ops->name, why);
	net->has_peer = false;
	net_tx_go_on(net);
	net_watch(net);
	net_publish(net);
}

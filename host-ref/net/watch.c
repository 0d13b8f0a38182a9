// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a NIC waits for while the loop sleeps, and the end of its back end.
 *
 * A descriptor that nothing is done with is not watched: one that stays ready would keep the loop awake.
 */
#include "net/device.h"

#include <errno.h>
#include <unistd.h>

#include "lib/log/log.h"
#include "lib/log/report.h"
#include "lib/parcel.h"

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
	return net->full || net->be.unsent;
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

/* A limit allows more: of what has come, and of what waits in the queues. */
static void rate_due(struct hdev_timer *timer)
{
	struct net *net = timer->dev->priv;
	unsigned int i;

	net_tx_resume(net);
	for (i = 0; i < net->be.nr_used; i++)
		if (net->rx[i] && net_rx_can_look(net, i))
			net_rx_look(net, i);
	net_watch(net);
}

void net_rate_init(struct net *net)
{
	hdev_timer_init(net->dev, &net->rate_timer, rate_due);
}

void net_rate_wait(struct net *net, const struct net_rate *rate)
{
	if (net->rate_timer.at_ns > net_rate_at(rate))
		hdev_timer_set(&net->rate_timer, net_rate_at(rate));
	net_watch(net);
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

/* One that comes by a line comes anew. */
static void detach(struct net *net)
{
	net->has_peer = false;
	net_tx_go_on(net);
	net_watch(net);
	if (net->line < 0 || net->be.fds[0] < 0)
		return;
	close(net->be.fds[0]);
	net->be.fds[0] = -1;
	/* The broker asks for the next one, in its own time. */
	hostd_parcel_send(net->line, "", 1, NULL, 0);
}

void net_lost(struct net *net, const char *why)
{
	hostd_report(HOSTD_LOG_WARN, "%s has lost its link: the other end of its %s: %s", net->dev->name,
		     net->be.ops->name, why);
	detach(net);
	net_publish(net);
}

static void line_ready(struct hdev *dev, int fd, uint32_t events)
{
	struct net *net = dev->priv;
	int new_fd = -1, err;
	char byte;
	struct hostd_parcel parcel = { .data = &byte, .len = 1, .fds = &new_fd, .nr_fds = 1 };

	(void)events;
	err = hostd_parcel_recv(fd, &parcel);
	if (err == -EAGAIN)
		return;
	if (err) {
		hdev_unwatch(dev, fd);
		return;
	}
	if (!parcel.nr_fds)
		return;
	if (net->be.fds[0] >= 0) {
		close(new_fd);
		return;
	}
	net->be.fds[0] = new_fd;
	net->be.ops->attach(&net->be);
	net->has_peer = true;
	net->full = false;
	net_watch(net);
	net_publish(net);
}

int net_watch_line(struct net *net)
{
	return net->line < 0 ? 0 : hdev_watch(net->dev, net->line, EPOLLIN, line_ready);
}

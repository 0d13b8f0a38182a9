// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a NIC waits for while the loop sleeps, and what that depends on: link, settings, buffers, limits, room.
 *
 * A descriptor that nothing is done with is not watched: one that stays ready would keep the loop awake.
 */
#include "net/device.h"

#include <endian.h>
#include <string.h>
#include <unistd.h>

#include "lib/log/log.h"
#include "lib/log/report.h"
#include "lib/parcel.h"
#include "worker/bus/bus.h"

/* The host's limits may allow more then. */
#define RETRY_NS	1000000000ULL

void net_publish(struct net *net)
{
	net->config.flags = htole16(net_has_link(net) ? PVNET_LINK_UP : 0);
	hdev_set_config(net->dev, &net->config, sizeof(net->config));
}

bool net_rx_is_within_rate(const struct net *net)
{
	return hostd_rate_allows(&net->rx_rate, net->dev->loop->now_ns);
}

bool net_rx_can_look(const struct net *net, unsigned int source)
{
	const struct net_rxq *rx = net->rx[source];

	return net->up && net_has_link(net) && net->be.fds[source] >= 0 && (!rx->starved || rx->gives_way) &&
	       rx->q->running &&
	       net_rx_is_within_rate(net);
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
	uint32_t events = 0;

	if (net->be.fds[source] < 0 || !net->has_peer)
		return 0;
	if (source < net->be.nr_used && net->rx[source] && net_rx_can_look(net, source))
		events |= EPOLLIN;
	if (net->ending)
		return events;
	if (net->be.ops->attach)
		events |= EPOLLRDHUP;
	if (waits_for_room(net, source))
		events |= EPOLLOUT;
	return events;
}

/* 0 or -errno; then it is watched for what it was watched for before. */
static int watch(struct net *net, int fd, uint32_t *watched, uint32_t events)
{
	int err = 0;

	if (events == *watched)
		return 0;
	if (events)
		err = hdev_watch(net->dev, fd, events, net->ready);
	else
		hdev_unwatch(net->dev, fd);
	if (!err)
		*watched = events;
	return err;
}

void net_rate_wait(struct net *net, const struct hostd_rate *rate)
{
	if (net->rate_timer.at_ns > hostd_rate_at(rate))
		hdev_timer_set(&net->rate_timer, hostd_rate_at(rate));
	net_watch(net);
}

void net_watch(struct net *net)
{
	int err = 0, ret;
	unsigned int i;

	for (i = 0; i < net->be.nr_sources; i++) {
		ret = watch(net, net->be.fds[i], &net->watched[i], wanted_events(net, i));
		err = ret ? ret : err;
	}
	ret = watch(net, net->gone, &net->gone_watched, net->gone >= 0 && net->has_peer && !net->ending ? EPOLLIN : 0);
	err = ret ? ret : err;
	if (err && !net->unwatched)
		hostd_report(HOSTD_LOG_ERR, "%s: its back end cannot be watched: %s: looking each second, until it can",
			     net->dev->name, strerror(-err));
	if (err && net->watch_timer.at_ns == HDEV_NEVER)
		hdev_timer_set(&net->watch_timer, net->dev->loop->now_ns + RETRY_NS);
	net->unwatched = err;
}

void net_close_gone(struct net *net)
{
	/* An inotify waits there until nobody looks at what it has watched: 10 ms and more, in which others wait. */
	if (net->gone >= 0)
		hdev_close(net->dev, net->gone);
	net->gone = -1;
}

void net_lost(struct net *net, const char *why)
{
	hostd_report(HOSTD_LOG_WARN, "%s has lost its link: the other end of its %s: %s", net->dev->name,
		     net->be.ops->name, why);
	net->has_peer = false;
	net->ending = NULL;
	hdev_timer_set(&net->end_timer, HDEV_NEVER);
	/* What waits for room is dropped next. */
	hdev_timer_set(&net->full_timer, net->dev->loop->now_ns);
	net_watch(net);
	net_publish(net);
	if (net->line < 0 || net->be.fds[0] < 0)
		return;
	/* One that comes by a line comes anew: the broker is asked for it. */
	close(net->be.fds[0]);
	net->be.fds[0] = -1;
	net_close_gone(net);
	hostd_parcel_send(net->line, "", 1, NULL, 0);
}

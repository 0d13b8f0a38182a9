// SPDX-License-Identifier: GPL-2.0-only
/*
 * What happens to a NIC: its descriptors are ready, a peer comes, a limit allows more.
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

/* Whatever it says, it is the last word. */
static void gone_ready(struct net *net)
{
	char word[64];

	if (read(net->gone, word, sizeof(word)) > 0)
		net_end(net, "its socket has been removed");
}

static void ready(struct hdev *dev, int fd, uint32_t events)
{
	struct net *net = dev->priv;
	unsigned int source = find_source(net, fd);

	if (fd == net->gone) {
		gone_ready(net);
		return;
	}
	if (events & EPOLLOUT)
		net_tx_go_on(net);
	if (events & ~EPOLLOUT && source < net->be.nr_used && net_rx_can_look(net, source))
		net_rx_look(net, source);
	if (events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP) && net->has_peer && net->be.fds[source] == fd)
		net_end(net, "it has closed");
}

/* A limit allows more: of what has come, and of what waits in the queues. */
static void rate_due(struct hdev_timer *timer)
{
	struct net *net = timer->dev->priv;

	net_tx_resume(net);
	net_rx_look_all(net);
}

/* What is not watched may be ready; but what waits for room waits no longer for that. */
static void watch_due(struct hdev_timer *timer)
{
	struct net *net = timer->dev->priv;

	if (net->unwatched && net->full_timer.at_ns == HDEV_NEVER)
		net_tx_go_on(net);
	net_rx_look_all(net);
}

/* The broker takes it for connected: without a word it would never send another one. */
static void refuse(const struct net *net)
{
	hostd_report(HOSTD_LOG_WARN, "%s cannot take its connection: raise pvhostd's limit of descriptors (ulimit -n)",
		     net->dev->name);
	hostd_parcel_send(net->line, "", 1, NULL, 0);
}

static void line_ready(struct hdev *dev, int fd, uint32_t events)
{
	struct net *net = dev->priv;
	int fds[2] = { -1, -1 }, err;
	char byte;
	struct hostd_parcel parcel = { .data = &byte, .len = 1, .fds = fds, .nr_fds = 2 };

	(void)events;
	err = hostd_parcel_recv(fd, &parcel);
	if (err == -EAGAIN)
		return;
	if (err) {
		hdev_unwatch(dev, fd);
		return;
	}
	if (net->be.fds[0] >= 0) {
		while (parcel.nr_fds)
			close(fds[--parcel.nr_fds]);
		return;
	}
	if (!parcel.nr_fds) {
		refuse(net);
		return;
	}
	net->be.fds[0] = fds[0];
	net->gone = fds[1];
	net->be.ops->attach(&net->be);
	net->has_peer = true;
	net_tx_go_on(net);
	net_publish(net);
}

int net_events_init(struct net *net)
{
	net->ready = ready;
	hdev_timer_init(net->dev, &net->rate_timer, rate_due);
	hdev_timer_init(net->dev, &net->watch_timer, watch_due);
	return net->line < 0 ? 0 : hdev_watch(net->dev, net->line, EPOLLIN, line_ready);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Capture: frames as pcapng into a ring in private memory, and from there into a socket when that has room.
 *
 * What has been put is sent when the loop comes around to the socket, at most 0.1 ms later: so a busy loop
 * sends many frames in a call.
 */
#include "net/capture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lib/log/log.h"
#include "lib/log/report.h"
#include "lib/pcapng.h"
#include "net/device.h"

/* A power of two. */
#define RING_LEN	(1U << 20)
/* Kept for the statistics at the end. */
#define LAST_LEN	64U
#define TSRESOL_NS	9

/**
 * struct net_capture - a capture
 * @fd: a stream socket
 * @snaplen: bytes of each frame
 * @ending: the other end wants no more frames
 * @watched: what @fd is watched for
 * @frames: those that came
 * @dropped: of these, for which there was no room
 * @gap: of these, since the last one that had room
 * @head: bytes that were ever put; the place in @ring is modulo RING_LEN
 * @tail: bytes that were ever sent
 * @ring: what is between
 */
struct net_capture {
	int fd;
	uint32_t snaplen;
	bool ending;
	uint32_t watched;
	uint64_t frames;
	uint64_t dropped;
	uint64_t gap;
	uint64_t head;
	uint64_t tail;
	uint8_t ring[RING_LEN];
};

static void put(struct net_capture *c, const void *data, uint32_t len)
{
	const uint8_t *from = data;
	uint32_t at, part;

	for (; len; len -= part, from += part, c->head += part) {
		at = c->head & (RING_LEN - 1);
		part = len < RING_LEN - at ? len : RING_LEN - at;
		memcpy(c->ring + at, from, part);
	}
}

static uint32_t pad_of(uint32_t len)
{
	return -len & 3;
}

static void put_padded(struct net_capture *c, const void *data, uint32_t len)
{
	put(c, data, len);
	put(c, "\0\0\0", pad_of(len));
}

static void put_option(struct net_capture *c, uint16_t code, const void *data, uint16_t len)
{
	const struct pcapng_option option = { code, len };

	put(c, &option, sizeof(option));
	put_padded(c, data, len);
}

static uint32_t option_len(uint32_t len)
{
	return sizeof(struct pcapng_option) + len + pad_of(len);
}

/* The end of the options, and of the block. */
static void put_end(struct net_capture *c, uint32_t block_len)
{
	put_option(c, 0, NULL, 0);
	put(c, &block_len, sizeof(block_len));
}

#define END_LEN		((uint32_t)(sizeof(struct pcapng_option) + sizeof(uint32_t)))

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static void put_start(struct net_capture *c, const char *name)
{
	const uint8_t tsresol = TSRESOL_NS;
	const struct pcapng_section section = {
		.head = { PCAPNG_SECTION, sizeof(section) + END_LEN },
		.magic = PCAPNG_MAGIC, .major = 1, .rest = { UINT32_MAX, UINT32_MAX },
	};
	const struct pcapng_interface interface = {
		.head = { PCAPNG_INTERFACE, sizeof(interface) + option_len(strlen(name)) + option_len(1) + END_LEN },
		.link_type = PCAPNG_ETHERNET, .snaplen = c->snaplen,
	};

	put(c, &section, sizeof(section));
	put_end(c, section.head.len);
	put(c, &interface, sizeof(interface));
	put_option(c, PCAPNG_OPT_NAME, name, strlen(name));
	put_option(c, PCAPNG_OPT_TSRESOL, &tsresol, 1);
	put_end(c, interface.head.len);
}

static void put_statistics(struct net_capture *c)
{
	const uint64_t time_ns = now_ns();
	const struct pcapng_statistics block = {
		.head = { PCAPNG_STATISTICS, sizeof(block) + 2 * option_len(sizeof(uint64_t)) + END_LEN },
		.time_high = time_ns >> 32, .time_low = time_ns,
	};

	_Static_assert(sizeof(block) + 2 * 12 + END_LEN <= LAST_LEN, "there is always room for it");
	put(c, &block, sizeof(block));
	put_option(c, PCAPNG_OPT_IFRECV, &c->frames, sizeof(c->frames));
	put_option(c, PCAPNG_OPT_IFDROP, &c->dropped, sizeof(c->dropped));
	put_end(c, block.head.len);
}

/* Send what there is; -EAGAIN: the rest has to wait. */
static int flush(struct net_capture *c)
{
	ssize_t done;

	while (c->tail != c->head) {
		uint32_t at = c->tail & (RING_LEN - 1), len = c->head - c->tail;
		uint32_t part = len < RING_LEN - at ? len : RING_LEN - at;

		done = send(c->fd, c->ring + at, part, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (done < 0 && errno != EINTR)
			return -errno;
		c->tail += done > 0 ? done : 0;
	}
	return 0;
}

static void ready(struct hdev *dev, int fd, uint32_t events);

/* Wait for what there is to wait for: one that has hung up, and is not written to, would be ready for ever. */
static int watch(struct hdev *dev, struct net_capture *c)
{
	uint32_t events = (c->ending ? 0 : EPOLLRDHUP) | (c->head != c->tail ? EPOLLOUT : 0);
	int err = events == c->watched ? 0 : hdev_watch(dev, c->fd, events, ready);

	c->watched = events;
	return err;
}

static void watch_or_end(struct net *net)
{
	int err = watch(net->dev, net->capture);

	if (!err)
		return;
	hostd_report(HOSTD_LOG_WARN, "%s: its capture ends: its other end cannot be waited for: %s", net->dev->name,
		     strerror(-err));
	net_capture_end(net);
}

static void ready(struct hdev *dev, int fd, uint32_t events)
{
	struct net *net = dev->priv;
	struct net_capture *c = net->capture;
	int err;

	(void)fd;
	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR) && !c->ending) {
		c->ending = true;
		put_statistics(c);
	}
	err = flush(c);
	if ((!err && c->ending) || (err && err != -EAGAIN))
		net_capture_end(net);
	else
		watch_or_end(net);
}

int net_capture_start(struct net *net, int fd, uint32_t snaplen, char *error)
{
	struct net_capture *c = calloc(1, sizeof(*c));
	int err;

	if (!c) {
		snprintf(error, HDEV_ERROR_LEN, "out of memory");
		return -ENOMEM;
	}
	c->fd = fd;
	c->snaplen = snaplen < PVNET_FRAME_MAX ? snaplen : PVNET_FRAME_MAX;
	put_start(c, net->dev->name);
	err = flush(c);
	if (err == -EAGAIN)
		err = 0;
	if (!err)
		err = watch(net->dev, c);
	if (err) {
		snprintf(error, HDEV_ERROR_LEN, "its descriptor takes no frames (%s): give a connected stream socket",
			 strerror(-err));
		free(c);
		return err;
	}
	net->capture = c;
	return 0;
}

void net_capture_end(struct net *net)
{
	struct net_capture *c = net->capture;

	if (!c)
		return;
	net->capture = NULL;
	if (!c->ending) {
		put_statistics(c);
		flush(c);
	}
	hdev_unwatch(net->dev, c->fd);
	close(c->fd);
	free(c);
}

void net_capture_put(struct net *net, const uint8_t *data, uint32_t len, bool inbound)
{
	struct net_capture *c = net->capture;
	const uint32_t captured = len < c->snaplen ? len : c->snaplen, flags = inbound ? PCAPNG_INBOUND : PCAPNG_OUTBOUND;
	const uint64_t time_ns = now_ns();
	struct pcapng_packet block = {
		.head = { PCAPNG_PACKET, sizeof(block) + captured + pad_of(captured) + option_len(sizeof(flags)) + END_LEN },
		.time_high = time_ns >> 32, .time_low = time_ns, .captured = captured, .len = len,
	};

	if (c->ending)
		return;
	if (c->gap)
		block.head.len += option_len(sizeof(c->gap));
	_Static_assert(sizeof(block) + PVNET_FRAME_MAX + 64 <= PCAPNG_BLOCK_MAX, "whoever reads has room for it");
	c->frames++;
	if (block.head.len + LAST_LEN > RING_LEN - (c->head - c->tail)) {
		c->dropped++;
		c->gap++;
		return;
	}
	put(c, &block, sizeof(block));
	put_padded(c, data, captured);
	put_option(c, PCAPNG_OPT_FLAGS, &flags, sizeof(flags));
	if (c->gap)
		put_option(c, PCAPNG_OPT_DROPCOUNT, &c->gap, sizeof(c->gap));
	c->gap = 0;
	put_end(c, block.head.len);
	watch_or_end(net);
}

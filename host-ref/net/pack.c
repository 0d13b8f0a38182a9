// SPDX-License-Identifier: GPL-2.0-only
/*
 * The driver's buffers, and the frames that are packed into them, as many into one as fit.
 *
 * A buffer is completed when there are no more frames at hand. But a driver that is kept from its CPU would soon
 * have used up its buffers for a frame each: while it has yet to reap others the last ones are filled, as it comes to
 * their frames no sooner if they are completed (NET-D6).
 */
#include "net/device.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "worker/bus/bus.h"
#include "worker/bus/shmem.h"

#define HEADER		((uint32_t)sizeof(struct pvnet_frame))
#define BUF_MIN		64
/* With fewer buffers left it is time to fill them, if so many wait to be reaped. */
#define FEW		4
/* So often one looks whether a driver has reaped that gives no buffer for it, and so rings no doorbell. */
#define LOOK_NS		10000000

int net_pack_start(struct net *net, struct hdev_queue *q)
{
	struct net_rxq *rx = calloc(1, sizeof(*rx) + q->ring.size * sizeof(rx->stack[0]));

	if (!rx)
		return -ENOMEM;
	rx->q = q;
	/* Buffers wait in the ring: they are no work, and no doorbell is wanted for them (NET-D7). */
	q->quiet = true;
	q->priv = rx;
	net->rx[net_pair_of(q)] = rx;
	return 0;
}

/* NET-G5 */
static bool take_buffer(struct net_rxq *rx, const struct pvnet_rx_sqe *sqe)
{
	struct net_buf *buf = &rx->stack[rx->nr];

	buf->id = le32toh(sqe->id);
	buf->len = le32toh(sqe->len);
	buf->data = hostd_window_at(&rx->q->data, le64toh(sqe->data_off), buf->len, PVNET_FRAME_ALIGN);
	if (!buf->data || buf->len < BUF_MIN)
		return false;
	rx->nr++;
	return true;
}

/* No doorbell is wanted any more. */
static void hush(struct net_rxq *rx)
{
	rx->q->quiet = true;
	rx->q->armed = false;
}

/* It has some again, whoever has found that out: its source is looked at. */
static void feed(struct net_rxq *rx)
{
	rx->starved = false;
	rx->gives_way = false;
	hush(rx);
	net_watch(rx->q->dev->priv);
}

static void refill(struct net_rxq *rx)
{
	struct pvnet_rx_sqe sqe;

	while (hdev_queue_pop(rx->q, &sqe)) {
		if (take_buffer(rx, &sqe))
			continue;
		hdev_queue_break(rx->q, PVRING_E_ENTRY, "a receive buffer lies where none may lie");
		return;
	}
	if (rx->starved && rx->nr)
		feed(rx);
}

/* One without frames stays the driver's last word, on top of the stack. */
void net_pack_close(struct net_rxq *rx)
{
	struct pvnet_rx_cqe cqe = {
		.id = htole32(rx->buf.id), .used = htole32(rx->used), .nr_frames = htole32(rx->nr_frames),
	};

	if (!rx->open)
		return;
	rx->open = false;
	if (rx->nr_frames)
		hdev_queue_push(rx->q, &cqe, true);
	else
		rx->stack[rx->nr++] = rx->buf;
}

bool net_pack_open(struct net_rxq *rx)
{
	if (rx->open)
		return true;
	refill(rx);
	if (!rx->q->running || !rx->nr)
		return false;
	rx->buf = rx->stack[--rx->nr];
	rx->open = true;
	rx->at = rx->used = rx->nr_frames = 0;
	return true;
}

uint8_t *net_pack_place(const struct net_rxq *rx)
{
	return rx->buf.data + rx->at + HEADER;
}

uint32_t net_pack_room(const struct net_rxq *rx)
{
	return rx->buf.len - rx->at > HEADER ? rx->buf.len - rx->at - HEADER : 0;
}

static void note_frame(struct net_rxq *rx, uint32_t len)
{
	rx->used = rx->at + HEADER + len;
	rx->at = (rx->used + PVNET_FRAME_ALIGN - 1) & ~(PVNET_FRAME_ALIGN - 1);
	rx->nr_frames++;
	if (rx->largest < len)
		rx->largest = len;
	rx->q->stats.read_bytes += len;
	/* What would hardly fit is better read where it does. */
	if (rx->at > rx->buf.len || net_pack_room(rx) < rx->largest)
		net_pack_close(rx);
}

/* An empty buffer that is too short: the driver breaks NET-G5, and loses the frame. */
static bool is_too_long(const struct net_rxq *rx, uint32_t len)
{
	return !rx->nr_frames && net_pack_room(rx) < len;
}

int net_pack(struct net *net, const struct net_arrival *a)
{
	struct net_rxq *rx = net->rx[a->pair];

	if (!net_pack_open(rx))
		return -EAGAIN;
	if (net_pack_room(rx) < a->len && rx->nr_frames) {
		net_pack_close(rx);
		if (!net_pack_open(rx))
			return -EAGAIN;
	}
	if (is_too_long(rx, a->len))
		return -EMSGSIZE;
	if (net_pack_place(rx) != a->data)
		memcpy(net_pack_place(rx), a->data, a->len);
	hostd_copy_out(rx->buf.data + rx->at, &a->frame, HEADER);
	note_frame(rx, a->len);
	net_note_length(net, a->len);
	net->count[a->pair].rx_frames++;
	return 0;
}

/* Are few buffers left, and has the driver more to reap than that? One that lies about it delays its own frames. */
static bool is_behind(struct net_rxq *rx)
{
	if (rx->nr < FEW)
		refill(rx);
	return rx->q->running && rx->nr < FEW && hring_unreaped(&rx->q->ring) >= FEW;
}

bool net_pack_end(struct net *net, struct net_rxq *rx)
{
	bool ended;

	if (rx->open && rx->nr_frames && is_behind(rx)) {
		/* It rings when it gives the next buffer. */
		rx->q->quiet = false;
		if (net->pack_timer.at_ns == HDEV_NEVER)
			hdev_timer_set(&net->pack_timer, net->dev->loop->now_ns + LOOK_NS);
		return false;
	}
	ended = rx->open && rx->nr_frames;
	rx->largest = 0;
	net_pack_close(rx);
	if (!rx->q->quiet && !rx->starved)
		hush(rx);
	return ended;
}

bool net_pack_end_all(struct net *net)
{
	bool ended = false;
	unsigned int i;

	for (i = 0; i < net->nr_pairs; i++)
		ended |= net_pack_end(net, net->rx[i]);
	return ended;
}

void net_pack_flush(struct net *net)
{
	unsigned int i;

	for (i = 0; i < net->nr_pairs; i++) {
		net_pack_close(net->rx[i]);
		hdev_queue_signal(net->rx[i]->q);
	}
}

static void pack_due(struct hdev_timer *timer)
{
	net_pack_end_all(timer->dev->priv);
}

void net_pack_init(struct net *net)
{
	hdev_timer_init(net->dev, &net->pack_timer, pack_due);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Receiving: frames are read straight into the driver's buffers (pack.c).
 *
 * A frame that the rest of a buffer has no room for has its end in private memory, is put together there,
 * and goes into the next buffer. While there is no next one it stays, and nothing more is read; but where a
 * source's frames are for several pairs (RSS), others wait for the buffers of one for a moment only: then its
 * frames are dropped, until it has buffers again, or none of them has.
 */
#include "net/device.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "worker/bus/bus.h"
#include "worker/bus/shmem.h"

/* Frames that one look takes: then others have their turn. */
#define BUDGET		64
/* Frames that are thrown away at once: more than a tap's queue has by default. */
#define DISCARD_MAX	2000
/* So long frames for others wait for a pair without buffers. */
#define HOLD_NS		10000000
/* After a look that found nothing: an empty look at a tap costs half a microsecond. */
#define PAUSE_NS	3000

/* Is it of a length that the settings allow? */
static bool is_allowed(const struct net *net, uint32_t len, const struct net_offload *o)
{
	if (o->gso_type != PVNET_GSO_NONE)
		return len <= le32toh(net->config.max_frame);
	return len <= net->mtu + PVNET_FRAME_OVERHEAD;
}

/* For whom is it, and what is said of it; false: for nobody. @peek: its start */
static bool choose(struct net *net, struct net_arrival *a, unsigned int source, const uint8_t *peek)
{
	unsigned int mode = le16toh(net->set.mode);
	uint32_t hash, type, len = a->len < NET_PEEK_LEN ? a->len : NET_PEEK_LEN;
	struct net_headers h;

	a->pair = source;
	if (!(mode & (PVNET_M_HASH | PVNET_M_RSS | PVNET_M_VLANS)) && mode & PVNET_M_PROMISC)
		return true;
	net_headers_find(&h, peek, len);
	if (hdev_has_feature(net->dev, PVNET_F_FILTER) && !net_filter_wants(&net->set, peek, h.vlan))
		return false;
	if (!(mode & (PVNET_M_HASH | PVNET_M_RSS)))
		return true;
	type = net_hash(&net->set, &h, peek, &hash);
	if (mode & PVNET_M_HASH) {
		a->frame.hash = htole32(hash);
		a->frame.hash_type = htole32(type);
	}
	if (mode & PVNET_M_RSS)
		a->pair = net->set.rss_table[type ? hash % le16toh(net->config.rss_size) : 0];
	return true;
}

static void keep(struct net_kept *kept, const struct net_arrival *a)
{
	kept->len = a->len;
	kept->frame = a->frame;
	if (a->data != kept->data)
		memcpy(kept->data, a->data, a->len);
}

/* A frame was read: check it, and give it to whom it is for. */
static void arrive(struct net *net, struct net_arrival *a, unsigned int source, const struct net_offload *o)
{
	uint8_t peek[NET_PEEK_LEN];
	int ret;

	if (a->len < PVNET_FRAME_MIN || !net_offload_is_sound(o, a->len, net->be.offloads >> NET_RX_SHIFT)) {
		net->count[source].rx_bad++;
		return;
	}
	if (!is_allowed(net, a->len, o)) {
		net->count[source].rx_too_long++;
		return;
	}
	memcpy(peek, a->data, a->len < sizeof(peek) ? a->len : sizeof(peek));
	if (!choose(net, a, source, peek)) {
		net->count[source].rx_filtered++;
		return;
	}
	a->frame.len = htole32(a->len);
	net_offload_store(&a->frame.offload, o);
	ret = net_pack(net, a);
	if (ret == -EMSGSIZE)
		net->count[a->pair].rx_too_long++;
	else if (ret && a->pair == source)
		keep(&net->rx[source]->kept, a);
	else if (ret)
		net->count[a->pair].rx_no_buffers++;
}

/* This pair has no buffers: now, and only now, the driver shall ring. */
static void starve(struct net *net, struct net_rxq *rx)
{
	if (!rx->starved)
		net->count[net_pair_of(rx->q)].rx_starved++;
	rx->starved = true;
	rx->gives_way = false;
	rx->q->quiet = false;
}

static bool is_spread(const struct net *net)
{
	return net->nr_pairs > 1 && le16toh(net->set.mode) & PVNET_M_RSS;
}

/* Give the driver what was kept; false: there is still no buffer. */
static bool place_kept(struct net *net, unsigned int pair)
{
	struct net_kept *k = &net->rx[pair]->kept;
	struct net_arrival a = { .data = k->data, .len = k->len, .pair = pair, .frame = k->frame };
	int ret;

	if (!k->len)
		return true;
	ret = net_pack(net, &a);
	if (ret == -EAGAIN)
		return false;
	if (ret)
		net->count[pair].rx_too_long++;
	k->len = 0;
	return true;
}

void net_rx_hold(struct net *net)
{
	if (is_spread(net) && net->hold_timer.at_ns == HDEV_NEVER)
		hdev_timer_set(&net->hold_timer, net->dev->loop->now_ns + HOLD_NS);
}

static bool others_have_buffers(struct net *net, unsigned int pair)
{
	unsigned int i;

	for (i = 0; i < net->nr_pairs; i++)
		if (i != pair && net_pack_open(net->rx[i]))
			return true;
	return false;
}

/* Without buffers of its own pair: whether the next frame is read for others, and is dropped if it is not. */
static bool may_pass_by(struct net *net, unsigned int source)
{
	struct net_rxq *rx = net->rx[source];
	unsigned int i;

	if (!rx->gives_way || !is_spread(net)) {
		starve(net, rx);
		net_rx_hold(net);
		return false;
	}
	if (others_have_buffers(net, source)) {
		net->count[source].rx_no_buffers += !!rx->kept.len;
		rx->kept.len = 0;
		return true;
	}
	for (i = 0; i < net->nr_pairs; i++)
		starve(net, net->rx[i]);
	return false;
}

/* May the next frame of a source be read? */
static bool has_room(struct net *net, unsigned int source)
{
	struct net_rxq *rx = net->rx[source];

	return place_kept(net, source) && net_pack_open(rx) ? true : may_pass_by(net, source);
}

/* Read a frame of a source into the open buffer, or private memory; its length, or -errno. */
static int read_one(struct net *net, unsigned int source)
{
	struct net_rxq *rx = net->rx[source];
	struct net_arrival a = { .data = rx->open ? net_pack_place(rx) : rx->kept.data };
	uint32_t room = rx->open ? net_pack_room(rx) : 0;
	struct net_offload o = { 0 };
	struct iovec iov[2];
	ssize_t len;

	if (room > NET_KEPT_MAX)
		room = NET_KEPT_MAX;
	iov[0] = (struct iovec) { a.data, room };
	iov[1] = (struct iovec) { rx->kept.data + room, NET_KEPT_MAX - room };
	len = net->be.ops->receive(&net->be, source, iov, 2, &o);
	if (len == -EBADMSG)
		net->count[source].rx_bad++;
	if (len < 0)
		return len;
	hostd_rate_take(&net->rx_rate, net->dev->loop->now_ns, len);
	a.len = len;
	if (a.len > room) {
		if (room)
			memcpy(rx->kept.data, a.data, room);
		a.data = rx->kept.data;
	}
	net_note(net, a.data, a.len, true);
	if (!(net->be.offloads >> PVNET_F_RX_CSUM & 1))
		o.flags &= ~PVNET_O_CSUM_VALID;
	arrive(net, &a, source, &o);
	return len;
}

bool net_rx_has_more(struct net *net, unsigned int source)
{
	int len = net->rx[source]->kept.len ? 0 : read_one(net, source);

	return len >= 0 || len == -EBADMSG;
}

bool net_rx_look(struct net *net, unsigned int source)
{
	struct net_rxq *rx = net->rx[source];
	bool found = false, ended;
	unsigned int nr;
	int len = 0;

	for (nr = 0; nr < BUDGET && (len >= 0 || len == -EBADMSG) && net_rx_is_within_rate(net); nr++) {
		if (!has_room(net, source)) {
			net_watch(net);
			break;
		}
		len = read_one(net, source);
		found |= len >= 0;
	}
	ended = net_pack_end_all(net);
	if (net->ending && rx->starved && !net_rx_has_more(net, source))
		len = -EAGAIN;
	if (found) {
		net->rx_turn = source + 1;
		net->came_ns = net->dev->loop->now_ns;
	}
	rx->look_ns = found ? 0 : net->dev->loop->now_ns + PAUSE_NS;
	if (!net_rx_is_within_rate(net))
		net_rate_wait(net, &net->rx_rate);
	/* At the end of a peer there is no more of it than there is now. */
	if (len < 0 && len != -EBADMSG && (len != -EAGAIN || net->ending))
		net_lost(net, net->ending ? net->ending : strerror(-len));
	return found || ended;
}

void net_rx_discard(struct net *net)
{
	struct net_offload o;
	unsigned int i, nr;

	for (i = 0; i < net->be.nr_used && net->up; i++) {
		struct net_kept *kept = &net->rx[i]->kept;
		struct iovec iov = { kept->data, sizeof(kept->data) };

		/* One that was kept came before. */
		if (kept->len || net->be.fds[i] < 0)
			continue;
		for (nr = 0; nr < DISCARD_MAX && net->be.ops->receive(&net->be, i, &iov, 1, &o) >= 0; nr++)
			net->count[i].rx_no_link++;
	}
}

bool net_rx_work(struct hdev *dev)
{
	struct net *net = dev->priv;
	unsigned int first = net->rx_turn, i, source;
	bool found = false;

	for (i = 0; i < net->be.nr_used; i++) {
		source = (first + i) % net->be.nr_used;
		if (net_rx_can_look(net, source) && dev->loop->now_ns >= net->rx[source]->look_ns)
			found |= net_rx_look(net, source);
	}
	return found;
}

/* Frames of sources that wait for no moment any more may be read for other pairs. */
static void give_way(struct net *net)
{
	unsigned int i;

	for (i = 0; i < net->be.nr_used && is_spread(net); i++)
		if (net->rx[i])
			net->rx[i]->gives_way = net->rx[i]->starved;
}

void net_rx_look_all(struct net *net)
{
	unsigned int first = net->rx_turn, i, source;

	for (i = 0; i < net->be.nr_used; i++) {
		source = (first + i) % net->be.nr_used;
		if (net->rx[source] && net_rx_can_look(net, source))
			net_rx_look(net, source);
	}
	net_watch(net);
}

static void hold_due(struct hdev_timer *timer)
{
	struct net *net = timer->dev->priv;

	give_way(net);
	net_rx_look_all(net);
}

void net_rx_init(struct net *net)
{
	hdev_timer_init(net->dev, &net->hold_timer, hold_due);
}

unsigned int net_rx_poll(struct hdev_queue *q)
{
	struct net *net = q->dev->priv;
	struct net_rxq *rx = q->priv;
	unsigned int i;

	if (!rx->starved) {
		/* It has given one for what it has reaped: maybe it is no longer behind. */
		net_pack_end(net, rx);
		return 0;
	}
	if (!net_pack_open(rx))
		return 0;
	net_pack_close(rx);
	if (net->hold_timer.at_ns == HDEV_NEVER)
		give_way(net);
	net_rx_look_all(net);
	/* What it has read may be for others, too. */
	for (i = 0; i < net->nr_pairs; i++)
		if (net->rx[i]->q->running)
			hdev_queue_signal(net->rx[i]->q);
	return 0;
}

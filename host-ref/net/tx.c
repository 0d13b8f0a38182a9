// SPDX-License-Identifier: GPL-2.0-only
/*
 * Transmitting: frames are checked on a copy of what is said of them, and given to the back end.
 *
 * One that has no room keeps the frames for a second at most (NET-D5). Meanwhile the queue is quiet: what
 * else is in it is no work.
 */
#include "net/device.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "worker/bus/bus.h"

#define FULL_NS		1000000000ULL

int net_tx_start(struct net *net, struct hdev_queue *q)
{
	struct net_txq *tx = calloc(1, sizeof(*tx));

	if (!tx)
		return -ENOMEM;
	tx->q = q;
	q->priv = tx;
	net->tx[net_pair_of(q)] = tx;
	return 0;
}

static void post(struct hdev_queue *q, uint32_t id, uint32_t status)
{
	struct pvnet_cqe cqe = { .id = htole32(id), .status = htole32(status) };

	hdev_queue_push(q, &cqe, status == PVNET_S_OK);
}

/* PVNET_S_*, or -EPROTO for a broken ABI (NET-D1). */
static int check_frame(const struct hdev_queue *q, const struct pvnet_tx_sqe *sqe, struct net_out *out)
{
	const struct net *net = q->dev->priv;
	uint32_t len = le32toh(sqe->len);

	if (len < PVNET_FRAME_MIN || len > le32toh(net->config.max_frame))
		return -EPROTO;
	out->data = hostd_window_at(&q->data, le64toh(sqe->data_off), len, 1);
	if (!out->data)
		return -EPROTO;
	out->len = len;
	out->id = le32toh(sqe->id);
	net_offload_load(&out->offload, &sqe->offload);
	if (out->offload.flags & PVNET_O_CSUM_VALID ||
	    !net_offload_is_sound(&out->offload, len, q->dev->taken[0]))
		return PVNET_S_INVAL;
	if (out->offload.gso_type == PVNET_GSO_NONE && len > le32toh(net->config.max_mtu) + PVNET_FRAME_OVERHEAD)
		return PVNET_S_INVAL;
	return PVNET_S_OK;
}

static bool is_within_rate(const struct net *net)
{
	return hostd_rate_allows(&net->tx_rate, net->dev->loop->now_ns);
}

static void take_frames(struct net *net, struct net_txq *tx, unsigned int budget)
{
	struct hdev_queue *q = tx->q;
	struct pvnet_tx_sqe sqe;
	int ret;

	while (tx->nr < budget && is_within_rate(net) && hdev_queue_pop(q, &sqe)) {
		ret = check_frame(q, &sqe, &tx->out[tx->nr]);
		if (ret < 0) {
			hdev_queue_break(q, PVRING_E_ENTRY, "a frame is too short or too long, or lies where none may lie");
			return;
		}
		if (ret == PVNET_S_OK) {
			hostd_rate_take(&net->tx_rate, net->dev->loop->now_ns, tx->out[tx->nr].len);
			tx->nr++;
			continue;
		}
		net->count[net_pair_of(q)].tx_bad++;
		post(q, le32toh(sqe.id), ret);
	}
}

static void drop_all(struct net_txq *tx, uint64_t *count)
{
	unsigned int i;

	for (i = 0; i < tx->nr; i++) {
		(*count)++;
		post(tx->q, tx->out[i].id, PVNET_S_DROPPED);
	}
	tx->nr = 0;
	tx->q->quiet = false;
}

static void end_frame(struct net *net, struct net_txq *tx, const struct net_out *out, int error)
{
	struct net_counts *count = &net->count[net_pair_of(tx->q)];

	if (error) {
		count->tx_failed++;
	} else {
		net_note(net, out->data, out->len, false);
		count->tx_frames++;
		net_note_length(net, out->len);
		tx->q->stats.write_bytes += out->len;
	}
	post(tx->q, out->id, error ? PVNET_S_DROPPED : PVNET_S_OK);
}

/* Is there nobody at the other end? Of a tap, that is no reason: it may be there again. */
static bool is_lost(const struct net *net, int error)
{
	return net->be.ops->attach && (error == -EPIPE || error == -ECONNREFUSED || error == -ECONNRESET ||
				       error == -ENOTCONN);
}

/* Give the back end what it takes; the rest waits until it has room. */
static void send_frames(struct net *net, struct net_txq *tx, unsigned int pair)
{
	unsigned int i, nr = tx->nr, done;
	int errors[NET_SEND_MAX];

	done = net->be.ops->send(&net->be, net_source_of(net, pair), tx->out, nr, errors);
	for (i = 0; i < done; i++)
		end_frame(net, tx, &tx->out[i], errors[i]);
	if (done)
		net->tx_turn = pair + 1;
	tx->nr -= done;
	memmove(tx->out, tx->out + done, tx->nr * sizeof(tx->out[0]));
	tx->q->quiet = tx->nr;
	if (done && is_lost(net, errors[done - 1])) {
		net_end(net, strerror(-errors[done - 1]));
		return;
	}
	if (tx->nr && net->full_timer.at_ns == HDEV_NEVER)
		hdev_timer_set(&net->full_timer, net->dev->loop->now_ns + FULL_NS);
	if (tx->nr || net->be.unsent)
		net_watch(net);
}

static void send_or_drop(struct net *net, struct net_txq *tx, unsigned int pair)
{
	if (!net_has_taker(net))
		drop_all(tx, &net->count[pair].tx_no_link);
	else if (net->full)
		drop_all(tx, &net->count[pair].tx_full);
	else if (tx->nr)
		send_frames(net, tx, pair);
}

unsigned int net_tx_poll(struct hdev_queue *q, unsigned int budget)
{
	struct net *net = q->dev->priv;
	struct net_txq *tx = q->priv;
	unsigned int nr;

	if (tx->nr)
		return 0;
	if (!is_within_rate(net)) {
		q->quiet = true;
		net_rate_wait(net, &net->tx_rate);
		return 0;
	}
	take_frames(net, tx, budget < NET_SEND_MAX ? budget : NET_SEND_MAX);
	nr = tx->nr;
	send_or_drop(net, tx, net_pair_of(q));
	return nr;
}

void net_tx_go_on(struct net *net)
{
	unsigned int first = net->tx_turn, i, pair;
	int err;

	/* Also without a link: a frame of which the peer has a part was sent before. */
	err = net->has_peer && !net->ending && net->be.ops->flush ? net->be.ops->flush(&net->be) : 0;
	if (err && err != -EAGAIN) {
		net_end(net, strerror(-err));
		return;
	}
	if (err && net->wants_link)
		return;
	net->full = false;
	hdev_timer_set(&net->full_timer, HDEV_NEVER);
	for (i = 0; i < PVNET_MAX_PAIRS; i++) {
		pair = (first + i) % PVNET_MAX_PAIRS;
		if (net->tx[pair] && net->tx[pair]->nr)
			send_or_drop(net, net->tx[pair], pair);
	}
	net_watch(net);
}

/* The loop may sleep: what a queue that was quiet has got meanwhile is taken here, and a doorbell asked for. */
static void resume_queue(struct hdev_queue *q)
{
	q->quiet = false;
	do {
		while (net_tx_poll(q, NET_SEND_MAX))
			;
	} while (q->running && !q->quiet && !hdev_queue_arm(q));
}

void net_tx_resume(struct net *net)
{
	unsigned int first = net->tx_turn, i;
	struct net_txq *tx;

	for (i = 0; i < PVNET_MAX_PAIRS; i++) {
		tx = net->tx[(first + i) % PVNET_MAX_PAIRS];
		if (tx && tx->q->running && tx->q->quiet && !tx->nr)
			resume_queue(tx->q);
	}
}

/* What waited has waited long enough, or for nobody; what follows waits no more until there is room. */
static void full_due(struct hdev_timer *timer)
{
	struct net *net = timer->dev->priv;
	unsigned int i;

	net->full = net_has_taker(net);
	for (i = 0; i < PVNET_MAX_PAIRS; i++) {
		if (!net->tx[i] || !net->tx[i]->nr)
			continue;
		send_or_drop(net, net->tx[i], i);
		resume_queue(net->tx[i]->q);
	}
	net_watch(net);
}

void net_tx_init(struct net *net)
{
	hdev_timer_init(net->dev, &net->full_timer, full_due);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The network device's own: a NIC, its pairs, its settings.
 */
#ifndef HOSTD_DEV_NET_H
#define HOSTD_DEV_NET_H

#include <pv/net.h>

#include "lib/rate.h"
#include "net/backend/backend.h"
#include "net/capture.h"
#include "net/pack.h"
#include "worker/bus/device.h"
#include "worker/bus/wait.h"

/* Only streams have frames that are so long. */
#define NET_STREAM_LEN	16384

/**
 * struct net_txq - the transmit queue of a pair
 * @q: the queue
 * @nr: frames that wait for room in the back end
 * @out: those
 */
struct net_txq {
	struct hdev_queue *q;
	unsigned int nr;
	struct net_out out[NET_SEND_MAX];
};

/**
 * struct net_counts - frames of a pair; what was taken of the back end or the driver is in one of them. One that
 * came, and was dropped before it was known whom it is for, counts for the pair whose number its source has
 * @rx_frames: given to the driver
 * @rx_no_link: they came while there was no link
 * @rx_filtered: not for it
 * @rx_no_buffers: the pair, which they are for, has no buffers
 * @rx_too_long: longer than its settings allow
 * @rx_bad: no frames, or with offloads that it does not want
 * @rx_starved: times that there were no buffers at all, and the back end had to wait
 * @tx_frames: given to the back end
 * @tx_no_link: there is no link
 * @tx_full: the back end had no room for long
 * @tx_failed: the back end did not take them
 * @tx_bad: what was left to be done makes no sense, or was not agreed
 */
struct net_counts {
	uint64_t rx_frames;
	uint64_t rx_no_link;
	uint64_t rx_filtered;
	uint64_t rx_no_buffers;
	uint64_t rx_too_long;
	uint64_t rx_bad;
	uint64_t rx_starved;
	uint64_t tx_frames;
	uint64_t tx_no_link;
	uint64_t tx_full;
	uint64_t tx_failed;
	uint64_t tx_bad;
};

/**
 * struct net - a NIC
 * @dev: its device
 * @be: its back end
 * @line: brings the back end's descriptor, and the next one; -1: they do not change
 * @gone: came with it, and is ready when the peer has gone where nothing else says so; -1: none did
 * @config: as published
 * @wants_link: the operator wants it to be up
 * @has_peer: the back end has one
 * @ending: why that is at its end, while what it has sent is still being received; NULL: it is not
 * @up: frames are received
 * @set: the last settings; before the first ones all zero
 * @mtu: longest packet that is received, without segmentation
 * @nr_pairs: in use; at least as many as sources
 * @rx: receive queues, by pair; NULL: it does not run
 * @tx: transmit queues, by pair; NULL: it does not run
 * @ready: called when one is ready
 * @watched: what each source is watched for, EPOLL* bits
 * @gone_watched: the same of @gone
 * @unwatched: not all is watched that should be, and the log says so
 * @watch_timer: when to try that again
 * @end_timer: when what is @ending is over
 * @full_timer: when frames that wait for room are dropped
 * @pack_timer: when to look what the driver has reaped, for which a buffer is still open
 * @hold_timer: when frames for others wait no longer for buffers of one pair
 * @rx_rate: limit of what is received
 * @tx_rate: limit of what is sent
 * @rate_timer: when one of them allows more
 * @came_ns: when something came last
 * @rx_turn: the source after the last that had something: it is first where a limit may be reached before others
 * @tx_turn: the pair after the last that sent: likewise, and where the back end has little room
 * @full: the back end has had no room for long: nothing waits for it any more
 * @capture: who wants a copy of each frame; NULL: nobody
 * @count: counters, by pair, of all its lives
 */
struct net {
	struct hdev *dev;
	struct net_backend be;
	int line;
	int gone;
	struct pvnet_config config;
	bool wants_link;
	bool has_peer;
	const char *ending;
	bool up;
	struct pvnet_settings set;
	uint32_t mtu;
	unsigned int nr_pairs;
	struct net_rxq *rx[PVNET_MAX_PAIRS];
	struct net_txq *tx[PVNET_MAX_PAIRS];
	hdev_ready ready;
	uint32_t watched[PVNET_MAX_PAIRS];
	uint32_t gone_watched;
	bool unwatched;
	struct hdev_timer watch_timer;
	struct hdev_timer end_timer;
	struct hdev_timer full_timer;
	struct hdev_timer pack_timer;
	struct hdev_timer hold_timer;
	struct hostd_rate rx_rate;
	struct hostd_rate tx_rate;
	struct hdev_timer rate_timer;
	uint64_t came_ns;
	unsigned int rx_turn;
	unsigned int tx_turn;
	bool full;
	struct net_capture *capture;
	struct net_counts count[PVNET_MAX_PAIRS];
};

/* Is there a link, and a back end behind it? */
static inline bool net_has_link(const struct net *net)
{
	return net->wants_link && net->has_peer;
}

/* Is there somebody whom frames can be sent to? */
static inline bool net_has_taker(const struct net *net)
{
	return net_has_link(net) && !net->ending;
}

/* The pair of a queue that is not of control. */
static inline unsigned int net_pair_of(const struct hdev_queue *q)
{
	return (q->index - 1) / 2;
}

/* A frame goes through. As a rule nobody looks. */
static inline void net_note(struct net *net, const uint8_t *data, uint32_t len, bool inbound)
{
	if (__builtin_expect(!!net->capture, 0))
		net_capture_put(net, data, len, inbound);
}

/* settings.c */

/**
 * net_ctrl_poll - pvdev_ops.poll of the control queue
 * @q: the queue
 * @budget: how many commands at most
 *
 * Return: how many it took.
 */
unsigned int net_ctrl_poll(struct hdev_queue *q, unsigned int budget);

/**
 * net_down - receive nothing until there are settings again
 * @net: the NIC
 */
void net_down(struct net *net);

/* rx.c */

/**
 * net_rx_init - give the NIC its timer
 * @net: the NIC
 */
void net_rx_init(struct net *net);

/**
 * net_rx_poll - pvdev_ops.poll of a receive queue: there are buffers again
 * @q: the queue
 *
 * Return: 0.
 */
unsigned int net_rx_poll(struct hdev_queue *q);

/**
 * net_rx_look - take what a source has, as far as there are buffers
 * @net: the NIC
 * @source: of the back end; it may be looked at
 *
 * Return: true if there was something.
 */
bool net_rx_look(struct net *net, unsigned int source);

/**
 * net_rx_look_all - take what all sources have that may be looked at
 * @net: the NIC
 */
void net_rx_look_all(struct net *net);

/**
 * net_rx_hold - where frames are spread over pairs, one without buffers holds up others from now on for a moment only
 * @net: the NIC
 */
void net_rx_hold(struct net *net);

/**
 * net_rx_has_more - has a source something, though it may not be looked at
 * @net: the NIC; it is up
 * @source: of the back end; nothing else looks at it
 *
 * A frame that is found waits in private memory.
 *
 * Return: true if so.
 */
bool net_rx_has_more(struct net *net, unsigned int source);

/**
 * net_rx_discard - throw away what has come while there was no link
 * @net: the NIC
 */
void net_rx_discard(struct net *net);

/**
 * net_rx_work - pvdev_ops.work: look at sources, if it is time
 * @dev: a NIC that is up
 *
 * Return: true if there was something.
 */
bool net_rx_work(struct hdev *dev);

/* end.c */

/**
 * net_end_init - give the NIC its timer
 * @net: the NIC
 */
void net_end_init(struct net *net);

/**
 * net_end - the peer has closed, or takes nothing any more: it is lost when what it has sent is received
 * @net: the NIC
 * @why: for the log; lives as long as the program
 *
 * For as long as the driver takes it; after a second in which it takes nothing the rest is not received.
 */
void net_end(struct net *net, const char *why);

/* tx.c */

/**
 * net_tx_start - pvdev_ops.start of a transmit queue
 * @net: the NIC
 * @q: the queue
 *
 * Return: 0 or -ENOMEM.
 */
int net_tx_start(struct net *net, struct hdev_queue *q);

/**
 * net_tx_poll - pvdev_ops.poll of a transmit queue
 * @q: the queue
 * @budget: how many frames at most
 *
 * Return: how many it took.
 */
unsigned int net_tx_poll(struct hdev_queue *q, unsigned int budget);

/**
 * net_tx_go_on - the back end may have room again, or will never
 * @net: the NIC
 */
void net_tx_go_on(struct net *net);

/**
 * net_tx_resume - take what has waited in the queues because of a limit
 * @net: the NIC
 */
void net_tx_resume(struct net *net);

/**
 * net_tx_init - give the NIC its timer
 * @net: the NIC
 */
void net_tx_init(struct net *net);

/* watch.c */

/**
 * net_publish - show the driver the config area, with the link as it is
 * @net: the NIC
 */
void net_publish(struct net *net);

/**
 * net_rx_can_look - may a source be looked at: is there a link, a driver that has buffers, and no limit reached
 * @net: the NIC
 * @source: of the back end, in use
 *
 * Return: true if so.
 */
bool net_rx_can_look(const struct net *net, unsigned int source);

/**
 * net_rx_is_within_rate - does the limit allow to receive
 * @net: the NIC
 *
 * Return: true if so.
 */
bool net_rx_is_within_rate(const struct net *net);

/**
 * net_watch - wait for what there is to wait for, of each source
 * @net: the NIC
 */
void net_watch(struct net *net);

/**
 * net_rate_wait - go on when a limit allows it
 * @net: the NIC
 * @rate: that limit
 */
void net_rate_wait(struct net *net, const struct hostd_rate *rate);

/**
 * net_lost - the back end has no peer any more
 * @net: the NIC
 * @why: for the log
 */
void net_lost(struct net *net, const char *why);

/**
 * net_close_gone - look no more for what says that the peer has gone
 * @net: the NIC, which does not watch it
 */
void net_close_gone(struct net *net);

/* events.c */

/**
 * net_events_init - wait for the back end's descriptor, if it comes by a line, and be told of all the rest
 * @net: the NIC
 *
 * Return: 0 or -errno.
 */
int net_events_init(struct net *net);

/**
 * net_source_of - the source of a pair: where its frames go, and, if nothing else says so, come from
 * @net: the NIC
 * @pair: the pair
 *
 * Source n feeds pair n.
 *
 * Return: the source.
 */
static inline unsigned int net_source_of(const struct net *net, unsigned int pair)
{
	return pair % net->be.nr_used;
}

/**
 * net_note_length - a frame has gone one way or the other
 * @net: the NIC
 * @len: its bytes
 */
static inline void net_note_length(struct net *net, uint32_t len)
{
	if (len >= NET_STREAM_LEN)
		hdev_note_stream(net->dev);
}

#endif /* HOSTD_DEV_NET_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The driver's buffers, and what is packed into them.
 */
#ifndef HOSTD_NET_PACK_H
#define HOSTD_NET_PACK_H

#include <pv/net.h>

#include "worker/bus/device.h"

struct net;

/* Room for a frame of any length, and so much more that one that is too long is seen to be. */
#define NET_KEPT_MAX	(PVNET_FRAME_MAX + 64)

/**
 * struct net_buf - a buffer of the driver's for frames
 * @data: its place
 * @len: bytes
 * @id: the driver's
 */
struct net_buf {
	uint8_t *data;
	uint32_t len;
	uint32_t id;
};

/**
 * struct net_kept - a frame that waits for a buffer
 * @len: bytes; 0: there is none
 * @frame: its header
 * @data: the frame, private
 */
struct net_kept {
	uint32_t len;
	struct pvnet_frame frame;
	uint8_t data[NET_KEPT_MAX];
};

/**
 * struct net_arrival - a frame that was read
 * @data: where it is: in the open buffer of its source's pair, or kept
 * @len: bytes
 * @pair: whom it is for
 * @frame: its header
 */
struct net_arrival {
	uint8_t *data;
	uint32_t len;
	unsigned int pair;
	struct pvnet_frame frame;
};

/**
 * struct net_rxq - the receive queue of a pair
 * @q: the queue
 * @open: frames are being packed into @buf
 * @buf: that buffer
 * @at: where the next frame goes, a multiple of PVNET_FRAME_ALIGN
 * @used: where the last one ends
 * @nr_frames: how many
 * @largest: of this batch, in bytes
 * @starved: there are no buffers: the queue is armed, and its source is not looked at
 * @gives_way: but it is looked at, for other pairs
 * @look_ns: when to look at its source next
 * @kept: a frame that waits for a buffer
 * @nr: of @stack
 * @stack: buffers that are free, the one that came last on top
 */
struct net_rxq {
	struct hdev_queue *q;
	bool open;
	struct net_buf buf;
	uint32_t at;
	uint32_t used;
	uint32_t nr_frames;
	uint32_t largest;
	bool starved;
	bool gives_way;
	uint64_t look_ns;
	struct net_kept kept;
	unsigned int nr;
	struct net_buf stack[];
};

/**
 * net_pack_init - give the NIC its timer
 * @net: the NIC
 */
void net_pack_init(struct net *net);

/**
 * net_pack_start - pvdev_ops.start of a receive queue
 * @net: the NIC
 * @q: the queue
 *
 * Return: 0 or -ENOMEM.
 */
int net_pack_start(struct net *net, struct hdev_queue *q);

/**
 * net_pack_open - have a buffer to put frames into
 * @rx: the queue
 *
 * Return: false if the driver has given none.
 */
bool net_pack_open(struct net_rxq *rx);

/**
 * net_pack_place - where the next frame goes
 * @rx: the queue, with an open buffer
 */
uint8_t *net_pack_place(const struct net_rxq *rx);

/**
 * net_pack_room - how long it may be
 * @rx: the queue, with an open buffer
 */
uint32_t net_pack_room(const struct net_rxq *rx);

/**
 * net_pack - put a frame into a buffer of its pair
 * @net: the NIC
 * @a: the frame
 *
 * Return: 0; -EAGAIN: there is no buffer; -EMSGSIZE: it is too short.
 */
int net_pack(struct net *net, const struct net_arrival *a);

/**
 * net_pack_close - give the driver the open buffer, if there is one, and frames in it
 * @rx: the queue
 */
void net_pack_close(struct net_rxq *rx);

/**
 * net_pack_end - there are no more frames at hand
 * @net: the NIC
 * @rx: the queue
 *
 * The open buffer is closed, if it is not better filled.
 *
 * Return: true if the driver got frames: hdev_queue_signal() is to follow.
 */
bool net_pack_end(struct net *net, struct net_rxq *rx);

/**
 * net_pack_end_all - the same for each queue
 * @net: the NIC
 */
bool net_pack_end_all(struct net *net);

/**
 * net_pack_flush - give the driver what it has not got yet
 * @net: the NIC
 */
void net_pack_flush(struct net *net);

#endif /* HOSTD_NET_PACK_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Messages between broker and worker: one JSON object with file descriptors each.
 *
 * Broker to worker: {"id":N,"op":"...",...}, answered by {"re":N,"ok":true,...}
 * or {"re":N,"ok":false,"error":"one line"}:
 *
 *   init	protocol window_len nr_vectors uuid name heartbeat_ms, threads if there is to be more than one
 *		loop, poll_us if the operator fixed it, and refuse, names of drivers, if he refuses some; answered with "protocol"; descriptors: window, beat (a page; the worker
 *		increments the u64 at 0 as a sign of life), nr_vectors kick
 *		eventfds, nr_vectors irq eventfds
 *   add	slot generation type uuid name config, which has the keys of its class and what else
 *		is known by now; descriptors, if it has any: sockets with the opened and
 *		locked files in them, or a connection to its helper; answered with "device", as in stats
 *   hold	slot generation type uuid name: keep the slot, present, not ready, until "add"
 *		makes it ready or "remove" frees it
 *   go		start the epoch and serve; the answer has "epoch"
 *   remove	slot force; answered at once, {"event":"removed"} follows
 *   set	slot config, with options that change ("size" is one); answered with "device", as in
 *		stats
 *   continue	slot: try again what the device holds; answered with "held", the number of requests
 *   pcap	slot snaplen: copy the frames of a NIC, as pcapng, to the descriptor, a stream socket, until
 *		its other end is closed for writing
 *   stats	slot, or from: the first slot; answered with "devices" and more, and
 *		with "next", a slot to go on from, if not all fit in a message
 *   status	answered with "epoch", "driver" and "devices"
 *   quit	finish and exit; with sync, when all is on the media
 *
 * Worker to broker, unasked: {"event":"removed","slot":N,"generation":N},
 * {"event":"epoch","epoch":N}, {"event":"log","level":N,"text":"..."}.
 */
#ifndef HOSTD_IPC_H
#define HOSTD_IPC_H

#include <stdbool.h>
#include <stdint.h>

struct json_object;

/*
 * Of the messages above, and of what comes by the lines of devices (broker/line.h): changes when a broker and a
 * worker of two versions misunderstand each other.
 */
#ifndef HOSTD_IPC_PROTOCOL
#define HOSTD_IPC_PROTOCOL	3
#endif
/* Longest text of a message in bytes. */
#define HOSTD_IPC_MSG_MAX	65536
/* Most messages that wait until they can be sent. */
#define HOSTD_IPC_UNSENT_MAX	256
/* Most vectors of a window, and most descriptors of a message ("init"). */
#define HOSTD_VECTORS_MAX	64
#define HOSTD_IPC_FD_MAX	(2 + 2 * HOSTD_VECTORS_MAX)
/* Longest name of a driver, and most of them that "init" refuses. */
#define HOSTD_IDENT_MAX		63
#define HOSTD_REFUSED_MAX	64
/* Most loops of a worker. */
#define HOSTD_THREADS_MAX	16
/* Largest poll_us: a second. */
#define HOSTD_POLL_US_MAX	1000000
/* The descriptor on which a worker finds its end. */
#define HOSTD_IPC_WORKER_FD	3

/**
 * hostd_ipc_send - send one message
 * @fd: either end of a hostd_parcel_pair(), of which the broker has the first
 * @msg: an object; stays the caller's
 * @fds: descriptors to send along; stay the caller's
 * @nr_fds: their number, at most HOSTD_IPC_FD_MAX
 *
 * Never waits.
 *
 * Return: 0; -EAGAIN if the peer doesn't read; -EPIPE if it is gone; -EMSGSIZE
 * for a message that is too large; another -errno.
 */
int hostd_ipc_send(int fd, struct json_object *msg, const int *fds, unsigned int nr_fds);

/**
 * struct hostd_ipc_queue - messages that the kernel has not taken yet
 * @first: the oldest
 * @last: where the next one is linked; NULL before the first
 * @nr: their number
 */
struct hostd_ipc_queue {
	struct hostd_ipc_unsent *first;
	struct hostd_ipc_unsent **last;
	unsigned int nr;
};

/**
 * hostd_ipc_post - send one message without descriptors, now or as soon as that can be
 * @q: those before it, which go first
 * @fd: either end
 * @msg: an object; stays the caller's
 *
 * The peer may not read now, or the host have no memory for a message. Never waits.
 *
 * Return: 0: it is sent, or in @q; as hostd_ipc_send(), if too many are there, or it can never be sent.
 */
int hostd_ipc_post(struct hostd_ipc_queue *q, int fd, struct json_object *msg);

/**
 * hostd_ipc_flush - send what can be sent of those that wait
 * @q: the queue
 * @fd: either end
 *
 * Return: true if none is left.
 */
bool hostd_ipc_flush(struct hostd_ipc_queue *q, int fd);

/**
 * hostd_ipc_forget - drop those that wait
 * @q: the queue
 */
void hostd_ipc_forget(struct hostd_ipc_queue *q);

/**
 * hostd_ipc_recv - receive one message
 * @fd: either end
 * @msg: gets the object; json_object_put() it
 * @fds: gets the descriptors, close-on-exec; room for HOSTD_IPC_FD_MAX; NULL: none is taken, as of a peer
 *	that has none to send
 * @nr_fds: gets their number; NULL without @fds
 *
 * With an error nothing is handed over and no descriptor stays open. A bad
 * message (-EBADMSG) is consumed: the next call gets the next one. With -EMFILE the
 * message is handed over nevertheless, for an answer.
 *
 * Return: 0; -EMFILE if this process may have no more descriptors; -EAGAIN if @fd is non-blocking
 * and nothing is there; -EPIPE if the peer is gone; -EBADMSG for what hostd_json_parse() refuses;
 * another -errno.
 */
int hostd_ipc_recv(int fd, struct json_object **msg, int *fds, unsigned int *nr_fds);

/**
 * hostd_ipc_reply_ok - make the reply to a request
 * @req: the request
 *
 * Return: {"re":id,"ok":true}, to which the caller may add members, or NULL.
 */
struct json_object *hostd_ipc_reply_ok(struct json_object *req);

/**
 * hostd_ipc_reply_error - make the reply to a request that failed
 * @req: the request
 * @fmt: printf format of one line: what is wrong and what to do
 *
 * Return: {"re":id,"ok":false,"error":text} or NULL.
 */
struct json_object *hostd_ipc_reply_error(struct json_object *req, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif /* HOSTD_IPC_H */

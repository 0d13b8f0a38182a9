/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Back ends of a NIC: where its frames go, and come from.
 *
 * Everything here is for the worker's loop, and never waits. What is at @data is the guest's, and may
 * change while it is looked at: a back end that needs to be sure of a byte copies it first.
 */
#ifndef HOSTD_NET_BACKEND_H
#define HOSTD_NET_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <pv/net.h>

#include "net/frame/frame.h"

struct net_backend;

/**
 * struct net_out - a frame to be sent
 * @data: its bytes, the guest's
 * @len: their number
 * @offload: what is left to be done, checked
 * @id: the sender's
 */
struct net_out {
	const uint8_t *data;
	uint32_t len;
	struct net_offload offload;
	uint32_t id;
};

/**
 * struct net_backend_ops - a back end
 * @name: for the operator
 * @features: PVNET_F_* of offloads that it may have, as bits, both directions
 * @open: make what is its own; @be has the descriptors; 0 or -errno
 * @close: free that; descriptors are closed by the caller
 * @attach: go on with @be->fds[0], which is new; NULL: descriptors stay
 * @send: take frames, in order, from @out[0] on: gives the number of those that are done with, and in
 *	@errors 0 or -errno for each; fewer than @nr: the descriptor has no room, and EPOLLOUT says when
 * @flush: go on with what is @unsent, if there is any; 0; -EAGAIN: there is no room still; another -errno: it
 *	cannot be sent; NULL: there never is any
 * @receive: take the next frame of a source into @iov, and its offload: its length (of one that is
 *	longer than @iov, that of @iov); -EAGAIN: there is none; -EBADMSG: there was one that is of no use;
 *	another -errno: there will be none
 * @set_offloads: @be->offloads has changed; 0 or -errno; NULL: it does not matter
 * @set_sources: the first @be->nr_used sources are in use; NULL: there is only one
 */
struct net_backend_ops {
	const char *name;
	uint64_t features;
	int (*open)(struct net_backend *be);
	void (*close)(struct net_backend *be);
	void (*attach)(struct net_backend *be);
	unsigned int (*send)(struct net_backend *be, unsigned int source, const struct net_out *out,
			     unsigned int nr, int *errors);
	int (*flush)(struct net_backend *be);
	ssize_t (*receive)(struct net_backend *be, unsigned int source, const struct iovec *iov,
			   unsigned int nr_iov, struct net_offload *offload);
	int (*set_offloads)(struct net_backend *be);
	void (*set_sources)(struct net_backend *be);
};

/**
 * struct net_backend - a back end in use
 * @ops: which one
 * @features: offloads that it has, as bits, both directions
 * @fds: a descriptor for each source, which does not wait; -1: there is none at the moment
 * @nr_sources: their number; 0: there are none
 * @nr_used: those in use, at least 1, from 0 on
 * @offloads: PVNET_F_RX_* that may come, as bits
 * @unsent: of a frame that counts as sent a part is not: @flush goes on with it
 * @priv: its own
 */
struct net_backend {
	const struct net_backend_ops *ops;
	uint64_t features;
	int fds[PVNET_MAX_PAIRS];
	unsigned int nr_sources;
	unsigned int nr_used;
	uint64_t offloads;
	bool unsent;
	void *priv;
};

/* Most frames of one @send. */
#define NET_SEND_MAX	32

extern const struct net_backend_ops net_backend_tap;
extern const struct net_backend_ops net_backend_stream;
extern const struct net_backend_ops net_backend_dgram;
extern const struct net_backend_ops net_backend_null;

/**
 * net_backend_find - look a back end up
 * @name: its name; NULL: none has it
 *
 * Return: the back end or NULL.
 */
const struct net_backend_ops *net_backend_find(const char *name);

#endif /* HOSTD_NET_BACKEND_H */

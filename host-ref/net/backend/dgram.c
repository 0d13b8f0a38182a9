// SPDX-License-Identifier: GPL-2.0-only
/*
 * A peer at the other end of a datagram socket: each is a frame, as QEMU's -netdev dgram has it.
 */
#include "net/backend/backend.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/backend/parts.h"

/* The longest frame, and so much more that one that is longer is seen to be. */
#define IN_LEN		(PVNET_FRAME_MAX + 64)

/**
 * struct dgram - what is under way
 * @in: what has come
 * @rest: of a segment of which some frames were sent
 * @chunk: of a segment
 */
struct dgram {
	uint8_t in[IN_LEN];
	struct net_rest rest;
	struct net_chunk chunk;
};

static int dgram_open(struct net_backend *be)
{
	be->features = be->ops->features;
	be->priv = calloc(1, sizeof(struct dgram));
	return be->priv ? 0 : -ENOMEM;
}

static void dgram_close(struct net_backend *be)
{
	free(be->priv);
}

static void dgram_attach(struct net_backend *be)
{
	struct dgram *d = be->priv;

	d->rest.at = d->rest.len = 0;
	be->unsent = false;
}

static int send_one(const struct net_backend *be, struct iovec *iov, unsigned int nr_iov)
{
	/* The socket does not wait (net/host/peer.c). */
	return writev(be->fds[0], iov, nr_iov) < 0 ? -errno : 0;
}

static int dgram_flush(struct net_backend *be)
{
	struct net_rest *rest = &((struct dgram *)be->priv)->rest;
	uint32_t len;

	while (rest->at < rest->len) {
		uint8_t *at = rest->data + rest->at + sizeof(len);

		memcpy(&len, at - sizeof(len), sizeof(len));
		len = be32toh(len);
		if (send_one(be, &(struct iovec) { at, len }, 1) == -EAGAIN)
			return -EAGAIN;
		rest->at += sizeof(len) + len;
	}
	rest->at = rest->len = 0;
	be->unsent = false;
	return 0;
}

/* 0: it is sent, or kept; -EAGAIN: nothing of it; another -errno. */
static int send_segment(struct net_backend *be, const struct net_out *out)
{
	struct dgram *d = be->priv;
	struct net_cut cut;
	int err = net_cut_begin(&cut, out->data, out->len, &out->offload);
	unsigned int i, nr = 0;

	if (err)
		return err;
	while (net_chunk_make(&d->chunk, &cut)) {
		for (i = 0; i < d->chunk.nr; i++, nr++) {
			struct net_parts *parts = &d->chunk.parts[i];

			/* A datagram has no length before it. */
			err = be->unsent ? -EAGAIN : send_one(be, parts->iov + 1, parts->nr - 1);
			if (err && (!nr || err != -EAGAIN))
				return err;
			if (!err)
				continue;
			net_rest_add(&d->rest, parts, 0);
			be->unsent = true;
		}
	}
	return 0;
}

static int send_frame(struct net_backend *be, const struct net_out *out)
{
	struct iovec iov[NET_PARTS_MAX];
	struct net_parts parts = { .iov = iov };

	if (out->offload.gso_type != PVNET_GSO_NONE)
		return send_segment(be, out);
	net_parts_make(&parts, out, false);
	return send_one(be, iov, parts.nr);
}

static unsigned int dgram_send(struct net_backend *be, unsigned int source, const struct net_out *out,
			       unsigned int nr, int *errors)
{
	unsigned int i;

	(void)source;
	for (i = 0; i < nr && !dgram_flush(be); i++) {
		errors[i] = send_frame(be, &out[i]);
		if (errors[i] == -EAGAIN)
			break;
	}
	return i;
}

static ssize_t dgram_receive(struct net_backend *be, unsigned int source, const struct iovec *iov,
			     unsigned int nr_iov, struct net_offload *offload)
{
	struct dgram *d = be->priv;
	ssize_t len = read(be->fds[0], d->in, IN_LEN);

	(void)source;
	if (len < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	net_arrival_check(be, d->in, len, offload);
	return net_parts_copy(iov, nr_iov, d->in, len);
}

const struct net_backend_ops net_backend_dgram = {
	.name = "dgram",
	.features = 1 << PVNET_F_CSUM | 1 << PVNET_F_RX_CSUM | NET_CUT_FEATURES,
	.open = dgram_open,
	.close = dgram_close,
	.attach = dgram_attach,
	.send = dgram_send,
	.flush = dgram_flush,
	.receive = dgram_receive,
};

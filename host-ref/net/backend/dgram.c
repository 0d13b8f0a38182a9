// SPDX-License-Identifier: GPL-2.0-only
/*
 * A peer at the other end of a datagram socket: each is a frame, as QEMU's -netdev dgram has it.
 */
#include "net/backend/backend.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/backend/parts.h"

/* The longest frame, and so much more that one that is longer is seen to be. */
#define IN_LEN		(PVNET_FRAME_MAX + 64)

static int dgram_open(struct net_backend *be)
{
	be->features = be->ops->features;
	be->priv = malloc(IN_LEN);
	return be->priv ? 0 : -ENOMEM;
}

static void dgram_close(struct net_backend *be)
{
	free(be->priv);
}

static void dgram_attach(struct net_backend *be)
{
	(void)be;
}

static unsigned int dgram_send(struct net_backend *be, unsigned int source, const struct net_out *out,
			       unsigned int nr, int *errors)
{
	struct iovec iov[NET_PARTS_MAX];
	struct net_parts parts = { .iov = iov };
	struct msghdr msg = { .msg_iov = iov };
	unsigned int i;

	(void)source;
	for (i = 0; i < nr; i++) {
		net_parts_make(&parts, &out[i], false);
		msg.msg_iovlen = parts.nr;
		errors[i] = sendmsg(be->fds[0], &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
		if (errors[i] == -EAGAIN)
			break;
	}
	return i;
}

static ssize_t dgram_receive(struct net_backend *be, unsigned int source, const struct iovec *iov,
			     unsigned int nr_iov, struct net_offload *offload)
{
	ssize_t len = read(be->fds[0], be->priv, IN_LEN);

	(void)source;
	if (len < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	net_arrival_check(be, be->priv, len, offload);
	return net_parts_copy(iov, nr_iov, be->priv, len);
}

const struct net_backend_ops net_backend_dgram = {
	.name = "dgram",
	.features = 1 << PVNET_F_CSUM | 1 << PVNET_F_RX_CSUM,
	.open = dgram_open,
	.close = dgram_close,
	.attach = dgram_attach,
	.send = dgram_send,
	.receive = dgram_receive,
};

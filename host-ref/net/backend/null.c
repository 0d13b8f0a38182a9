// SPDX-License-Identifier: GPL-2.0-only
/*
 * No network, for measuring: what is sent is forgotten, and nothing comes.
 */
#include "net/backend/backend.h"

#include <errno.h>
#include <string.h>

static int null_open(struct net_backend *be)
{
	be->features = be->ops->features;
	return 0;
}

static void null_close(struct net_backend *be)
{
	(void)be;
}

static unsigned int null_send(struct net_backend *be, unsigned int source, const struct net_out *out,
			      unsigned int nr, int *errors)
{
	(void)be, (void)source, (void)out;
	memset(errors, 0, nr * sizeof(*errors));
	return nr;
}

static ssize_t null_receive(struct net_backend *be, unsigned int source, const struct iovec *iov,
			    unsigned int nr_iov, struct net_offload *offload)
{
	(void)be, (void)source, (void)iov, (void)nr_iov, (void)offload;
	return -EAGAIN;
}

const struct net_backend_ops net_backend_null = {
	.name = "null",
	.features = 1 << PVNET_F_CSUM | 1 << PVNET_F_TSO4 | 1 << PVNET_F_TSO6 | 1 << PVNET_F_TSO_ECN |
		    1 << PVNET_F_USO | 1 << PVNET_F_RX_CSUM | 1 << PVNET_F_RX_TSO4 | 1 << PVNET_F_RX_TSO6 |
		    1 << PVNET_F_RX_TSO_ECN | 1 << PVNET_F_RX_USO,
	.open = null_open,
	.close = null_close,
	.send = null_send,
	.receive = null_receive,
};

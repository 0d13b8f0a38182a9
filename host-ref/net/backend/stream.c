// SPDX-License-Identifier: GPL-2.0-only
/*
 * A peer at the other end of a stream: before each frame its length, 32 bits, in network order, as passt and
 * QEMU's -netdev stream have it.
 *
 * Many frames go in one call, and come in one. The peer knows no offloads: checksums are completed here, and
 * checked here, where that is cheaper than in the guest.
 */
#include "net/backend/backend.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/backend/parts.h"

#define LENGTH		((size_t)4)
/* Room for several of the longest frames; one of a call of recv(). */
#define IN_LEN		((size_t)256 << 10)

/**
 * struct stream - what is under way
 * @in: what has come
 * @in_at: where the next frame begins
 * @in_end: where that ends
 * @out: the rest of a frame of which a part was sent
 * @out_at: how much of that has been sent
 * @out_len: bytes
 */
struct stream {
	uint8_t in[IN_LEN];
	size_t in_at;
	size_t in_end;
	uint8_t out[LENGTH + PVNET_FRAME_MAX];
	size_t out_at;
	size_t out_len;
};

static int stream_open(struct net_backend *be)
{
	be->features = be->ops->features;
	be->priv = calloc(1, sizeof(struct stream));
	return be->priv ? 0 : -ENOMEM;
}

static void stream_close(struct net_backend *be)
{
	free(be->priv);
}

/* Another connection begins with a frame. */
static void stream_attach(struct net_backend *be)
{
	struct stream *s = be->priv;

	s->in_at = s->in_end = 0;
	be->unsent = false;
}

/* send() is another system call, which the sandbox does not know. */
static ssize_t send_all(const struct net_backend *be, struct iovec *iov, unsigned int nr_iov)
{
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = nr_iov };
	ssize_t len;

	do {
		len = sendmsg(be->fds[0], &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (len < 0 && errno == EINTR);
	return len < 0 ? -errno : len;
}

static bool is_full(ssize_t error)
{
	return error == -EAGAIN || error == -ENOBUFS;
}

static bool stream_flush(struct net_backend *be)
{
	struct stream *s = be->priv;
	struct iovec rest;
	ssize_t len;

	while (be->unsent) {
		rest = (struct iovec) { s->out + s->out_at, s->out_len - s->out_at };
		len = send_all(be, &rest, 1);
		if (len < 0)
			return !is_full(len);
		s->out_at += len;
		be->unsent = s->out_at < s->out_len;
	}
	return true;
}

/* Keep what of a frame has not been sent: within it there is no way back. */
static void keep_rest(struct stream *s, const struct iovec *iov, unsigned int nr_iov, size_t skip)
{
	s->out_at = s->out_len = 0;
	for (; nr_iov; iov++, nr_iov--) {
		size_t part = iov->iov_len > skip ? iov->iov_len - skip : 0;

		memcpy(s->out + s->out_len, (uint8_t *)iov->iov_base + (iov->iov_len - part), part);
		s->out_len += part;
		skip -= iov->iov_len - part;
	}
}

/* How many frames are done with, when so many bytes were sent. */
static unsigned int count_sent(struct net_backend *be, const struct net_parts *parts, unsigned int nr, size_t sent)
{
	unsigned int i;

	for (i = 0; i < nr && sent; i++) {
		if (sent < parts[i].len) {
			keep_rest(be->priv, parts[i].iov, parts[i].nr, sent);
			be->unsent = true;
			sent = parts[i].len;
		}
		sent -= parts[i].len;
	}
	return i;
}

static unsigned int stream_send(struct net_backend *be, unsigned int source, const struct net_out *out,
				unsigned int nr, int *errors)
{
	struct iovec iov[NET_SEND_MAX * NET_PARTS_MAX];
	struct net_parts parts[NET_SEND_MAX];
	unsigned int i, nr_iov = 0;
	ssize_t sent;

	(void)source;
	if (!stream_flush(be))
		return 0;
	for (i = 0; i < nr; i++) {
		parts[i].iov = iov + nr_iov;
		net_parts_make(&parts[i], &out[i], true);
		nr_iov += parts[i].nr;
		errors[i] = 0;
	}
	sent = send_all(be, iov, nr_iov);
	if (sent >= 0)
		return count_sent(be, parts, nr, sent);
	if (is_full(sent))
		return 0;
	for (i = 0; i < nr; i++)
		errors[i] = sent;
	return nr;
}

/* Bytes of the next frame, if its length has come; else 0. */
static size_t next_len(const struct stream *s)
{
	uint32_t len;

	if (s->in_end - s->in_at < LENGTH)
		return 0;
	memcpy(&len, s->in + s->in_at, LENGTH);
	return LENGTH + be32toh(len);
}

static bool has_frame(const struct stream *s)
{
	size_t len = next_len(s);

	return len && s->in_end - s->in_at >= len;
}

static int fill(struct net_backend *be, struct stream *s)
{
	ssize_t len;

	memmove(s->in, s->in + s->in_at, s->in_end - s->in_at);
	s->in_end -= s->in_at;
	s->in_at = 0;
	/* A peer that is out of step, or not what it should be. */
	if (next_len(s) > IN_LEN)
		return -EPROTO;
	do {
		len = read(be->fds[0], s->in + s->in_end, IN_LEN - s->in_end);
	} while (len < 0 && errno == EINTR);
	if (len < 0)
		return errno == EAGAIN ? -EAGAIN : -errno;
	s->in_end += len;
	return len ? 0 : -EPIPE;
}

static ssize_t stream_receive(struct net_backend *be, unsigned int source, const struct iovec *iov,
			      unsigned int nr_iov, struct net_offload *offload)
{
	struct stream *s = be->priv;
	const uint8_t *frame;
	size_t len;
	int err;

	(void)source;
	while (!has_frame(s)) {
		err = fill(be, s);
		if (err)
			return err;
	}
	frame = s->in + s->in_at + LENGTH;
	len = next_len(s) - LENGTH;
	s->in_at += LENGTH + len;
	net_arrival_check(be, frame, len, offload);
	return net_parts_copy(iov, nr_iov, frame, len);
}

const struct net_backend_ops net_backend_stream = {
	.name = "stream",
	.features = 1 << PVNET_F_CSUM | 1 << PVNET_F_RX_CSUM,
	.open = stream_open,
	.close = stream_close,
	.attach = stream_attach,
	.send = stream_send,
	.flush = stream_flush,
	.receive = stream_receive,
};

// SPDX-License-Identifier: GPL-2.0-only
/*
 * A peer at the other end of a stream: before each frame its length, 32 bits, in network order, as passt and
 * QEMU's -netdev stream have it.
 *
 * Many frames go in one call, and come in one. The peer knows no offloads: checksums are completed here, and
 * checked here, segments cut here, where that is cheaper than in the guest.
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
 * @rest: of a frame, or a segment, of which a part was sent
 * @chunk: of a segment
 */
struct stream {
	uint8_t in[IN_LEN];
	size_t in_at;
	size_t in_end;
	struct net_rest rest;
	struct net_chunk chunk;
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
	s->rest.at = s->rest.len = 0;
	be->unsent = false;
}

/* The socket does not wait (net/host/peer.c). */
static ssize_t send_all(const struct net_backend *be, struct iovec *iov, unsigned int nr_iov)
{
	ssize_t len;

	do {
		len = writev(be->fds[0], iov, nr_iov);
	} while (len < 0 && errno == EINTR);
	return len < 0 ? -errno : len;
}

static bool is_full(ssize_t error)
{
	return error == -EAGAIN || error == -ENOBUFS;
}

static int stream_flush(struct net_backend *be)
{
	struct net_rest *rest = &((struct stream *)be->priv)->rest;
	struct iovec iov;
	ssize_t len;

	while (be->unsent) {
		iov = (struct iovec) { rest->data + rest->at, rest->len - rest->at };
		len = send_all(be, &iov, 1);
		if (len < 0)
			return is_full(len) ? -EAGAIN : len;
		rest->at += len;
		be->unsent = rest->at < rest->len;
	}
	rest->at = rest->len = 0;
	return 0;
}

/* Within a frame there is no way back: one of which a part was sent counts as sent, and its rest is kept. */
static unsigned int count_sent(struct net_backend *be, const struct net_parts *parts, unsigned int nr, size_t sent)
{
	struct stream *s = be->priv;
	unsigned int i;

	for (i = 0; i < nr && sent; i++) {
		if (sent < parts[i].len) {
			net_rest_add(&s->rest, &parts[i], sent);
			be->unsent = true;
			sent = parts[i].len;
		}
		sent -= parts[i].len;
	}
	return i;
}

/* 0: it is sent, or kept; -EAGAIN: nothing of it; another -errno. */
static int send_segment(struct net_backend *be, const struct net_out *out)
{
	struct stream *s = be->priv;
	struct net_cut cut;
	int err = net_cut_begin(&cut, out->data, out->len, &out->offload);
	bool begun = false;
	unsigned int i;
	ssize_t sent;

	if (err)
		return err;
	for (; net_chunk_make(&s->chunk, &cut); begun = true) {
		struct net_parts *last = &s->chunk.parts[s->chunk.nr - 1];

		sent = be->unsent ? 0 : send_all(be, s->chunk.iov, last->iov + last->nr - s->chunk.iov);
		if (sent < 0 && (!begun || !is_full(sent)))
			return is_full(sent) ? -EAGAIN : sent;
		i = sent > 0 ? count_sent(be, s->chunk.parts, s->chunk.nr, sent) : 0;
		for (; i < s->chunk.nr; i++) {
			net_rest_add(&s->rest, &s->chunk.parts[i], 0);
			be->unsent = true;
		}
	}
	return 0;
}

/* Frames up to the next segment; how many are done with. */
static unsigned int send_frames(struct net_backend *be, const struct net_out *out, unsigned int nr, int *errors)
{
	struct iovec iov[NET_SEND_MAX * NET_PARTS_MAX];
	struct net_parts parts[NET_SEND_MAX];
	unsigned int i, nr_iov = 0;
	ssize_t sent;

	for (i = 0; i < nr && out[i].offload.gso_type == PVNET_GSO_NONE; i++) {
		parts[i].iov = iov + nr_iov;
		net_parts_make(&parts[i], &out[i], true);
		nr_iov += parts[i].nr;
		errors[i] = 0;
	}
	nr = i;
	sent = send_all(be, iov, nr_iov);
	if (sent >= 0)
		return count_sent(be, parts, nr, sent);
	if (is_full(sent))
		return 0;
	for (i = 0; i < nr; i++)
		errors[i] = sent;
	return nr;
}

static unsigned int stream_send(struct net_backend *be, unsigned int source, const struct net_out *out,
				unsigned int nr, int *errors)
{
	unsigned int done = 0, some;
	int err;

	(void)source;
	while (done < nr) {
		err = stream_flush(be);
		if (err == -EAGAIN)
			break;
		if (err) {
			/* Nothing may come before the rest of a frame. */
			errors[done++] = err;
			continue;
		}
		if (out[done].offload.gso_type == PVNET_GSO_NONE) {
			some = send_frames(be, out + done, nr - done, errors + done);
		} else {
			errors[done] = send_segment(be, &out[done]);
			some = errors[done] != -EAGAIN;
		}
		if (!some)
			break;
		done += some;
	}
	return done;
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
	.features = 1 << PVNET_F_CSUM | 1 << PVNET_F_RX_CSUM | NET_CUT_FEATURES,
	.open = stream_open,
	.close = stream_close,
	.attach = stream_attach,
	.send = stream_send,
	.flush = stream_flush,
	.receive = stream_receive,
};

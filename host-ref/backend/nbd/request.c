// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests to an NBD server: step by step, each a command of NBD.
 */
#include "backend/nbd/link.h"

#include <errno.h>
#include <limits.h>

#include <libnbd.h>
#include <linux/falloc.h>

/* No result so far. */
#define NO_RESULT	LONG_MIN

/* nbd_completion_callback.callback: the server has answered, or the connection has ended. */
static int answered(void *ctx, int *error)
{
	struct hostd_io *io = ctx;
	bool has_data = io->call.op == HOSTD_IO_READ || io->call.op == HOSTD_IO_WRITE;

	io->called = *error ? -*error : has_data ? (long)io->call.len : 0;
	return 1;
}

/* nbd_completion_callback.free: whatever has become of it, libnbd does not have it any more. */
static void come_back(void *ctx)
{
	struct hostd_io *io = ctx;
	struct hostd_nbd_link *link = io->file->priv;

	if (io->called == NO_RESULT)
		io->called = -ENOTCONN;
	hostd_nbd_put(&link->returned, io);
}

/* Must it be durable by other means than the command itself? */
static bool wants_flush(const struct hostd_nbd_link *link, const struct hostd_io *io)
{
	return io->flags & HOSTD_IO_DURABLE && !link->fua && link->flush && !(io->flags & HOSTD_IO_SETTLING);
}

static uint32_t flags_of(const struct hostd_nbd_link *link, const struct hostd_io *io)
{
	uint32_t flags = 0;

	if (io->flags & HOSTD_IO_DURABLE && link->fua)
		flags |= LIBNBD_CMD_FLAG_FUA;
	if (io->call.op == HOSTD_IO_DISCARD && !(io->call.mode & FALLOC_FL_PUNCH_HOLE))
		flags |= LIBNBD_CMD_FLAG_NO_HOLE;
	return flags;
}

/* What the server cannot do is not asked for: a FLUSH where nothing is kept back, advice. */
static bool has_nothing_to_send(const struct hostd_nbd_link *link, const struct hostd_io *io)
{
	if (io->call.op == HOSTD_IO_FLUSH)
		return !link->flush;
	return io->op == HOSTD_IO_DISCARD && !link->trim;
}

static void aim(const struct hostd_nbd_link *link, struct hostd_io *io)
{
	if (io->op == HOSTD_IO_ZERO && !link->zero)
		io->flags |= HOSTD_IO_FILL;
	hostd_io_next_call(io);
	if (io->flags & HOSTD_IO_SETTLING)
		io->call.op = HOSTD_IO_FLUSH;
}

static int64_t submit(struct hostd_nbd_link *link, struct hostd_io *io)
{
	const nbd_completion_callback done = { .callback = answered, .user_data = io, .free = come_back };
	const struct hostd_io_call *call = &io->call;
	uint32_t flags = flags_of(link, io);

	switch (call->op) {
	case HOSTD_IO_READ:
		return nbd_aio_pread(link->h, call->buf, call->len, call->pos, done, 0);
	case HOSTD_IO_WRITE:
		return nbd_aio_pwrite(link->h, call->buf, call->len, call->pos, done, flags);
	case HOSTD_IO_FLUSH:
		return nbd_aio_flush(link->h, done, 0);
	default:
		if (io->op == HOSTD_IO_DISCARD)
			return nbd_aio_trim(link->h, call->len, call->pos, done, 0);
		return nbd_aio_zero(link->h, call->len, call->pos, done, flags);
	}
}

void hostd_nbd_send(struct hostd_nbd_link *link, struct hostd_io *io)
{
	aim(link, io);
	io->called = NO_RESULT;
	if (has_nothing_to_send(link, io)) {
		io->called = 0;
		hostd_nbd_put(&link->returned, io);
		return;
	}
	if (submit(link, io) >= 0 || nbd_aio_is_dead(link->h) || nbd_aio_is_closed(link->h))
		return;
	/* It has come back, though the connection is there: libnbd does not want it. */
	io->called = nbd_get_errno() ? -nbd_get_errno() : -EIO;
}

/* Is the request to be done by the next connection? NBD has no such errors of the medium's. */
static bool is_lost(const struct hostd_io *io)
{
	return io->called == -ENOTCONN || io->called == -ESHUTDOWN;
}

bool hostd_nbd_take_result(struct hostd_nbd_link *link, struct hostd_io *io)
{
	if (is_lost(io)) {
		/* Another server has to be told all of what was to be durable. */
		if (io->flags & HOSTD_IO_SETTLING)
			io->done = 0;
		io->flags &= ~HOSTD_IO_SETTLING;
		return false;
	}
	if (io->flags & HOSTD_IO_SETTLING) {
		io->result = io->called < 0 ? io->called : 0;
		return true;
	}
	if (!hostd_io_called(io, io->called))
		return false;
	if (io->result)
		return true;
	if (io->op == HOSTD_IO_FLUSH)
		link->nr_unflushed = 0;
	else if (io->op != HOSTD_IO_READ && !(io->flags & HOSTD_IO_DURABLE))
		link->nr_unflushed++;
	if (!wants_flush(link, io))
		return true;
	io->flags |= HOSTD_IO_SETTLING;
	return false;
}

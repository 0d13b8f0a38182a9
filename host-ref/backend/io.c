// SPDX-License-Identifier: GPL-2.0-only
/*
 * The system calls that a request is made of: which is next, and what its result means.
 */
#include "backend/engine.h"

#include <errno.h>
#include <stddef.h>
#include <sys/uio.h>

#include <linux/falloc.h>
#include <pv/abi.h>

/* What one call frees or zeroes at most, so that it takes no second and others have their turn. */
#define STEP_LEN		(32U << 20)
/* How often a call is made again that was refused for lack of memory or the like. */
#define TRIES_MAX		8

/* Source of zeroes where the file system has no call for it. */
#define ZEROES_LEN		(256 * 1024)

static const _Alignas(4096) uint8_t zeroes[ZEROES_LEN];

/* Unit of place and length of what a medium frees or zeroes. */
static uint64_t block_of(const struct hostd_io *io)
{
	return io->file->fallocate_block ? io->file->fallocate_block : 1;
}

/* How much of @len, at least a block, one call is to do: whole blocks. */
static uint64_t step_of(uint64_t len, uint64_t block)
{
	if (len > STEP_LEN)
		len = STEP_LEN;
	len -= len % block;
	return len ? len : block;
}

/* A discard covers whole blocks of the medium within the request, from where it is on. */
static uint64_t discard_from(const struct hostd_io *io)
{
	uint64_t block = block_of(io);

	return (io->pos + io->done + block - 1) / block * block;
}

static uint64_t discard_to(const struct hostd_io *io)
{
	uint64_t block = block_of(io);

	return (io->pos + io->len) / block * block;
}

bool hostd_io_is_discarded(const struct hostd_io *io)
{
	return io->file->no_punch || discard_from(io) >= discard_to(io);
}

static void aim_discard(const struct hostd_io *io, struct hostd_io_call *call)
{
	call->mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	call->pos = discard_from(io);
	call->len = step_of(discard_to(io) - call->pos, block_of(io));
}

/* Whole blocks of the medium in one call; what is before and after is written. */
static void aim_zero(const struct hostd_io *io, struct hostd_io_call *call)
{
	uint64_t block = block_of(io);
	uint64_t over = call->pos % block;
	bool unmap = io->flags & HOSTD_IO_UNMAP && !io->file->no_punch;

	if (!(io->flags & HOSTD_IO_FILL) && !over && call->len >= block) {
		call->op = HOSTD_IO_DISCARD;
		call->mode = FALLOC_FL_KEEP_SIZE | (unmap ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE);
		call->len = step_of(call->len, block);
		return;
	}
	call->op = HOSTD_IO_WRITE;
	call->buf = (void *)zeroes;
	if (over && call->len > block - over && !(io->flags & HOSTD_IO_FILL))
		call->len = block - over;
	if (call->len > ZEROES_LEN)
		call->len = ZEROES_LEN;
}

const struct hostd_io_call *hostd_io_next_call(struct hostd_io *io)
{
	struct hostd_io_call *call = &io->call;

	*call = (struct hostd_io_call) {
		.op = io->op,
		.buf = io->buf + io->done,
		.pos = io->pos + io->done,
		.len = io->len - io->done,
		.rw_flags = io->flags & HOSTD_IO_DURABLE ? RWF_DSYNC : 0,
	};
	if (io->op == HOSTD_IO_DISCARD)
		aim_discard(io, call);
	else if (io->op == HOSTD_IO_ZERO)
		aim_zero(io, call);
	return call;
}

/* Does the medium, or its file system, have no such call, or not for this place? */
static bool is_refusal(long res)
{
	return res == -EOPNOTSUPP || res == -ENOSYS || res == -EINVAL || res == -ENODEV ||
	       res == -ENOTTY || res == -EREMOTEIO || res == -EPERM;
}

/* A fallocate() was refused: is there another way? False: there is, call again. */
static bool is_refused(struct hostd_io *io, long res)
{
	struct hostd_file *file = io->file;

	if (res == -EINVAL && !file->fallocate_block) {
		/* Not known so far: most have a block of no more than that. */
		file->fallocate_block = PV_PAGE_SIZE;
		return io->op == HOSTD_IO_DISCARD && hostd_io_is_discarded(io);
	}
	if (io->op == HOSTD_IO_DISCARD) {
		file->no_punch |= res != -EINVAL;
		return true;
	}
	if (io->call.mode & FALLOC_FL_PUNCH_HOLE && res != -EINVAL) {
		file->no_punch = true;
		return false;
	}
	file->no_zero_range |= res != -EINVAL;
	io->flags |= HOSTD_IO_FILL;
	return false;
}

/* Refused for lack of something that may be there the next moment. */
static bool is_passing(long res)
{
	return res == -EAGAIN || res == -ENOMEM || res == -ENOBUFS || res == -EBUSY;
}

bool hostd_io_called(struct hostd_io *io, long res)
{
	bool allocates = io->op > HOSTD_IO_FLUSH && io->call.op == HOSTD_IO_DISCARD;

	if (io->op == HOSTD_IO_RING)
		return true;
	if (res == -EINTR || (is_passing(res) && io->tries++ < TRIES_MAX))
		return false;
	if (res < 0 && allocates && is_refusal(res))
		return is_refused(io, res);
	if (res < 0) {
		io->result = res;
		return true;
	}
	if (io->op == HOSTD_IO_FLUSH || io->op == HOSTD_IO_CLOSE)
		return true;
	if (allocates) {
		io->done = io->call.pos + io->call.len - io->pos;
		return io->op == HOSTD_IO_DISCARD ? hostd_io_is_discarded(io) : io->done >= io->len;
	}
	if (!res) {
		/* The file is shorter than the device, or takes no more. */
		io->result = io->op == HOSTD_IO_READ ? -EIO : -ENOSPC;
		return true;
	}
	io->done += res;
	return io->done >= io->len;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * What all engines share: the set of them, and the system calls that a request is made of.
 */
#include "engine.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include <linux/falloc.h>

/* Source of zeroes where the file system has no call for it. */
#define ZEROES_LEN		(256 * 1024)

static const _Alignas(4096) uint8_t zeroes[ZEROES_LEN];

int hostd_engines_init(struct hostd_engines *engines)
{
	static const struct hostd_engine_ops *const ops[HOSTD_ENGINES] = {
		&hostd_engine_uring, &hostd_engine_sync, &hostd_engine_null,
	};
	unsigned int i;

	for (i = 0; i < HOSTD_ENGINES; i++) {
		struct hostd_engine *e = &engines->all[i];

		*e = (struct hostd_engine) { .ops = ops[i], .fd = -1 };
		e->error = e->ops->init ? e->ops->init(e) : 0;
		if (e->error && e->ops != &hostd_engine_uring) {
			hostd_engines_exit(engines);
			return e->error;
		}
	}
	return 0;
}

void hostd_engines_exit(struct hostd_engines *engines)
{
	unsigned int i;

	for (i = 0; i < HOSTD_ENGINES; i++) {
		struct hostd_engine *e = &engines->all[i];

		if (e->ops && e->ops->exit && !e->error)
			e->ops->exit(e);
		e->ops = NULL;
	}
}

struct hostd_engine *hostd_engines_find(struct hostd_engines *engines, const char *name)
{
	unsigned int i;

	for (i = 0; i < HOSTD_ENGINES; i++) {
		struct hostd_engine *e = &engines->all[i];

		if (!e->error && (!strcmp(name, "auto") || !strcmp(name, e->ops->name)))
			return e;
	}
	return NULL;
}

unsigned int hostd_engines_reap(struct hostd_engines *engines)
{
	unsigned int i, nr = 0;

	for (i = 0; i < HOSTD_ENGINES; i++) {
		struct hostd_engine *e = &engines->all[i];

		if (!e->in_flight)
			continue;
		e->ops->kick(e);
		nr += e->ops->reap(e);
	}
	return nr;
}

void hostd_io_next_call(const struct hostd_io *io, struct hostd_io_call *call)
{
	const struct hostd_file *file = io->file;

	*call = (struct hostd_io_call) {
		.op = io->op,
		.buf = io->buf + io->done,
		.pos = io->pos + io->done,
		.len = io->len - io->done,
		.rw_flags = io->flags & HOSTD_IO_DURABLE ? RWF_DSYNC : 0,
	};
	if (io->op == HOSTD_IO_DISCARD) {
		call->mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	} else if (io->op == HOSTD_IO_ZERO && io->flags & HOSTD_IO_FILL) {
		call->op = HOSTD_IO_WRITE;
		call->buf = (void *)zeroes;
		if (call->len > ZEROES_LEN)
			call->len = ZEROES_LEN;
	} else if (io->op == HOSTD_IO_ZERO) {
		call->op = HOSTD_IO_DISCARD;
		call->mode = FALLOC_FL_KEEP_SIZE;
		call->mode |= io->flags & HOSTD_IO_UNMAP && !file->no_punch ?
			      FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE;
	}
}

/* The file system has no such call: is there another way? False: there is, call again. */
static bool is_unsupported(struct hostd_io *io)
{
	struct hostd_file *file = io->file;

	if (io->op == HOSTD_IO_DISCARD) {
		file->no_punch = true;
		io->result = 0;		/* discard is advice */
		return true;
	}
	if (io->op != HOSTD_IO_ZERO || io->flags & HOSTD_IO_FILL) {
		io->result = -EOPNOTSUPP;
		return true;
	}
	if (io->flags & HOSTD_IO_UNMAP && !file->no_punch) {
		file->no_punch = true;
	} else {
		file->no_zero_range = true;
		io->flags |= HOSTD_IO_FILL;
	}
	return false;
}

bool hostd_io_called(struct hostd_io *io, long res)
{
	if (res == -EINTR || res == -EAGAIN)
		return false;
	if (res == -EOPNOTSUPP || res == -ENOSYS)
		return is_unsupported(io);
	if (res < 0) {
		io->result = res;
		return true;
	}
	if (io->op > HOSTD_IO_WRITE && !(io->flags & HOSTD_IO_FILL))
		return true;
	if (!res) {
		/* The file is shorter than the device, or takes no more. */
		io->result = io->op == HOSTD_IO_READ ? -EIO : -ENOSPC;
		return true;
	}
	io->done += res;
	return io->done >= io->len;
}

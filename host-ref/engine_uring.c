// SPDX-License-Identifier: GPL-2.0-only
/*
 * The io_uring engine: one ring for the worker, made before the sandbox and restricted to file I/O.
 */
#include "engine.h"

#include <errno.h>
#include <stdlib.h>

#include <liburing.h>

#include "shmem.h"

#define SQ_ENTRIES	256
#define CQ_ENTRIES	8192
#define REAP_BATCH	64

/**
 * struct uring - the ring
 * @ring: liburing's
 * @backlog: requests that found the submission queue full, oldest first
 * @tail: where the next one is linked
 */
struct uring {
	struct io_uring ring;
	struct hostd_io *backlog;
	struct hostd_io **tail;
};

/* A worker that was taken over can make the kernel do nothing that its seccomp filter forbids. */
static int restrict_ring(struct io_uring *ring)
{
	static const uint8_t ops[] = {
		IORING_OP_READ, IORING_OP_WRITE, IORING_OP_FSYNC, IORING_OP_FALLOCATE,
	};
	struct io_uring_restriction res[sizeof(ops)] = { 0 };
	unsigned int i;
	int ret;

	for (i = 0; i < sizeof(ops); i++) {
		res[i].opcode = IORING_RESTRICTION_SQE_OP;
		res[i].sqe_op = ops[i];
	}
	/* The library's own functions for these two are not exported in 2.3. */
	ret = io_uring_register(ring->ring_fd, IORING_REGISTER_RESTRICTIONS, res, sizeof(ops));
	if (ret)
		return ret;
	return io_uring_register(ring->ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
}

static int open_ring(struct io_uring *ring)
{
	/*
	 * Completions are noticed by polling: the kernel need not interrupt this
	 * thread for them. Kernels before 6.0 know fewer flags.
	 */
	static const unsigned int flags[] = {
		IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SINGLE_ISSUER,
		0,
	};
	int ret = -EINVAL;
	unsigned int i;

	for (i = 0; i < sizeof(flags) / sizeof(*flags) && ret == -EINVAL; i++) {
		struct io_uring_params p = {
			.flags = IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE | flags[i],
			.cq_entries = CQ_ENTRIES,
		};

		ret = io_uring_queue_init_params(SQ_ENTRIES, ring, &p);
	}
	return ret;
}

static int uring_init(struct hostd_engine *e)
{
	struct uring *u = calloc(1, sizeof(*u));
	int ret;

	if (!u)
		return -ENOMEM;
	ret = open_ring(&u->ring);
	if (ret)
		goto free_u;
	ret = restrict_ring(&u->ring);
	if (ret)
		goto exit_ring;
	u->tail = &u->backlog;
	e->priv = u;
	e->fd = u->ring.ring_fd;
	return 0;

exit_ring:
	io_uring_queue_exit(&u->ring);
free_u:
	free(u);
	return ret;
}

static void uring_exit(struct hostd_engine *e)
{
	struct uring *u = e->priv;

	io_uring_queue_exit(&u->ring);
	free(u);
}

static struct io_uring_sqe *get_sqe(struct uring *u)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);

	if (sqe)
		return sqe;
	io_uring_submit(&u->ring);
	return io_uring_get_sqe(&u->ring);
}

static void add_to_backlog(struct uring *u, struct hostd_io *io)
{
	io->next = NULL;
	*u->tail = io;
	u->tail = &io->next;
}

static bool prepare(struct uring *u, struct hostd_io *io)
{
	struct io_uring_sqe *sqe = get_sqe(u);
	struct hostd_io_call call;
	int fd = io->file->fd;

	if (!sqe)
		return false;
	hostd_io_next_call(io, &call);
	switch (call.op) {
	case HOSTD_IO_READ:
		io_uring_prep_read(sqe, fd, call.buf, call.len, call.pos);
		break;
	case HOSTD_IO_WRITE:
		io_uring_prep_write(sqe, fd, call.buf, call.len, call.pos);
		sqe->rw_flags = call.rw_flags;
		break;
	case HOSTD_IO_FLUSH:
		io_uring_prep_fsync(sqe, fd, IORING_FSYNC_DATASYNC);
		break;
	default:
		io_uring_prep_fallocate(sqe, fd, call.mode, call.pos, call.len);
		break;
	}
	io_uring_sqe_set_data(sqe, io);
	return true;
}

static void queue(struct uring *u, struct hostd_io *io)
{
	if (u->backlog || !prepare(u, io))
		add_to_backlog(u, io);
}

static bool uring_submit(struct hostd_engine *e, struct hostd_io *io)
{
	if (hostd_io_try(io))
		return true;
	e->in_flight++;
	queue(e->priv, io);
	return false;
}

static void uring_kick(struct hostd_engine *e)
{
	struct uring *u = e->priv;
	struct hostd_io *io;

	while ((io = u->backlog)) {
		struct hostd_io *next = io->next;

		if (!prepare(u, io))
			break;
		u->backlog = next;
		if (!next)
			u->tail = &u->backlog;
	}
	/* What the kernel doesn't take now stays in the queue for the next kick. */
	if (io_uring_sq_ready(&u->ring))
		io_uring_submit(&u->ring);
}

static unsigned int uring_reap(struct hostd_engine *e)
{
	struct io_uring_cqe *cqes[REAP_BATCH];
	struct uring *u = e->priv;
	unsigned int i, nr, done = 0;

	nr = io_uring_peek_batch_cqe(&u->ring, cqes, REAP_BATCH);
	for (i = 0; i < nr; i++) {
		struct hostd_io *io = io_uring_cqe_get_data(cqes[i]);

		if (!hostd_io_called(io, cqes[i]->res)) {
			queue(u, io);
			continue;
		}
		e->in_flight--;
		done++;
		io->complete(io);
	}
	io_uring_cq_advance(&u->ring, nr);
	return done;
}

const struct hostd_engine_ops hostd_engine_uring = {
	.name = "uring",
	.init = uring_init,
	.exit = uring_exit,
	.submit = uring_submit,
	.kick = uring_kick,
	.reap = uring_reap,
};

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The io_uring engine: one ring for the worker, made before the sandbox and restricted to file I/O.
 */
#include "backend/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <liburing.h>

#include "worker/report.h"
#include "lib/util.h"

#define SQ_ENTRIES	256
#define CQ_ENTRIES	8192
#define REAP_BATCH	64

/**
 * struct uring - the ring
 * @ring: liburing's
 * @prepared: requests in the submission queue, by number of their entry
 * @nr_prepared: entries prepared so far
 * @nr_taken: entries that the kernel has taken so far; their completions have a place
 * @nr_reaped: entries completed so far
 * @nr_redirected: requests that another engine has done at once, not reported yet
 * @backlog: requests that found no place, oldest first
 * @tail: where the next one is linked
 */
struct uring {
	struct io_uring ring;
	struct hostd_io *prepared[SQ_ENTRIES];
	unsigned int nr_prepared;
	unsigned int nr_taken;
	unsigned int nr_reaped;
	unsigned int nr_redirected;
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

static void add_to_backlog(struct uring *u, struct hostd_io *io)
{
	io->next = NULL;
	*u->tail = io;
	u->tail = &io->next;
}

/* Does the host not want this any more, rather than not now? What it did not take now waits. */
static bool is_forbidden(int ret)
{
	return ret < 0 && ret != -EAGAIN && ret != -EBUSY && ret != -EINTR && ret != -ENOMEM &&
	       ret != -EBADR;
}

static void pop_backlog(struct uring *u)
{
	u->backlog = u->backlog->next;
	if (!u->backlog)
		u->tail = &u->backlog;
}

/* From the beginning, in another engine. */
static void redirect_backlog(struct hostd_engine *e)
{
	struct uring *u = e->priv;
	struct hostd_io *io;

	while ((io = u->backlog)) {
		pop_backlog(u);
		e->in_flight--;
		io->done = 0;
		io->file->engine = e->instead;
		if (!e->instead->ops->submit(e->instead, io))
			continue;
		io->complete(io);
		u->nr_redirected++;
	}
}

/* Give what was prepared to the kernel. False: it took nothing; what it doesn't take now waits. */
static bool submit_prepared(struct hostd_engine *e)
{
	struct uring *u = e->priv;
	int ret;

	if (u->nr_prepared == u->nr_taken)
		return false;
	ret = io_uring_submit(&u->ring);
	if (ret > 0)
		u->nr_taken += ret;
	if (!is_forbidden(ret))
		return ret > 0;
	hostd_report(HOSTD_LOG_WARN, "no io_uring here any more (%s): threads do its work",
		     strerror(-ret));
	e->error = ret;
	/* The kernel has not seen these, and never will. */
	while (u->nr_prepared != u->nr_taken)
		add_to_backlog(u, u->prepared[u->nr_taken++ % SQ_ENTRIES]);
	return false;
}

static bool prepare(struct uring *u, struct hostd_io *io)
{
	const struct hostd_io_call *call;
	struct io_uring_sqe *sqe;
	int fd = io->file->fd;

	/* No more than there is room for completions: none overflows. */
	sqe = u->nr_prepared - u->nr_reaped < CQ_ENTRIES ? io_uring_get_sqe(&u->ring) : NULL;
	if (!sqe)
		return false;
	call = hostd_io_next_call(io);
	switch (call->op) {
	case HOSTD_IO_READ:
		io_uring_prep_read(sqe, fd, call->buf, call->len, call->pos);
		break;
	case HOSTD_IO_WRITE:
		io_uring_prep_write(sqe, fd, call->buf, call->len, call->pos);
		sqe->rw_flags = call->rw_flags;
		break;
	case HOSTD_IO_FLUSH:
		io_uring_prep_fsync(sqe, fd, IORING_FSYNC_DATASYNC);
		break;
	default:
		io_uring_prep_fallocate(sqe, fd, call->mode, call->pos, call->len);
		break;
	}
	io_uring_sqe_set_data(sqe, io);
	u->prepared[u->nr_prepared++ % SQ_ENTRIES] = io;
	return true;
}

static bool uring_submit(struct hostd_engine *e, struct hostd_io *io)
{
	struct uring *u = e->priv;

	if (e->error) {
		io->file->engine = e->instead;
		return e->instead->ops->submit(e->instead, io);
	}
	if (hostd_io_try(io))
		return true;
	e->in_flight++;
	if (u->backlog || !prepare(u, io))
		add_to_backlog(u, io);
	return false;
}

static void uring_kick(struct hostd_engine *e)
{
	struct uring *u = e->priv;

	do {
		while (u->backlog && !e->error && prepare(u, u->backlog))
			pop_backlog(u);
	} while (!e->error && submit_prepared(e) && u->backlog);
	if (e->error)
		redirect_backlog(e);
}

static unsigned int uring_reap(struct hostd_engine *e)
{
	struct io_uring_cqe *cqes[REAP_BATCH];
	struct uring *u = e->priv;
	unsigned int i, nr, done = u->nr_redirected;

	u->nr_redirected = 0;
	nr = io_uring_peek_batch_cqe(&u->ring, cqes, REAP_BATCH);
	for (i = 0; i < nr; i++) {
		struct hostd_io *io = io_uring_cqe_get_data(cqes[i]);

		if (!hostd_io_called(io, cqes[i]->res)) {
			add_to_backlog(u, io);
			continue;
		}
		e->in_flight--;
		done++;
		io->complete(io);
	}
	io_uring_cq_advance(&u->ring, nr);
	u->nr_reaped += nr;
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

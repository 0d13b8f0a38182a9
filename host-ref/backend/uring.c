// SPDX-License-Identifier: GPL-2.0-only
/*
 * The io_uring engine: one ring for the worker, made before the sandbox and restricted to reads and writes.
 *
 * Files share the ring, and the thread that submits. So it gets only what the medium does by itself
 * while nobody waits (direct I/O, with RWF_NOWAIT): what would wait, in the submission or in a thread of
 * the kernel's that others need too, comes back with EAGAIN and goes to the file's threads. A write
 * to a regular file goes there at once, because kernels before 6.12 wait in its submission while
 * the file system is frozen; and what the page cache has not got, because 16 threads of a file's
 * read no less than a ring does.
 */
#include "backend/engine.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include <liburing.h>

#include "lib/log/report.h"
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
 * @nr_done: requests completed, not reported yet
 * @backlog: requests that found no place, oldest first
 * @tail: where the next one is linked
 * @submission: what the guard has while something is submitted
 */
struct uring {
	struct io_uring ring;
	struct hostd_io *prepared[SQ_ENTRIES];
	unsigned int nr_prepared;
	unsigned int nr_taken;
	unsigned int nr_reaped;
	unsigned int nr_done;
	struct hostd_io *backlog;
	struct hostd_io **tail;
	struct hostd_io submission;
};

/* A worker that was taken over can make the kernel do nothing that its seccomp filter forbids. */
static int restrict_ring(struct io_uring *ring)
{
	static const uint8_t ops[] = { IORING_OP_READ, IORING_OP_WRITE };
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
	 * thread for them. Kernels before 5.19 know no such flags.
	 */
	static const unsigned int flags[] = {
		IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
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

/* The submission has returned, long after another thread has become the loop. */
static void resume(struct hostd_io *io)
{
	struct uring *u = (struct uring *)((char *)io - offsetof(struct uring, submission));

	if (io->called > 0)
		u->nr_taken += io->called;
}

/* Has another thread become the loop, while this one's submission waits? Threads do the work then. */
static bool is_stuck(const struct uring *u)
{
	return u->submission.flags & HOSTD_IO_TAKEN;
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
	u->submission = (struct hostd_io) { .op = HOSTD_IO_RING, .complete = resume };
	e->priv = u;
	e->guard->bound = &e->in_flight;
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

	e->guard->bound = NULL;
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

/* To the other engine, where it goes on. */
static void redirect(struct hostd_engine *e, struct hostd_io *io)
{
	struct uring *u = e->priv;

	hostd_io_count(e, io, -1);
	if (!e->instead->ops->submit(e->instead, io))
		return;
	io->complete(io);
	u->nr_done++;
}

static void redirect_backlog(struct hostd_engine *e)
{
	struct uring *u = e->priv;
	struct hostd_io *io;

	while ((io = u->backlog)) {
		pop_backlog(u);
		redirect(e, io);
	}
}

/* Give what was prepared to the kernel. False: it took nothing; what it doesn't take now waits. */
static bool submit_prepared(struct hostd_engine *e)
{
	struct uring *u = e->priv;
	uint64_t turn;
	int ret;

	if (u->nr_prepared == u->nr_taken)
		return false;
	turn = hostd_guard_enter(e->guard, &u->submission);
	ret = io_uring_submit(&u->ring);
	hostd_guard_leave(e->guard, turn, &u->submission, ret);
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
	if (call->op == HOSTD_IO_READ)
		io_uring_prep_read(sqe, fd, call->buf, call->len, call->pos);
	else
		io_uring_prep_write(sqe, fd, call->buf, call->len, call->pos);
	sqe->rw_flags = RWF_NOWAIT;
	io_uring_sqe_set_data(sqe, io);
	u->prepared[u->nr_prepared++ % SQ_ENTRIES] = io;
	return true;
}

/* Does the medium do that by itself? */
static bool suits_ring(const struct hostd_io *io)
{
	const struct hostd_file *file = io->file;

	if (!file->direct || file->no_ring || file->is_remote)
		return false;
	return io->op == HOSTD_IO_READ ||
	       (io->op == HOSTD_IO_WRITE && file->is_block && !(io->flags & HOSTD_IO_DURABLE));
}

static bool uring_submit(struct hostd_engine *e, struct hostd_io *io)
{
	struct uring *u = e->priv;

	if (e->error)
		io->file->engine = e->instead;
	if (e->error || is_stuck(u) || !suits_ring(io))
		return e->instead->ops->submit(e->instead, io);
	hostd_io_count(e, io, 1);
	if (u->backlog || !prepare(u, io))
		add_to_backlog(u, io);
	return false;
}

static void uring_kick(struct hostd_engine *e)
{
	struct uring *u = e->priv;

	while (!is_stuck(u) && !e->error) {
		while (u->backlog && prepare(u, u->backlog))
			pop_backlog(u);
		if (!submit_prepared(e) || !u->backlog)
			break;
	}
	if (is_stuck(u) || e->error)
		redirect_backlog(e);
}

/* The medium would have to wait. Where it always would, it is not asked again. */
static bool is_wait(struct hostd_io *io, int res)
{
	io->file->no_ring |= res == -EOPNOTSUPP;
	return res == -EAGAIN || res == -EOPNOTSUPP;
}

static void take_cqe(struct hostd_engine *e, struct hostd_io *io, int res)
{
	struct uring *u = e->priv;

	u->nr_reaped++;
	if (is_wait(io, res)) {
		redirect(e, io);
	} else if (!hostd_io_called(io, res)) {
		add_to_backlog(u, io);
	} else {
		hostd_io_count(e, io, -1);
		u->nr_done++;
		io->complete(io);
	}
}

static unsigned int uring_reap(struct hostd_engine *e)
{
	struct io_uring_cqe *cqes[REAP_BATCH];
	struct uring *u = e->priv;
	unsigned int i, nr = 0;

	/* Whoever looks at an empty queue may have to wait for the one that submits. */
	if (!is_stuck(u) || io_uring_cq_ready(&u->ring))
		nr = io_uring_peek_batch_cqe(&u->ring, cqes, REAP_BATCH);
	for (i = 0; i < nr; i++)
		take_cqe(e, io_uring_cqe_get_data(cqes[i]), cqes[i]->res);
	io_uring_cq_advance(&u->ring, nr);
	nr = u->nr_done;
	u->nr_done = 0;
	return nr;
}

const struct hostd_engine_ops hostd_engine_uring = {
	.name = "uring",
	.init = uring_init,
	.exit = uring_exit,
	.submit = uring_submit,
	.kick = uring_kick,
	.reap = uring_reap,
};

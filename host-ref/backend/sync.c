// SPDX-License-Identifier: GPL-2.0-only
/*
 * The engine of threads: what may wait is done by threads of the file's own (crew.c), so that a
 * file that stalls stops no other.
 *
 * Where the host gives no threads the loop's does the calls, one at a time: slow, but served.
 */
#include "backend/engine.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "backend/crew.h"
#include "lib/log/report.h"
#include "lib/util.h"

/* How long the end waits for files to close. */
#define CLOSE_MS	1000

/**
 * struct sync - the engine
 * @box: results of threads
 * @todo: requests for which there is no thread, oldest first
 * @tail: where the next one is linked
 * @alone: that has been said
 */
struct sync {
	struct hostd_outbox box;
	struct hostd_io *todo;
	struct hostd_io **tail;
	bool alone;
};

static void deliver(struct hostd_guard *g, struct hostd_io *io)
{
	hostd_outbox_put(g->outbox, io);
}

static int sync_init(struct hostd_engine *e)
{
	struct sync *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->tail = &s->todo;
	s->box.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	e->fd = s->box.wake_fd;
	e->priv = s;
	e->guard->outbox = &s->box;
	e->guard->deliver = deliver;
	return 0;
}

static void say_alone(struct sync *s, int ret)
{
	if (!s->alone)
		hostd_report(HOSTD_LOG_WARN, "no threads here (%s): slow calls of one disk stall the others",
			     strerror(-ret));
	s->alone = true;
}

static void queue(struct sync *s, struct hostd_io *io)
{
	struct hostd_file *file = io->file;
	int ret = -EMFILE;

	hostd_io_next_call(io);
	if (s->box.wake_fd >= 0 && !file->crew)
		file->crew = hostd_crew_alloc(&s->box);
	if (file->crew) {
		ret = hostd_crew_queue(file->crew, io);
		if (!ret)
			return;
	}
	say_alone(s, ret);
	io->next = NULL;
	*s->tail = io;
	s->tail = &io->next;
}

static bool sync_submit(struct hostd_engine *e, struct hostd_io *io)
{
	if (hostd_io_try(io))
		return true;
	hostd_io_count(e, io, 1);
	queue(e->priv, io);
	return false;
}

static void sync_kick(struct hostd_engine *e)
{
	(void)e;
}

/* Without a thread: make one call, which may complete a request. */
static struct hostd_io *call_one(struct hostd_engine *e)
{
	struct sync *s = e->priv;
	struct hostd_io *io = s->todo;
	uint64_t turn;

	s->todo = io->next;
	if (!s->todo)
		s->tail = &s->todo;
	io->next = NULL;
	turn = hostd_guard_enter(e->guard, io);
	io->called = hostd_io_call(io);
	hostd_guard_leave(e->guard, turn, io, io->called);
	return io;
}

static unsigned int take_results(struct hostd_engine *e, struct hostd_io *io)
{
	struct hostd_io *next;
	unsigned int nr = 0;

	for (; io; io = next) {
		next = io->next;
		if (io->flags & HOSTD_IO_TAKEN)
			hostd_io_returned(io);
		if (!hostd_io_called(io, io->called)) {
			queue(e->priv, io);
			continue;
		}
		hostd_io_count(e, io, -1);
		nr++;
		io->complete(io);
	}
	return nr;
}

static unsigned int sync_reap(struct hostd_engine *e)
{
	struct sync *s = e->priv;
	unsigned int nr;

	if (!s->todo)
		return take_results(e, hostd_outbox_take(&s->box));
	nr = take_results(e, call_one(e)) + take_results(e, hostd_outbox_take(&s->box));
	/* A call without a thread is work too: the loop comes again at once. */
	return nr ? nr : 1;
}

/* What is in flight is files to be closed. One that its file system does not let go stays. */
static void sync_exit(struct hostd_engine *e)
{
	struct sync *s = e->priv;
	struct pollfd pfd = { .fd = s->box.wake_fd, .events = POLLIN };
	unsigned int ms;

	for (ms = 0; e->in_flight && ms < CLOSE_MS; ms++) {
		sync_reap(e);
		if (e->in_flight)
			poll(&pfd, 1, 1);
	}
	if (e->in_flight)
		return;
	if (s->box.wake_fd >= 0)
		close(s->box.wake_fd);
	free(s);
}

const struct hostd_engine_ops hostd_engine_sync = {
	.name = "sync",
	.init = sync_init,
	.exit = sync_exit,
	.submit = sync_submit,
	.kick = sync_kick,
	.reap = sync_reap,
};

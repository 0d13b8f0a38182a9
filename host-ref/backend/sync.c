// SPDX-License-Identifier: GPL-2.0-only
/*
 * The thread pool engine, for machines without io_uring: a slow system call stalls no other.
 *
 * Where the host gives no threads the worker's own does the calls, one at a time: slow, but served.
 */
#include "backend/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include "worker/report.h"
#include "lib/util.h"

#define NR_THREADS	4

/**
 * struct pool - the threads and their queues
 * @lock: protects @todo, @tail and @stop
 * @more: signalled when @todo grows, or at @stop
 * @todo: requests to do, oldest first
 * @tail: where the next one is linked
 * @stop: the threads are to end
 * @done: requests done, latest first; taken as a whole, without the lock
 * @wake_fd: eventfd, written when @done was empty; -1 without threads
 * @threads: the threads
 * @nr_threads: how many run; 0: calls are made by whoever reaps
 */
struct pool {
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct hostd_io *todo;
	struct hostd_io **tail;
	bool stop;
	struct hostd_io *done;
	int wake_fd;
	pthread_t threads[NR_THREADS];
	unsigned int nr_threads;
};

static long call_kernel(struct hostd_io *io)
{
	const struct hostd_io_call *call = &io->call;
	struct iovec iov = { call->buf, call->len };
	int fd = io->file->fd;
	long res;

	switch (call->op) {
	case HOSTD_IO_READ:
		res = preadv2(fd, &iov, 1, call->pos, 0);
		break;
	case HOSTD_IO_WRITE:
		res = pwritev2(fd, &iov, 1, call->pos, call->rw_flags);
		break;
	case HOSTD_IO_FLUSH:
		res = fdatasync(fd);
		break;
	case HOSTD_IO_CLOSE:
		/* Whatever it says, it is closed. */
		close(fd);
		return 0;
	default:
		res = fallocate(fd, call->mode, call->pos, call->len);
		break;
	}
	return res < 0 ? -errno : res;
}

static struct hostd_io *take(struct pool *p)
{
	struct hostd_io *io;

	pthread_mutex_lock(&p->lock);
	while (!p->todo && !p->stop)
		pthread_cond_wait(&p->more, &p->lock);
	io = p->todo;
	if (io) {
		p->todo = io->next;
		if (!p->todo)
			p->tail = &p->todo;
	}
	pthread_mutex_unlock(&p->lock);
	return io;
}

static void give_back(struct pool *p, struct hostd_io *io)
{
	static const uint64_t one = 1;
	struct hostd_io *first = __atomic_load_n(&p->done, __ATOMIC_RELAXED);

	do {
		io->next = first;
	} while (!__atomic_compare_exchange_n(&p->done, &first, io, true, __ATOMIC_RELEASE,
					      __ATOMIC_RELAXED));
	if (!first && write(p->wake_fd, &one, sizeof(one)) < 0)
		return;		/* the counter is full: it is readable already */
}

static void *work(void *arg)
{
	struct pool *p = arg;
	struct hostd_io *io;

	while ((io = take(p))) {
		io->called = call_kernel(io);
		give_back(p, io);
	}
	return NULL;
}

/* What nobody has reaped, or done: nothing but files to close. */
static void finish(struct pool *p)
{
	struct hostd_io *io, *next;

	for (io = p->todo; io; io = io->next)
		call_kernel(io);
	for (io = p->todo; io; io = next) {
		next = io->next;
		io->complete(io);
	}
	for (io = p->done; io; io = next) {
		next = io->next;
		io->complete(io);
	}
}

static void sync_exit(struct hostd_engine *e)
{
	struct pool *p = e->priv;

	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_broadcast(&p->more);
	pthread_mutex_unlock(&p->lock);
	while (p->nr_threads)
		pthread_join(p->threads[--p->nr_threads], NULL);
	finish(p);
	if (p->wake_fd >= 0)
		close(p->wake_fd);
	pthread_cond_destroy(&p->more);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

/* Signals are for the main thread. */
static int start_threads(struct pool *p)
{
	sigset_t all, old;
	int ret = 0;

	p->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->wake_fd < 0)
		return -errno;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (!ret && p->nr_threads < NR_THREADS) {
		ret = pthread_create(&p->threads[p->nr_threads], NULL, work, p);
		if (!ret)
			p->nr_threads++;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return p->nr_threads ? 0 : -ret;
}

static int sync_init(struct hostd_engine *e)
{
	struct pool *p = calloc(1, sizeof(*p));
	int ret;

	if (!p)
		return -ENOMEM;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->more, NULL);
	p->tail = &p->todo;
	e->priv = p;
	ret = start_threads(p);
	if (ret)
		hostd_report(HOSTD_LOG_WARN, "no threads here (%s): slow calls of one disk stall the others",
			     strerror(-ret));
	else
		e->fd = p->wake_fd;
	return 0;
}

static void queue(struct pool *p, struct hostd_io *io)
{
	hostd_io_next_call(io);
	io->next = NULL;
	pthread_mutex_lock(&p->lock);
	*p->tail = io;
	p->tail = &io->next;
	pthread_cond_signal(&p->more);
	pthread_mutex_unlock(&p->lock);
}

static bool sync_submit(struct hostd_engine *e, struct hostd_io *io)
{
	if (hostd_io_try(io))
		return true;
	e->in_flight++;
	queue(e->priv, io);
	return false;
}

static void sync_kick(struct hostd_engine *e)
{
	(void)e;
}

/* Without threads: make one call, which may complete a request. */
static void call_one(struct pool *p)
{
	struct hostd_io *io = take(p);

	io->called = call_kernel(io);
	io->next = NULL;
	p->done = io;
}

static unsigned int sync_reap(struct hostd_engine *e)
{
	struct pool *p = e->priv;
	struct hostd_io *io, *next;
	unsigned int nr = 0;
	uint64_t count;

	if (!p->nr_threads)
		call_one(p);
	if (!__atomic_load_n(&p->done, __ATOMIC_RELAXED))
		return 0;
	/* The counter first, if it has been written yet: what is done after the exchange writes it again. */
	if (p->nr_threads && read(p->wake_fd, &count, sizeof(count)) < 0)
		count = 0;
	for (io = __atomic_exchange_n(&p->done, NULL, __ATOMIC_ACQUIRE); io; io = next) {
		next = io->next;
		if (!hostd_io_called(io, io->called)) {
			queue(p, io);
			continue;
		}
		e->in_flight--;
		nr++;
		io->complete(io);
	}
	/* A call without a thread is work too: the loop comes again at once. */
	return nr || p->nr_threads ? nr : 1;
}

const struct hostd_engine_ops hostd_engine_sync = {
	.name = "sync",
	.init = sync_init,
	.exit = sync_exit,
	.submit = sync_submit,
	.kick = sync_kick,
	.reap = sync_reap,
};

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The threads of a file. They come when there is a call to make and all are busy, up to a limit,
 * and stay until the file is closed. So whatever a file does to its calls, it does to its own.
 */
#include "backend/crew.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include "backend/engine.h"

/* As many calls of a file run at once: what a disk needs to be busy. */
#define CREW_MAX	16
/* They call the kernel, and nothing else. */
#define STACK_LEN	(256 << 10)

/**
 * struct hostd_crew - threads and what they have to do
 * @box: where results go
 * @lock: protects all below
 * @more: signalled when @todo grows, or at @stop
 * @todo: requests to do, oldest first
 * @tail: where the next one is linked
 * @nr_todo: their number
 * @nr_idle: threads that wait for one
 * @stop: the threads are to end
 * @threads: the threads
 * @nr_threads: their number; the loop's
 */
struct hostd_crew {
	struct hostd_outbox *box;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct hostd_io *todo;
	struct hostd_io **tail;
	unsigned int nr_todo;
	unsigned int nr_idle;
	bool stop;
	pthread_t threads[CREW_MAX];
	unsigned int nr_threads;
};

void hostd_outbox_put(struct hostd_outbox *box, struct hostd_io *io)
{
	static const uint64_t one = 1;
	struct hostd_io *first = __atomic_load_n(&box->first, __ATOMIC_RELAXED);

	do {
		io->next = first;
		/* Partner: hostd_outbox_take(). */
	} while (!__atomic_compare_exchange_n(&box->first, &first, io, true, __ATOMIC_RELEASE,
					      __ATOMIC_RELAXED));
	if (!first && write(box->wake_fd, &one, sizeof(one)) < 0)
		return;		/* the counter is full: it is readable already */
}

struct hostd_io *hostd_outbox_take(struct hostd_outbox *box)
{
	uint64_t count;

	if (!__atomic_load_n(&box->first, __ATOMIC_RELAXED))
		return NULL;
	/* The counter first, if it has been written yet: what comes after the exchange writes it again. */
	if (read(box->wake_fd, &count, sizeof(count)) < 0)
		count = 0;
	/* Partner: hostd_outbox_put(). */
	return __atomic_exchange_n(&box->first, NULL, __ATOMIC_ACQUIRE);
}

long hostd_io_call(const struct hostd_io *io)
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

static struct hostd_io *take(struct hostd_crew *crew)
{
	struct hostd_io *io;

	pthread_mutex_lock(&crew->lock);
	crew->nr_idle++;
	while (!crew->todo && !crew->stop)
		pthread_cond_wait(&crew->more, &crew->lock);
	crew->nr_idle--;
	io = crew->todo;
	if (io) {
		crew->nr_todo--;
		crew->todo = io->next;
		if (!crew->todo)
			crew->tail = &crew->todo;
	}
	pthread_mutex_unlock(&crew->lock);
	return io;
}

static void *work(void *arg)
{
	struct hostd_crew *crew = arg;
	struct hostd_io *io;

	while ((io = take(crew))) {
		io->called = hostd_io_call(io);
		hostd_outbox_put(crew->box, io);
	}
	return NULL;
}

/* Signals are for the first thread. */
static int add_thread(struct hostd_crew *crew)
{
	pthread_attr_t attr;
	sigset_t all, old;
	int ret;

	if (pthread_attr_init(&attr))
		return -ENOMEM;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pthread_attr_setstacksize(&attr, STACK_LEN);
	ret = pthread_create(&crew->threads[crew->nr_threads], &attr, work, crew);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (!ret)
		crew->nr_threads++;
	return -ret;
}

struct hostd_crew *hostd_crew_alloc(struct hostd_outbox *box)
{
	struct hostd_crew *crew = calloc(1, sizeof(*crew));

	if (!crew)
		return NULL;
	crew->box = box;
	crew->tail = &crew->todo;
	pthread_mutex_init(&crew->lock, NULL);
	pthread_cond_init(&crew->more, NULL);
	return crew;
}

int hostd_crew_queue(struct hostd_crew *crew, struct hostd_io *io)
{
	bool busy;
	int ret = 0;

	pthread_mutex_lock(&crew->lock);
	busy = crew->nr_idle <= crew->nr_todo;
	pthread_mutex_unlock(&crew->lock);
	if (busy && crew->nr_threads < CREW_MAX)
		ret = add_thread(crew);
	if (!crew->nr_threads)
		return ret;
	io->next = NULL;
	pthread_mutex_lock(&crew->lock);
	*crew->tail = io;
	crew->tail = &io->next;
	crew->nr_todo++;
	pthread_cond_signal(&crew->more);
	pthread_mutex_unlock(&crew->lock);
	return 0;
}

void hostd_crew_free(struct hostd_crew *crew)
{
	pthread_mutex_lock(&crew->lock);
	crew->stop = true;
	pthread_cond_broadcast(&crew->more);
	pthread_mutex_unlock(&crew->lock);
	while (crew->nr_threads)
		pthread_join(crew->threads[--crew->nr_threads], NULL);
	pthread_cond_destroy(&crew->more);
	pthread_mutex_destroy(&crew->lock);
	free(crew);
}

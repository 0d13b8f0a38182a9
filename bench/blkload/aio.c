// SPDX-License-Identifier: GPL-2.0-only
/* Requests in flight, by libaio's system calls and its ring. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include "blkload.h"

#define DRAIN_SECS	60
#define RING_MAGIC	0xa10a10a1U

/* The completion ring that io_setup() maps; layout of fs/aio.c:struct aio_ring. */
struct aio_ring {
	uint32_t id;
	uint32_t nr;
	uint32_t head;		/* written by whoever reaps */
	uint32_t tail;		/* written by the kernel */
	uint32_t magic;
	uint32_t compat_features;
	uint32_t incompat_features;
	uint32_t header_len;
	struct io_event events[];
};

void start_aio(struct load *l)
{
	struct aio_ring *ring;

	if (syscall(SYS_io_setup, l->qd, &l->ctx))
		die(1, "io_setup for %u requests: %s", l->qd, strerror(errno));
	ring = (struct aio_ring *)l->ctx;
	if (ring->magic == RING_MAGIC && !ring->incompat_features && ring->header_len == sizeof(*ring))
		l->ring = ring;
}

static void submit(struct load *l)
{
	unsigned int done = 0, i;
	long n;

	for (i = 0; i < l->nr_batch; i++)
		l->batch[i]->aio_offset = next_offset(l);
	while (done < l->nr_batch) {
		n = syscall(SYS_io_submit, l->ctx, (long)(l->nr_batch - done), l->batch + done);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			die(1, "%s: io_submit: %s", l->dev, strerror(errno));
		if (n > 0) {
			done += n;
		} else if (n < 0 && errno == EAGAIN && l->nr_inflight + done) {
			/* Out of requests: keep the rest for after the next reap. */
			memmove(l->batch, l->batch + done, (l->nr_batch - done) * sizeof(l->batch[0]));
			break;
		}
	}
	l->nr_batch -= done;
	l->nr_inflight += done;
}

static void take_event(struct load *l, const struct io_event *ev)
{
	if (ev->res != (int64_t)l->bs)
		die(1, "%s: %s of %llu bytes at %lld: %s", l->dev, l->rw, (unsigned long long)l->bs,
		    (long long)l->iocbs[ev->data].aio_offset,
		    ev->res < 0 ? strerror(-ev->res) : "short transfer");
	l->batch[l->nr_batch++] = &l->iocbs[ev->data];
	l->nr_inflight--;
}

/* Take what has completed from the ring in user memory; returns how many. */
static unsigned int reap_ring(struct load *l)
{
	struct aio_ring *ring = l->ring;
	unsigned int n = 0;
	uint32_t head, tail;

	if (!ring)
		return 0;
	head = ring->head;
	/* Pairs with the smp_wmb() in fs/aio.c:aio_complete(): events before the tail. */
	tail = __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE);
	while (head != tail) {
		take_event(l, &ring->events[head]);
		head = head + 1 == ring->nr ? 0 : head + 1;
		n++;
	}
	/* Pairs with fs/aio.c:user_refill_reqs_available(): events read before they are freed. */
	if (n)
		__atomic_store_n(&ring->head, head, __ATOMIC_RELEASE);
	return n;
}

/* Wait for at least one completion; returns how many, 0 after a signal or timeout. */
static unsigned int reap_wait(struct load *l, const struct timespec *timeout)
{
	static struct io_event events[MAX_QD];
	long n, i;

	n = syscall(SYS_io_getevents, l->ctx, 1L, (long)l->qd, events, timeout);
	if (n < 0 && errno != EINTR)
		die(1, "%s: io_getevents: %s", l->dev, strerror(errno));
	for (i = 0; i < n; i++)
		take_event(l, &events[i]);
	return n > 0 ? n : 0;
}

void drain_aio(struct load *l)
{
	const struct timespec timeout = { .tv_sec = DRAIN_SECS };
	const struct itimerval off = { };
	unsigned int n;

	setitimer(ITIMER_REAL, &off, NULL);
	while (l->nr_inflight) {
		n = reap_ring(l);
		if (!n)
			n = reap_wait(l, &timeout);
		if (!n)
			die(1, "%s: %u requests not answered within %d s", l->dev, l->nr_inflight, DRAIN_SECS);
		l->ops += n;
	}
}

void run_aio(struct load *l)
{
	unsigned int n;

	while (!time_is_up) {
		submit(l);
		n = reap_ring(l);
		if (!n)
			n = reap_wait(l, NULL);
		l->ops += n;
	}
}

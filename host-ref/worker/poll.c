// SPDX-License-Identifier: GPL-2.0-only
/*
 * The polling half of the worker's loop.
 *
 * While it polls, no queue asks for doorbells: their submissions are found in
 * the window, and the guest pays no exit. When nothing has come for @poll_ns, or others want the core,
 * every queue is armed (RING-D4) and the loop may sleep.
 */
#include "worker/worker.h"

#include <poll.h>

/* Submissions taken from a queue before others have their turn. */
#define BUDGET			32
/*
 * A look that comes so late, after one that found nothing: somebody who computes had the core, the other end
 * of a connection as it may be. Who wants it for a moment only is no reason to sleep.
 */
#define GAP_NS			250000
/* For so long the worker then keeps from polling, at first and at last. */
#define CROWD_MIN_NS		16000000
#define CROWD_MAX_NS		1000000000
#define CROWD_FACTOR		4
/*
 * A stream needs no look at once: who sends so much at a time is busy making the next piece, and waits for
 * none. So between two looks the core is free for the other end of the stream, which else took that of the
 * guest; and the guest pays no doorbells all the same.
 */
#define NAP_NS			50000
/* So long after its last piece it may still go on. */
#define STREAM_NS		1000000
/* With more queues than this, idle ones are armed while others are polled. */
#define POLL_ALL_MAX		16
#define IDLE_PASSES_PER_CLOCK	8

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

void hostd_worker_note(struct hostd_worker *w)
{
	w->work_ns = w->bus->loop.now_ns;
	w->hot = true;
}

void hostd_worker_rouse(struct hostd_worker *w)
{
	w->hot = true;
}

static void poll_queue(struct hdev_queue *q)
{
	struct hostd_bus *bus = q->dev->bus;

	if (q->dev != bus->loop.stream)
		bus->loop.stream = NULL;
	if (!q->kicked)
		q->stats.polls++;
	q->kicked = false;
	q->armed = false;
	q->work_ns = bus->loop.now_ns;
	q->dev->ops->poll(q, BUDGET);
	if (q->running)
		hdev_queue_signal(q);
}

/* A queue that has been idle among many others costs a doorbell, not a look in each pass. */
static void rest_queue(struct hostd_worker *w, struct hdev_queue *q)
{
	if (q->quiet || w->bus->loop.nr_running <= POLL_ALL_MAX ||
	    w->bus->loop.now_ns - q->work_ns < hostd_worker_patience(w))
		return;
	hdev_queue_arm(q);
}

static bool poll_queues(struct hostd_worker *w)
{
	struct hostd_bus *bus = w->bus;
	bool worked = false;
	unsigned int i = 0;

	while (i < bus->loop.nr_running) {
		struct hdev_queue *q = bus->loop.running[i];

		if (bus->loop.now_ns >= q->ring.irq_at_ns)
			hdev_queue_signal_late(q);
		if (!q->armed && hdev_queue_has_work(q)) {
			worked |= !q->dev->ops->is_patient;
			poll_queue(q);
		} else if (!q->armed) {
			rest_queue(w, q);
		}
		/* A queue that was broken has left the list, and another has its place. */
		if (q->running)
			i++;
	}
	return worked;
}

bool hostd_worker_reap(struct hostd_worker *w)
{
	struct hostd_bus *bus = w->bus;
	bool worked = hdev_loop_work(&bus->loop);
	unsigned int i;

	worked |= hostd_engines_reap(&bus->loop.engines) > 0;
	if (!worked)
		return false;
	for (i = 0; i < bus->loop.nr_running; i++)
		hdev_queue_signal(bus->loop.running[i]);
	if (bus->draining)
		hostd_bus_settle(bus);
	return true;
}

void hostd_worker_wake(struct hostd_bus *bus)
{
	unsigned int i;

	for (i = 0; i < bus->loop.nr_running && bus->loop.nr_running <= POLL_ALL_MAX; i++)
		bus->loop.running[i]->armed = false;
}

/* Ask every queue for a doorbell; false if one has work by now. */
static bool arm_queues(struct hostd_bus *bus)
{
	unsigned int i = 0;

	while (i < bus->loop.nr_running) {
		struct hdev_queue *q = bus->loop.running[i];

		if (!q->armed && !q->quiet && !hdev_queue_arm(q))
			return false;
		if (q->running)
			i++;
	}
	return true;
}

uint64_t hostd_worker_patience(const struct hostd_worker *w)
{
	return w->bus->loop.now_ns < w->crowd_until_ns ? 0 : w->poll_ns;
}

/*
 * Pollers that share a core take time slices of each other, in which each could have answered the
 * other at once. So who finds that out sleeps: he is woken when he is needed.
 */
static void keep_from_polling(struct hostd_worker *w)
{
	/* What the operator has said is done. */
	if (w->poll_min_ns == w->poll_max_ns || w->bus->loop.now_ns < w->crowd_until_ns)
		return;
	/* Again, soon after the last time? */
	if (w->bus->loop.now_ns - w->crowd_until_ns < w->crowd_ns * CROWD_FACTOR)
		w->crowd_ns *= CROWD_FACTOR;
	else
		w->crowd_ns = CROWD_MIN_NS;
	if (w->crowd_ns > CROWD_MAX_NS)
		w->crowd_ns = CROWD_MAX_NS;
	w->crowd_until_ns = w->bus->loop.now_ns + w->crowd_ns;
}

/* @idle_ns: when it last looked, if nothing has been done since; else 0 */
static void look_at_clock(struct hostd_worker *w, uint64_t idle_ns)
{
	if (!w->bus->loop.is_fresh)
		w->bus->loop.now_ns = hostd_clock_ns();
	w->bus->loop.is_fresh = false;
	if (idle_ns && w->bus->loop.now_ns > idle_ns + GAP_NS)
		keep_from_polling(w);
}

/* A nap that others have made too long is no better than a sleep. */
static bool may_nap(const struct hostd_worker *w)
{
	const struct hostd_bus *bus = w->bus;

	return bus->loop.stream && bus->loop.now_ns - bus->loop.stream_ns < STREAM_NS && hostd_worker_patience(w);
}

/* As if it had looked in vain for so long. A descriptor that is ready ends it. */
static void nap(struct hostd_worker *w)
{
	static const struct timespec time = { .tv_nsec = NAP_NS };
	struct pollfd pfd = { .fd = w->epoll_fd, .events = POLLIN };
	uint64_t start_ns = hostd_clock_ns();

	if (ppoll(&pfd, 1, &time, NULL))
		w->next_fds_ns = 0;
	w->bus->loop.is_fresh = false;
	look_at_clock(w, start_ns + NAP_NS);
}

void hostd_worker_poll(struct hostd_worker *w)
{
	struct hostd_bus *bus = w->bus;
	uint64_t idle_ns = 0;
	unsigned int idle = 0;

	do {
		bool worked = poll_queues(w);

		worked |= hostd_worker_reap(w);
		if (worked || ++idle % IDLE_PASSES_PER_CLOCK == 0) {
			look_at_clock(w, worked ? 0 : idle_ns);
			idle_ns = bus->loop.now_ns;
		}
		if (worked) {
			hostd_worker_note(w);
		} else if (may_nap(w)) {
			nap(w);
			idle_ns = bus->loop.now_ns;
		} else {
			relax();
		}
		if (bus->loop.now_ns - w->work_ns > hostd_worker_patience(w))
			w->hot = !arm_queues(bus);
	} while (w->hot && !w->quit && bus->loop.now_ns < w->next_fds_ns);
}

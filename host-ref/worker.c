// SPDX-License-Identifier: GPL-2.0-only
/*
 * The worker's loop: polls while there is work, sleeps when there is none.
 *
 * While it polls, no queue asks for doorbells: their submissions are found in
 * the window, and the guest pays no exit. When nothing has come for @poll_ns, every
 * queue is armed (RING-D4) and the loop sleeps until a doorbell, a completion
 * of an engine, a message of the broker's, or the next beat.
 */
#include "worker.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "report.h"
#include "util.h"

/* Submissions taken from a queue before others have their turn. */
#define BUDGET			32
/* With more queues than this, idle ones are armed while others are polled. */
#define POLL_ALL_MAX		16
/* While polling: how often to look at descriptors, and at the clock when idle. */
#define FDS_NS			100000ULL
#define IDLE_PASSES_PER_CLOCK	8
#define RETRY_ADD_NS		10000000ULL

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

int hostd_worker_watch(struct hostd_worker *w, int fd, uint32_t tag)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u32 = tag };

	/* An engine is reaped while it has requests, not for as long as its descriptor is readable. */
	if (tag == HOSTD_WATCH_ENGINE)
		ev.events |= EPOLLET;
	return epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

static void note_work(struct hostd_worker *w)
{
	w->work_ns = w->bus->now_ns;
	w->hot = true;
}

static void poll_queue(struct hdev_queue *q)
{
	struct hostd_bus *bus = q->dev->bus;

	if (!q->kicked)
		q->stats.polls++;
	q->kicked = false;
	q->armed = false;
	q->work_ns = bus->now_ns;
	q->dev->ops->poll(q, BUDGET);
	if (q->running)
		hdev_queue_signal(q);
}

/* A queue that has been idle among many others costs a doorbell, not a look in each pass. */
static void rest_queue(struct hostd_worker *w, struct hdev_queue *q)
{
	if (w->bus->nr_running <= POLL_ALL_MAX || w->bus->now_ns - q->work_ns < w->poll_ns)
		return;
	q->armed = hring_arm(&q->ring);
	q->stats.sleeps += q->armed;
}

static bool poll_queues(struct hostd_worker *w)
{
	struct hostd_bus *bus = w->bus;
	bool worked = false;
	unsigned int i = 0;

	while (i < bus->nr_running) {
		struct hdev_queue *q = bus->running[i];

		if (bus->now_ns >= q->ring.irq_at_ns)
			hdev_queue_signal_late(q);
		if (!q->armed && hring_has_work(&q->ring)) {
			poll_queue(q);
			worked = true;
		} else if (!q->armed) {
			rest_queue(w, q);
		}
		/* A queue that was broken has left the list, and another has its place. */
		if (q->running)
			i++;
	}
	return worked;
}

static bool reap_engines(struct hostd_worker *w)
{
	struct hostd_bus *bus = w->bus;
	unsigned int i;

	if (!hostd_engines_reap(&bus->engines))
		return false;
	for (i = 0; i < bus->nr_running; i++)
		hdev_queue_signal(bus->running[i]);
	if (bus->nr_draining)
		hostd_bus_settle(bus);
	return true;
}

static void rouse_queue(struct hdev_queue *q, uint64_t now_ns)
{
	q->armed = false;
	q->work_ns = now_ns;
}

static void count_kicks(struct hostd_worker *w, unsigned int vector)
{
	struct hostd_bus *bus = w->bus;
	struct hdev_queue *first = NULL;
	uint64_t count;
	unsigned int i;

	if (read(w->kick_fds[vector], &count, sizeof(count)) != sizeof(count))
		return;
	w->kicks[vector] += count;
	for (i = 0; i < bus->nr_running; i++) {
		struct hdev_queue *q = bus->running[i];

		if (q->kick_vector != vector)
			continue;
		if (!first || (!hring_has_work(&first->ring) && hring_has_work(&q->ring)))
			first = q;
		rouse_queue(q, bus->now_ns);
		q->kicked = true;
	}
	/* Who rang a shared vector isn't known: most likely one that has work. */
	if (first)
		first->stats.kicks += count;
	if (vector == PVBUS_VECTOR_BUS && w->serving)
		hostd_bus_look(bus);
}

static void take_event(struct hostd_worker *w, uint32_t tag)
{
	if (tag == HOSTD_WATCH_IPC)
		hostd_worker_receive(w);
	else if (tag < HOSTD_VECTOR_LIMIT)
		count_kicks(w, tag);
	if (tag != HOSTD_WATCH_IPC)
		note_work(w);
}

static void take_events(struct hostd_worker *w, const struct timespec *timeout)
{
	struct epoll_event events[32];
	int i, nr;

	nr = epoll_pwait2(w->epoll_fd, events, HOSTD_ARRAY_SIZE(events), timeout, NULL);
	w->bus->now_ns = hostd_clock_ns();
	for (i = 0; i < nr; i++)
		take_event(w, events[i].data.u32);
}

/* A doorbell may have been lost: look at every queue (RING-D5) and slot (BUS-D6). */
static void look_around(struct hostd_worker *w)
{
	struct hostd_bus *bus = w->bus;
	unsigned int i;

	hostd_bus_beat(bus);
	hostd_bus_look(bus);
	for (i = 0; i < bus->nr_running; i++) {
		if (hring_has_work(&bus->running[i]->ring)) {
			rouse_queue(bus->running[i], bus->now_ns);
			note_work(w);
		}
	}
}

static void run_timers(struct hostd_worker *w)
{
	if (w->nr_pending)
		hostd_worker_retry_adds(w);
	if (w->bus->now_ns < w->next_beat_ns)
		return;
	w->next_beat_ns = w->bus->now_ns + w->beat_ns;
	__atomic_store_n(w->beats, *w->beats + 1, __ATOMIC_RELAXED);
	if (w->serving)
		look_around(w);
}

static void poll_fds(struct hostd_worker *w)
{
	static const struct timespec at_once;

	take_events(w, &at_once);
	w->next_fds_ns = w->bus->now_ns + FDS_NS;
	run_timers(w);
}

/* Ask every queue for a doorbell; false if one has work by now. */
static bool arm_queues(struct hostd_bus *bus)
{
	unsigned int i;

	for (i = 0; i < bus->nr_running; i++) {
		struct hdev_queue *q = bus->running[i];

		if (q->armed)
			continue;
		if (!hring_arm(&q->ring))
			return false;
		q->armed = true;
		q->stats.sleeps++;
	}
	return true;
}

static void spin(struct hostd_worker *w)
{
	struct hostd_bus *bus = w->bus;
	unsigned int idle = 0;

	while (w->hot && !w->quit) {
		bool worked = poll_queues(w);

		worked |= reap_engines(w);
		if (worked || ++idle % IDLE_PASSES_PER_CLOCK == 0)
			bus->now_ns = hostd_clock_ns();
		if (bus->raised && w->gives_way)
			sched_yield();
		bus->raised = false;
		if (worked)
			note_work(w);
		else
			relax();
		if (bus->now_ns >= w->next_fds_ns)
			poll_fds(w);
		if (bus->now_ns - w->work_ns > w->poll_ns)
			w->hot = !arm_queues(bus);
	}
}

static uint64_t next_deadline(const struct hostd_worker *w)
{
	const struct hostd_bus *bus = w->bus;
	uint64_t at_ns = w->next_beat_ns;
	unsigned int i;

	if (w->nr_pending && at_ns > bus->now_ns + RETRY_ADD_NS)
		at_ns = bus->now_ns + RETRY_ADD_NS;
	for (i = 0; i < bus->nr_running; i++) {
		if (at_ns > bus->running[i]->ring.irq_at_ns)
			at_ns = bus->running[i]->ring.irq_at_ns;
	}
	return at_ns;
}

static void wake_queues(struct hostd_bus *bus)
{
	unsigned int i;

	for (i = 0; i < bus->nr_running && bus->nr_running <= POLL_ALL_MAX; i++)
		bus->running[i]->armed = false;
}

static void snooze(struct hostd_worker *w)
{
	struct hostd_bus *bus = w->bus;
	struct timespec timeout = { 0 };
	uint64_t at_ns = next_deadline(w);
	unsigned int i;

	if (at_ns > bus->now_ns) {
		timeout.tv_sec = (at_ns - bus->now_ns) / 1000000000;
		timeout.tv_nsec = (at_ns - bus->now_ns) % 1000000000;
	}
	take_events(w, &timeout);
	run_timers(w);
	for (i = 0; i < bus->nr_running; i++) {
		if (bus->now_ns >= bus->running[i]->ring.irq_at_ns)
			hdev_queue_signal_late(bus->running[i]);
	}
	if (reap_engines(w))
		note_work(w);
	if (w->hot)
		wake_queues(bus);
}

static void free_worker(struct hostd_worker *w)
{
	if (w->bus)
		hostd_bus_free(w->bus);
	if (w->beats)
		munmap(w->beats, PV_PAGE_SIZE);
	close(w->epoll_fd);
	free(w);
}

int hostd_worker_run(int ipc_fd)
{
	struct hostd_worker *w = calloc(1, sizeof(*w));

	if (!w)
		return 1;
	hostd_report_init(ipc_fd);
	w->ipc_fd = ipc_fd;
	w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (w->epoll_fd < 0 || hostd_worker_watch(w, ipc_fd, HOSTD_WATCH_IPC)) {
		hostd_log(HOSTD_LOG_ERR, "worker: no epoll: %s", strerror(errno));
		free(w);
		return 1;
	}
	while (!w->bus && !w->quit)
		hostd_worker_receive(w);
	while (!w->quit) {
		if (w->hot)
			spin(w);
		else
			snooze(w);
	}
	free_worker(w);
	return 0;
}

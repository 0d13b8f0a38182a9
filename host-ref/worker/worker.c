// SPDX-License-Identifier: GPL-2.0-only
/*
 * The worker's life: polls while there is work (poll.c), and else sleeps until a doorbell,
 * a completion of an engine, a message of the broker's, or the next beat. Which thread that is
 * changes when a file keeps one (standby.c).
 */
#include "worker/worker.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/json.h"
#include "lib/log/report.h"
#include "lib/proc/process.h"
#include "lib/util.h"

/* While polling: how often to look at descriptors. */
#define FDS_NS			100000ULL
/* While nothing is served yet: how often to see that the window shows no epoch. */
#define HUSH_NS			10000000ULL
/* How long the end waits for what is in flight, if it need not be on the media. */
#define END_MS			2000

static void rouse_queue(struct hdev_queue *q, uint64_t now_ns)
{
	q->armed = false;
	q->work_ns = now_ns;
}

/* There is, or was, work of a device; NULL: nobody knows whose. */
static void note_device(struct hostd_worker *w, const struct hdev *dev)
{
	if (dev && dev->ops && dev->ops->is_patient)
		hostd_worker_rouse(w);
	else
		hostd_worker_note(w);
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
	for (i = 0; i < bus->loop.nr_running; i++) {
		struct hdev_queue *q = bus->loop.running[i];

		if (q->kick_vector != vector || q->quiet)
			continue;
		if (!first || (!hdev_queue_has_work(first) && hdev_queue_has_work(q)))
			first = q;
		rouse_queue(q, bus->loop.now_ns);
		q->kicked = true;
	}
	/* Who rang a shared vector isn't known: most likely one that has work. */
	if (first)
		first->stats.kicks += count;
	note_device(w, first ? first->dev : NULL);
	if (vector == PVBUS_VECTOR_BUS && w->serving)
		hostd_bus_look(bus);
}

static void ready_device(struct hostd_worker *w, unsigned int index, uint32_t events)
{
	const struct hdev *dev = hdev_loop_ready(&w->bus->loop, index, events);

	if (w->bus->draining)
		hostd_bus_settle(w->bus);
	if (dev)
		note_device(w, dev);
}

static void take_event(struct hostd_worker *w, const struct epoll_event *ev)
{
	uint32_t tag = ev->data.u32;

	if (tag == HOSTD_WATCH_IPC)
		hostd_worker_receive(w);
	else if (tag < HOSTD_VECTOR_LIMIT)
		count_kicks(w, tag);
	else if (tag >= HOSTD_WATCH_DEVICE)
		ready_device(w, tag - HOSTD_WATCH_DEVICE, ev->events);
	else
		hostd_worker_note(w);
}

/* A wait that fails would fail again at once, and for ever. */
static void stop_waiting(struct hostd_worker *w, const char *call)
{
	if (errno == EINTR)
		return;
	hostd_report(HOSTD_LOG_ERR, "%s: %s: nothing can be waited for", call, strerror(errno));
	w->quit = true;
	w->failed = true;
}

static void take_events(struct hostd_worker *w)
{
	struct epoll_event events[32];
	int i, nr;

	nr = epoll_wait(w->epoll_fd, events, HOSTD_ARRAY_SIZE(events), 0);
	if (nr < 0)
		stop_waiting(w, "epoll_wait");
	w->bus->loop.now_ns = hostd_clock_ns();
	for (i = 0; i < nr; i++)
		take_event(w, &events[i]);
}

/* A doorbell may have been lost: look at every queue (RING-D5) and slot (BUS-D6). */
static void look_around(struct hostd_worker *w)
{
	struct hostd_bus *bus = w->bus;
	unsigned int i;

	hostd_bus_beat(bus);
	hostd_bus_look(bus);
	for (i = 0; i < bus->loop.nr_running; i++) {
		if (hdev_queue_has_work(bus->loop.running[i])) {
			rouse_queue(bus->loop.running[i], bus->loop.now_ns);
			note_device(w, bus->loop.running[i]->dev);
		}
	}
}

static void hush(struct hostd_worker *w)
{
	if (w->bus->loop.now_ns < w->next_hush_ns)
		return;
	/* A start that takes no time leaves the last life's header for the driver to see. */
	if (w->next_hush_ns)
		hostd_window_hush(&w->bus->win);
	w->next_hush_ns = w->bus->loop.now_ns + HUSH_NS;
}

static void fire_timers(struct hostd_worker *w)
{
	/* One may want a doorbell, or have left something to be done. */
	if (hdev_loop_fire(&w->bus->loop))
		hostd_worker_rouse(w);
	if (w->bus->draining)
		hostd_bus_settle(w->bus);
}

static void run_timers(struct hostd_worker *w)
{
	if (!w->serving)
		hush(w);
	if (w->bus->loop.timers)
		fire_timers(w);
	if (w->bus->loop.now_ns < w->next_beat_ns)
		return;
	w->next_beat_ns = w->bus->loop.now_ns + w->beat_ns;
	__atomic_store_n(w->beats, *w->beats + 1, __ATOMIC_RELAXED);
	if (w->serving)
		look_around(w);
}

static void poll_fds(struct hostd_worker *w)
{
	take_events(w);
	w->next_fds_ns = w->bus->loop.now_ns + FDS_NS;
	run_timers(w);
}

static void spin(struct hostd_worker *w)
{
	hostd_worker_poll(w);
	if (w->hot)
		poll_fds(w);
}

static uint64_t next_deadline(const struct hostd_worker *w)
{
	const struct hostd_bus *bus = w->bus;
	uint64_t at_ns = w->next_beat_ns, timer_ns = hdev_loop_next_timer(&bus->loop);
	unsigned int i;

	if (at_ns > timer_ns)
		at_ns = timer_ns;
	if (!w->serving && at_ns > w->next_hush_ns)
		at_ns = w->next_hush_ns;
	for (i = 0; i < bus->loop.nr_running; i++) {
		if (at_ns > bus->loop.running[i]->ring.irq_at_ns)
			at_ns = bus->loop.running[i]->ring.irq_at_ns;
	}
	return at_ns;
}

/*
 * A sleep that was shorter than what may be polled should have been polled; one that
 * was longer says that the guest is idle (as KVM's halt_poll_ns grows and shrinks).
 */
static void adapt_poll(struct hostd_worker *w, uint64_t slept_ns)
{
	if (slept_ns > w->poll_max_ns)
		w->poll_ns = w->poll_min_ns;
	else if (w->poll_ns < w->poll_max_ns / 2)
		w->poll_ns *= 2;
	else
		w->poll_ns = w->poll_max_ns;
}

static void snooze(struct hostd_worker *w)
{
	struct hostd_bus *bus = w->bus;
	uint64_t start_ns = bus->loop.now_ns;
	struct pollfd pfd = { .fd = w->epoll_fd, .events = POLLIN };
	struct timespec timeout = { 0 };
	uint64_t at_ns = next_deadline(w);
	unsigned int i;

	if (at_ns > bus->loop.now_ns) {
		timeout.tv_sec = (at_ns - bus->loop.now_ns) / 1000000000;
		timeout.tv_nsec = (at_ns - bus->loop.now_ns) % 1000000000;
	}
	hostd_standby_rest(&w->standby);
	/* epoll_pwait2() would do both, and is not in kernels before 5.11. */
	if (ppoll(&pfd, 1, &timeout, NULL) < 0)
		stop_waiting(w, "ppoll");
	take_events(w);
	run_timers(w);
	for (i = 0; i < bus->loop.nr_running; i++) {
		if (bus->loop.now_ns >= bus->loop.running[i]->ring.irq_at_ns)
			hdev_queue_signal_late(bus->loop.running[i]);
	}
	if (hostd_worker_reap(w))
		hostd_worker_note(w);
	if (w->hot && w->work_ns > start_ns)
		adapt_poll(w, bus->loop.now_ns - start_ns);
	if (w->hot)
		hostd_worker_wake(bus);
}

/* The thread that was the loop has left it anywhere: what it would have done next is done now. */
static void pick_up(struct hostd_worker *w, struct hostd_io *left)
{
	struct hostd_bus *bus = w->bus;
	unsigned int i;

	bus->loop.now_ns = hostd_clock_ns();
	hostd_engines_pick_up(&bus->loop.engines, left);
	for (i = 0; i < bus->loop.nr_running; i++)
		hdev_queue_signal(bus->loop.running[i]);
	if (bus->draining)
		hostd_bus_settle(bus);
	hostd_worker_note(w);
}

/* hostd_standby.serve: exit status */
static int serve(void *arg, struct hostd_io *left)
{
	struct hostd_worker *w = arg;
	int err;

	if (left)
		pick_up(w, left);
	while (!w->quit) {
		if (w->hot)
			spin(w);
		else
			snooze(w);
	}
	/* A file that does not answer is not waited for: the driver submits again. */
	w->drained = hostd_bus_drain(w->bus, w->sync ? UINT_MAX : END_MS);
	err = w->sync ? hostd_bus_sync(w->bus) : 0;
	return err || w->failed;
}

/* False: a thread has not come back, and nothing can be freed. */
static bool run(struct hostd_worker *w, int *status)
{
	w->standby.guard = &w->bus->loop.engines.guard;
	w->standby.serve = serve;
	w->standby.arg = w;
	return hostd_standby_run(&w->standby, status) && w->drained;
}

static void free_worker(struct hostd_worker *w)
{
	if (w->bus)
		hostd_bus_free(w->bus);
	if (w->beats)
		munmap(w->beats, PV_PAGE_SIZE);
	close(w->epoll_fd);
	json_object_put(w->refused);
	free(w);
}

static void *do_nothing(void *arg)
{
	return arg;
}

/*
 * Threads come while the sandbox is locked, where the C library could neither ask how many heaps to make for
 * them, nor install the signal handler that comes with the first.
 */
static void prepare_threads(void)
{
	pthread_t thread;

#ifdef M_ARENA_MAX
	mallopt(M_ARENA_MAX, 1);
#endif
	if (!pthread_create(&thread, NULL, do_nothing, NULL))
		pthread_join(thread, NULL);
}

int hostd_worker_run(int ipc_fd, const struct pv_class *const *classes)
{
	struct hostd_worker *w = calloc(1, sizeof(*w));
	int status;

	if (!w)
		return 1;
	prepare_threads();
	hostd_signals_ignore(true);
	hostd_report_init(ipc_fd);
	w->classes = classes;
	w->ipc_fd = ipc_fd;
	w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (w->epoll_fd < 0 || hostd_worker_watch(w, ipc_fd, EPOLLIN, HOSTD_WATCH_IPC)) {
		hostd_log(HOSTD_LOG_ERR, "worker: no epoll: %s", strerror(errno));
		free(w);
		return 1;
	}
	while (!w->bus && !w->quit)
		hostd_worker_receive(w);
	status = w->failed;
	if (w->bus && !run(w, &status))
		_exit(status);
	free_worker(w);
	return status;
}

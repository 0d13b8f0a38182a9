// SPDX-License-Identifier: GPL-2.0-only
/*
 * A runner: polls while there is work (poll.c), and else sleeps until a doorbell,
 * a completion of an engine, a message of the broker's, or the next beat. Which thread that is
 * changes when a file keeps one (standby.c).
 */
#include "worker/runner.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/log/report.h"
#include "lib/util.h"

/* While polling: how often to look at descriptors. */
#define FDS_NS			100000ULL
/* While nothing is served yet: how often to see that the window shows no epoch. */
#define HUSH_NS			10000000ULL
/* Where nothing tells of a completion: how often to look for one. */
#define BLIND_NS		500000ULL
/* Of a thread that only waits. */
#define SPARE_STACK_LEN		(64 << 10)

/* The worker's own, which does what is not one device's. */
static bool is_first(const struct hostd_runner *r)
{
	return !r->loop->index;
}

static void rouse_queue(struct hdev_queue *q, uint64_t now_ns)
{
	q->armed = false;
	q->work_ns = now_ns;
}

/* There is, or was, work of a device; NULL: nobody knows whose. */
static void note_device(struct hostd_runner *r, const struct hdev *dev)
{
	if (dev && dev->ops && dev->ops->is_patient)
		hostd_runner_rouse(r);
	else
		hostd_runner_note(r);
}

/*
 * Runners that share a vector share its counter, so none of them reads it: each is told of each doorbell, and
 * does not know how many there were.
 */
static uint64_t read_kicks(struct hostd_runner *r, unsigned int vector)
{
	uint64_t count;

	if (r->wake_fd >= 0)
		return 1;
	return read(r->worker->kick_fds[vector], &count, sizeof(count)) == sizeof(count) ? count : 0;
}

static void count_kicks(struct hostd_runner *r, unsigned int vector)
{
	struct hostd_worker *w = r->worker;
	struct hdev_loop *loop = r->loop;
	struct hdev_queue *first = NULL;
	uint64_t count = read_kicks(r, vector);
	unsigned int i;

	if (!count)
		return;
	if (vector == PVBUS_VECTOR_BUS && is_first(r))
		w->bus_kicks += count;
	for (i = 0; i < loop->nr_running; i++) {
		struct hdev_queue *q = loop->running[i];

		if (q->kick_vector != vector || q->quiet)
			continue;
		if (!first || (!hdev_queue_has_work(first) && hdev_queue_has_work(q)))
			first = q;
		rouse_queue(q, loop->now_ns);
		q->kicked = true;
	}
	/* Who rang a shared vector isn't known: most likely one that has work. */
	if (first)
		first->stats.kicks += count;
	note_device(r, first ? first->dev : NULL);
	if (vector == PVBUS_VECTOR_BUS && is_first(r) && w->serving)
		hostd_bus_look(w->bus);
}

/* To the gate, or a device of another's is drained. */
static void take_nudge(struct hostd_runner *r)
{
	struct hostd_bus *bus = r->loop->bus;
	uint64_t count;

	if (read(r->wake_fd, &count, sizeof(count)) != sizeof(count) || !is_first(r))
		return;
	hostd_bus_hold(bus);
	hostd_bus_settle(bus);
	hostd_bus_let_go(bus);
}

static void ready_device(struct hostd_runner *r, unsigned int index, uint32_t events)
{
	const struct hdev *dev = hdev_loop_ready(r->loop, index, events);

	hostd_runner_settle(r);
	if (dev)
		note_device(r, dev);
}

static void take_event(struct hostd_runner *r, const struct epoll_event *ev)
{
	uint32_t tag = ev->data.u32;

	if (tag == HOSTD_WATCH_IPC)
		hostd_worker_receive(r->worker);
	else if (tag < HOSTD_VECTOR_LIMIT)
		count_kicks(r, tag);
	else if (tag == HOSTD_WATCH_NUDGE)
		take_nudge(r);
	else if (tag >= HOSTD_WATCH_DEVICE)
		ready_device(r, tag - HOSTD_WATCH_DEVICE, ev->events);
	else
		hostd_runner_note(r);
}

/* A wait that fails would fail again at once, and for ever. */
static void stop_waiting(struct hostd_runner *r, int error)
{
	if (error == EINTR)
		return;
	hostd_report(HOSTD_LOG_ERR, "nothing can be waited for: %s", strerror(error));
	/* The broker starts another worker. */
	if (!is_first(r))
		_exit(1);
	r->worker->failed = true;
	hostd_worker_end(r->worker);
}

static void take_events(struct hostd_runner *r)
{
	struct epoll_event events[32];
	int i, nr;

	nr = hostd_watches_take(&r->watches, events, HOSTD_ARRAY_SIZE(events));
	if (nr < 0)
		stop_waiting(r, -nr);
	r->loop->now_ns = hostd_clock_ns();
	for (i = 0; i < nr; i++)
		take_event(r, &events[i]);
}

/* A doorbell may have been lost: look at every queue (RING-D5) and slot (BUS-D6). */
static void look_around(struct hostd_runner *r)
{
	struct hdev_loop *loop = r->loop;
	unsigned int i;

	if (is_first(r)) {
		hostd_bus_beat(loop->bus);
		hostd_bus_look(loop->bus);
	} else {
		hdev_loop_beat(loop);
	}
	for (i = 0; i < loop->nr_running; i++) {
		if (hdev_queue_has_work(loop->running[i])) {
			rouse_queue(loop->running[i], loop->now_ns);
			note_device(r, loop->running[i]->dev);
		}
	}
}

static void hush(struct hostd_runner *r)
{
	struct hostd_worker *w = r->worker;

	if (r->loop->now_ns < w->next_hush_ns)
		return;
	/* A start that takes no time leaves the last life's header for the driver to see. */
	if (w->next_hush_ns)
		hostd_window_hush(&w->bus->win);
	w->next_hush_ns = r->loop->now_ns + HUSH_NS;
}

static void fire_timers(struct hostd_runner *r)
{
	/* One may want a doorbell, or have left something to be done. */
	if (hdev_loop_fire(r->loop))
		hostd_runner_rouse(r);
	hostd_runner_settle(r);
}

/* Since they last had. The broker's watchdog looks at one word for all of them. */
static bool have_all_beaten(struct hostd_bus *bus)
{
	struct hostd_runner *r;
	unsigned int i;

	for (i = 1; i < bus->nr_loops; i++) {
		r = bus->loops[i]->runner;
		if (__atomic_load_n(&r->nr_beats, __ATOMIC_RELAXED) == r->nr_beats_seen)
			return false;
	}
	for (i = 1; i < bus->nr_loops; i++) {
		r = bus->loops[i]->runner;
		r->nr_beats_seen = __atomic_load_n(&r->nr_beats, __ATOMIC_RELAXED);
	}
	return true;
}

static void run_timers(struct hostd_runner *r)
{
	struct hostd_worker *w = r->worker;

	if (is_first(r) && !w->serving)
		hush(r);
	if (r->loop->timers)
		fire_timers(r);
	if (r->loop->now_ns < r->next_beat_ns)
		return;
	r->next_beat_ns = r->loop->now_ns + w->beat_ns;
	__atomic_store_n(&r->nr_beats, r->nr_beats + 1, __ATOMIC_RELAXED);
	if (is_first(r))
		hostd_report_flush();
	if (is_first(r) && have_all_beaten(w->bus))
		__atomic_store_n(w->beats, *w->beats + 1, __ATOMIC_RELAXED);
	if (w->serving)
		look_around(r);
}

static void poll_fds(struct hostd_runner *r)
{
	take_events(r);
	r->next_fds_ns = r->loop->now_ns + FDS_NS;
	run_timers(r);
}

static void spin(struct hostd_runner *r)
{
	hostd_runner_poll(r);
	if (r->hot)
		poll_fds(r);
}

static uint64_t next_deadline(const struct hostd_runner *r)
{
	const struct hdev_loop *loop = r->loop;
	uint64_t at_ns = r->next_beat_ns, timer_ns = hdev_loop_next_timer(loop);
	unsigned int i;

	if (at_ns > timer_ns)
		at_ns = timer_ns;
	if (is_first(r) && !r->worker->serving && at_ns > r->worker->next_hush_ns)
		at_ns = r->worker->next_hush_ns;
	for (i = 0; i < loop->nr_running; i++) {
		if (at_ns > loop->running[i]->ring.irq_at_ns)
			at_ns = loop->running[i]->ring.irq_at_ns;
	}
	if (r->is_blind && at_ns > loop->now_ns + BLIND_NS && hostd_engines_are_busy(&loop->engines))
		at_ns = loop->now_ns + BLIND_NS;
	return at_ns;
}

/*
 * A sleep that was shorter than what may be polled should have been polled; one that
 * was longer says that the guest is idle (as KVM's halt_poll_ns grows and shrinks).
 */
static void adapt_poll(struct hostd_runner *r, uint64_t slept_ns)
{
	if (slept_ns > r->poll_max_ns)
		r->poll_ns = r->poll_min_ns;
	else if (r->poll_ns < r->poll_max_ns / 2)
		r->poll_ns *= 2;
	else
		r->poll_ns = r->poll_max_ns;
}

static void snooze(struct hostd_runner *r)
{
	struct hdev_loop *loop = r->loop;
	uint64_t start_ns = loop->now_ns;
	struct timespec timeout = { 0 };
	uint64_t at_ns = next_deadline(r);
	unsigned int i;
	int ret;

	if (at_ns > loop->now_ns) {
		timeout.tv_sec = (at_ns - loop->now_ns) / 1000000000;
		timeout.tv_nsec = (at_ns - loop->now_ns) % 1000000000;
	}
	hostd_standby_rest(&r->standby);
	ret = hostd_watches_sleep(&r->watches, &timeout);
	if (ret < 0)
		stop_waiting(r, -ret);
	take_events(r);
	run_timers(r);
	for (i = 0; i < loop->nr_running; i++) {
		if (loop->now_ns >= loop->running[i]->ring.irq_at_ns)
			hdev_queue_signal_late(loop->running[i]);
	}
	if (hostd_runner_reap(r))
		hostd_runner_note(r);
	if (r->hot && r->work_ns > start_ns)
		adapt_poll(r, loop->now_ns - start_ns);
	if (r->hot)
		hostd_runner_wake(r);
}

/* The thread that was the loop has left it anywhere: what it would have done next is done now. */
static void pick_up(struct hostd_runner *r, struct hostd_io *left)
{
	struct hdev_loop *loop = r->loop;
	unsigned int i;

	loop->now_ns = hostd_clock_ns();
	if (is_first(r))
		hostd_bus_let_all_go(loop->bus);
	hostd_engines_pick_up(&loop->engines, left);
	for (i = 0; i < loop->nr_running; i++)
		hdev_queue_signal(loop->running[i]);
	hostd_runner_settle(r);
	hostd_runner_note(r);
}

/* Everything may be different afterwards. */
static void stand(struct hostd_runner *r)
{
	hostd_gate_stand(&r->worker->gate);
	hostd_runner_watch_vectors(r);
	r->loop->now_ns = hostd_clock_ns();
	hostd_runner_rouse(r);
}

/* hostd_standby.serve: exit status */
static int serve(void *arg, struct hostd_io *left)
{
	struct hostd_runner *r = arg;

	if (left)
		pick_up(r, left);
	while (!is_first(r) || !hostd_worker_is_over(r->worker)) {
		if (!is_first(r) && hostd_gate_is_closed(&r->worker->gate))
			stand(r);
		if (r->hot)
			spin(r);
		else
			snooze(r);
	}
	return r->end(r->worker);
}

bool hostd_runner_run(struct hostd_runner *r, int (*end)(struct hostd_worker *w), int *status)
{
	r->end = end;
	r->standby.guard = &r->loop->engines.guard;
	r->standby.serve = serve;
	r->standby.arg = r;
	return hostd_standby_run(&r->standby, status);
}

void hostd_runner_watch_vectors(struct hostd_runner *r)
{
	const struct hdev_loop *loop = r->loop;
	uint64_t wanted = is_first(r) ? 1ULL << PVBUS_VECTOR_BUS : 0, changed;
	unsigned int i;

	for (i = 0; i < loop->nr_running; i++)
		wanted |= 1ULL << loop->running[i]->kick_vector;
	for (changed = wanted ^ r->vectors; changed; changed &= changed - 1) {
		i = __builtin_ctzll(changed);
		/* Without it doorbells are found with the next beat. */
		if (!hostd_runner_watch(r, r->worker->kick_fds[i],
					wanted >> i & 1 ? EPOLLIN | EPOLLET : 0, i))
			r->vectors ^= 1ULL << i;
	}
}

/* hostd_bus.hold */
static void hold(struct hostd_bus *bus)
{
	struct hostd_gate *gate = &bus->worker->gate;
	unsigned int i;

	hostd_gate_close(gate);
	for (i = 1; i < bus->nr_loops; i++)
		hostd_runner_nudge(bus->loops[i]->runner);
	hostd_gate_wait(gate);
}

/* hostd_bus.let_go */
static void let_go(struct hostd_bus *bus)
{
	hostd_runner_watch_vectors(bus->loop.runner);
	hostd_gate_open(&bus->worker->gate);
}

static void *run_alone(void *arg)
{
	struct hostd_runner *r = arg;
	int status;

	hostd_runner_run(r, NULL, &status);
	abort();
}

/* Signals are for the first thread. */
static int make_thread(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
	sigset_t all, old;
	int ret;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ret = pthread_create(thread, attr, run, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -ret;
}

static void *be_spare(void *lock)
{
	pthread_mutex_lock(lock);
	pthread_mutex_unlock(lock);
	return NULL;
}

/*
 * Loops beside the first, as long as a thread is left for each device, whose calls would stall the others without.
 * Returns the number of the first that has none, and why in @err.
 */
static unsigned int start_threads(struct hostd_bus *bus, int *err)
{
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	pthread_t spare[HOSTD_WINDOW_SLOTS], thread;
	unsigned int nr_spare = 0, i = 1;
	pthread_attr_t attr;

	*err = -pthread_attr_init(&attr);
	if (*err)
		return i;
	pthread_attr_setstacksize(&attr, SPARE_STACK_LEN);
	pthread_mutex_lock(&lock);
	for (; bus->nr_loops > 1 && nr_spare < HOSTD_WINDOW_SLOTS && !*err; nr_spare += !*err)
		*err = make_thread(&spare[nr_spare], &attr, be_spare, &lock);
	for (; i < bus->nr_loops && !*err; i += !*err) {
		*err = make_thread(&thread, NULL, run_alone, bus->loops[i]->runner);
		if (!*err)
			pthread_detach(thread);
	}
	pthread_mutex_unlock(&lock);
	while (nr_spare)
		pthread_join(spare[--nr_spare], NULL);
	pthread_attr_destroy(&attr);
	return i;
}

void hostd_runners_start(struct hostd_worker *w)
{
	struct hostd_bus *bus = w->bus;
	unsigned int i;
	int ret;

	if (hostd_worker_is_over(w) || w->runner.wake_fd < 0)
		return;
	if (bus->nr_loops > 1)
		hostd_window_share(&bus->win);
	i = start_threads(bus, &ret);
	if (ret)
		hostd_report(HOSTD_LOG_WARN, "no thread for loop %u here (%s): the others do its work", i,
			     strerror(-ret));
	hostd_runners_drop(w, i);
	w->gate.nr_others = i - 1;
	bus->hold = hold;
	bus->let_go = let_go;
	hostd_runner_watch_vectors(&w->runner);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Driver and device run in threads of their own, and each sleeps, without a timer, when the
 * rings tell it that the other will wake it: neither ever sleeps on (RING-D4, RING-G4,
 * RING-D6, RING-G5, RING-D7). Doorbell and interrupt are event descriptors, or, for many more
 * sleeps in the same time, words in private memory that the sleeper looks at.
 *
 * timeout: 180
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "ktap.h"
#include "pair.h"

#define SHIFT		5
#define LOST_MS		8000	/* who sleeps so long has missed what should have woken it */
#define RUN_NS		700000000ULL
#define RUN_MOST_NS	30000000000ULL
#define SLEEPS_MIN	50	/* of either side: with less, a run says nothing, and goes on */
#define START		((u32)-5000)

/**
 * struct event - what a sleeper waits for
 * @raised: it was signalled, if that is not done by
 * @fd: event descriptor, or -1
 */
struct event {
	_Alignas(PV_CACHE_LINE) atomic_bool raised;
	int		fd;
};

/**
 * struct shape - how a run behaves
 * @what: in words
 * @size: entries
 * @depth: most requests that the driver has outstanding
 * @delay_us: the driver asks for the interrupt of the last request, and for delayed ones
 *	before; 0: it asks for that of the next
 * @batch: completions that the device posts before it looks for an interrupt
 * @disarm: the driver asks for no interrupt while it is awake
 * @two: submitter and reaper are two threads
 * @words: events are words, not descriptors
 */
struct shape {
	const char	*what;
	u32		size;
	u32		depth;
	u32		delay_us;
	u32		batch;
	bool		disarm;
	bool		two;
	bool		words;
};

/**
 * struct run - one run
 * @p: the queue
 * @shape: how it behaves
 * @doorbell: from the driver to the device
 * @irq: from the device to the driver
 * @room: from the reaper to the submitter
 * @stop: the device ends
 * @done: driver: nothing is submitted any more
 * @driver_sleeps: of the reaper
 * @device_sleeps: of the device
 * @kicks: doorbells rung
 * @irqs: interrupts raised
 * @device_arms: times that the device asked for a kick
 * @driver_arms: times that the driver asked for an interrupt
 * @late_irqs: delayed interrupts
 * @reaped: requests
 * @failure: what went wrong
 */
struct run {
	struct pair		p;
	const struct shape	*shape;
	struct event		doorbell;
	struct event		irq;
	struct event		room;
	atomic_bool		stop;
	atomic_bool		done;
	u32			driver_sleeps;
	u32			device_sleeps;
	u32			kicks;
	u32			irqs;
	u32			device_arms;
	u32			driver_arms;
	u32			late_irqs;
	u64			reaped;
	const char		*failure;
};

static u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static void signal_event(struct event *event)
{
	if (event->fd < 0)
		event->raised = true;
	else if (eventfd_write(event->fd, 1))
		abort();
}

static bool sleep_fd(int fd, u64 ns)
{
	struct timespec ts = { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	eventfd_t count;
	int ret;

	do {
		ret = ppoll(&pfd, 1, &ts, NULL);
	} while (ret < 0 && errno == EINTR);
	return ret == 1 && !eventfd_read(fd, &count);
}

static bool sleep_word(struct event *event, u64 ns)
{
	u64 end = now_ns() + ns;
	u32 looks = 0;

	while (!event->raised) {
		/* The other may want this CPU. */
		if (++looks % 1000)
			continue;
		if (now_ns() >= end)
			return false;
		sched_yield();
	}
	event->raised = false;
	return true;
}

/* Sleep until the event is signalled. False: until @ns was over. */
static bool sleep_event(struct event *event, u64 ns)
{
	return event->fd < 0 ? sleep_word(event, ns) : sleep_fd(event->fd, ns);
}

static bool has_failed(const struct run *r)
{
	return __atomic_load_n(&r->failure, __ATOMIC_RELAXED);
}

static void fail(struct run *r, const char *why)
{
	__atomic_store_n(&r->failure, why, __ATOMIC_RELAXED);
	r->stop = true;
	signal_event(&r->doorbell);
	signal_event(&r->irq);
	signal_event(&r->room);
}

/* Counters have one writer. Not atomic ones: those would be barriers. */
static void count(u32 *counter)
{
	__atomic_store_n(counter, *counter + 1, __ATOMIC_RELAXED);
}

static u32 counted(const u32 *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

/* On a busy machine it takes longer until both have slept enough. */
static bool goes_on(const struct run *r, u64 start_ns)
{
	u64 ns = now_ns() - start_ns;

	if (has_failed(r) || ns > RUN_MOST_NS)
		return false;
	return ns < RUN_NS || counted(&r->driver_sleeps) < SLEEPS_MIN ||
	       counted(&r->device_sleeps) < SLEEPS_MIN;
}

/* So that the two sides meet at ever other moments. */
static void dawdle(u32 *random)
{
	u32 spins = pair_random(random) % 64;

	while (spins--)
		__asm__ volatile("" ::: "memory");
}

/*
 * Mostly each waits awake for a while, so that it asks for an event just when the other
 * comes: a missing barrier shows only if it does so within some nanoseconds.
 */
static u32 patience(u32 *random, u32 most)
{
	return pair_random(random) % 16 ? pair_random(random) % most : 0;
}

static void pin(unsigned int nth)
{
	cpu_set_t allowed, one;
	int cpu;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) || CPU_COUNT(&allowed) < 2)
		return;
	for (cpu = 0; !CPU_ISSET(cpu, &allowed) || nth--; cpu++)
		;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
}

/* The time was asked for before the completion: else the clock would be a barrier of its own. */
static void raise_irq(struct run *r, u64 now)
{
	if (hring_need_irq(&r->p.dev, now)) {
		r->irqs++;
		signal_event(&r->irq);
	}
}

/* Take what is there and complete it, after a while; the device sleeps with nothing in hand only. */
static void serve(struct run *r, u32 *random, u32 *expected)
{
	struct pair_entry e;
	u32 batch = 0;
	u64 now = 0;

	while (hring_pop(&r->p.dev, &e) == 1) {
		if (!pair_matches(&e, SHIFT, (*expected)++))
			fail(r, "the device takes a wrong submission");
		now = now_ns();
		dawdle(random);
		hring_push(&r->p.dev, &e, now);
		if (++batch % r->shape->batch == 0)
			raise_irq(r, now);
	}
	raise_irq(r, now);
}

/* Until the doorbell rings; a delayed interrupt that comes due is no reason to look at the ring. */
static void sleep_device(struct run *r)
{
	u64 lost_ns = now_ns() + LOST_MS * 1000000ULL;

	count(&r->device_sleeps);
	for (;;) {
		u64 now = now_ns(), end = r->p.dev.irq_at_ns < lost_ns ? r->p.dev.irq_at_ns : lost_ns;

		if (sleep_event(&r->doorbell, end > now ? end - now : 0))
			return;
		now = now_ns();
		if (now >= r->p.dev.irq_at_ns && hring_irq_due(&r->p.dev, now)) {
			r->late_irqs++;
			signal_event(&r->irq);
		}
		/* Idle for so long may be right, unless there is something to take. */
		if (now >= lost_ns && hring_has_work(&r->p.dev)) {
			fail(r, "the device sleeps on though there is a submission");
			return;
		}
	}
}

static void *device(void *arg)
{
	struct run *r = arg;
	u32 random = 42, expected = 0, looks;

	pin(0);
	while (!r->stop) {
		serve(r, &random, &expected);
		for (looks = patience(&random, 600); looks && !hring_has_work(&r->p.dev); looks--)
			;
		if (looks)
			continue;
		r->device_arms++;
		if (hring_arm(&r->p.dev))
			sleep_device(r);
	}
	return NULL;
}

/* Submit up to @nr. Returns how many. */
static u32 submit(struct run *r, u32 nr, u32 *number)
{
	struct pair_entry e;
	u32 i;

	for (i = 0; i < nr && pvring_outstanding(&r->p.drv) < r->shape->depth; i++) {
		pair_fill(&e, SHIFT, *number);
		if (!pvring_put(&r->p.drv, &e)) {
			fail(r, "the ring is full too early");
			break;
		}
		(*number)++;
	}
	if (pvring_need_kick(&r->p.drv)) {
		r->kicks++;
		signal_event(&r->doorbell);
	}
	return i;
}

static bool reap(struct run *r)
{
	struct pair_entry e;
	u64 before = r->reaped;

	if (r->shape->disarm)
		pvring_disarm(&r->p.drv);
	while (pvring_get(&r->p.drv, &e)) {
		if (!pair_matches(&e, SHIFT, r->reaped++))
			fail(r, "the driver reaps a wrong completion");
	}
	pvring_set_head(&r->p.drv);
	return r->reaped != before;
}

/* Ask for an interrupt, and sleep until it comes unless there is something to reap. */
static void sleep_driver(struct run *r, u32 *random)
{
	u32 looks, ahead = 0, delay_us = 0;

	for (looks = patience(random, 600); looks; looks--)
		if (pvring_pending(&r->p.drv))
			return;

	if (r->shape->delay_us) {
		ahead = pvring_outstanding(&r->p.drv) - 1;
		delay_us = ahead ? r->shape->delay_us : 0;
	}
	r->driver_arms++;
	if (pvring_arm(&r->p.drv, r->p.drv.cq_next + ahead, delay_us))
		return;
	count(&r->driver_sleeps);
	if (!sleep_event(&r->irq, LOST_MS * 1000000ULL))
		fail(r, "the driver sleeps on though requests are outstanding");
}

/* Submitter and reaper in one. */
static void *driver(void *arg)
{
	struct run *r = arg;
	u64 start_ns = now_ns();
	u32 random = 4711, number = 0;

	pin(1);
	while (!has_failed(r)) {
		if (goes_on(r, start_ns))
			submit(r, 1 + pair_random(&random) % r->shape->depth, &number);
		else if (!pvring_outstanding(&r->p.drv))
			break;
		dawdle(&random);
		if (!reap(r))
			sleep_driver(r, &random);
	}
	return NULL;
}

static void *submitter(void *arg)
{
	struct run *r = arg;
	u64 start_ns = now_ns();
	u32 random = 4711, number = 0;

	pin(1);
	while (goes_on(r, start_ns)) {
		if (!submit(r, 1 + pair_random(&random) % r->shape->depth, &number) &&
		    !sleep_event(&r->room, LOST_MS * 1000000ULL))
			fail(r, "the ring stays full");
		dawdle(&random);
	}
	r->done = true;
	/* The reaper may be asleep with nothing outstanding. */
	signal_event(&r->irq);
	return NULL;
}

static void *reaper(void *arg)
{
	struct run *r = arg;
	u32 random = 815;

	while (!has_failed(r) && !(r->done && !pvring_outstanding(&r->p.drv))) {
		if (reap(r))
			signal_event(&r->room);
		else
			sleep_driver(r, &random);
	}
	return NULL;
}

static void start_thread(pthread_t *thread, void *(*body)(void *), struct run *r)
{
	if (pthread_create(thread, NULL, body, r))
		ktap_bail("no thread");
}

static void run_threads(struct run *r)
{
	pthread_t dev, drv, second;

	start_thread(&dev, device, r);
	start_thread(&drv, r->shape->two ? submitter : driver, r);
	if (r->shape->two) {
		start_thread(&second, reaper, r);
		pthread_join(second, NULL);
	}
	pthread_join(drv, NULL);
	r->stop = true;
	signal_event(&r->doorbell);
	pthread_join(dev, NULL);
}

/* One event for each time that it was asked for, and the one that a queue starts with. */
static bool counts_make_sense(const struct run *r)
{
	return r->kicks <= r->device_arms + 1 && r->irqs <= r->driver_arms + 1 &&
	       r->driver_sleeps >= SLEEPS_MIN && r->device_sleeps >= SLEEPS_MIN;
}

static void open_event(struct event *event, const struct shape *shape)
{
	event->raised = false;
	event->fd = shape->words ? -1 : eventfd(0, EFD_NONBLOCK);
	if (!shape->words && event->fd < 0)
		ktap_bail("no event descriptor");
}

static void close_event(struct event *event)
{
	if (event->fd >= 0)
		close(event->fd);
}

static void run(const struct shape *shape)
{
	struct run r = { .shape = shape };

	open_event(&r.doorbell, shape);
	open_event(&r.irq, shape);
	open_event(&r.room, shape);
	pair_init(&r.p, shape->size, SHIFT, SHIFT, START);
	run_threads(&r);
	ktap_note("%llu requests; the driver slept %u times, the device %u; %u kicks, %u+%u interrupts",
		  (unsigned long long)r.reaped, r.driver_sleeps, r.device_sleeps, r.kicks, r.irqs,
		  r.late_irqs);
	if (r.failure)
		ktap_note("%s: submissions put %u, taken %u; completions posted %u, reaped %u",
			  r.failure, r.p.drv.sq_next - START, r.p.dev.sq_next - START,
			  r.p.dev.cq_next - START, r.p.drv.cq_next - START);
	ktap_ok(!r.failure && counts_make_sense(&r), "%s", shape->what);
	pair_exit(&r.p);
	close_event(&r.doorbell);
	close_event(&r.irq);
	close_event(&r.room);
}

int main(void)
{
	static const struct shape shapes[] = {
		{ "one request at a time", 2, 1, 0, 1, false, false, true },
		{ "few requests, none while awake", 4, 3, 0, 1, true, false, true },
		{ "a full ring, interrupt for the next completion", 8, 8, 0, 4, false, false, false },
		{ "interrupt for the last completion and delayed ones", 32, 24, 50, 5, true, false, false },
		{ "submitter and reaper side by side", 8, 8, 0, 3, true, true, false },
	};
	unsigned int i;

	ktap_plan(5);
	for (i = 0; i < 5; i++)
		run(&shapes[i]);
	return ktap_finish();
}

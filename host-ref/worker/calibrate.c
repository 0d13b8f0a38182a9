// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long to poll: measured from what a wake-up costs on this machine.
 */
#include "worker/worker.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define NR_ROUNDS	33
#define MEASURE_NS	10000000ULL	/* at most; an idle host needs less for all rounds */
/* A sleep and a wake-up cost both sides about this many round trips of it. */
#define FACTOR		3
#define POLL_MIN_NS	50000ULL
#define POLL_MAX_NS	1000000ULL

uint64_t hostd_clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/**
 * struct pair - two threads that wake one another
 * @ping: written by the measuring thread; 2 ends the other
 * @pong: written by the other thread
 */
struct pair {
	int ping;
	int pong;
};

static void *echo(void *arg)
{
	struct pair *p = arg;
	uint64_t count;

	while (read(p->ping, &count, sizeof(count)) == sizeof(count) && count == 1) {
		if (write(p->pong, &count, sizeof(count)) != sizeof(count))
			break;
	}
	return NULL;
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Median of the round trips, in nanoseconds. */
static uint64_t measure(struct pair *p)
{
	uint64_t rounds[NR_ROUNDS], start_ns, one = 1, count;
	uint64_t end_ns = hostd_clock_ns() + MEASURE_NS;
	unsigned int i;

	/* At least once. On a busy host each takes a time slice, and the guest waits meanwhile. */
	for (i = 0; i < NR_ROUNDS && (!i || hostd_clock_ns() < end_ns); i++) {
		start_ns = hostd_clock_ns();
		if (write(p->ping, &one, sizeof(one)) != sizeof(one) ||
		    read(p->pong, &count, sizeof(count)) != sizeof(count))
			return POLL_MAX_NS;
		rounds[i] = hostd_clock_ns() - start_ns;
	}
	qsort(rounds, i, sizeof(rounds[0]), compare);
	return rounds[i / 2];
}

/* On two processors, as worker and vCPU are: on one, a wake-up is a mere switch. */
static void separate(pthread_t thread, const cpu_set_t *all)
{
	cpu_set_t set;
	int cpu = 0;

	if (CPU_COUNT(all) < 2)
		return;
	while (!CPU_ISSET(cpu, all))
		cpu++;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
	set = *all;
	CPU_CLR(cpu, &set);
	pthread_setaffinity_np(thread, sizeof(set), &set);
}

static uint64_t measure_apart(struct pair *p)
{
	uint64_t round_ns, two = 2;
	pthread_t thread;
	cpu_set_t all;

	if (pthread_create(&thread, NULL, echo, p))
		return POLL_MAX_NS;
	CPU_ZERO(&all);
	sched_getaffinity(0, sizeof(all), &all);
	separate(thread, &all);
	round_ns = measure(p);
	sched_setaffinity(0, sizeof(all), &all);
	if (write(p->ping, &two, sizeof(two)) == sizeof(two))
		pthread_join(thread, NULL);
	return round_ns;
}

uint64_t hostd_calibrate_poll(void)
{
	struct pair p = { eventfd(0, EFD_CLOEXEC), eventfd(0, EFD_CLOEXEC) };
	uint64_t poll_ns = POLL_MAX_NS;

	if (p.ping >= 0 && p.pong >= 0)
		poll_ns = measure_apart(&p) * FACTOR;
	if (p.ping >= 0)
		close(p.ping);
	if (p.pong >= 0)
		close(p.pong);
	if (poll_ns < POLL_MIN_NS)
		return POLL_MIN_NS;
	return poll_ns < POLL_MAX_NS ? poll_ns : POLL_MAX_NS;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * However often a call keeps the loop, and whenever it returns, one thread is the loop and no other,
 * what the loop has is seen by whoever is it next, and each result arrives once. Run by
 * one-thread-is-the-loop.sh under ThreadSanitizer, which sees a second loop as a race.
 *
 * Calls last for up to some looks of the standby's, so that they end about when they are overtaken.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "backend/crew.h"
#include "backend/engine.h"
#include "lib/log/report.h"
#include "worker/standby.h"

#define NR_IOS		64
#define NR_CALLS	20000
/* Most of the calls are shorter than a look. */
#define LONG_EVERY	8
#define LONG_MAX_MS	5

/* All this is the loop's, and protected by nothing but that. */
static struct loop {
	struct hostd_guard guard;
	struct hostd_standby standby;
	struct hostd_outbox box;
	struct hostd_io ios[NR_IOS];
	bool busy[NR_IOS];
	unsigned int nr_busy;
	unsigned int nr_calls;
	unsigned int nr_taken;
	unsigned int nr_delivered;
	unsigned int nr_wrong;
	unsigned int seed;
	unsigned int nr_sleeps;
} l;

static void deliver(struct hostd_guard *g, struct hostd_io *io)
{
	hostd_outbox_put(g->outbox, io);
}

static void take_results(void)
{
	struct hostd_io *io, *next;

	for (io = hostd_outbox_take(&l.box); io; io = next) {
		next = io->next;
		l.nr_wrong += !l.busy[io - l.ios] || io->called != io - l.ios;
		l.busy[io - l.ios] = false;
		l.nr_busy--;
		l.nr_delivered++;
	}
}

static unsigned int random_number(void)
{
	l.seed = l.seed * 1103515245 + 12345;
	return l.seed >> 16;
}

void hostd_report(int level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
}

/* As the kernel may: at once, or late. */
static void take_time(unsigned int ms)
{
	if (ms)
		poll(NULL, 0, ms);
}

static void call(unsigned int i)
{
	unsigned int ms = random_number() % LONG_EVERY ? 0 : random_number() % (LONG_MAX_MS + 1);
	struct hostd_io *io = &l.ios[i];
	uint64_t turn;

	l.busy[i] = true;
	l.nr_busy++;
	turn = hostd_guard_enter(&l.guard, io);
	take_time(ms);
	hostd_guard_leave(&l.guard, turn, io, i);
	l.busy[i] = false;
	l.nr_busy--;
}

static int serve(void *arg, struct hostd_io *left)
{
	unsigned int i;

	(void)arg;
	if (left) {
		l.nr_taken++;
		l.nr_wrong += !l.busy[left - l.ios];
	}
	while (l.nr_calls < NR_CALLS) {
		take_results();
		i = l.nr_calls++ % NR_IOS;
		if (!l.busy[i])
			call(i);
		if (l.nr_calls % 500 == 0) {
			hostd_standby_rest(&l.standby);
			l.nr_sleeps++;
			take_time(l.nr_sleeps % 10 ? 1 : 20);
		}
	}
	while (l.nr_busy) {
		take_results();
		take_time(1);
	}
	return l.nr_wrong || l.nr_taken != l.nr_delivered || l.nr_taken < 10;
}

int main(void)
{
	int status;
	bool alone;

	l.box.wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	l.guard.outbox = &l.box;
	l.guard.deliver = deliver;
	l.seed = 1;
	hostd_standby_init(&l.standby);
	l.standby.guard = &l.guard;
	l.standby.serve = serve;
	l.standby.look_ms = 1;
	alone = hostd_standby_run(&l.standby, &status);
	/* Not here, if another thread was the loop at the end: then it has ended the process. */
	printf("alone %d, status %d, taken %u\n", alone, status, l.nr_taken);
	return status || !alone;
}

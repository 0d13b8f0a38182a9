// SPDX-License-Identifier: GPL-2.0-only
/*
 * The standby: goes on as the worker's loop when a system call keeps it for too long.
 */
#include "worker/standby.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/log/report.h"
#include "lib/util.h"

/* Looks that find the loop asleep before nobody looks any more. */
#define RESTS		3
/* How long the end waits for the other threads. */
#define END_MS		1000

/* Where a thread goes on that was overtaken: nothing on its stack above that is of use then. */
static __thread jmp_buf *base;

static void *stand_by(void *arg);

static bool man(struct hostd_standby *sb)
{
	bool manned = false;

	return __atomic_compare_exchange_n(&sb->manned, &manned, true, false, __ATOMIC_ACQ_REL,
					   __ATOMIC_RELAXED);
}

/* Signals are for the first thread. */
static int start_thread(struct hostd_standby *sb)
{
	pthread_attr_t attr;
	sigset_t all, old;
	pthread_t thread;
	int ret;

	if (pthread_attr_init(&attr))
		return -ENOMEM;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	ret = pthread_create(&thread, &attr, stand_by, sb);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return -ret;
}

static void add_standby(struct hostd_standby *sb)
{
	int ret;

	if (sb->wake_fd < 0 || !man(sb))
		return;
	__atomic_add_fetch(&sb->nr_threads, 1, __ATOMIC_RELAXED);
	ret = start_thread(sb);
	if (!ret)
		return;
	__atomic_sub_fetch(&sb->nr_threads, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&sb->manned, false, __ATOMIC_RELEASE);
	hostd_report(HOSTD_LOG_WARN, "no standby here (%s): a file that stalls may stop all disks",
		     strerror(-ret));
}

/* The one look at the clock that all this costs is poll()'s. True: it has lasted that long. */
static bool wait_a_look(struct hostd_standby *sb, int timeout_ms)
{
	struct pollfd pfd = { .fd = sb->wake_fd, .events = POLLIN };
	uint64_t count;

	if (poll(&pfd, 1, timeout_ms) <= 0)
		return true;
	if (!__atomic_load_n(&sb->over, __ATOMIC_ACQUIRE) && read(sb->wake_fd, &count, sizeof(count)) < 0)
		return false;	/* whoever stood by before has read it */
	return false;
}

static void park(struct hostd_standby *sb)
{
	__atomic_store_n(&sb->parked, true, __ATOMIC_SEQ_CST);
	/* Partner: cover(). Either its call is seen here, or it sees that nobody looks. */
	if (__atomic_load_n(&sb->resting, __ATOMIC_SEQ_CST))
		wait_a_look(sb, -1);
	__atomic_store_n(&sb->parked, false, __ATOMIC_SEQ_CST);
}

/* Wait until the loop has to be taken over; what it was in, or NULL: the end has come. */
static struct hostd_io *wait_for_stall(struct hostd_standby *sb)
{
	unsigned int nr_seen = 0, nr_rests = 0;
	uint64_t turn = 0, now;
	struct hostd_io *io;

	while (!__atomic_load_n(&sb->over, __ATOMIC_ACQUIRE)) {
		if (!wait_a_look(sb, sb->look_ms))
			continue;
		now = hostd_guard_look(sb->guard);
		nr_seen = now && now == turn ? nr_seen + 1 : 1;
		turn = now;
		if (turn && nr_seen >= HOSTD_STANDBY_LOOKS) {
			io = hostd_guard_take(sb->guard, turn);
			if (io)
				return io;
		}
		nr_rests = __atomic_load_n(&sb->resting, __ATOMIC_RELAXED) ? nr_rests + 1 : 0;
		if (nr_rests >= RESTS) {
			park(sb);
			nr_rests = 0;
		}
	}
	return NULL;
}

static void cover(struct hostd_guard *g)
{
	static const uint64_t one = 1;
	struct hostd_standby *sb = g->standby;

	__atomic_store_n(&sb->resting, false, __ATOMIC_SEQ_CST);
	/* Partner: park(). */
	if (__atomic_load_n(&sb->parked, __ATOMIC_SEQ_CST) &&
	    write(sb->wake_fd, &one, sizeof(one)) < 0)
		return;		/* the counter is full: it is readable already */
}

static void leave_loop(struct hostd_guard *g)
{
	(void)g;
	longjmp(*base, 1);
}

/* Be the loop. False: it was overtaken, and another thread is. */
static bool be_loop(struct hostd_standby *sb, struct hostd_io *left, int *status)
{
	jmp_buf here;

	base = &here;
	if (setjmp(here)) {
		base = NULL;
		return false;
	}
	add_standby(sb);
	*status = sb->serve(sb->arg, left);
	base = NULL;
	return true;
}

static void *stand_by(void *arg)
{
	struct hostd_standby *sb = arg;
	struct hostd_io *left;
	int status;

	do {
		left = wait_for_stall(sb);
		__atomic_store_n(&sb->manned, false, __ATOMIC_RELEASE);
		if (left && be_loop(sb, left, &status))
			_exit(status);
	} while (left && man(sb));
	__atomic_sub_fetch(&sb->nr_threads, 1, __ATOMIC_RELEASE);
	return NULL;
}

/* The first thread was overtaken: it stands by, too, or just stays, as the process is its. */
static int stay(struct hostd_standby *sb)
{
	struct hostd_io *left;
	int status;

	for (;;) {
		while (!man(sb))
			poll(NULL, 0, -1);
		left = wait_for_stall(sb);
		__atomic_store_n(&sb->manned, false, __ATOMIC_RELEASE);
		if (left && be_loop(sb, left, &status))
			return status;
	}
}

void hostd_standby_rest(struct hostd_standby *sb)
{
	if (!sb->guard->covered)
		return;
	sb->guard->covered = false;
	__atomic_store_n(&sb->resting, true, __ATOMIC_RELAXED);
}

/* No thread stands by any more. */
static bool end(struct hostd_standby *sb)
{
	static const uint64_t one = 1;
	unsigned int ms;

	__atomic_store_n(&sb->over, true, __ATOMIC_RELEASE);
	if (sb->wake_fd >= 0 && write(sb->wake_fd, &one, sizeof(one)) < 0)
		return false;
	for (ms = 0; ms < END_MS && __atomic_load_n(&sb->nr_threads, __ATOMIC_ACQUIRE); ms++)
		poll(NULL, 0, 1);
	if (ms == END_MS)
		return false;
	if (sb->wake_fd >= 0)
		close(sb->wake_fd);
	return true;
}

void hostd_standby_init(struct hostd_standby *sb)
{
	*sb = (struct hostd_standby) {
		.look_ms = HOSTD_STANDBY_LOOK_MS,
		.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.resting = true,
	};
}

bool hostd_standby_run(struct hostd_standby *sb, int *status)
{
	sb->guard->standby = sb;
	sb->guard->overtaken = leave_loop;
	sb->guard->cover = cover;
	if (!be_loop(sb, NULL, status))
		*status = stay(sb);
	return end(sb);
}

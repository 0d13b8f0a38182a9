// SPDX-License-Identifier: GPL-2.0-only
/*
 * A worker that polls in vain, and finds that it did not run for a while, naps between its looks, for longer
 * and longer while that goes on, and spins again when it has the core to itself. It asks for no doorbell meanwhile. What
 * takes long because it works, or a peer that has the core for a moment, is no such reason; and what the operator says is done.
 */
#include <poll.h>
#include <time.h>

#include "testbus.h"
#include "worker/runner.h"

#define US		1000ULL
#define MS		1000000ULL
#define POLL_US		2000
#define NAP_US		50

static struct testbus t;
static struct testdrv_queue q;
static struct hostd_worker w;
static struct hostd_runner r;
static uint64_t now_ns = 1000 * MS;
static unsigned int nr_looks;
static unsigned int gap_look;
static uint64_t gap_ns;
static unsigned int nr_naps;
static unsigned int submit_nap;
static bool needs_kick;

/* In place of the C library's: a look takes a microsecond, one of them longer. */
int clock_gettime(clockid_t id, struct timespec *ts)
{
	(void)id;
	now_ns += US;
	if (++nr_looks == gap_look)
		now_ns += gap_ns;
	*ts = (struct timespec) { .tv_sec = now_ns / 1000000000, .tv_nsec = now_ns % 1000000000 };
	return 0;
}

static bool reap(void)
{
	struct pvblk_cqe cqe;
	bool any = false;

	while (testdrv_reap(&q, &cqe))
		any = true;
	return any;
}

static void submit(void)
{
	struct pvblk_sqe sqe = testdrv_request(&q, PVBLK_OP_READ, 0, 8, 0);
	uint32_t old = q.submitted;

	reap();
	testdrv_submit(&q, &sqe);
	needs_kick = testdrv_need_kick(&q, old);
}

/* A nap takes its time. In one of them the driver submits. */
int ppoll(struct pollfd *fds, nfds_t nr_fds, const struct timespec *timeout, const sigset_t *mask)
{
	(void)fds;
	(void)nr_fds;
	(void)mask;
	if (++nr_naps == submit_nap)
		submit();
	now_ns += timeout->tv_nsec;
	return 0;
}

/* Be woken, and poll until it wants to sleep. How long it did, in microseconds, without the gap. */
static uint64_t poll_us(unsigned int look, uint64_t gap)
{
	uint64_t start_ns;

	r.loop->now_ns = hostd_clock_ns();
	hostd_runner_wake(&r);
	hostd_runner_note(&r);
	start_ns = now_ns;
	nr_looks = 0;
	nr_naps = 0;
	gap_look = look;
	gap_ns = gap;
	hostd_runner_poll(&r);
	return (now_ns - start_ns - gap) / US;
}

static bool looks(unsigned int look, uint64_t gap)
{
	uint64_t us = poll_us(look, gap) + gap / US;

	return us >= POLL_US && us <= POLL_US + NAP_US + 10 && !r.hot;
}

static bool spins(unsigned int look, uint64_t gap)
{
	return looks(look, gap) && !nr_naps && !hostd_runner_is_crowded(&r);
}

static bool sleeps(unsigned int look, uint64_t gap)
{
	return poll_us(look, gap) < 10 && !nr_naps && !r.hot;
}

static bool naps(unsigned int look, uint64_t gap)
{
	return looks(look, gap) && nr_naps >= (POLL_US - gap / US) / NAP_US / 2 && hostd_runner_is_crowded(&r);
}

static void check_crowd(void)
{
	ktap_ok(spins(0, 0), "it spins for its time");
	ktap_ok(spins(3, MS / 5), "a peer may have the core for a moment");
	ktap_ok(naps(3, MS), "others compute on it, and it naps");
	ktap_ok(naps(0, 0), "and does not spin the next time either");
	now_ns += 16 * MS;
	ktap_ok(naps(3, MS), "after a while it tries again: others want the core still");
	now_ns += 58 * MS;
	ktap_ok(naps(0, 0), "it waits for longer");
	now_ns += 6 * MS;
	ktap_ok(spins(0, 0), "then it has the core to itself, and spins");
	ktap_ok(naps(3, MS), "others are back");
	now_ns += 250 * MS;
	ktap_ok(naps(0, 0), "and it remembers them");
	now_ns += 2000 * MS;
	ktap_ok(spins(0, 0), "until they have stayed away for long");
	ktap_ok(naps(3, MS), "then it is as at first");
	now_ns += 16 * MS;
	ktap_ok(spins(0, 0), "it naps for a short while");
}

static void check_requests(void)
{
	uint64_t us;

	naps(3, MS);
	submit();
	submit_nap = 20;
	us = poll_us(0, 0);
	ktap_ok(!needs_kick && reap(), "what comes in a nap needs no doorbell");
	ktap_ok(us >= POLL_US + 20 * NAP_US && !r.hot, "and it looks on for its time after that");
	submit_nap = 0;
	submit();
	ktap_ok(needs_kick, "then it has asked for one, and may sleep");
}

int main(void)
{
	ktap_plan(18);
	testbus_init(&t);
	if (testbus_add(&t, 0, 1, "{\"null\":1048576}", -1))
		ktap_bail("add");
	hostd_bus_begin_epoch(t.bus);
	if (testdrv_hello(&t.drv) != PVBUS_R_OK || !testdrv_run(&t.drv, 0, &q, 16, 1 << 16))
		ktap_bail("START");
	r = (struct hostd_runner) {
		.worker = &w, .loop = &t.bus->loop, .poll_ns = POLL_US * US, .poll_min_ns = 50 * US, .poll_max_ns = POLL_US * US,
		.next_fds_ns = UINT64_MAX, .watches.epoll_fd = -1,
	};
	check_crowd();
	r.crowd_ns = r.crowd_until_ns = 0;
	check_requests();
	r.crowd_ns = r.crowd_until_ns = 0;
	submit();
	poll_us(1, 5 * MS);
	ktap_ok(!r.crowd_until_ns, "what takes long because it works is its own");
	ktap_ok(sleeps(3, 3 * MS), "who had no look for all of its time sleeps");
	r.crowd_ns = r.crowd_until_ns = 0;
	r.poll_min_ns = r.poll_max_ns;
	ktap_ok(spins(3, MS + MS / 2) && spins(0, 0), "told how long to poll, it does");
	testbus_exit(&t);
	return ktap_finish();
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * While long frames go one way or the other, a worker that finds nothing naps between two looks, so that
 * others have its core, and asks for no doorbell. Short frames, and the work of other devices, are polled for.
 * A descriptor ends a nap; one that lasts too long says that others want the core, and naps are longer then.
 */
#include <poll.h>
#include <time.h>

#include "testnet.h"
#include "worker/runner.h"

#define US		1000ULL
#define MS		1000000ULL
#define POLL_US		3000
#define STREAM_US	1000
#define CROWD_NAP_US	150
#define LONG		60000

static struct hostd_worker w;
static struct hostd_runner r;
static uint64_t now_ns = 1000 * MS;
static uint64_t late_ns;
static unsigned int nr_naps;
static int nr_ready;
static bool is_armed;

/* In place of the C library's: a look takes a microsecond, a nap its time, or more. */
int clock_gettime(clockid_t id, struct timespec *ts)
{
	(void)id;
	now_ns += US;
	*ts = (struct timespec) { .tv_sec = now_ns / 1000000000, .tv_nsec = now_ns % 1000000000 };
	return 0;
}

static uint32_t kick_event(void)
{
	return le32toh(((const struct pvring_dev_ctrl *)n.q[2].dev)->kick_event);
}

int ppoll(struct pollfd *fds, nfds_t nr_fds, const struct timespec *timeout, const sigset_t *mask)
{
	(void)fds;
	(void)nr_fds;
	(void)mask;
	nr_naps++;
	is_armed |= kick_event() == n.q[2].submitted;
	if (!nr_ready)
		now_ns += timeout->tv_nsec + late_ns;
	return nr_ready;
}

static void submit(uint32_t len)
{
	static uint32_t id;
	struct pvnet_tx_sqe sqe = {
		.id = htole32(++id), .len = htole32(len), .data_off = htole64(testnet_off(2, 0)),
	};
	struct pvnet_cqe cqe;

	if (len > 1514)
		sqe.offload = (struct pvnet_offload) {
			.flags = PVNET_O_CSUM_PARTIAL, .gso_type = PVNET_GSO_TCPV4, .gso_size = htole16(1448),
			.csum_start = htole16(34), .csum_offset = htole16(16),
		};
	while (testnet_reap(2, &cqe))
		;
	testnet_submit(2, &sqe);
}

/* Poll until the worker wants to sleep, or for a descriptor; how long it did, in microseconds. */
static uint64_t poll_us(void)
{
	uint64_t start_ns = now_ns;

	nr_naps = 0;
	is_armed = false;
	r.next_fds_ns = UINT64_MAX;
	r.loop->now_ns = hostd_clock_ns();
	hostd_runner_wake(&r);
	hostd_runner_note(&r);
	hostd_runner_poll(&r);
	return (now_ns - start_ns) / US;
}

static bool naps(void)
{
	uint32_t asked = kick_event(), submitted = n.q[2].submitted;
	uint64_t us = poll_us();

	return nr_naps > 10 && us >= POLL_US && us <= POLL_US + 60 && (submitted == asked || kick_event() != asked);
}

static void check_streams(void)
{
	submit(1514);
	ktap_ok(poll_us() >= POLL_US && !nr_naps, "short frames are polled for");
	submit(LONG);
	ktap_ok(naps(), "between long ones it naps, and sleeps when there have been none for a while");
	ktap_ok(nr_naps <= STREAM_US / 50, "a stream that has ended is polled for, as who waits for its end may answer");
	submit(1514);
	ktap_ok(poll_us() >= POLL_US && !nr_naps, "what comes later is polled for");
	testnet_give(0, 1, 0, 68 << 10);
	testnet_come(LONG, 1)->offload = (struct net_offload) {
		.flags = 1, .gso_type = PVNET_GSO_TCPV4, .gso_size = 1448, .csum_start = 34, .csum_offset = 16,
	};
	poll_us();
	ktap_ok(n.next_rx == n.nr_rx && nr_naps > 10, "it naps between those that come, too");
}

static void check_others(void)
{
	uint64_t us;

	submit(LONG);
	poll_us();
	r.loop->stream = &n.t.bus->devices[1];
	r.loop->stream_ns = now_ns;
	submit(1514);
	ktap_ok(poll_us() >= POLL_US && !nr_naps, "other devices' work is polled for, whoever has a stream");
	submit(LONG);
	nr_ready = 1;
	ktap_ok(poll_us() < 100 && nr_naps == 1 && r.hot && !r.next_fds_ns, "a descriptor that is ready has its turn at once");
	nr_ready = 0;
	r.poll_min_ns = 50 * US;
	submit(LONG);
	late_ns = 3 * MS;
	ktap_ok(poll_us() < 4000 && nr_naps == 1 && !r.hot && hostd_runner_is_crowded(&r),
		"others compute on the core, for all the time that it looks, and it sleeps");
	late_ns = 0;
	submit(LONG);
	us = poll_us();
	ktap_ok(nr_naps <= STREAM_US / CROWD_NAP_US + (POLL_US - STREAM_US) / 50 + 1 && us >= POLL_US && us <= POLL_US + 60 && !r.hot &&
		!is_armed, "at a stream it naps for longer, and asks for no doorbell before all is over");
	submit(1514);
	us = poll_us();
	ktap_ok(us >= POLL_US && us <= POLL_US + 60 && nr_naps >= POLL_US / 60 && !r.hot, "for short frames it naps as at a stream elsewhere");
	r.poll_ns = r.poll_min_ns = r.poll_max_ns = r.crowd_until_ns = 0;
	submit(LONG);
	ktap_ok(poll_us() < 100 && !nr_naps && !r.hot, "told never to poll, it does not nap either");
}

int main(void)
{
	ktap_plan(11);
	testnet_init();
	testnet_up(PVNET_M_PROMISC);
	r = (struct hostd_runner) {
		.worker = &w, .loop = &n.t.bus->loop, .poll_ns = POLL_US * US, .poll_min_ns = POLL_US * US, .poll_max_ns = POLL_US * US,
		.watches.epoll_fd = -1,
	};
	check_streams();
	check_others();
	testbus_exit(&n.t);
	return ktap_finish();
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * A NIC whose back end cannot be watched, because the host has no memory or no watches for that, says so once, and
 * does not stand still: each second it looks for what it has not been told of, both ways, until it can be watched.
 */
#include "lib/log/report.h"
#include "testpeer.h"

#define SECOND_NS	1000000000ULL
#define LEN		60001U

static bool refuses;
static int log_fd;

/* hdev_loop.watch */
static int watch(struct hdev_loop *loop, unsigned int index, int fd, uint32_t events)
{
	(void)loop, (void)index, (void)fd;
	return events && refuses ? -ENOSPC : 0;
}

/* How many lines of the log have @text. */
static unsigned int said(const char *text)
{
	char line_[1024];
	unsigned int nr = 0;
	ssize_t len;

	while ((len = recv(log_fd, line_, sizeof(line_) - 1, MSG_DONTWAIT)) > 0) {
		line_[len] = 0;
		nr += !!strstr(line_, text);
	}
	return nr;
}

/* The loop comes around, and nothing has said that anything is ready. */
static void look(uint64_t later_ns)
{
	n.t.bus->loop.now_ns += later_ns;
	hdev_loop_fire(&n.t.bus->loop);
}

static void frame_comes(void)
{
	put(buf, 1000, true);
	if (send(peer, buf, 1004, MSG_NOSIGNAL) != 1004)
		ktap_bail("send");
}

static void check_receiving(void)
{
	unsigned int i;

	up();
	/* The loop sleeps. */
	hdev_set_busy(&n.t.bus->devices[0], false);
	turn();
	refuses = true;
	for (i = 0; i < 4; i++)
		testnet_give(0, i, i * 4096, 4096);
	net_rx_poll(&n.t.bus->devices[0].queues[1]);
	ktap_ok(!(n.net->watched[0] & EPOLLIN) && said("its back end cannot be watched: No space left on device") == 1,
		"a source that cannot be watched is said to be so");
	net_watch(n.net);
	ktap_ok(!said("watched"), "once");
	frame_comes();
	look(SECOND_NS);
	ktap_ok(testnet_sum(rx_frames) == 1, "what comes is found within a second");
	frame_comes();
	look(SECOND_NS);
	ktap_ok(testnet_sum(rx_frames) == 2 && !said("watched"), "and within the next");
	refuses = false;
	look(SECOND_NS);
	ktap_ok(n.net->watched[0] & EPOLLIN && n.net->watch_timer.at_ns == HDEV_NEVER, "it is watched as soon as it can be");
}

/* One that has little room, of which nobody hears when it has some again. */
static void check_sending(void)
{
	struct hdev_queue *q = &n.t.bus->devices[0].queues[2];
	unsigned int i;

	make_udp(testnet_data(2, 0), LEN);
	refuses = true;
	for (i = 0; i < 4; i++)
		submit(i, LEN);
	n.drv->pump(n.drv->ctx);
	ktap_ok(q->quiet && !(n.net->watched[0] & EPOLLOUT) && said("watched") == 1, "room that cannot be waited for");
	for (i = 0; i < 100 && (n.net->be.unsent || !i); i++) {
		while (recv(peer, buf, sizeof(buf), 0) > 0)
			;
		look(SECOND_NS);
	}
	ktap_note("%u s", i);
	for (i = 0; reap_status() != TESTDRV_SILENT; i++)
		;
	ktap_ok(i == 4 && !n.net->be.unsent && !n.net->full && !q->quiet, "is looked for");
	submit(9, LEN);
	n.drv->pump(n.drv->ctx);
	ktap_ok(reap_status() == PVNET_S_OK, "and used");
}

int main(void)
{
	int ends[2];

	ktap_plan(5 + 3);
	if (hostd_parcel_pair(ends))
		ktap_bail("socketpair");
	log_fd = ends[0];
	hostd_report_init(ends[1]);
	testnet_add(CONFIG("stream"), make_line());
	n.t.bus->loop.watch = watch;
	connect_peer(SOCK_STREAM);
	check_receiving();
	check_sending();
	testbus_exit(&n.t);
	close(line);
	return ktap_finish();
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * A peer at a stream gets whole frames with complete checksums, segments cut, however slowly it reads, and is believed
 * nothing: no length, no checksum. One that does not read holds nobody up for more than a second; one that goes is asked
 * for again, and the next begins with a frame; a socket of datagrams is kept for it. Out of buffers a NIC asks for the doorbell before its worker sleeps.
 */
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "broker/broker.h"
#include "net/host/peer.h"
#include "testpeer.h"
#include "testworker.h"

#define SECOND_NS	1000000000ULL

static struct pvnet_rx_cqe cqe;
static int awaited = -1;
static pid_t closer;

/* In place of the C library's. */
int close(int fd)
{
	if (fd == awaited)
		__atomic_store_n(&closer, syscall(SYS_gettid), __ATOMIC_RELAXED);
	return syscall(SYS_close, fd);
}

#define SEGMENT_SIZE	1000
#define SEGMENT_FRAMES	31
#define SEGMENT_LEN	(42 + (SEGMENT_FRAMES - 1) * SEGMENT_SIZE + 1)

/* A datagram that is to become several; its last frame has a byte. */
static void submit_segment(uint32_t id, unsigned int size)
{
	struct pvnet_tx_sqe sqe = {
		.id = htole32(id), .len = htole32(SEGMENT_LEN), .data_off = htole64(testnet_off(2, 0)),
		.offload = { .flags = PVNET_O_CSUM_PARTIAL, .gso_type = PVNET_GSO_UDP, .gso_size = htole16(size),
			     .csum_start = htole16(34), .csum_offset = htole16(6) },
	};

	testnet_submit(2, &sqe);
}

static unsigned int length_of(unsigned int i)
{
	return 42 + (i < SEGMENT_FRAMES - 1 ? SEGMENT_SIZE : 1);
}

/* Is it frame @i of the segment in the driver's buffer? */
static bool is_part(const uint8_t *at, unsigned int i)
{
	unsigned int len = length_of(i);

	return net_csum_is_right(at, len) && !memcmp(at + 42, testnet_data(2, 42 + i * SEGMENT_SIZE), len - 42);
}

static void check_sending(void)
{
	ktap_ok(!link_is_up(), "no peer, no link");
	make_udp(testnet_data(2, 0), 1001);
	submit(1, 1001);
	ktap_ok(testnet_status(2) == PVNET_S_DROPPED && testnet_sum(tx_no_link) == 1, "what is sent is dropped");
	connect_peer(SOCK_STREAM);
	ktap_ok(link_is_up(), "a peer is a link");
	up();
	memcpy(buf, testnet_data(2, 0), 1001);
	submit(2, 1001);
	submit(3, 1001);
	turn();
	ktap_ok(drain(buf + 2000, 2010) == 2010 && is_whole(buf + 2000, 1001) && is_whole(buf + 3005, 1001) &&
		reap_status() == PVNET_S_OK && reap_status() == PVNET_S_OK, "frames with lengths, and complete checksums");
	ktap_ok(!memcmp(buf, testnet_data(2, 0), 1001), "the driver's own copy is left as it was");
}

static void check_pressure(void)
{
	const unsigned int len = 60001, nr = 6;
	unsigned int i, ok = 0;

	make_udp(testnet_data(2, 0), len);
	for (i = 0; i < nr; i++)
		submit(10 + i, len);
	turn();
	ktap_ok(n.t.bus->devices[0].queues[2].quiet && n.net->watched[0] & EPOLLOUT,
		"no room: the queue is no work, and the room is waited for");
	drain(buf, nr * (len + 4));
	for (i = 0; i < nr; i++)
		ok += is_whole(buf + i * (len + 4), len) && reap_status() == PVNET_S_OK;
	ktap_ok(ok == nr && !n.t.bus->devices[0].queues[2].quiet && !(n.net->watched[0] & EPOLLOUT),
		"all come when the peer reads, whole");
	for (i = 0; i < nr; i++)
		submit(20 + i, len);
	turn();
	for (ok = 0; reap_status() == PVNET_S_OK; ok++)
		;
	n.t.bus->loop.now_ns += SECOND_NS;
	turn();
	for (i = 0; reap_status() == PVNET_S_DROPPED; i++)
		;
	ktap_ok(ok && ok + i == nr && testnet_sum(tx_full) == i, "after a second what waits is dropped");
	submit(30, len);
	ktap_ok(testnet_status(2) == PVNET_S_DROPPED, "and then nothing waits");
	drain(buf, ok * (len + 4));
	make_udp(testnet_data(2, 0), 777);
	submit(31, 777);
	turn();
	ktap_ok(reap_status() == PVNET_S_OK && drain(buf + ok * (len + 4), 781) == 781 &&
		is_whole(buf + ok * (len + 4), 777) && is_whole(buf, len), "until it reads: it gets the rest, and the next frame");
}

static void check_cutting(void)
{
	const size_t all = SEGMENT_LEN - 42 + SEGMENT_FRAMES * (4 + 42);
	unsigned int i, ok = 0;
	size_t at = 0;

	make_udp(testnet_data(2, 0), SEGMENT_LEN);
	submit_segment(40, SEGMENT_SIZE);
	submit(41, SEGMENT_LEN);
	submit_segment(42, SEGMENT_SIZE);
	turn();
	ktap_ok(drain(buf, 2 * all + 4 + SEGMENT_LEN) == 2 * all + 4 + SEGMENT_LEN, "segments come cut, long frames do not");
	for (i = 0; i < 2 * SEGMENT_FRAMES; i++) {
		if (i == SEGMENT_FRAMES) {
			ok += is_whole(buf + at, SEGMENT_LEN);
			at += 4 + SEGMENT_LEN;
		}
		ok += is_whole(buf + at, length_of(i % SEGMENT_FRAMES)) && is_part(buf + at + 4, i % SEGMENT_FRAMES);
		at += 4 + length_of(i % SEGMENT_FRAMES);
	}
	ktap_ok(ok == 2 * SEGMENT_FRAMES + 1, "each with its length, a complete checksum, and its part");
	ktap_ok(reap_status() == PVNET_S_OK && reap_status() == PVNET_S_OK && reap_status() == PVNET_S_OK, "and the driver hears so");
	ok = testnet_sum(tx_failed);
	submit_segment(43, 100);
	turn();
	ktap_ok(reap_status() == PVNET_S_DROPPED && testnet_sum(tx_failed) == ok + 1 && link_is_up(),
		"one of too many frames is dropped");
}

static uint8_t flags_of(uint32_t at)
{
	return ((struct pvnet_frame *)testnet_data(1, at))->offload.flags;
}

static void check_receiving(void)
{
	unsigned int i;

	testnet_give(0, 1, 0, 128 << 10);
	testnet_give(0, 2, 128 << 10, 128 << 10);
	put(buf, 100, true);
	put(buf + 104, 301, false);
	put(buf + 409, 60000, true);
	for (i = 0; i < 60413; i += 7777) {
		if (send(peer, buf + i, 60413 - i < 7777 ? 60413 - i : 7777, MSG_NOSIGNAL) < 0)
			ktap_bail("send");
		turn();
	}
	for (i = 0; testnet_reap(1, &cqe); i++)
		;
	ktap_ok(i == 2 && testnet_sum(rx_frames) == 3, "frames come in whatever pieces");
	testnet_start(0);
	up();
	testnet_give(0, 1, 0, 128 << 10);
	if (send(peer, buf, 409 + 60004, MSG_NOSIGNAL) != 60413)
		ktap_bail("send");
	turn();
	ktap_ok(testnet_reap(1, &cqe) && cqe.nr_frames == htole32(3) && !memcmp(testnet_data(1, 32), buf + 4, 100),
		"many at once, into one buffer");
	ktap_ok(flags_of(0) == PVNET_O_CSUM_VALID && !flags_of(192) && flags_of(192 + 384) == PVNET_O_CSUM_VALID,
		"those whose checksum is right are said to be");
}

static void check_lies(void)
{
	uint64_t bad = testnet_sum(rx_bad), too_long = testnet_sum(rx_too_long);

	testnet_give(0, 1, 0, 128 << 10);
	send(peer, "\0\0\0\5abcde\0\0\0\0", 13, MSG_NOSIGNAL);
	turn();
	ktap_ok(testnet_sum(rx_bad) == bad + 2 && !testnet_reap(1, &cqe), "frames shorter than a header are dropped");
	memcpy(buf, "\0\1\x86\xa0", 4);
	memset(buf + 4, 0, 100000);
	send(peer, buf, 100004, MSG_NOSIGNAL);
	turn();
	ktap_ok(testnet_sum(rx_too_long) == too_long + 1 && link_is_up(), "one longer than any may be, too");
	send(peer, "\xff\xff\xff\xff", 4, MSG_NOSIGNAL);
	turn();
	ktap_ok(!link_is_up() && was_asked_for() && n.net->be.fds[0] < 0, "a length that cannot be is the end of the peer");
	close(peer);
	hostd_parcel_send(line, "", 1, (int[]) { 2, 2, 2 }, 3);
	turn();
	ktap_ok(was_asked_for() && !link_is_up(), "for a connection that cannot be taken another one is asked for");
}

static void check_return(void)
{
	unsigned int i;

	connect_peer(SOCK_STREAM);
	make_udp(testnet_data(2, 0), 60001);
	for (i = 0; i < 4; i++)
		submit(i, 60001);
	send(peer, "\0\0\3\350abc", 7, MSG_NOSIGNAL);
	turn();
	close(peer);
	turn();
	turn();
	ktap_ok(!link_is_up() && was_asked_for() && !was_asked_for() && !n.net->watched[0], "a peer that goes is asked for once");
	for (i = 0; reap_status() != TESTDRV_SILENT; i++)
		;
	ktap_ok(i == 4 && !n.t.bus->devices[0].queues[2].quiet, "what waited for it is dropped");
	connect_peer(SOCK_STREAM);
	make_udp(testnet_data(2, 0), 500);
	submit(9, 500);
	put(buf + 1000, 200, true);
	send(peer, buf + 1000, 204, MSG_NOSIGNAL);
	turn();
	ktap_ok(link_is_up() && drain(buf, 504) == 504 && is_whole(buf, 500) && testnet_reap(1, &cqe) &&
		cqe.nr_frames == htole32(1) && !memcmp(testnet_data(1, 32), buf + 1004, 200), "the next one begins with a frame, both ways");
	testdrv_command(&n.t.drv, 0, PVBUS_CMD_RESET);
	ktap_ok(n.net->watched[0] == EPOLLRDHUP && link_is_up(), "without a driver only its end is waited for");
	close(peer);
	testbus_exit(&n.t);
	ktap_ok(recv(line, buf, 1, 0) == 0, "and the line ends with the device");
	close(line);
}

/* A socket takes some datagrams only: the others wait, and are not lost. */
static void check_cut_datagrams(void)
{
	unsigned int i, turns, ok = 0;

	make_udp(testnet_data(2, 0), SEGMENT_LEN);
	submit_segment(40, SEGMENT_SIZE);
	turn();
	ktap_ok(n.net->watched[0] & EPOLLOUT, "a segment is cut into datagrams, as many as there is room for");
	for (i = turns = 0; i < SEGMENT_FRAMES && turns < 1000; turns++) {
		ssize_t len = recv(peer, buf, sizeof(buf), 0);

		turn();
		if (len < 0)
			continue;
		ok += len == length_of(i) && is_part(buf, i);
		i++;
	}
	ktap_ok(ok == SEGMENT_FRAMES && reap_status() == PVNET_S_OK && !(n.net->watched[0] & EPOLLOUT), "and the others follow");
}

/* Nothing is sent to it, and it says nothing more. */
static void check_gone(void)
{
	int gone = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	uint64_t before = testnet_sum(rx_frames);
	unsigned int i;

	testnet_give(0, 2, 0, 128 << 10);
	connect_peer_with(SOCK_DGRAM, gone);
	turn();
	ktap_ok(link_is_up(), "one of which it will be told that it has gone is a link until then");
	awaited = n.net->gone;
	for (i = 0; i < 4; i++)
		send(peer, buf + 1004, 200, 0);
	close(peer);
	if (eventfd_write(gone, 1))
		ktap_bail("eventfd");
	close(gone);
	turn();
	ktap_ok(testnet_sum(rx_frames) == before + 4, "what it had sent is received");
	ktap_ok(!link_is_up() && was_asked_for() && n.net->gone < 0, "and then it is gone");
	for (i = 0; i < 20000 && !__atomic_load_n(&closer, __ATOMIC_RELAXED); i++)
		usleep(1000);
	ktap_ok(closer && closer != getpid(), "what has told that is closed by another thread, as that may wait");
	awaited = -1;
	/* It has come back. */
	for (i = 0; i < 20000 && n.t.bus->loop.engines.all[1].in_flight; i++) {
		usleep(1000);
		turn();
	}
	connect_peer(SOCK_DGRAM);
	ktap_ok(link_is_up() && n.net->gone < 0, "and another one there");
	close(peer);
}

static void check_datagrams(void)
{
	testnet_add(CONFIG("dgram"), make_line());
	connect_peer(SOCK_DGRAM);
	up();
	testnet_give(0, 1, 0, 128 << 10);
	make_udp(testnet_data(2, 0), 900);
	submit(1, 900);
	put(buf + 1000, 200, true);
	send(peer, buf + 1004, 200, 0);
	send(peer, buf + 1004, 0, 0);
	turn();
	ktap_ok(link_is_up() && recv(peer, buf, sizeof(buf), 0) == 900 && net_csum_is_right(buf, 900) &&
		testnet_reap(1, &cqe) && flags_of(0) == PVNET_O_CSUM_VALID && testnet_sum(rx_bad) == 1, "a datagram is a frame");
	reap_status();
	check_cut_datagrams();
	close(peer);
	submit(2, 900);
	turn();
	ktap_ok(!link_is_up() && was_asked_for(), "a peer that does not take them is gone");
	reap_status();
	check_gone();
	testbus_exit(&n.t);
	close(line);
}

/* Have an errand connect the broker's end of a peer; its socket. */
static int run_errand(struct net_peer *p, struct hostd_errand_report *report)
{
	int pair[2], fds[2] = { -1, -1 };
	struct hostd_parcel parcel = { .data = report, .len = sizeof(*report), .fds = fds, .nr_fds = 2 };
	pid_t pid;

	if (hostd_parcel_pair(pair))
		ktap_bail("socketpair");
	fflush(stdout);
	pid = fork();
	if (!pid) {
		p->line.spec.work(p->line.spec.job, pair[1]);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	if (hostd_parcel_recv(pair[0], &parcel))
		ktap_bail("no report");
	close(pair[0]);
	close(pair[1]);
	if (fds[1] >= 0)
		close(fds[1]);
	return fds[0];
}

/* That of a socket, not of its path. */
static ino_t inode_of(int fd)
{
	struct stat st;

	return fd < 0 || fstat(fd, &st) ? 0 : st.st_ino;
}

/* The broker takes the place of its last socket by that of the errand. */
static ino_t connect_again(struct net_peer *p)
{
	struct hostd_errand_report report;
	int fd = run_errand(p, &report);

	if (p->line.last >= 0)
		close(p->line.last);
	p->line.last = fd;
	return inode_of(fd);
}

/* A socket of datagrams is kept over workers; but none can spoil it for the next. */
static void check_kept(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct net_peer_spec spec = { .path = addr.sun_path, .is_dgram = true };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	static struct hostd_broker b;
	struct hostd_errand_report report;
	char dir[TMP_LEN], local[TMP_LEN + 8];
	struct net_peer p = { 0 };
	ino_t first;

	if (!mkdtemp(tmp_path(dir, "kept")))
		ktap_bail("%s", dir);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/peer", dir);
	snprintf(local, sizeof(local), "%s/local", dir);
	spec.local = local;
	net_peer_init(&p, &b, "n0", &spec);
	p.line.last = run_errand(&p, &report);
	ktap_ok(report.error == -ENOENT && p.line.last >= 0, "a socket waits for its peer");
	first = inode_of(p.line.last);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		ktap_bail("%s", addr.sun_path);
	ktap_ok(connect_again(&p) == first && connect_again(&p) == first, "and is connected as often as need be");
	shutdown(p.line.last, SHUT_RD);
	ktap_ok(connect_again(&p) != first, "one that a worker has shut down is made anew");
	first = inode_of(p.line.last);
	p.line.nr_short = 9;
	ktap_ok(connect_again(&p) != first, "as is one that never lasts");
	p.line.nr_short = 0;
	first = inode_of(p.line.last);
	unlink(local);
	ktap_ok(connect_again(&p) != first && !access(local, F_OK), "and one that cannot be found any more");
	close(p.line.last);
	close(fd);
	unlink(local);
	unlink(addr.sun_path);
	rmdir(dir);
}

static struct testworker w;

/* A worker whose NIC has a peer; its devices are looked at every half second at least. */
static void start_worker(const char *kind, int type)
{
	int theirs = make_line(), ends[2];
	char text[512];

	testworker_init(&w);
	n.drv = &w.drv;
	snprintf(text, sizeof(text), "{\"op\":\"add\",\"slot\":0,\"generation\":1,\"type\":\"net\",\"name\":\"n0\","
		 "\"uuid\":\"00000000-0000-4000-8000-000000000001\",\"config\":{\"backend\":\"%s\",\"mac\":\"52:54:00:12:34:56\","
		 "\"mtu\":65535,\"queues\":2,\"queue-size\":16}}", kind);
	if (socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) || hostd_parcel_send(line, "", 1, &ends[0], 1) ||
	    !testworker_spawn(&w, ",\"heartbeat_ms\":1000") || !testworker_tell(&w, text, &theirs, 1) ||
	    !testworker_tell(&w, "{\"op\":\"go\"}", NULL, 0) || testdrv_hello(n.drv) != PVBUS_R_OK)
		ktap_bail("no worker");
	close(theirs);
	close(ends[0]);
	peer = ends[1];
	testnet_start(0);
}

static bool end_worker(void)
{
	close(peer);
	close(line);
	return !testworker_quit(&w);
}

/* One frame each way. */
static void check_sandbox(const char *kind, int type)
{
	bool sent;
	int tries;

	start_worker(kind, type);
	up();
	testnet_give(0, 1, 0, 128 << 10);
	make_udp(testnet_data(2, 0), 900);
	submit(1, 900);
	put(buf, 200, true);
	for (tries = 0; testnet_status(2) != PVNET_S_OK && tries < 5000; tries++)
		submit(1, 900);
	send(peer, buf + (type == SOCK_DGRAM ? 4 : 0), type == SOCK_DGRAM ? 200 : 204, MSG_NOSIGNAL);
	for (tries = 0; !testnet_reap(1, &cqe) && tries < 5000; tries++)
		usleep(1000);
	sent = recv(peer, buf, sizeof(buf), 0) >= 900 && flags_of(0) == PVNET_O_CSUM_VALID;
	ktap_ok(end_worker() && sent, "%s: a worker in its sandbox does both", kind);
}

/* All frames are for the second pair; the first, whose source they are of, has no buffers. */
static void spread(void)
{
	struct pvnet_settings set = testnet_settings(PVNET_M_UP | PVNET_M_PROMISC | PVNET_M_RSS);

	set.nr_pairs = htole16(2);
	set.offloads = 0;
	memset(set.rss_table, 1, sizeof(set.rss_table));
	testnet_set(&set);
}

/* Will the driver ring for the next buffer? */
static bool rings(unsigned int index)
{
	struct testdrv_queue next = n.q[index];

	next.submitted++;
	return testdrv_need_kick(&next, next.submitted - 1);
}

/*
 * What has waited for a moment is read by a timer, in the midst of the loop's sleep, and takes the last buffer:
 * the driver gives the next one without a doorbell unless it is asked for it before the sleep goes on.
 */
static void check_doorbell(void)
{
	int tries;

	start_worker("dgram", SOCK_DGRAM);
	put(buf, 1000, true);
	spread();
	testnet_give(1, 1, 0, 2048);
	for (tries = 0; tries < 4; tries++)
		send(peer, buf + 4, 1000, MSG_NOSIGNAL);
	for (tries = 0; !testnet_reap(3, &cqe) && tries < 5000; tries++)
		usleep(1000);
	ktap_ok(tries < 5000, "a timer reads what waits for the buffers of another pair");
	for (tries = 0; !rings(3) && tries < 5000; tries++)
		usleep(1000);
	ktap_ok(tries < 5000, "and the doorbell for the next one is asked for");
	end_worker();
}

int main(void)
{
	ktap_plan(5 + 5 + 4 + 3 + 4 + 5 + 4 + 5 + 5 + 2 + 2);
	testnet_add(CONFIG("stream"), make_line());
	check_sending();
	check_pressure();
	check_cutting();
	check_receiving();
	check_lies();
	check_return();
	check_datagrams();
	check_kept();
	check_sandbox("stream", SOCK_STREAM);
	check_sandbox("dgram", SOCK_DGRAM);
	check_doorbell();
	return ktap_finish();
}

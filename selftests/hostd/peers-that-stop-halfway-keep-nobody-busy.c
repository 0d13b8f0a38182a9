// SPDX-License-Identifier: GPL-2.0-only
/*
 * A peer at a stream that stops in the midst of something, closes one way or both, or is not listened to, leaves a
 * NIC that waits, and whose worker sleeps: nothing is watched that stays ready. What a peer began it may end later;
 * of a frame that it has a part of it gets the rest; one that takes no more, or gives no more, is asked for again.
 * What it had sent before it closed is received first, for as long as the driver takes it, however much that is.
 */
#include <poll.h>

#include "testpeer.h"

#define LEN	60001U
#define MS	1000000ULL

/* As epoll has it; how often it woke up of 100 times. */
static unsigned int sleep_on(void)
{
	unsigned int i, woken = 0;

	for (i = 0; i < 100; i++) {
		struct pollfd fd = { n.net->be.fds[0], n.net->watched[0], 0 };

		if (n.net->watched[0] && poll(&fd, 1, 0) > 0) {
			n.net->ready(&n.t.bus->devices[0], fd.fd, fd.revents);
			woken++;
		}
		n.t.bus->loop.now_ns += MS / 10;
		hdev_loop_fire(&n.t.bus->loop);
	}
	return woken;
}

static bool is_at_rest(void)
{
	unsigned int woken;

	sleep_on();
	woken = sleep_on();
	if (woken)
		ktap_note("woken %u times, watching %#x", woken, n.net->watched[0]);
	return !woken;
}

static bool set(const char *text)
{
	struct json_object *config = json_tokener_parse(text);
	char error[HDEV_ERROR_LEN];
	int ret = pv_net_class.worker->set(&n.t.bus->devices[0], config, error);

	json_object_put(config);
	return !ret;
}

static void begin(void)
{
	testnet_add(CONFIG("stream"), make_line());
	connect_peer(SOCK_STREAM);
	up();
	testnet_give(0, 1, 0, 128 << 10);
	turn();
}

static void end(void)
{
	close(peer);
	testbus_exit(&n.t);
	close(line);
}

/* A frame of which the peer, that does not read, has a part only. */
static void send_half(void)
{
	make_udp(testnet_data(2, 0), LEN);
	while (!n.net->be.unsent) {
		submit(1, LEN);
		turn();
		if (reap_status() != PVNET_S_OK)
			ktap_bail("a peer that does not read takes more than there is room for");
	}
}

/* What the peer has, and gets; each frame is whole. */
static bool read_all(void)
{
	unsigned int idle = 0;
	size_t len = 0, at;

	while (idle++ < 3) {
		ssize_t part = recv(peer, buf + len, sizeof(buf) - len, 0);

		if (part > 0) {
			len += part;
			idle = 0;
		}
		sleep_on();
	}
	for (at = 0; at + 4 + LEN <= len && is_whole(buf + at, LEN); at += 4 + LEN)
		;
	return len && at == len;
}

static void check_link_off(void)
{
	begin();
	send_half();
	set("{\"link\":false}");
	ktap_ok(is_at_rest(), "a link that is taken away in the midst of a frame");
	ktap_ok(read_all(), "the rest of it comes when there is room");
	ktap_ok(is_at_rest() && !n.net->be.unsent, "and then there is nothing to be done");
	set("{\"link\":true}");
	submit(2, LEN);
	turn();
	ktap_ok(reap_status() == PVNET_S_OK && read_all() && link_is_up(), "the next one begins where it must");
	end();
}

/* It has read what it had, and takes no more. */
static void check_deaf(void)
{
	begin();
	send_half();
	shutdown(peer, SHUT_RD);
	while (recv(peer, buf, sizeof(buf), 0) > 0)
		;
	ktap_ok(is_at_rest(), "a peer that takes no more, in the midst of a frame");
	ktap_ok(!link_is_up() && was_asked_for(), "is asked for again");
	close(peer);
	connect_peer(SOCK_STREAM);
	submit(2, LEN);
	turn();
	ktap_ok(reap_status() == PVNET_S_OK && read_all(), "the next one gets frames from their start");
	end();
}

static void check_mute(const char *what, size_t some)
{
	begin();
	put(buf, 1000, true);
	if (some && send(peer, buf, some, MSG_NOSIGNAL) != (ssize_t)some)
		ktap_bail("send");
	turn();
	ktap_ok(is_at_rest() && link_is_up(), "a peer that stops %s", what);
	shutdown(peer, SHUT_WR);
	ktap_ok(is_at_rest() && !link_is_up() && was_asked_for(), "and one that ends there is asked for again");
	end();
}

/* Frames are there, and nobody wants them. */
static void check_unread(const char *what, bool has_driver, bool has_buffers, const char *config)
{
	begin();
	if (!has_buffers) {
		testnet_start(0);
		up();
	}
	if (!has_driver)
		testdrv_command(&n.t.drv, 0, PVBUS_CMD_RESET);
	set(config);
	put(buf, 1000, true);
	for (int i = 0; i < 4; i++)
		if (send(peer, buf, 1004, MSG_NOSIGNAL) != 1004)
			ktap_bail("send");
	ktap_ok(is_at_rest(), "frames that wait, while %s", what);
	shutdown(peer, SHUT_WR);
	ktap_ok(is_at_rest() && was_asked_for() == has_buffers, "and their peer has gone");
	if (!has_buffers) {
		n.t.bus->loop.now_ns += 1000 * MS;
		ktap_ok(is_at_rest() && was_asked_for() && !link_is_up(), "they wait for a second");
	}
	end();
}

#define WORDS	150

/* One for each look, of 64 frames. */
static void give_more(void)
{
	testnet_give(0, 2, 128 << 10, 128 << 10);
	testnet_give(0, 3, 256 << 10, 128 << 10);
}

/* So many frames that neither one look takes all nor one buffer, and then the end. */
static void say_last_words(bool closes)
{
	unsigned int i;

	for (i = 0; i < WORDS; i++)
		put(buf + i * 1004, 1000, true);
	if (send(peer, buf, WORDS * 1004, MSG_NOSIGNAL) != WORDS * 1004)
		ktap_bail("send");
	if (closes)
		close(peer);
	else
		shutdown(peer, SHUT_WR);
}

static void check_last_words(bool closes)
{
	begin();
	give_more();
	say_last_words(closes);
	ktap_ok(is_at_rest() && testnet_sum(rx_frames) == WORDS, "all that a peer has sent before it %s is received",
		closes ? "closes" : "closes one way");
	ktap_ok(!link_is_up() && was_asked_for() && !was_asked_for(), "and then it is asked for again");
	peer = closes ? -1 : peer;
	end();

	begin();
	say_last_words(closes);
	ktap_ok(is_at_rest() && link_is_up() && !was_asked_for() && testnet_sum(rx_frames) < WORDS, "it waits for buffers");
	submit(1, 1000);
	turn();
	ktap_ok(reap_status() == PVNET_S_DROPPED && testnet_sum(tx_no_link) == 1, "while nothing is sent to it any more");
	give_more();
	turn();
	ktap_ok(is_at_rest() && testnet_sum(rx_frames) == WORDS && was_asked_for(), "and goes on when there are some");
	peer = closes ? -1 : peer;
	connect_peer(SOCK_STREAM);
	make_udp(testnet_data(2, 0), 500);
	submit(2, 500);
	turn();
	ktap_ok(reap_status() == PVNET_S_OK && drain(buf, 504) == 504 && is_whole(buf, 500), "the next one is sent to");
	end();
}

/* A limit makes it last, and is no reason to give it up. */
static void check_limited(void)
{
	struct pvnet_rx_cqe cqe;
	unsigned int ms;

	begin();
	set("{\"rate\":65536}");
	say_last_words(true);
	for (ms = 0; ms < 4000 && link_is_up(); ms += 10) {
		sleep_on();
		while (testnet_reap(1, &cqe))
			testnet_give(0, 1, 0, 128 << 10);
		turn();
	}
	ktap_note("%u ms", ms);
	ktap_ok(testnet_sum(rx_frames) == WORDS && ms >= 2000 && ms < 4000 && was_asked_for(), "at a limit they take their time");
	peer = -1;
	end();
}

int main(void)
{
	ktap_plan(4 + 3 + 3 * 2 + 3 * 2 + 1 + 2 * 6 + 1);
	check_link_off();
	check_deaf();
	check_mute("before a frame", 0);
	check_mute("in a length", 3);
	check_mute("in a frame", 500);
	check_unread("there is no driver", false, true, "{}");
	check_unread("it has no buffers", true, false, "{}");
	check_unread("the link is off", true, true, "{\"link\":false}");
	check_last_words(false);
	check_last_words(true);
	check_limited();
	return ktap_finish();
}

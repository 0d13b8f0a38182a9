// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who wants a copy of a NIC's frames gets each that its back end gives or takes, once, as it was, in order, with
 * its direction, as pcapng, up to the moment that he ends it; and nobody waits for him: what he does not read in
 * time is dropped from the copy, counted there, and goes its way all the same.
 */
#include <sys/socket.h>

#include "lib/pcapng.h"
#include "testnet.h"

#define BUFFER	(68U << 10)

static uint8_t got[4 << 20];
static size_t got_len;
static int end = -1;

static int start(uint32_t snaplen, char *error)
{
	struct json_object *config = json_object_new_object();
	int ends[2], ret;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends))
		ktap_bail("socketpair");
	json_object_object_add(config, "snaplen", json_object_new_int64(snaplen));
	ret = pv_net_class.worker->capture(&n.t.bus->devices[0], config, ends[0], error);
	json_object_put(config);
	if (ret) {
		close(ends[0]);
		close(ends[1]);
		return ret;
	}
	end = ends[1];
	got_len = 0;
	return 0;
}

static void begin(uint32_t snaplen)
{
	char error[HDEV_ERROR_LEN];

	if (start(snaplen, error))
		ktap_bail("%s", error);
}

/* The loop comes around, and what comes is read. */
static void take(void)
{
	ssize_t len;

	do {
		hdev_loop_ready_all(&n.t.bus->loop);
		len = recv(end, got + got_len, sizeof(got) - got_len, 0);
		got_len += len > 0 ? len : 0;
	} while (len > 0);
}

/* What epoll says when the other end is closed for writing; false: nobody waits for that. */
static bool tell_end(void)
{
	unsigned int i;

	for (i = 0; i < n.t.bus->loop.nr_watches; i++) {
		if (!n.t.bus->loop.watches[i].dev || !(n.t.bus->loop.watches[i].events & EPOLLRDHUP))
			continue;
		hdev_loop_ready(&n.t.bus->loop, i, EPOLLRDHUP);
		return true;
	}
	return false;
}

/* Ends the capture; true if the worker has closed its end, too. */
static bool finish(void)
{
	uint8_t byte;

	shutdown(end, SHUT_WR);
	tell_end();
	take();
	return !n.net->capture && !recv(end, &byte, 1, 0) && !close(end);
}

/* Block @i of those that have come, if all before it are well formed; NULL. */
static const struct pcapng_head *block(unsigned int i)
{
	size_t at = 0;

	for (;; i--) {
		const struct pcapng_head *head = (void *)(got + at);

		if (got_len - at < sizeof(*head) || head->len % 4 || head->len > got_len - at ||
		    *(uint32_t *)(got + at + head->len - 4) != head->len)
			return NULL;
		if (!i)
			return head;
		at += head->len;
	}
}

/* An option of a block whose own part is @fixed bytes; 0: there is none. */
static uint64_t option(const struct pcapng_head *head, size_t fixed, unsigned int code)
{
	const uint8_t *at = (const uint8_t *)head + fixed;
	const struct pcapng_option *o;
	uint64_t value = 0;

	for (o = (void *)at; o->code; o = (void *)at) {
		if (o->code == code)
			memcpy(&value, o + 1, o->len < sizeof(value) ? o->len : sizeof(value));
		at += sizeof(*o) + ((o->len + 3) & ~3);
	}
	return value;
}

static uint64_t packet_option(const struct pcapng_head *head, unsigned int code)
{
	const struct pcapng_packet *p = (void *)head;

	return option(head, sizeof(*p) + ((p->captured + 3) & ~3), code);
}

/* Is block @i a frame like that? */
static bool is_frame(unsigned int i, const uint8_t *data, uint32_t len, uint32_t captured, unsigned int direction)
{
	const struct pcapng_packet *p = (void *)block(i);

	return p && p->head.type == PCAPNG_PACKET && p->len == len && p->captured == captured &&
	       !memcmp(p + 1, data, captured) && packet_option(&p->head, PCAPNG_OPT_FLAGS) == direction;
}

static void send_frame(uint32_t len, uint8_t fill)
{
	struct pvnet_tx_sqe sqe = { .len = htole32(len), .data_off = htole64(testnet_off(2, 0)) };

	memset(testnet_data(2, 0), fill, len);
	if (testnet_do(2, &sqe) != PVNET_S_OK)
		ktap_bail("a frame is not taken");
}

static void restart(void)
{
	testnet_start(0);
	testnet_up(0);
	testnet_give(0, 1, 0, BUFFER);
	testnet_give(0, 2, 72 << 10, BUFFER);
	testnet_give(0, 3, 144 << 10, BUFFER);
}

static void check_content(void)
{
	const struct pcapng_interface *interface;
	const struct pcapng_packet *first, *second;
	struct pvnet_rx_cqe cqe;

	restart();
	begin(UINT32_MAX);
	testnet_come(61, 1);
	testnet_pump();
	send_frame(1000, 2);
	testnet_come(PVNET_FRAME_MAX, 3)->offload =
		(struct net_offload) { .flags = 1, .gso_type = PVNET_GSO_TCPV4, .gso_size = 1448, .csum_start = 34, .csum_offset = 16 };
	memcpy(testnet_come(100, 4)->data, "\x52\x54\0\0\0\1", 6);
	testnet_pump();
	take();
	interface = (void *)block(1);
	ktap_ok(block(0) && block(0)->type == PCAPNG_SECTION && ((struct pcapng_section *)block(0))->magic == PCAPNG_MAGIC &&
		interface && interface->head.type == PCAPNG_INTERFACE && interface->link_type == PCAPNG_ETHERNET,
		"it begins with a section and an interface");
	ktap_ok(is_frame(2, n.rx[0].data, 61, 61, PCAPNG_INBOUND), "a frame that came");
	ktap_ok(is_frame(3, testnet_data(2, 0), 1000, 1000, PCAPNG_OUTBOUND), "one that was sent");
	ktap_ok(is_frame(4, n.rx[1].data, PVNET_FRAME_MAX, PVNET_FRAME_MAX, PCAPNG_INBOUND), "a segment, whole");
	ktap_ok(is_frame(5, n.rx[2].data, 100, 100, PCAPNG_INBOUND) && testnet_sum(rx_filtered) == 1,
		"and one that was for another station");
	first = (void *)block(2);
	second = (void *)block(5);
	ktap_ok(((uint64_t)first->time_high << 32 | first->time_low) <= ((uint64_t)second->time_high << 32 | second->time_low) &&
		labs((long)(((uint64_t)first->time_high << 32 | first->time_low) / 1000000000) - (long)time(NULL)) < 100,
		"they have the time in nanoseconds");
	ktap_ok(testnet_reap(1, &cqe) && !block(6), "each is there once");
	ktap_ok(finish() && block(6) && block(6)->type == PCAPNG_STATISTICS && !block(7) &&
		option(block(6), sizeof(struct pcapng_statistics), PCAPNG_OPT_IFRECV) == 4 &&
		!option(block(6), sizeof(struct pcapng_statistics), PCAPNG_OPT_IFDROP),
		"who closes his end gets the sum, and then the end");
	send_frame(100, 1);
	ktap_ok(n.nr_tx == 2 && !n.net->capture, "frames go on without");
}

static void check_snaplen(void)
{
	restart();
	begin(64);
	send_frame(1000, 5);
	send_frame(63, 6);
	take();
	ktap_ok(((struct pcapng_interface *)block(1))->snaplen == 64 && block(2) &&
		((struct pcapng_packet *)block(2))->captured == 64 && ((struct pcapng_packet *)block(2))->len == 1000,
		"of a long frame comes its start, and how long it was");
	ktap_ok(is_frame(3, testnet_data(2, 0), 63, 63, PCAPNG_OUTBOUND), "a short one is whole");
	finish();
}

/* Sends until frames are dropped, and @more then. */
static uint64_t overflow(unsigned int more)
{
	uint64_t sent = 0;

	/* More than ring and socket together can hold. */
	for (; sent < 2000; sent++) {
		send_frame(1400, sent);
		hdev_loop_ready_all(&n.t.bus->loop);
	}
	for (; more; more--, sent++)
		send_frame(100, sent);
	return sent;
}

static void check_pressure(void)
{
	uint64_t sent, captured = 0, dropped = 0, gaps = 0;
	const struct pcapng_head *head;
	unsigned int i;

	restart();
	begin(UINT32_MAX);
	sent = overflow(0);
	ktap_ok(n.nr_tx == sent, "whoever does not read holds up no frame");
	take();
	send_frame(77, 7);
	take();
	finish();
	for (i = 2; (head = block(i)); i++) {
		if (head->type == PCAPNG_STATISTICS) {
			dropped = option(head, sizeof(struct pcapng_statistics), PCAPNG_OPT_IFDROP);
			continue;
		}
		captured++;
		gaps += packet_option(head, PCAPNG_OPT_DROPCOUNT);
	}
	ktap_ok(dropped && captured > 500 && captured + dropped == sent + 1, "of %llu frames are there %llu, dropped %llu",
		(unsigned long long)sent + 1, (unsigned long long)captured, (unsigned long long)dropped);
	ktap_ok(gaps == dropped && packet_option(block(i - 2), PCAPNG_OPT_DROPCOUNT) == dropped &&
		((struct pcapng_packet *)block(i - 2))->len == 77, "the first one after a gap says how many are missing");
}

static void check_ends(void)
{
	char error[HDEV_ERROR_LEN] = "";
	struct json_object *none = json_object_new_object();
	int pipe_ends[2];

	restart();
	begin(UINT32_MAX);
	ktap_ok(start(64, error) == -EBUSY && strstr(error, "already"), "%s", error);
	close(end);
	send_frame(100, 1);
	hdev_loop_ready_all(&n.t.bus->loop);
	ktap_ok(!n.net->capture, "one whose other end is gone ends with the next frame");
	begin(UINT32_MAX);
	shutdown(end, SHUT_WR);
	overflow(0);
	ktap_ok(tell_end() && n.net->capture && !tell_end(), "one that has ended, and is not read, keeps the loop from nothing");
	take();
	ktap_ok(finish(), "and goes when it is");
	if (pipe2(pipe_ends, O_CLOEXEC | O_NONBLOCK))
		ktap_bail("pipe");
	ktap_ok(pv_net_class.worker->capture(&n.t.bus->devices[0], none, pipe_ends[1], error) && strstr(error, "stream socket") &&
		!close(pipe_ends[1]) && !n.net->capture, "%s", error);
	close(pipe_ends[0]);
	json_object_put(none);
	begin(UINT32_MAX);
	send_frame(100, 1);
}

int main(void)
{
	ktap_plan(9 + 2 + 3 + 5 + 1);
	testnet_init();
	check_content();
	check_snaplen();
	check_pressure();
	check_ends();
	testbus_exit(&n.t);
	ktap_ok(recv(end, got, sizeof(got), 0) > 0, "the end of the NIC ends it");
	return ktap_finish();
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A NIC whose back end is a socket: the test is the broker, which brings peers, and the peer.
 */
#ifndef SELFTESTS_HOSTD_TESTPEER_H
#define SELFTESTS_HOSTD_TESTPEER_H

#include <signal.h>
#include <sys/socket.h>

#include "lib/parcel.h"
#include "testnet.h"

/* A NIC with a peer, which knows nothing of it. */
#define CONFIG(kind)	"{\"backend\":\"" kind "\",\"mac\":\"52:54:00:12:34:56\",\"mtu\":65535,\"queues\":2,\"queue-size\":16}"

/* Ends of the test: of the line, where the NIC asks for a peer, and of the connection. */
static int line, peer;
static uint8_t buf[1 << 20];

/* The loop comes around. */
static inline void turn(void)
{
	n.t.bus->loop.now_ns += 100000;
	hdev_loop_ready_all(&n.t.bus->loop);
	hdev_loop_fire(&n.t.bus->loop);
	testbus_pump(&n.t);
}

static inline bool link_is_up(void)
{
	return ((struct pvnet_config *)hostd_window_config(&n.t.bus->win, 0))->flags == htole16(PVNET_LINK_UP);
}

/* What the broker does; @gone becomes ready when the peer has gone, where that is not seen otherwise; or -1. */
static inline void connect_peer_with(int type, int gone)
{
	int ends[2], small = 4096;

	if (socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends))
		ktap_bail("socketpair");
	setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	hostd_parcel_send(line, "", 1, (int[]) { ends[0], gone }, 1 + (gone >= 0));
	close(ends[0]);
	peer = ends[1];
	turn();
}

static inline void connect_peer(int type)
{
	connect_peer_with(type, -1);
}

static inline void up(void)
{
	struct pvnet_settings set = testnet_settings(PVNET_M_UP | PVNET_M_PROMISC);

	set.mtu = htole32(65535);
	set.offloads = htole64(1 << PVNET_F_RX_CSUM);
	testnet_set(&set);
}

/* A UDP datagram over IPv4 with @len bytes in all; its checksum is the pseudo header's sum. */
static inline void make_udp(uint8_t *f, unsigned int len)
{
	static const uint8_t head[] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, 0, 0, 0, 0, 0,
					64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0, 7, 0, 9 };
	unsigned int i, udp = len - 34, sum = 0x0a00 + 1 + 0x0a00 + 2 + 17 + udp;

	for (i = sizeof(head); i < len; i++)
		f[i] = i * 7;
	memcpy(f, head, sizeof(head));
	f[16] = (len - 14) >> 8;
	f[17] = len - 14;
	f[38] = udp >> 8;
	f[39] = udp;
	sum = (sum & 0xffff) + (sum >> 16);
	f[40] = sum >> 8;
	f[41] = sum;
}

static inline void submit(uint32_t id, unsigned int len)
{
	struct pvnet_tx_sqe sqe = {
		.id = htole32(id), .len = htole32(len), .data_off = htole64(testnet_off(2, 0)),
		.offload = { .flags = PVNET_O_CSUM_PARTIAL, .csum_start = htole16(34), .csum_offset = htole16(6) },
	};

	testnet_submit(2, &sqe);
}

/* Read @len bytes while the device goes on; less if no more come. */
static inline size_t drain(uint8_t *to, size_t len)
{
	unsigned int idle = 0;
	size_t done = 0;

	while (done < len && idle++ < 100) {
		ssize_t part = recv(peer, to + done, len - done, 0);

		if (part > 0) {
			done += part;
			idle = 0;
		}
		turn();
	}
	return done;
}

/* Is it a frame in a stream, of that length and with a right checksum? */
static inline bool is_whole(const uint8_t *at, unsigned int len)
{
	return at[0] == 0 && at[1] == len >> 16 && at[2] == (uint8_t)(len >> 8) && at[3] == (uint8_t)len &&
	       net_csum_is_right(at + 4, len);
}

static inline uint32_t reap_status(void)
{
	struct pvnet_cqe tx;

	return testnet_reap(2, &tx) ? le32toh(tx.status) : TESTDRV_SILENT;
}

/* A frame in a stream, with a right checksum or none. */
static inline void put(uint8_t *to, unsigned int len, bool right)
{
	const struct net_offload o = { .flags = 1, .csum_start = 34, .csum_offset = 6 };
	uint16_t csum;

	memcpy(to, (uint8_t[]) { 0, len >> 16, len >> 8, len }, 4);
	make_udp(to + 4, len);
	csum = net_csum_complete(to + 4, len, &o);
	memcpy(to + 44, &csum, 2);
	to[44] ^= !right;
}

/* For a peer. */
static inline bool was_asked_for(void)
{
	char byte;

	return recv(line, &byte, 1, MSG_DONTWAIT) == 1;
}

static inline int make_line(void)
{
	int ends[2];

	/* As a worker does. */
	signal(SIGPIPE, SIG_IGN);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends))
		ktap_bail("socketpair");
	line = ends[0];
	return ends[1];
}

#endif /* SELFTESTS_HOSTD_TESTPEER_H */

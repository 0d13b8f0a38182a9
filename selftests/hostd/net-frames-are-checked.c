// SPDX-License-Identifier: GPL-2.0-only
/*
 * A frame, buffer or command that breaks the ABI breaks its queue and nothing else; a frame whose offload
 * makes no sense is dropped, and so is what comes that the driver has not asked for; settings are taken as a
 * whole or not at all. What is passed on says of a checksum only that it is to be completed.
 */
#include "testnet.h"

#define FRAME	1000U

static struct pvnet_tx_sqe frame(uint32_t len, uint64_t at)
{
	return (struct pvnet_tx_sqe) { .id = htole32(7), .len = htole32(len), .data_off = htole64(testnet_off(2, at)) };
}

static struct pvnet_tx_sqe with(uint32_t len, uint8_t flags, uint8_t gso_type, uint16_t gso_size, uint16_t start,
				uint16_t offset)
{
	struct pvnet_tx_sqe sqe = frame(len, 0);

	sqe.offload = (struct pvnet_offload) {
		.flags = flags, .gso_type = gso_type, .gso_size = htole16(gso_size),
		.csum_start = htole16(start), .csum_offset = htole16(offset), .hdr_len = htole16(0xffff),
	};
	return sqe;
}

static void expect(const char *what, uint32_t status, struct pvnet_tx_sqe sqe)
{
	unsigned int nr = n.nr_tx;

	testnet_submit(2, &sqe);
	ktap_ok(testnet_status(2) == status && n.nr_tx - nr == (status == PVNET_S_OK) &&
			testdrv_status(&n.t.drv, 0) == PVBUS_S_RUNNING, "%s: status %u", what, status);
}

static void expect_broken(const char *what, unsigned int index, const void *sqe)
{
	struct pvnet_cqe cqe;

	testnet_submit(index, sqe);
	testnet_pump();
	ktap_ok(testdrv_status(&n.t.drv, 0) == PVBUS_S_BROKEN && !testnet_reap(index, &cqe) && !n.nr_tx &&
			le32toh(testdrv_dev_ctrl(&n.q[index])->error) == PVRING_E_ENTRY, "%s: broken", what);
	testnet_start(0);
	testnet_up(0);
}

static void check_places(void)
{
	struct pvnet_tx_sqe sqe;

	expect("the shortest frame", PVNET_S_OK, frame(PVNET_FRAME_MIN, 0));
	expect("a longer one than the MTU, which is being raised", PVNET_S_OK, frame(1501 + PVNET_FRAME_OVERHEAD, 0));
	n.net->config.max_mtu = htole32(9000);
	expect("the longest of any MTU", PVNET_S_OK, frame(9000 + PVNET_FRAME_OVERHEAD, 0));
	expect("a longer one that is not to be cut", PVNET_S_INVAL, frame(9001 + PVNET_FRAME_OVERHEAD, 0));
	n.net->config.max_mtu = htole32(PVNET_MTU_MAX);
	expect("at the end of the extent", PVNET_S_OK, frame(14, TESTNET_DATA - 14));
	testnet_start(0);
	sqe = frame(13, 0);
	expect_broken("shorter than a header", 2, &sqe);
	sqe = frame(PVNET_FRAME_MAX + 1, 0);
	expect_broken("longer than max_frame", 2, &sqe);
	sqe = frame(-1U, 0);
	expect_broken("a length that overflows", 2, &sqe);
	sqe = frame(FRAME, TESTNET_DATA - FRAME + 1);
	expect_broken("beyond the extent", 2, &sqe);
	sqe = frame(FRAME, -1ULL - testnet_off(2, 0));
	expect_broken("an offset that overflows", 2, &sqe);
	sqe.data_off = 0;
	expect_broken("in the header", 2, &sqe);
}

static void check_offloads(void)
{
	const uint8_t partial = PVNET_O_CSUM_PARTIAL;

	expect("a partial checksum", PVNET_S_OK, with(FRAME, partial, 0, 0, 34, 16));
	ktap_ok(n.tx.offload.flags == partial && n.tx.offload.csum_start == 34 && n.tx.offload.csum_offset == 16,
		"is passed on as it is");
	expect("one at the very end", PVNET_S_OK, with(FRAME, partial, 0, 0, FRAME - 2, 0));
	expect("one that ends beyond the frame", PVNET_S_INVAL, with(FRAME, partial, 0, 0, FRAME - 2, 1));
	expect("one that starts beyond it", PVNET_S_INVAL, with(FRAME, partial, 0, 0, FRAME, 0));
	expect("sums that overflow 16 bits", PVNET_S_INVAL, with(FRAME, partial, 0, 0, 0xffff, 0xffff));
	expect("one in the Ethernet header", PVNET_S_INVAL, with(FRAME, partial, 0, 0, 13, 2));
	expect("a checksum that is claimed to be right", PVNET_S_INVAL, with(FRAME, PVNET_O_CSUM_VALID, 0, 0, 0, 0));
	expect("both", PVNET_S_INVAL, with(FRAME, partial | PVNET_O_CSUM_VALID, 0, 0, 34, 16));
	expect("an unknown flag", PVNET_S_INVAL, with(FRAME, 0x80, 0, 0, 0, 0));
	expect("the longest segment", PVNET_S_OK, with(PVNET_FRAME_MAX, partial, PVNET_GSO_TCPV4, 1448, 34, 16));
	expect("of IPv6 with ECN", PVNET_S_OK, with(9000, partial, PVNET_GSO_TCPV6 | PVNET_GSO_ECN, 1428, 54, 16));
	expect("of UDP", PVNET_S_OK, with(9000, partial, PVNET_GSO_UDP, 1400, 34, 6));
	expect("of UDP with ECN", PVNET_S_INVAL, with(9000, partial, PVNET_GSO_UDP | PVNET_GSO_ECN, 1400, 34, 6));
	expect("ECN of nothing", PVNET_S_INVAL, with(FRAME, partial, PVNET_GSO_ECN, 100, 34, 16));
	expect("segments of no bytes", PVNET_S_INVAL, with(9000, partial, PVNET_GSO_TCPV4, 0, 34, 16));
	expect("segments without checksums", PVNET_S_INVAL, with(9000, 0, PVNET_GSO_TCPV4, 1448, 34, 16));
	expect("segments of an unknown type", PVNET_S_INVAL, with(9000, partial, 4, 1448, 34, 16));
}

static void check_features(void)
{
	testnet_start(1 << PVNET_F_CSUM | 1 << PVNET_F_TSO_ECN | 1 << PVNET_F_USO);
	expect("a checksum that was not agreed", PVNET_S_INVAL, with(FRAME, PVNET_O_CSUM_PARTIAL, 0, 0, 34, 16));
	testnet_start(1 << PVNET_F_TSO_ECN | 1 << PVNET_F_USO | 1 << PVNET_F_TSO6);
	expect("ECN that was not", PVNET_S_INVAL, with(9000, 1, PVNET_GSO_TCPV4 | PVNET_GSO_ECN, 1448, 34, 16));
	expect("UDP that was not", PVNET_S_INVAL, with(9000, 1, PVNET_GSO_UDP, 1400, 34, 6));
	expect("IPv6 that was not", PVNET_S_INVAL, with(9000, 1, PVNET_GSO_TCPV6, 1428, 54, 16));
	expect("IPv4 that was", PVNET_S_OK, with(9000, 1, PVNET_GSO_TCPV4, 1448, 34, 16));
}

static void check_failures(void)
{
	uint64_t failed = testnet_sum(tx_failed), no_link = testnet_sum(tx_no_link);

	testnet_start(0);
	n.error = -EIO;
	testnet_submit(2, &(struct pvnet_tx_sqe) { .len = htole32(60), .data_off = htole64(testnet_off(2, 0)) });
	ktap_ok(testnet_status(2) == PVNET_S_DROPPED && testnet_sum(tx_failed) == failed + 1,
		"what the back end refuses is dropped, and counted");
	n.error = 0;
	expect("the next one goes", PVNET_S_OK, frame(60, 0));
	n.net->wants_link = false;
	expect("without a link", PVNET_S_DROPPED, frame(60, 0));
	ktap_ok(testnet_sum(tx_no_link) == no_link + 1, "counted");
	n.net->wants_link = true;
}

/* Change one member of good settings. */
#define refuses(what, change) do {						\
		struct pvnet_settings set = testnet_settings(PVNET_M_UP), old = n.net->set; \
										\
		change;								\
		ktap_ok(testnet_set(&set) == PVNET_S_INVAL && !memcmp(&old, &n.net->set, sizeof(old)), \
			"settings with %s: INVAL, and the old ones stay", what);	\
	} while (0)

static void check_settings(void)
{
	struct pvnet_settings rss = testnet_settings(PVNET_M_UP | PVNET_M_RSS | PVNET_M_HASH | PVNET_M_VLANS);

	testnet_start(0);
	refuses("an unknown mode", set.mode = htole16(0x40));
	refuses("no pairs", set.nr_pairs = 0);
	refuses("more pairs than were started", set.nr_pairs = htole16(TESTNET_PAIRS + 1));
	refuses("too many addresses", set.nr_macs = htole16(PVNET_MACS_MAX + 1));
	refuses("an MTU that is too small", set.mtu = htole32(67));
	refuses("one that is too large", set.mtu = htole32(65536));
	refuses("a feature for sending", set.offloads = htole64(1));
	refuses("a feature there is not", set.offloads = htole64(1ULL << 63));
	refuses("an unknown hash", set.hash_types = htole32(0x40));
	rss.rss_table[PVNET_RSS_SIZE_MAX - 1] = 1;
	ktap_ok(testnet_set(&rss) == PVNET_S_INVAL, "a table with a pair that is not in use: INVAL");
	rss.nr_pairs = htole16(2);
	ktap_ok(testnet_set(&rss) == PVNET_S_OK && n.net->up && n.net->nr_pairs == 2, "with it in use: OK");
	testnet_start(1 << PVNET_F_FILTER | 1 << PVNET_F_RSS | 1 << PVNET_F_HASH | 1 << PVNET_F_RX_TSO4);
	refuses("VLANs that were not agreed", set.mode = htole16(PVNET_M_VLANS));
	refuses("RSS that was not", set.mode = htole16(PVNET_M_RSS));
	refuses("hashes that were not", set.mode = htole16(PVNET_M_HASH));
	refuses("segments that were not", set.offloads = htole64(1 << PVNET_F_RX_TSO4));
}

static void check_commands(void)
{
	struct pvnet_ctrl_sqe set = {
		.len = htole32(sizeof(struct pvnet_settings)), .data_off = htole64(testnet_off(0, 0)),
	}, sqe = set;

	testnet_start(0);
	sqe.op = htole32(1);
	testnet_submit(0, &sqe);
	ktap_ok(testnet_status(0) == PVNET_S_INVAL, "an unknown command: INVAL");
	sqe = set;
	sqe.len = htole32(sizeof(struct pvnet_settings) - 8);
	expect_broken("settings of another length", 0, &sqe);
	sqe = set;
	sqe.data_off = htole64(testnet_off(0, TESTNET_DATA - sizeof(struct pvnet_settings) + 8));
	expect_broken("settings beyond the extent", 0, &sqe);
	sqe.data_off = htole64(testnet_off(0, 4));
	expect_broken("settings at an odd place", 0, &sqe);
}

static void expect_bad_buffer(const char *what, uint64_t at, uint32_t len)
{
	struct pvnet_rx_sqe sqe = { .len = htole32(len), .data_off = htole64(testnet_off(1, at)) };

	testnet_come(100, 0);
	expect_broken(what, 1, &sqe);
}

static void check_buffers(void)
{
	testnet_start(0);
	testnet_up(0);
	expect_bad_buffer("a buffer at an odd place", 32, 4096);
	expect_bad_buffer("one that is too short", 0, 63);
	expect_bad_buffer("one beyond the extent", TESTNET_DATA - 64, 128);
	expect_bad_buffer("one with a length that overflows", 64, -64U);
	expect_bad_buffer("one before the extent", -64ULL, 4096);
}

/* What the back end says is checked as well: it may be a peer that lies. */
static void check_arrivals(void)
{
	struct testnet_frame *f;
	struct pvnet_rx_cqe cqe;
	uint64_t bad;

	testnet_start(1 << PVNET_F_RX_USO);
	testnet_give(0, 1, 0, 128 << 10);
	bad = testnet_sum(rx_bad);
	n.net->be.offloads = 0;
	struct pvnet_settings set = testnet_settings(PVNET_M_UP);

	set.offloads = htole64(TESTNET_RX_FEATURES & ~(1ULL << PVNET_F_RX_USO | 1ULL << PVNET_F_RX_TSO6));
	testnet_set(&set);
	f = testnet_come(9000, 1);
	f->offload = (struct net_offload) { .flags = 1, .gso_type = PVNET_GSO_TCPV6, .gso_size = 1400, .csum_start = 54, .csum_offset = 16 };
	f = testnet_come(9000, 1);
	f->offload = (struct net_offload) { .flags = 1, .gso_type = PVNET_GSO_UDP, .gso_size = 1400, .csum_start = 34, .csum_offset = 6 };
	f = testnet_come(100, 1);
	f->offload = (struct net_offload) { .flags = 1, .csum_start = 90, .csum_offset = 16 };
	testnet_come(13, 1);
	testnet_come(0, 1);
	testnet_come(1501 + PVNET_FRAME_OVERHEAD, 1);
	testnet_pump();
	ktap_ok(!testnet_reap(1, &cqe) && testnet_sum(rx_bad) == bad + 5 && testnet_sum(rx_too_long) == 1,
		"segments that are not wanted, sums beyond the frame, frames too short and too long: dropped and counted");
	f = testnet_come(60, 1);
	f->offload.flags = PVNET_O_CSUM_VALID;
	testnet_pump();
	ktap_ok(testnet_reap(1, &cqe) && testnet_data(1, 16)[0] == PVNET_O_CSUM_VALID, "a checksum that was checked says so");
	testnet_give(0, 1, 0, 128 << 10);
	set.offloads = 0;
	testnet_set(&set);
	f = testnet_come(60, 1);
	f->offload.flags = PVNET_O_CSUM_VALID;
	testnet_pump();
	ktap_ok(testnet_reap(1, &cqe) && !testnet_data(1, 16)[0], "not to a driver that does not want to know");
}

int main(void)
{
	ktap_plan(11 + 18 + 5 + 4 + 15 + 4 + 5 + 3 + 1);
	testnet_init();
	testnet_up(0);
	check_places();
	check_offloads();
	check_features();
	check_failures();
	check_settings();
	check_commands();
	check_buffers();
	check_arrivals();
	ktap_ok(testbus_counters_are_known(&n.t.bus->devices[0]), "all that it tells is described");
	testbus_exit(&n.t);
	return ktap_finish();
}

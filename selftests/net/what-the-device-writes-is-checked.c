// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the device side writes for a NIC is checked on a private copy before it is used: ids unknown, stale or used
 * twice, status, lengths, and what is left to be done on a frame (RING-G3, NET-G3, NET-G6). A lie about the first breaks the
 * device, and frames in flight survive it; a frame that makes no sense is dropped and counted. What is sent lies in
 * the queue's extent, each frame in a place of its own (NET-G1, NET-G4). pvnet/ as it is.
 */
#include "testnic.h"

#include "ktap.h"

#define FRAME		1000
#define ALL		TESTNIC_FEATURES
#define RX_LEN		(4 << 16)	/* four buffers of 16 KiB, or three of the longest frame */
#define TX_LEN		(64 << 10)

static u32 rx_ids[TESTNIC_SIZE];

static struct pvnet_tx_stats *sent(void)
{
	return &nic.pair.tx.stats;
}

static struct pvnet_rx_stats *got(void)
{
	return &nic.pair.rx.stats;
}

static void start(u64 features, u32 max_frame)
{
	const struct pvnet_rx_sqe *sqe;
	unsigned int i = 0;

	nic_init();
	nic_go(features, max_frame, RX_LEN, TX_LEN);
	while ((sqe = nic_take(TESTNIC_RX)))
		rx_ids[i++] = le32toh(sqe->id);
}

/* Sending. */

static u32 send(u32 len, u32 head)
{
	const struct pvnet_tx_sqe *sqe;

	pvnet_start_xmit(nic_frame(len, head), &nic.dev);
	sqe = nic_take(TESTNIC_TX);
	return sqe ? le32toh(sqe->id) : ~0U;
}

static void complete(u32 id, u32 status)
{
	nic_post(TESTNIC_TX, id, status, 0);
	nic_poll();
}

static void check_submission(void)
{
	struct sk_buff *skb;
	const struct pvnet_tx_sqe *sqe;
	static u8 copy[9000];

	start(ALL, PVNET_FRAME_MAX);
	skb = nic_frame(9000, 100);
	skb_copy_bits(skb, 0, copy, skb->len);
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = 34;
	skb->csum_offset = 16;
	skb_shinfo(skb)->gso_size = 1400;
	skb_shinfo(skb)->gso_type = SKB_GSO_TCPV4 | SKB_GSO_TCP_ECN;
	pvnet_start_xmit(skb, &nic.dev);
	sqe = nic_take(TESTNIC_TX);
	ktap_ok(sqe && le32toh(sqe->len) == 9000 &&
		!memcmp(copy, nic.queues[TESTNIC_TX].data + le64toh(sqe->data_off) - TESTNIC_TX * TESTNIC_OFF, 9000),
		"a frame in pieces is given as a whole");
	ktap_ok(sqe->offload.flags == PVNET_O_CSUM_PARTIAL && le16toh(sqe->offload.csum_start) == 34 &&
		le16toh(sqe->offload.csum_offset) == 16 && le16toh(sqe->offload.gso_size) == 1400 &&
		sqe->offload.gso_type == (PVNET_GSO_TCPV4 | PVNET_GSO_ECN), "with what is left to be done");
	complete(le32toh(sqe->id), PVNET_S_OK);
	ktap_ok(stack.nr_freed == 1 && sent()->packets == 1 && sent()->bytes == 9000 && !stack.broken, "and ends once");
	nic_exit();
}

static void check_lengths(void)
{
	start(ALL, 1522);
	ktap_ok(send(13, 13) == ~0U && send(1523, 100) == ~0U && sent()->bad_len == 2 && stack.nr_freed == 2,
		"frames too short and too long are not sent, and counted");
	ktap_ok(send(14, 14) != ~0U && send(1522, 100) != ~0U && sent()->bad_len == 2, "the shortest and the longest are");
	nic_exit();
}

/* Whatever is completed first, what is in flight keeps its place. */
static void check_room(void)
{
	u32 ids[TESTNIC_SIZE], nr = 0, i;
	struct sk_buff *early;

	start(ALL, 20000);
	while (!nic.txq.stopped && nr < TESTNIC_SIZE)
		ids[nr++] = send(20000, 60);
	ktap_ok(nr == 3 && nic.txq.stopped, "the stack is told to wait before there is no room");
	/* As when the interface is put up, or wakes from a sleep. */
	netif_tx_wake_queue(&nic.txq);
	early = nic_frame(20000, 60);
	ktap_ok(pvnet_start_xmit(early, &nic.dev) == NETDEV_TX_BUSY && nic.txq.stopped && !sent()->dropped,
		"told to go on by others, it waits again, and loses no frame");
	end_frame(early);
	complete(ids[2], PVNET_S_OK);
	complete(ids[1], PVNET_S_OK);
	ktap_ok(nic.txq.stopped && stack.nr_freed == 2, "and waits while the oldest is in flight");
	complete(ids[0], PVNET_S_OK);
	ktap_ok(!nic.txq.stopped && sent()->wakes == 1, "and goes on when it is not");
	for (i = 0; i < 100; i++)
		complete(send(64 + i * 97, 60), i % 3);
	ktap_ok(stack.nr_freed == 103 && !stack.broken && nic.pair.tx.bytes == 0 &&
		sent()->packets + sent()->dropped + sent()->invalid == 103, "frames of any length come and go, each counted once");
	nic_exit();
}

/* Without a time after which interrupts come, there is none but those that are asked for. */
static void check_asking(void)
{
	const struct pvring *ring = &nic.queues[TESTNIC_TX].ring;

	start(ALL, 20000);
	nic.pair.coal.tx_usecs = 0;
	nic_poll();
	nic_post(TESTNIC_TX, send(100, 60), PVNET_S_OK, 0);
	send(100, 60);
	ktap_ok(ring->sq_next - ring->cq_next == 1 && le32toh(ring->drv->irq_event) == ring->cq_next,
		"who sends has reaped what an interrupt was asked for: it asks for the next");
	nic_exit();
	start(ALL, 20000);
	nic_poll();
	send(100, 60);
	ktap_ok(!nic.pair.napi.state, "who sends calls no NAPI where nothing has been received");
	nic_post(TESTNIC_RX, rx_ids[0], 92, 1);
	send(100, 60);
	ktap_ok(nic.pair.napi.state == BIT(NAPI_STATE_SCHED), "else it does, though nothing that was sent has ended");
	nic_exit();
}

/* One in flight, then a completion, which is a lie. */
static void expect_lie(const char *what, u32 xor, u32 status)
{
	u32 id;

	start(ALL, 1522);
	complete(send(100, 60), PVNET_S_OK);
	id = send(FRAME, 60);
	complete(id ^ xor, status);
	ktap_ok(stack.broken && stack.nr_freed == 1, "%s breaks the device, and ends no frame", what);
	complete(id, PVNET_S_OK);
	if (stack.nr_freed != 1)
		ktap_ok(false, "what comes after a lie is looked at");
	nic_exit();
}

static void check_completions(void)
{
	u32 id;

	expect_lie("an id beyond the ring", TESTNIC_SIZE, PVNET_S_OK);
	expect_lie("the largest number", 0xffff & ~1U, PVNET_S_OK);
	expect_lie("one that is not in flight", 4, PVNET_S_OK);
	expect_lie("another generation", 1 << PVNET_ID_BITS, PVNET_S_OK);
	expect_lie("a status that is none", 0, PVNET_S_INVAL + 1);
	expect_lie("the largest status", 0, ~0U);

	start(ALL, 1522);
	id = send(FRAME, 60);
	nic_post(TESTNIC_TX, id, PVNET_S_OK, 0);
	complete(id, PVNET_S_OK);
	ktap_ok(stack.broken && stack.nr_freed == 1 && sent()->packets == 1, "a frame that is completed twice ends once");
	nic_exit();
}

/* What a lie has left in flight goes into the next life, in order, but for what that does not offer. */
static void check_replay(void)
{
	const struct pvnet_tx_sqe *sqe;
	struct sk_buff *skb;
	u32 old[3];

	start(ALL, 1522);
	old[0] = send(500, 60);
	skb = nic_frame(600, 60);
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = 34;
	pvnet_start_xmit(skb, &nic.dev);
	nic_take(TESTNIC_TX);
	old[2] = send(700, 60);
	complete(1234, PVNET_S_OK);
	pvnet_tx_hold(&nic.pair);
	nic_go(ALL & ~BIT_ULL(PVNET_F_CSUM), 1522, RX_LEN, TX_LEN);
	sqe = nic_take(TESTNIC_TX);
	ktap_ok(sqe && le32toh(sqe->len) == 500 && le32toh(sqe->id) != old[0], "frames in flight are sent again, by other ids");
	sqe = nic_take(TESTNIC_TX);
	ktap_ok(sqe && le32toh(sqe->len) == 700 && !nic_take(TESTNIC_TX) && sent()->stale == 1 && sent()->replayed == 2,
		"but for one that the new life cannot take");
	complete(old[2], PVNET_S_OK);
	ktap_ok(stack.broken && stack.nr_freed == 1, "an id of the old life breaks the device");
	nic_exit();
}

/* What the stack may leave to be done on a frame, as it asks before it gives one. */
static void check_features(void)
{
	const netdev_features_t cut = NETIF_F_TSO | NETIF_F_TSO6, csum = NETIF_F_HW_CSUM, all = cut | csum;
	struct sk_buff *skb;

	start(ALL, 20000);
	skb = nic_frame(20000, 60);
	nic.net.offer = PVNET_OFFERS;
	ktap_ok(pvnet_features_check(skb, &nic.dev, all) == all, "the stack leaves the longest frame to be cut");
	nic.net.offer = NETIF_F_HW_CSUM | NETIF_F_TSO6;
	ktap_ok(pvnet_features_check(skb, &nic.dev, all) == (csum | NETIF_F_TSO6), "not where a new life does not do that");
	nic.net.offer = PVNET_OFFERS;
	pvnet_tx_hold(&nic.pair);
	nic_go(ALL, 19999, RX_LEN, TX_LEN);
	ktap_ok(pvnet_features_check(skb, &nic.dev, all) == csum, "and cuts one itself that is too long for a new life");
	end_frame(skb);
	nic_exit();
}

/* Receiving. */

/* Put a frame at @at of the first buffer; where the next one goes. */
static u32 put(u32 at, u32 len, struct pvnet_frame header)
{
	struct pvnet_frame *frame = nic.queues[TESTNIC_RX].data + at;

	header.len = htole32(len);
	*frame = header;
	if (at + sizeof(header) + len <= nic.queues[TESTNIC_RX].data_len)
		memset(frame + 1, at >> 6, len);
	return (at + sizeof(header) + len + PVNET_FRAME_ALIGN - 1) & ~(PVNET_FRAME_ALIGN - 1);
}

static void fill(u32 id, u32 used, u32 nr)
{
	nic_post(TESTNIC_RX, id, used, nr);
	nic_poll();
}

static bool is_got(unsigned int i, u32 len, u32 at)
{
	static u8 data[PVNET_FRAME_MAX];
	u32 b;

	if (i >= stack.nr_received || stack.received[i]->len != len)
		return false;
	skb_copy_bits(stack.received[i], 0, data, len);
	for (b = 0; b < len; b++)
		if (data[b] != (u8)(at >> 6))
			return false;
	return true;
}

static void check_packing(void)
{
	const struct pvnet_frame plain = { 0 };
	u32 second, third, used;

	start(ALL, PVNET_FRAME_MAX);
	stack.forget = true;
	second = put(0, 60, plain);
	third = put(second, 1514, plain);
	used = third + sizeof(plain) + 60000;
	put(third, 60000, plain);
	fill(rx_ids[0], used, 3);
	ktap_ok(is_got(0, 60, 0) && is_got(1, 1514, second) && is_got(2, 60000, third) && stack.nr_received == 3 && !stack.broken,
		"frames of all lengths are taken out of a buffer");
	ktap_ok(got()->packets == 3 && got()->bytes == 61574 && got()->buffers == 1 && nic_take(TESTNIC_RX),
		"and counted, and the buffer is given again");
	put(0, PVNET_FRAME_MAX, plain);
	fill(rx_ids[1], sizeof(plain) + 60, 1);
	ktap_ok(stack.broken, "the next buffer is another");
	nic_exit();
}

static void expect_bad_buffer(const char *what, u32 id, u32 used, u32 nr)
{
	start(ALL, 1522);
	put(0, 60, (struct pvnet_frame) { 0 });
	fill(rx_ids[0] ^ id, used, nr);
	ktap_ok(stack.broken && !stack.nr_received, "%s breaks the device", what);
	nic_exit();
}

static void check_buffers(void)
{
	expect_bad_buffer("a buffer that does not exist", 4, 92, 1);
	expect_bad_buffer("the largest number of one", 0xffff, 92, 1);
	expect_bad_buffer("another generation", 1 << PVNET_ID_BITS, 92, 1);
	expect_bad_buffer("more than a buffer holds", 0, (16 << 10) + 1, 1);
	expect_bad_buffer("the largest length", 0, ~0U, 1);
	expect_bad_buffer("no frames", 0, 92, 0);
	expect_bad_buffer("a frame in no bytes", 0, 0, 1);
	expect_bad_buffer("a header that is not whole", 0, 31, 1);

	start(ALL, 1522);
	put(0, 60, (struct pvnet_frame) { 0 });
	nic_post(TESTNIC_RX, rx_ids[0], 92, 1);
	fill(rx_ids[0], 92, 1);
	ktap_ok(stack.broken && stack.nr_received == 1, "so does a buffer that comes twice, and its frame does not");
	nic_exit();
	start(ALL, 1522);
	put(0, 60, (struct pvnet_frame) { 0 });
	nic.net.rx_bufs = 2;
	fill(rx_ids[0], 92, 1);
	fill(rx_ids[0], 92, 1);
	ktap_ok(stack.broken && stack.nr_received == 1, "and one that was not given again");
	nic_exit();
}

/* One good frame, then one of @len, in @used bytes. */
static void expect_bad_frame(const char *what, u32 len, u32 more, u32 nr)
{
	u32 second;

	start(ALL, 1522);
	stack.forget = true;
	second = put(0, 60, (struct pvnet_frame) { 0 });
	put(second, len, (struct pvnet_frame) { 0 });
	fill(rx_ids[0], second + more, nr);
	ktap_ok(stack.broken && stack.nr_received == 1 && got()->packets == 1,
		"%s breaks the device, after the frame before", what);
	nic_exit();
}

static void check_headers(void)
{
	expect_bad_frame("a frame without a header of its own", 13, 45, 2);
	expect_bad_frame("one of no bytes", 0, 32, 2);
	expect_bad_frame("one that ends beyond what is filled", 61, 92, 2);
	expect_bad_frame("one of the largest length", ~0U, 92, 2);
	expect_bad_frame("a length that overflows with its header", -32U, 92, 2);
	expect_bad_frame("one that is longer than any may be", 1523, 32 + 1523, 2);
	expect_bad_frame("more frames than there are", 60, 0, 2);
}

/* A frame with @offload, and a plain one behind it, which always passes. */
static struct sk_buff *come(u64 features, struct pvnet_offload offload)
{
	u32 second;

	start(features, PVNET_FRAME_MAX);
	second = put(0, FRAME, (struct pvnet_frame) { .offload = offload });
	put(second, 60, (struct pvnet_frame) { 0 });
	fill(rx_ids[0], second + sizeof(struct pvnet_frame) + 60, 2);
	if (stack.broken || !is_got(stack.nr_received - 1, 60, second))
		ktap_ok(false, "the frame behind passes");
	return stack.nr_received == 2 ? stack.received[0] : NULL;
}

#define SUM(start, off)	.flags = PVNET_O_CSUM_PARTIAL, .csum_start = htole16(start), .csum_offset = htole16(off)
#define GSO(type, size)	.gso_type = (type), .gso_size = htole16(size)
#define WITHOUT(name)	(ALL & ~BIT_ULL(PVNET_F_RX_##name))

static void check_offloads(void)
{
	const struct {
		const char		*what;
		u64			features;
		struct pvnet_offload	offload;
	} bad[] = {
		{ "a sum that starts beyond the frame", ALL, { SUM(FRAME, 0) } },
		{ "one that ends beyond it", ALL, { SUM(FRAME - 20, 19) } },
		{ "one that overflows 16 bits", ALL, { SUM(0xffff, 0xffff) } },
		{ "one in the addresses", ALL, { SUM(0, 6) } },
		{ "one that was not agreed", WITHOUT(CSUM), { SUM(34, 16) } },
		{ "segments without sums", ALL, { GSO(PVNET_GSO_TCPV4, 500) } },
		{ "segments of no bytes", ALL, { SUM(34, 16), GSO(PVNET_GSO_TCPV4, 0) } },
		{ "segments of an unknown kind", ALL, { SUM(34, 16), GSO(4, 500) } },
		{ "of the largest kind", ALL, { SUM(34, 16), GSO(0x7f, 500) } },
		{ "of TCP over IPv4 that were not agreed", WITHOUT(TSO4), { SUM(34, 16), GSO(PVNET_GSO_TCPV4, 500) } },
		{ "of TCP over IPv6", WITHOUT(TSO6), { SUM(34, 16), GSO(PVNET_GSO_TCPV6, 500) } },
		{ "of UDP", WITHOUT(USO), { SUM(34, 6), GSO(PVNET_GSO_UDP, 500) } },
		{ "with ECN", WITHOUT(TSO_ECN), { SUM(34, 16), GSO(PVNET_GSO_TCPV4 | PVNET_GSO_ECN, 500) } },
		{ "ECN of UDP", ALL, { SUM(34, 6), GSO(PVNET_GSO_UDP | PVNET_GSO_ECN, 500) } },
		{ "ECN of nothing", ALL, { SUM(34, 16), GSO(PVNET_GSO_ECN, 500) } },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		ktap_ok(!come(bad[i].features, bad[i].offload) && got()->bad_offload == 1,
			"%s: dropped and counted", bad[i].what);
		nic_exit();
	}
}

static void check_promises(void)
{
	struct sk_buff *skb = come(ALL, (struct pvnet_offload) {
		SUM(34, 16), GSO(PVNET_GSO_TCPV4 | PVNET_GSO_ECN, 500), .hdr_len = htole16(0xffff) });

	ktap_ok(skb && skb->ip_summed == CHECKSUM_PARTIAL && skb->csum_start == 34 && skb->csum_offset == 16 &&
		skb_shinfo(skb)->gso_size == 500 && skb_shinfo(skb)->gso_type == (SKB_GSO_TCPV4 | SKB_GSO_TCP_ECN),
		"what makes sense is told to the stack; nobody believes the length of the headers");
	nic_exit();
	skb = come(ALL, (struct pvnet_offload) { .flags = PVNET_O_CSUM_VALID });
	ktap_ok(skb && skb->ip_summed == CHECKSUM_UNNECESSARY, "so is a checksum that was checked");
	nic_exit();
	skb = come(ALL, (struct pvnet_offload) {
		.flags = PVNET_O_CSUM_PARTIAL | PVNET_O_CSUM_VALID, .csum_start = htole16(34), .csum_offset = htole16(16) });
	ktap_ok(skb && skb->ip_summed == CHECKSUM_PARTIAL, "one that is still to be done is not right");
	nic_exit();
	skb = come(ALL, (struct pvnet_offload) { .flags = 0xfc, .reserved = { 0xffff, 0xffff, 0xffff } });
	ktap_ok(skb && skb->ip_summed == CHECKSUM_NONE && !skb_is_gso(skb), "what is reserved means nothing");
	nic_exit();
}

static u8 hash_type(u64 features, u32 type)
{
	u8 found;

	start(features, 1522);
	put(0, 60, (struct pvnet_frame) { .hash = htole32(0x12345678), .hash_type = htole32(type) });
	fill(rx_ids[0], 92, 1);
	found = stack.received[0]->hash_type;
	if (found && stack.received[0]->hash != 0x12345678)
		found = 0xff;
	nic_exit();
	return found;
}

static void check_hashes(void)
{
	ktap_ok(hash_type(ALL, PVNET_HASH_IPV6) == PKT_HASH_TYPE_L3 && hash_type(ALL, PVNET_HASH_UDPV4) == PKT_HASH_TYPE_L4 &&
		hash_type(ALL, ~0U) != 0xff && !hash_type(ALL, 0), "hashes are told with their kind, and any number is one");
}

/* Whichever allocation fails, frames are dropped and counted, and nothing is leaked. */
static void check_memory(void)
{
	const struct pvnet_frame plain = { 0 };
	u32 fail, second, used;
	bool good = true;

	for (fail = 0; fail < 1 << 12; fail++) {
		start(ALL, PVNET_FRAME_MAX);
		second = put(0, 60000, plain);
		used = second + sizeof(plain) + 100;
		put(second, 100, plain);
		stack.fail = fail;
		fill(rx_ids[0], used, 2);
		good &= !stack.broken && got()->packets + got()->no_memory == 2 && stack.nr_received == got()->packets;
		if (stack.nr_received == 2)
			good &= is_got(0, 60000, 0) && is_got(1, 100, second);
		nic_exit();
	}
	ktap_ok(good, "whichever allocation fails, frames are whole, or dropped and counted");
}

static void check_states(void)
{
	start(ALL, 1522);
	put(0, 60, (struct pvnet_frame) { 0 });
	nic.dev.running = false;
	fill(rx_ids[0], 92, 1);
	ktap_ok(!stack.nr_received && got()->down == 1, "an interface that is down gets nothing");
	nic_exit();
	start(ALL, 1522);
	put(0, 60, (struct pvnet_frame) { 0 });
	stack.epoch_over = true;
	fill(rx_ids[0], 92, 1);
	ktap_ok(!stack.nr_received && !stack.broken && nic.pair.halted,
		"what is read when the epoch is over is nothing, and nobody's lie");
	nic_exit();
}

/* XDP. */

static void run_program(u32 act, u32 len, struct pvnet_offload offload)
{
	static int program;

	nic.net.prog = (struct bpf_prog *)&program;
	stack.act = act;
	stack.head = stack.tail = 10000;
	put(0, len, (struct pvnet_frame) { .offload = offload });
	fill(rx_ids[0], sizeof(struct pvnet_frame) + len, 1);
}

static void run(u32 act, u32 len, struct pvnet_offload offload)
{
	start(ALL, PVNET_FRAME_MAX);
	run_program(act, len, offload);
}

static void check_programs(void)
{
	const struct pvnet_offload whole = { 0 };
	const struct pvnet_tx_sqe *sqe;

	run(XDP_PASS, FRAME, whole);
	ktap_ok(stack.nr_received == 1 && stack.received[0]->len >= FRAME + 256, "a program has the room that it is told");
	nic_exit();
	run(XDP_TX, FRAME, whole);
	sqe = nic_take(TESTNIC_TX);
	ktap_ok(sqe && le32toh(sqe->len) >= FRAME + 256 && !sqe->offload.flags && got()->xdp_tx == 1, "what it sends back is whole");
	nic_exit();
	run(XDP_REDIRECT, FRAME, whole);
	ktap_ok(got()->xdp_redirect == 1, "what it redirects is another's");
	nic_exit();
	run(XDP_DROP, FRAME, whole);
	ktap_ok(got()->xdp_drop == 1 && !stack.nr_pages, "what it drops is gone");
	nic_exit();
	start(ALL, PVNET_FRAME_MAX);
	stack.epoch_over = true;
	run_program(XDP_PASS, FRAME, whole);
	ktap_ok(!stack.nr_received && !stack.broken && nic.pair.halted, "it sees nothing when the epoch is over");
	nic_exit();
	run(77, FRAME, whole);
	ktap_ok(got()->xdp_aborted == 1, "what it says wrongly is dropped");
	nic_exit();
	run(XDP_PASS, PVNET_FRAME_MAX, whole);
	ktap_ok(!stack.nr_received && got()->xdp_unfit == 1 && !stack.broken, "it sees no frame that is too long");
	nic_exit();
	run(XDP_PASS, FRAME, (struct pvnet_offload) { SUM(34, 16) });
	ktap_ok(!stack.nr_received && got()->xdp_unfit == 1, "none without its checksum");
	nic_exit();
	run(XDP_PASS, FRAME, (struct pvnet_offload) { GSO(0x7f, 500) });
	ktap_ok(!stack.nr_received && got()->xdp_unfit == 1, "and none that is to be cut");
	nic_exit();
}

int main(void)
{
	ktap_plan(78);
	check_submission();
	check_lengths();
	check_room();
	check_asking();
	check_completions();
	check_replay();
	check_features();
	check_packing();
	check_buffers();
	check_headers();
	check_offloads();
	check_promises();
	check_hashes();
	check_memory();
	check_states();
	check_programs();
	return ktap_finish();
}

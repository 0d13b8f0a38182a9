// SPDX-License-Identifier: GPL-2.0-only
/*
 * pvnet against a device that completes what it likes and writes what it likes: a frame sent ends once, only
 * if it is in flight under just that id, and is sent again in a new life if it has not; what is received is what
 * was in the buffer, whole, with just what is left to be done on it that was agreed; at the first lie the device
 * is broken, and nothing is looked at any more (RING-G3, NET-G1 to NET-G6). pvnet/ as it is.
 */
#include "testnic.h"

#include "fuzz.h"

#define RX_LEN	(2 << 14)
#define TX_LEN	(5 << 12)

/**
 * struct flight - a frame in flight
 * @skb: it; NULL: of XDP
 * @id: under which
 * @off: its place
 * @len: bytes
 */
struct flight {
	struct sk_buff	*skb;
	u32		id;
	u64		off;
	u32		len;
};

static struct flight flights[TESTNIC_SIZE];
static unsigned int nr_flights;
static u32 buffers[TESTNIC_SIZE];	/* ids of the receive buffers that the device has, */
static unsigned int nr_buffers;
static u8 window[RX_LEN];		/* and what is in them */
static bool wild;			/* the device has written anything anywhere */

/* Sending. */

static void check_place(const struct flight *f)
{
	unsigned int i;

	FUZZ_CHECK(f->off <= TX_LEN && f->len <= TX_LEN - f->off);
	FUZZ_CHECK(f->len >= PVNET_FRAME_MIN && f->len <= le32toh(nic.net.config.max_frame));
	for (i = 0; i < nr_flights; i++) {
		FUZZ_CHECK(flights[i].id != f->id);
		FUZZ_CHECK(f->off + f->len <= flights[i].off || flights[i].off + flights[i].len <= f->off);
	}
}

static void check_offload(const struct pvnet_offload *o, const struct sk_buff *skb)
{
	u64 features = nic.net.features;

	FUZZ_CHECK(!(o->flags & ~PVNET_O_CSUM_PARTIAL) && !o->reserved[0] && !o->reserved[1] && !o->reserved[2]);
	FUZZ_CHECK(!o->flags == !(skb && skb->ip_summed == CHECKSUM_PARTIAL));
	FUZZ_CHECK(!o->flags || features & BIT_ULL(PVNET_F_CSUM));
	FUZZ_CHECK(!o->gso_type == !(skb && skb_is_gso(skb)));
	if (o->gso_type)
		FUZZ_CHECK(le16toh(o->gso_size) == skb_shinfo(skb)->gso_size &&
			   features & (BIT_ULL(PVNET_F_TSO4) | BIT_ULL(PVNET_F_TSO6) | BIT_ULL(PVNET_F_USO)));
}

/* What has been submitted since; @skb: the frame, or NULL: of XDP. */
static void take_sent(struct sk_buff *skb)
{
	const struct pvnet_tx_sqe *sqe = nic_take(TESTNIC_TX);
	struct flight f = { .skb = skb };
	static u8 data[TX_LEN];

	if (!sqe)
		return;
	FUZZ_CHECK(nr_flights < TESTNIC_SIZE);
	f.id = le32toh(sqe->id);
	f.len = le32toh(sqe->len);
	f.off = le64toh(sqe->data_off) - TESTNIC_TX * TESTNIC_OFF;
	check_place(&f);
	check_offload(&sqe->offload, skb);
	if (skb) {
		FUZZ_CHECK(f.len == skb->len);
		skb_copy_bits(skb, 0, data, f.len);
		FUZZ_CHECK(!memcmp(data, nic.queues[TESTNIC_TX].data + f.off, f.len));
	}
	flights[nr_flights++] = f;
}

static void send(struct fuzz_input *in)
{
	static const unsigned int types[] = {
		SKB_GSO_TCPV4, SKB_GSO_TCPV6, SKB_GSO_UDP_L4, SKB_GSO_TCPV4 | SKB_GSO_TCP_ECN,
	};
	u32 len = 1 + fuzz_number(in, 2) % 9000, kind = fuzz_number(in, 1), freed = stack.nr_freed;
	unsigned int before = nr_flights;
	struct sk_buff *skb;

	/* The stack waits, too. */
	if (nic.txq.stopped || wild)
		return;
	skb = nic_frame(len, min(len, 1 + (kind >> 1 & 127)));
	if (kind & 1) {
		skb->ip_summed = CHECKSUM_PARTIAL;
		skb->csum_start = 34;
		skb->csum_offset = 16;
	}
	if (kind % 5 == 1) {
		skb_shinfo(skb)->gso_type = types[kind >> 4 & 3];
		skb_shinfo(skb)->gso_size = 100;
	}
	stack.more = kind & 0x80;
	/* Where a setting has made room scarce, it waits, for what is in flight. */
	if (pvnet_start_xmit(skb, &nic.dev) == NETDEV_TX_BUSY) {
		FUZZ_CHECK(nic.txq.stopped && nic.pair.tx.head != nic.pair.tx.tail);
		dev_kfree_skb_any(skb);
		return;
	}
	if (nic.pair.halted)
		return;
	take_sent(skb);
	FUZZ_CHECK(nr_flights == before + 1 || stack.nr_freed > freed);
}

static void send_raw(struct fuzz_input *in)
{
	static u8 data[9000];
	struct xdp_frame frame = { data, fuzz_number(in, 2) % sizeof(data) }, *frames = &frame;

	if (wild)
		return;
	pvnet_xdp_xmit(&nic.dev, 1, &frames, fuzz_number(in, 1) & XDP_XMIT_FLUSH);
	if (!nic.pair.halted)
		take_sent(NULL);
}

/* A completion, honest or not, and what must follow from it. */
static void complete(struct fuzz_input *in)
{
	u32 choice = fuzz_number(in, 1), status = fuzz_number(in, 1) % 4, freed = stack.nr_freed, i = 0, id;
	bool known = false, is_frame;

	if (wild)
		return;
	id = choice & 0x80 || !nr_flights ? fuzz_number(in, 4) : flights[choice % nr_flights].id;
	if (choice & 0x40)
		status = fuzz_number(in, 4);
	for (i = 0; i < nr_flights && !known; i++)
		known = flights[i].id == id;
	known &= status <= PVNET_S_INVAL;
	is_frame = known && flights[i - 1].skb;
	nic_post(TESTNIC_TX, id, status, fuzz_number(in, 1));
	if (nic.pair.halted) {
		nic_poll();
		FUZZ_CHECK(stack.nr_freed == freed);
		return;
	}
	nic_poll();
	FUZZ_CHECK(!nic.pair.halted == known);
	FUZZ_CHECK(stack.nr_freed == freed + is_frame);
	if (known)
		flights[i - 1] = flights[--nr_flights];
	FUZZ_CHECK(nr_flights || !nic.txq.stopped || nic.pair.halted);
}

/* Receiving. */

static void take_buffers(void)
{
	const struct pvnet_rx_sqe *sqe;
	unsigned int i;

	while ((sqe = nic_take(TESTNIC_RX))) {
		u64 off = le64toh(sqe->data_off) - TESTNIC_RX * TESTNIC_OFF;
		u32 len = le32toh(sqe->len);

		FUZZ_CHECK(off % PVNET_FRAME_ALIGN == 0 && off <= RX_LEN && len <= RX_LEN - off);
		FUZZ_CHECK(len >= le32toh(nic.net.config.max_frame) + sizeof(struct pvnet_frame));
		for (i = 0; i < nr_buffers; i++)
			FUZZ_CHECK((u16)buffers[i] != (u16)le32toh(sqe->id));
		FUZZ_CHECK(nr_buffers < TESTNIC_SIZE);
		buffers[nr_buffers++] = le32toh(sqe->id);
	}
}

/* NET-G2 with the features named RX. */
static bool is_sound(const struct pvnet_offload *o, u32 len)
{
	static const u8 features[] = { 0, PVNET_F_RX_TSO4, PVNET_F_RX_TSO6, PVNET_F_RX_USO };
	u32 start = le16toh(o->csum_start), off = le16toh(o->csum_offset), type = o->gso_type & ~PVNET_GSO_ECN;
	bool ecn = o->gso_type & PVNET_GSO_ECN, partial = o->flags & PVNET_O_CSUM_PARTIAL;

	if (partial && (!pvnet_has(&nic.net, PVNET_F_RX_CSUM) || start < 14 || start + off + 2 > len))
		return false;
	if (!o->gso_type)
		return true;
	if (!partial || !type || type > PVNET_GSO_UDP || !pvnet_has(&nic.net, features[type]) || !o->gso_size)
		return false;
	return !ecn || (type != PVNET_GSO_UDP && pvnet_has(&nic.net, PVNET_F_RX_TSO_ECN));
}

static void check_received(const struct sk_buff *skb, const struct pvnet_frame *frame, const u8 *data)
{
	const struct pvnet_offload *o = &frame->offload;
	bool partial = o->flags & PVNET_O_CSUM_PARTIAL;
	static u8 copy[RX_LEN];

	FUZZ_CHECK(skb->len == le32toh(frame->len));
	skb_copy_bits(skb, 0, copy, skb->len);
	FUZZ_CHECK(!memcmp(copy, data, skb->len));
	FUZZ_CHECK((skb->ip_summed == CHECKSUM_PARTIAL) == partial);
	FUZZ_CHECK((skb->ip_summed == CHECKSUM_UNNECESSARY) == (!partial && o->flags & PVNET_O_CSUM_VALID));
	FUZZ_CHECK(!partial || (skb->csum_start == le16toh(o->csum_start) && skb->csum_offset == le16toh(o->csum_offset)));
	FUZZ_CHECK(skb_shinfo(skb)->gso_size == (o->gso_type ? le16toh(o->gso_size) : 0));
}

/*
 * What must come of a buffer, by the copy in window[]. Return: where the driver must have found a lie, in
 * frames; UINT_MAX: nowhere.
 */
static unsigned int check_buffer(const u8 *buf, u32 used, u32 nr)
{
	unsigned int taken = 0, i;
	struct pvnet_frame frame;
	u32 at = 0;

	for (i = 0; i < nr; i++) {
		u32 len;

		if (at > used || used - at < sizeof(frame))
			return i;
		memcpy(&frame, buf + at, sizeof(frame));
		len = le32toh(frame.len);
		if (len < PVNET_FRAME_MIN || len > le32toh(nic.net.config.max_frame) || len > used - at - sizeof(frame))
			return i;
		at += sizeof(frame);
		if (is_sound(&frame.offload, len)) {
			FUZZ_CHECK(taken < stack.nr_received);
			check_received(stack.received[taken++], &frame, buf + at);
		}
		at = round_up(at + len, PVNET_FRAME_ALIGN);
	}
	FUZZ_CHECK(taken == stack.nr_received);
	return ~0U;
}

/* Frames, good and bad, in the buffer that is at @off. */
static u32 pack(struct fuzz_input *in, u32 off, u32 nr)
{
	struct pvnet_frame frame = { 0 };
	u32 at = 0, used = 0, len, how;

	while (nr-- && at + 2048 < (1 << 14)) {
		how = fuzz_number(in, 1);
		len = how & 1 ? PVNET_FRAME_MIN + how : fuzz_number(in, 2) % 3000;
		frame.len = htole32(how & 2 ? len : len + fuzz_number(in, 4) % 64);
		frame.hash_type = htole32(fuzz_number(in, 1));
		frame.offload = (struct pvnet_offload) {
			.flags = fuzz_number(in, 1), .gso_type = how & 4 ? 0 : fuzz_number(in, 1),
			.gso_size = fuzz_number(in, 2), .csum_start = how & 8 ? htole16(34) : fuzz_number(in, 2),
			.csum_offset = how & 16 ? htole16(16) : fuzz_number(in, 2),
		};
		if (how & 32)
			frame.len = fuzz_number(in, 4);
		memcpy(nic.queues[TESTNIC_RX].data + off + at, &frame, sizeof(frame));
		memset(nic.queues[TESTNIC_RX].data + off + at + sizeof(frame), how, min(len, 2000U));
		used = at + sizeof(frame) + len;
		at = round_up(used, PVNET_FRAME_ALIGN);
	}
	return used;
}

static void forget_received(void)
{
	while (stack.nr_received)
		end_frame(stack.received[--stack.nr_received]);
}

/* A buffer comes back, honest or not. Programs, and memory that is short, make other frames of it. */
static void receive(struct fuzz_input *in)
{
	u32 choice = fuzz_number(in, 1), nr = choice & 3, i = choice >> 4, used, id, off, lie;
	bool plain = !nic.net.prog && !stack.fail && nic.dev.running && !stack.epoch_over, known;

	if (wild || !nr_buffers)
		return;
	i %= nr_buffers;
	id = buffers[i];
	off = (id & 1) << 14;
	used = pack(in, off, nr);
	if (choice & 4)
		id ^= fuzz_number(in, 4);
	if (choice & 8)
		used = fuzz_number(in, 4) % (20 << 10);
	off = (id & 1) << 14;
	memcpy(window, nic.queues[TESTNIC_RX].data, RX_LEN);
	stack.forget = true;
	nic_post(TESTNIC_RX, id, used, nr);
	if (nic.pair.halted) {
		nic_poll();
		FUZZ_CHECK(!stack.nr_received);
		return;
	}
	for (known = false, i = 0; i < nr_buffers && !known; i++)
		known = buffers[i] == id;
	known &= nr && used <= 1 << 14;
	if (known)
		buffers[i - 1] = buffers[--nr_buffers];
	nic_poll();
	FUZZ_CHECK(known || (nic.pair.halted && !stack.nr_received));
	if (plain && known) {
		lie = check_buffer(window + off, used, nr);
		FUZZ_CHECK((lie == ~0U) == !nic.pair.halted);
	}
	/* A program may have sent back each of its frames. */
	while (nic.taken[TESTNIC_TX] != nic.queues[TESTNIC_TX].ring.sq_next)
		take_sent(NULL);
	forget_received();
	if (!nic.pair.halted)
		take_buffers();
}

/* Anything anywhere: only memory and accounts are looked at then, until the next life. */
static void scribble(struct fuzz_input *in)
{
	unsigned int index = fuzz_number(in, 1) & 1 ? TESTNIC_RX : TESTNIC_TX;
	size_t len = pvring_dev_area_len(TESTNIC_SIZE, PVNET_CQE_SHIFT), off = fuzz_number(in, 2) % len;
	u8 *area = (u8 *)nic.queues[index].ring.dev, n = 1 + fuzz_number(in, 1) % 32;

	for (; n && off < len; n--, off++)
		area[off] = fuzz_number(in, 1);
	wild = true;
	nic_poll();
	forget_received();
}

/* The next life, with other features and lengths; what is in flight goes on in it. */
static void restart(struct fuzz_input *in)
{
	static const u32 lens[] = { 1522, 3000, 9022, 1522 };
	u64 features = fuzz_number(in, 4), choice = fuzz_number(in, 1);
	unsigned int i, alive = 0, old = nr_flights, freed;
	struct sk_buff *skbs[TESTNIC_SIZE];

	/* In the order in which they were sent, by their slots. */
	pvnet_tx_hold(&nic.pair);
	for (i = nic.pair.tx.tail; i != nic.pair.tx.head; i++) {
		const struct pvnet_tx_slot *slot = &nic.pair.tx.slots[i % TESTNIC_SIZE];

		if (slot->busy && slot->skb)
			skbs[alive++] = slot->skb;
	}
	FUZZ_CHECK(wild || nic.pair.halted || alive <= old);
	nr_flights = nr_buffers = 0;
	wild = false;
	stack.fail = 0;
	freed = stack.nr_freed;
	nic_go(choice & 1 ? TESTNIC_FEATURES : TESTNIC_FEATURES & features, lens[choice >> 1 & 3], RX_LEN, TX_LEN);
	freed = stack.nr_freed - freed;
	FUZZ_CHECK(nic.queues[TESTNIC_TX].ring.sq_next == alive - freed);
	/* Those that were let go lack from their order. */
	for (i = 0; i < alive; i++) {
		const struct pvnet_tx_slot *slot = &nic.pair.tx.slots[(nic.pair.tx.tail + nr_flights) % TESTNIC_SIZE];

		if (slot->skb == skbs[i] && nr_flights < alive - freed)
			take_sent(skbs[i]);
	}
	FUZZ_CHECK(nr_flights == alive - freed);
	take_buffers();
	FUZZ_CHECK(nr_buffers == min(2U, nic.net.rx_bufs));
}

static void change(struct fuzz_input *in)
{
	u32 choice = fuzz_number(in, 1);
	static int program;

	switch (choice & 7) {
	case 0:
		nic.dev.running = choice & 8;
		break;
	case 1:
		nic.net.prog = choice & 8 ? NULL : (struct bpf_prog *)&program;
		stack.act = choice >> 4 & 7;
		stack.head = fuzz_number(in, 2);
		stack.tail = (int8_t)fuzz_number(in, 1);
		stack.no_redirect = choice & 0x80;
		break;
	case 2:
		stack.fail = fuzz_number(in, 4);
		break;
	case 3:
		nic.net.tx_frames = 2 + (choice >> 3) % 7;
		break;
	case 4:
		stack.epoch_over = true;
		break;
	case 5:
		nic.net.rx_bufs = 1 + (choice >> 3 & 1);
		break;
	default:
		stack.fail = 0;
		nic.dev.running = true;
		nic.net.prog = NULL;
	}
}

static void step(struct fuzz_input *in)
{
	static void (*const steps[])(struct fuzz_input *in) = {
		send, send, complete, complete, receive, receive, receive, send_raw, restart, change, scribble,
	};

	steps[fuzz_number(in, 1) % ARRAY_SIZE(steps)](in);
	/* It halts for nothing else. */
	FUZZ_CHECK(!nic.pair.halted || stack.broken || stack.epoch_over);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_input in = { data, len };

	nic_init();
	wild = false;
	nr_flights = nr_buffers = 0;
	restart(&in);
	while (in.len)
		step(&in);
	nic_exit();
	return 0;
}

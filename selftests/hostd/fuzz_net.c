// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer: whatever the driver writes into the queues of a NIC, and whatever its back end says, the device
 * side neither crashes nor touches memory outside the driver's buffers, what it passes on is sound, what it gives
 * is as a driver checks it, each frame ends once, and a RESET recovers.
 *
 * The input is a sequence of steps: what, how, and 64 bytes of an entry, of settings, or of a frame.
 */
#include "lib/util.h"
#include "testnet.h"

#define STEP	64

static uint32_t given[TESTNET_PAIRS][TESTNET_SIZE];	/* length of the buffer of each id */
static uint64_t places[TESTNET_PAIRS][TESTNET_SIZE];

/* What gets to a back end lies in the queue's extent, and makes sense. */
static unsigned int strict_send(struct net_backend *be, unsigned int source, const struct net_out *out, unsigned int nr,
				int *errors)
{
	uint8_t *first = testnet_data(2, 0), *last = testnet_data(4, TESTNET_DATA);
	unsigned int i;

	if (source >= be->nr_used)
		abort();
	for (i = 0; i < nr; i++) {
		if (out[i].len < PVNET_FRAME_MIN || out[i].len > PVNET_FRAME_MAX || out[i].data < first ||
		    out[i].data + out[i].len > last || out[i].offload.flags & ~PVNET_O_CSUM_PARTIAL ||
		    !net_offload_is_sound(&out[i].offload, out[i].len, n.t.bus->devices[0].taken[0]))
			abort();
	}
	return testnet_send(be, source, out, nr, errors);
}

/* NET-G6, as a driver checks it. */
static void check_buffer(unsigned int pair, const struct pvnet_rx_cqe *cqe)
{
	uint32_t id = le32toh(cqe->id), used = le32toh(cqe->used), nr = le32toh(cqe->nr_frames), at = 0;

	if (id >= TESTNET_SIZE || !given[pair][id] || used > given[pair][id] || !nr)
		abort();
	while (nr--) {
		const struct pvnet_frame *f = (void *)testnet_data(PVNET_RX_QUEUE(pair), places[pair][id] + at);
		uint32_t len = le32toh(f->len), type = le32toh(f->hash_type);
		struct net_offload o;

		if (at + sizeof(*f) > used || len < PVNET_FRAME_MIN || len > used - at - sizeof(*f))
			abort();
		net_offload_load(&o, &f->offload);
		if (!net_offload_is_sound(&o, len, n.net->be.offloads >> NET_RX_SHIFT) || type & (type - 1) || type > 0x20)
			abort();
		if (!nr && at + sizeof(*f) + len != used)
			abort();
		at = (at + sizeof(*f) + len + PVNET_FRAME_ALIGN - 1) & ~(PVNET_FRAME_ALIGN - 1);
	}
	given[pair][id] = 0;
}

static void reap(void)
{
	struct pvnet_rx_cqe rx;
	struct pvnet_cqe cqe;
	unsigned int pair;

	for (pair = 0; pair < TESTNET_PAIRS; pair++) {
		while (testnet_reap(PVNET_RX_QUEUE(pair), &rx))
			check_buffer(pair, &rx);
		while (testnet_reap(PVNET_TX_QUEUE(pair), &cqe))
			if (le32toh(cqe.status) > PVNET_S_INVAL)
				abort();
	}
	while (testnet_reap(0, &cqe))
		;
}

static void send_one(const uint8_t *data, uint8_t how)
{
	unsigned int index = how & 1 ? 2 : 4;
	struct pvnet_tx_sqe sqe;

	memcpy(&sqe, data, sizeof(sqe));
	if (how & 2)
		sqe.data_off = htole64(testnet_off(index, le64toh(sqe.data_off) & 0x3ffff));
	if (how & 4)
		sqe.len = htole32(le32toh(sqe.len) & 0x1ffff);
	if (how & 8)
		sqe.offload.flags &= 1;
	if (how & 16)
		sqe.offload.gso_type &= 0x83;
	if (how & 32)
		sqe.offload.csum_start &= htole16(0xff);
	if (how & 64)
		sqe.offload.csum_offset &= htole16(0x1f);
	testnet_submit(index, &sqe);
}

static void give(const uint8_t *data, uint8_t how)
{
	unsigned int pair = how & 1, id = how >> 4;
	struct pvnet_rx_sqe sqe;

	memcpy(&sqe, data, sizeof(sqe));
	/* A driver that gives the same twice may write over its own. */
	if (given[pair][id])
		return;
	/* Buffers that lie over each other are the driver's own loss; others lie where they may, or at an odd place. */
	sqe.data_off = htole64(testnet_off(PVNET_RX_QUEUE(pair), id * 32768 + (how & 2 ? 0 : data[0])));
	sqe.len = htole32(how & 4 ? le32toh(sqe.len) & 32767 : le32toh(sqe.len) | TESTNET_DATA);
	sqe.id = htole32(id);
	given[pair][id] = le32toh(sqe.len);
	places[pair][id] = le64toh(sqe.data_off) - testnet_off(PVNET_RX_QUEUE(pair), 0);
	testnet_submit(PVNET_RX_QUEUE(pair), &sqe);
}

/* Good settings, with some bytes of the input. */
static void want(const uint8_t *data, uint8_t how)
{
	struct pvnet_settings set = testnet_settings(PVNET_M_UP | (how & 0x3f));
	struct pvnet_ctrl_sqe sqe = {
		.op = htole32(data[0] > 250), .data_off = htole64(testnet_off(0, data[1] > 250 ? TESTNET_DATA - 8 : 0)),
		.len = htole32(sizeof(set) - (data[2] > 250)),
	};

	set.nr_pairs = htole16(1 + (data[3] & 1));
	set.hash_types = htole32(data[4] & 0x3f);
	if (how & 0x80)
		memcpy((uint8_t *)&set + (data[5] | data[6] << 8) % (sizeof(set) - 32), data + 8, 32);
	memcpy(testnet_data(0, 0), &set, sizeof(set));
	testnet_submit(0, &sqe);
}

static void come(const uint8_t *data, uint8_t how)
{
	struct testnet_frame *f;

	if (n.next_rx == n.nr_rx)
		n.next_rx = n.nr_rx = 0;
	if (n.nr_rx == HOSTD_ARRAY_SIZE(n.rx))
		return;
	f = testnet_come((data[0] | data[1] << 8) + (how & 1) * 100, how);
	memcpy(f->data, data + 12, f->len < 52 ? f->len : 52);
	if (how & 2)
		memcpy(f->data, TESTNET_MAC, 6);
	if (how & 4)
		f->offload = (struct net_offload) {
			.flags = data[2], .gso_type = data[3], .gso_size = data[4], .csum_start = data[5] | data[6] << 8,
			.csum_offset = data[7],
		};
	if (how & 8)
		n.rx_error = -(data[8] & 0x7f);
}

static void step(uint8_t what, uint8_t how, const uint8_t *data)
{
	switch (what % 6) {
	case 0:
		send_one(data, how);
		break;
	case 1:
		give(data, how);
		break;
	case 2:
		want(data, how);
		break;
	case 3:
		come(data, how);
		break;
	case 4:
		n.room = how & 3 ? UINT32_MAX : data[0] & 7;
		n.error = how & 4 ? -EIO : 0;
		n.net->wants_link = !(how & 8) || data[1] & 1;
		n.net->has_peer = true;
		if (how & 16)
			n.t.bus->loop.now_ns += 2000000000;
		break;
	default:
		hdev_loop_ready_all(&n.t.bus->loop);
		hdev_loop_fire(&n.t.bus->loop);
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static struct net_backend_ops ops;

	(void)argc;
	(void)argv;
	testnet_init();
	ops = testnet_backend;
	ops.send = strict_send;
	n.net->be.ops = &ops;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	memset(given, 0, sizeof(given));
	n.net->wants_link = n.net->has_peer = true;
	testnet_start(0);
	while (size >= 2 + STEP) {
		step(data[0], data[1], data + 2);
		if (data[0] & 0x80)
			testnet_pump();
		reap();
		data += 2 + STEP;
		size -= 2 + STEP;
	}
	testnet_pump();
	reap();
	return 0;
}

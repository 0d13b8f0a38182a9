/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A NIC on a bus in the test's own thread: its driver, written from Documentation/abi/net.md, and a back
 * end that is the test's.
 */
#ifndef SELFTESTS_HOSTD_TESTNET_H
#define SELFTESTS_HOSTD_TESTNET_H

#include "testbus.h"
#include "net/device.h"

#define TESTNET_PAIRS		2
#define TESTNET_QUEUES		(1 + 2 * TESTNET_PAIRS)
#define TESTNET_SIZE		16U
#define TESTNET_DATA		(512U << 10)
#define TESTNET_WINDOW		(4UL << 20)
#define TESTNET_MAC		"\x52\x54\x00\x12\x34\x56"
#define TESTNET_CONFIG		"{\"backend\":\"null\",\"null\":true,\"mac\":\"52:54:00:12:34:56\",\"mtu\":1500," \
				"\"queues\":2,\"queue-size\":16}"
/* All that the driver may want. */
#define TESTNET_RX_FEATURES	(1ULL << PVNET_F_RX_CSUM | 1 << PVNET_F_RX_TSO4 | 1 << PVNET_F_RX_TSO6 | \
				 1 << PVNET_F_RX_TSO_ECN | 1 << PVNET_F_RX_USO)

/* A frame as the back end has it. */
struct testnet_frame {
	uint32_t len;
	struct net_offload offload;
	uint8_t data[NET_KEPT_MAX];
};

/**
 * struct testnet - a NIC, its driver and its back end
 * @t: bus and window, if the NIC is on one
 * @drv: the driver
 * @q: queues
 * @net: the NIC
 * @rx: frames that come
 * @nr_rx: their number
 * @next_rx: the next one
 * @looks: how often the back end was asked for one
 * @tx: the last frame that was sent
 * @nr_tx: frames sent
 * @room: frames that the back end takes before it is full
 * @error: what it says of each
 * @rx_error: what it says when there are no more frames, or 0
 */
struct testnet {
	struct testbus t;
	struct testdrv *drv;
	struct testdrv_queue q[TESTNET_QUEUES];
	struct net *net;
	struct testnet_frame rx[80];
	unsigned int nr_rx;
	unsigned int next_rx;
	unsigned int looks;
	struct testnet_frame tx;
	unsigned int nr_tx;
	unsigned int room;
	int error;
	int rx_error;
};

static struct testnet n;

/* A counter of all pairs. */
#define testnet_sum(counter) ({						\
	unsigned int pair_;						\
	uint64_t sum_ = 0;						\
									\
	for (pair_ = 0; pair_ < PVNET_MAX_PAIRS; pair_++)		\
		sum_ += n.net->count[pair_].counter;			\
	sum_; })

extern const struct pv_class pv_net_class;

static inline unsigned int testnet_send(struct net_backend *be, unsigned int source,
					const struct net_out *out, unsigned int nr, int *errors)
{
	unsigned int i;

	(void)be;
	(void)source;
	for (i = 0; i < nr && n.room; i++, n.room--) {
		n.tx.len = out[i].len;
		n.tx.offload = out[i].offload;
		memcpy(n.tx.data, out[i].data, out[i].len);
		n.nr_tx++;
		errors[i] = n.error;
	}
	return i;
}

static inline ssize_t testnet_receive(struct net_backend *be, unsigned int source, const struct iovec *iov,
				      unsigned int nr_iov, struct net_offload *offload)
{
	const struct testnet_frame *f = &n.rx[n.next_rx];
	uint32_t done = 0, part;
	unsigned int i;

	(void)be;
	(void)source;
	n.looks++;
	if (n.next_rx == n.nr_rx)
		return n.rx_error ? n.rx_error : -EAGAIN;
	n.next_rx++;
	*offload = f->offload;
	for (i = 0; i < nr_iov; i++, done += part) {
		part = f->len - done < iov[i].iov_len ? f->len - done : iov[i].iov_len;
		memcpy(iov[i].iov_base, f->data + done, part);
	}
	return done;
}

static inline int testnet_open(struct net_backend *be) { (void)be; return 0; }
static inline void testnet_close(struct net_backend *be) { (void)be; }

static const struct net_backend_ops testnet_backend = {
	.name = "test", .open = testnet_open, .close = testnet_close, .send = testnet_send,
	.receive = testnet_receive,
};

/* A queue of any shape. */
static inline uint64_t testnet_lay_out(unsigned int index, uint64_t off, uint64_t data_len)
{
	struct testdrv_queue *q = &n.q[index];
	struct hdev_shape shape;

	pv_net_class.worker->shape(NULL, index, &shape);
	/* The areas of a block queue are at least as large. */
	off = testdrv_lay_out(n.drv, q, off, TESTNET_SIZE, data_len);
	q->desc.sqe_shift = shape.sqe_shift;
	q->desc.cqe_shift = shape.cqe_shift;
	q->desc.irq_vector = htole16(1);
	return off;
}

/* RESET, and START with all features but @without. */
static inline void testnet_start(uint64_t without)
{
	struct pvbus_driver_slot *slot = testdrv_slot(n.drv, 0);
	uint64_t off = testdrv_space(n.drv) + PV_PAGE_SIZE;
	unsigned int i;

	testdrv_command(n.drv, 0, PVBUS_CMD_RESET);
	slot->features[0] = htole64(le64toh(testdrv_entry(n.drv, 0)->features[0]) & ~without);
	slot->features[1] = 0;
	for (i = 0; i < TESTNET_QUEUES; i++)
		off = testnet_lay_out(i, off, TESTNET_DATA);
	if (testdrv_command(n.drv, 0, PVBUS_CMD_FEATURES) != PVBUS_R_OK ||
	    testdrv_start(n.drv, 0, n.q, TESTNET_QUEUES) != PVBUS_R_OK)
		ktap_bail("START");
	n.nr_rx = n.next_rx = n.nr_tx = 0;
	n.room = UINT32_MAX;
	n.error = n.rx_error = 0;
}

/* From nothing to a NIC of which the driver has started all queues. */
static inline void testnet_add(const char *config, int fd)
{
	struct hdev_spec spec = {
		.class = &pv_net_class, .generation = 1, .uuid = "nic", .name = "n0",
		.config = json_tokener_parse(config), .fds = &fd, .nr_fds = fd >= 0,
	};
	char error[HDEV_ERROR_LEN] = "";

	testbus_init(&n.t);
	n.drv = &n.t.drv;
	if (hdev_add(n.t.bus, &spec, error))
		ktap_bail("add: %s", error);
	json_object_put(spec.config);
	n.net = n.t.bus->devices[0].priv;
	hostd_bus_begin_epoch(n.t.bus);
	if (testdrv_hello(n.drv) != PVBUS_R_OK)
		ktap_bail("HELLO");
	testnet_start(0);
}

/* The same with the back end of this file. */
static inline void testnet_init(void)
{
	testnet_add(TESTNET_CONFIG, -1);
	n.net->be.ops = &testnet_backend;
	n.net->be.nr_sources = 1;
	n.net->be.fds[0] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

static inline uint8_t *testnet_data(unsigned int index, uint64_t at)
{
	return testdrv_data(n.drv, &n.q[index]) + at;
}

static inline uint64_t testnet_off(unsigned int index, uint64_t at)
{
	return le64toh(n.q[index].desc.data_off) + at;
}

static inline void testnet_submit(unsigned int index, const void *sqe)
{
	struct testdrv_queue *q = &n.q[index];
	size_t len = 1 << q->desc.sqe_shift;
	uint8_t *to = q->drv + 64 + (q->submitted & (TESTNET_SIZE - 1)) * len;

	memcpy(to, sqe, len - 4);
	__atomic_store_n((__le32 *)(to + len - 4), htole32(PVRING_SEQ(q->submitted)), __ATOMIC_RELEASE);
	q->submitted++;
}

/* All completions are 16 bytes with the sequence word last. */
static inline bool testnet_reap(unsigned int index, void *cqe)
{
	struct testdrv_queue *q = &n.q[index];
	const uint8_t *from = q->dev + 64 + (q->reaped & (TESTNET_SIZE - 1)) * 16;

	if (le32toh(__atomic_load_n((__le32 *)(from + 12), __ATOMIC_ACQUIRE)) != PVRING_SEQ(q->reaped))
		return false;
	memcpy(cqe, from, 16);
	q->reaped++;
	((struct pvring_drv_ctrl *)q->drv)->cq_head = htole32(q->reaped);
	return true;
}

/* The status of a command, or of a frame, that has been submitted; TESTDRV_SILENT. */
static inline uint32_t testnet_status(unsigned int index)
{
	struct pvnet_cqe cqe;

	n.drv->pump(n.drv->ctx);
	return testnet_reap(index, &cqe) ? le32toh(cqe.status) : TESTDRV_SILENT;
}

/* Submit, and wait for the status. */
static inline uint32_t testnet_do(unsigned int index, const void *sqe)
{
	int64_t until_ms = testdrv_now_ms() + TESTDRV_WAIT_MS;
	uint32_t status = TESTDRV_SILENT;

	testnet_submit(index, sqe);
	while (status == TESTDRV_SILENT && testdrv_now_ms() < until_ms)
		status = testnet_status(index);
	return status;
}

static inline struct pvnet_settings testnet_settings(unsigned int mode)
{
	struct pvnet_settings set = {
		.mode = htole16(mode), .nr_pairs = htole16(1), .mtu = htole32(1500),
		.offloads = htole64(TESTNET_RX_FEATURES),
	};

	memcpy(set.mac, TESTNET_MAC, 6);
	return set;
}

static inline uint32_t testnet_set(const struct pvnet_settings *set)
{
	struct pvnet_ctrl_sqe sqe = {
		.op = htole32(PVNET_CTRL_SET), .data_off = htole64(testnet_off(0, 0)), .len = htole32(sizeof(*set)),
	};

	memcpy(testnet_data(0, 0), set, sizeof(*set));
	testnet_submit(0, &sqe);
	return testnet_status(0);
}

static inline void testnet_up(unsigned int mode)
{
	struct pvnet_settings set = testnet_settings(mode | PVNET_M_UP);

	if (testnet_set(&set) != PVNET_S_OK)
		ktap_bail("settings");
}

/* Give the device a buffer at @at. */
static inline void testnet_give(unsigned int pair, uint32_t id, uint64_t at, uint32_t len)
{
	struct pvnet_rx_sqe sqe = {
		.id = htole32(id), .len = htole32(len),
		.data_off = htole64(testnet_off(PVNET_RX_QUEUE(pair), at)),
	};

	testnet_submit(PVNET_RX_QUEUE(pair), &sqe);
}

/* Let a frame come, to the NIC's address, filled with @fill. */
static inline struct testnet_frame *testnet_come(uint32_t len, uint8_t fill)
{
	struct testnet_frame *f = &n.rx[n.nr_rx++];

	f->len = len;
	f->offload = (struct net_offload) { 0 };
	memset(f->data, fill, len);
	memcpy(f->data, TESTNET_MAC, 6);
	f->data[12] = 0x88;
	f->data[13] = 0xb5;
	return f;
}

/* The NIC looks whatever the time, and interrupts are of no account. */
static inline void testnet_pump(void)
{
	n.t.bus->loop.now_ns += 1000000;
	testbus_pump(&n.t);
}

#endif /* SELFTESTS_HOSTD_TESTNET_H */

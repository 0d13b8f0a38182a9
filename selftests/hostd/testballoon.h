/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A minimal driver of the balloon, on a bus in the test's own thread unless the test has another.
 */
#ifndef SELFTESTS_HOSTD_TESTBALLOON_H
#define SELFTESTS_HOSTD_TESTBALLOON_H

#include <pv/balloon.h>

#include "testbus.h"

#define TESTBALLOON_DATA	(1U << 20)
#define TESTBALLOON_SIZE	64U

/**
 * struct testballoon - bus, driver and queue
 * @t: the bus
 * @q: the queue
 */
struct testballoon {
	struct testbus t;
	struct testdrv_queue q;
};

/* As testbus_pump(), and what the worker's loop does with a device's descriptor. */
static inline void testballoon_pump(void *ctx)
{
	struct testballoon *b = ctx;

	testbus_pump(&b->t);
	hdev_loop_ready_all(&b->t.bus->loop);
	hostd_bus_settle(b->t.bus);
}

static inline const struct pvballoon_config *testballoon_config(struct testballoon *b)
{
	return (void *)(b->t.drv.base + le64toh(testdrv_entry(&b->t.drv, 0)->config_off));
}

static inline int testballoon_add(struct testballoon *b, const char *config, int fd)
{
	struct hdev_spec spec = {
		.class = &pv_balloon_class, .slot = 0, .generation = 1, .uuid = "balloon",
		.name = "balloon", .config = json_tokener_parse(config), .fds = &fd, .nr_fds = fd >= 0,
	};
	char error[HDEV_ERROR_LEN] = "";
	int ret = hdev_add(b->t.bus, &spec, error);

	if (ret)
		printf("# %s\n", error);
	json_object_put(spec.config);
	return ret;
}

/* RESET, and from there to a running queue; the features in @without are not taken. */
static inline bool testballoon_start(struct testballoon *b, uint64_t without)
{
	struct pvbus_driver_slot *slot = testdrv_slot(&b->t.drv, 0);
	struct testdrv_queue *q = &b->q;

	testdrv_command(&b->t.drv, 0, PVBUS_CMD_RESET);
	slot->features[0] = htole64(le64toh(testdrv_entry(&b->t.drv, 0)->features[0]) & ~without);
	slot->features[1] = 0;
	testdrv_lay_out(&b->t.drv, q, testdrv_space(&b->t.drv) + PV_PAGE_SIZE, TESTBALLOON_SIZE,
			TESTBALLOON_DATA);
	q->desc.sqe_shift = PVBALLOON_SQE_SHIFT;
	q->desc.cqe_shift = PVBALLOON_CQE_SHIFT;
	q->desc.irq_vector = htole16(1);
	return testdrv_command(&b->t.drv, 0, PVBUS_CMD_FEATURES) == PVBUS_R_OK &&
	       testdrv_start(&b->t.drv, 0, q, 1) == PVBUS_R_OK;
}

/* A bus with a running balloon. */
static inline void testballoon_init(struct testballoon *b, const char *config, int fd)
{
	testbus_init(&b->t);
	b->t.drv.pump = testballoon_pump;
	b->t.drv.ctx = b;
	if (testballoon_add(b, config, fd))
		ktap_bail("add");
	hostd_bus_begin_epoch(b->t.bus);
	if (testdrv_hello(&b->t.drv) != PVBUS_R_OK || !testballoon_start(b, 0))
		ktap_bail("START");
}

static inline void testballoon_submit(struct testballoon *b, const struct pvballoon_sqe *sqe)
{
	struct testdrv_queue *q = &b->q;
	uint32_t slot = q->submitted & (TESTBALLOON_SIZE - 1);
	struct pvballoon_sqe *to = (struct pvballoon_sqe *)(q->drv + 64) + slot;

	memcpy(to, sqe, offsetof(struct pvballoon_sqe, seq));
	__atomic_store_n(&to->seq, htole32(PVRING_SEQ(q->submitted)), __ATOMIC_RELEASE);
	q->submitted++;
}

static inline bool testballoon_reap(struct testballoon *b, struct pvballoon_cqe *cqe)
{
	struct testdrv_queue *q = &b->q;
	const struct pvballoon_cqe *from = (struct pvballoon_cqe *)(q->dev + 64) +
					   (q->reaped & (TESTBALLOON_SIZE - 1));

	if (le32toh(__atomic_load_n(&from->seq, __ATOMIC_ACQUIRE)) != PVRING_SEQ(q->reaped))
		return false;
	*cqe = *from;
	q->reaped++;
	__atomic_store_n(&testdrv_ctrl(q)->cq_head, htole32(q->reaped), __ATOMIC_RELAXED);
	return true;
}

/* The data of the request that is made next: the first of the extent. */
static inline void *testballoon_data(struct testballoon *b)
{
	return testdrv_data(&b->t.drv, &b->q);
}

static inline struct pvballoon_sqe testballoon_request(struct testballoon *b, uint8_t op,
						       uint16_t nr)
{
	return (struct pvballoon_sqe) {
		.id = htole32(0x10000 | (b->q.submitted & 0xffff)),
		.op = op,
		.nr = htole16(nr),
		.data_off = b->q.desc.data_off,
	};
}

/* Submit one request and wait for its status, or TESTDRV_SILENT. */
static inline uint32_t testballoon_do(struct testballoon *b, const struct pvballoon_sqe *sqe)
{
	int64_t until_ms = testdrv_now_ms() + TESTDRV_WAIT_MS;
	struct pvballoon_cqe cqe;

	testballoon_submit(b, sqe);
	while (testdrv_now_ms() < until_ms) {
		b->t.drv.pump(b->t.drv.ctx);
		if (testballoon_reap(b, &cqe))
			return cqe.id == sqe->id ? le32toh(cqe.status) : TESTDRV_SILENT;
		if (testdrv_status(&b->t.drv, 0) != PVBUS_S_RUNNING)
			break;
	}
	return TESTDRV_SILENT;
}

/* Tell one region; its status. */
static inline uint32_t testballoon_tell(struct testballoon *b, uint64_t addr, uint64_t len,
					uint64_t proof)
{
	struct pvballoon_sqe sqe = testballoon_request(b, PVBALLOON_OP_REGION, 1);
	struct pvballoon_region *region = testballoon_data(b);
	uint32_t status;

	*region = (struct pvballoon_region) {
		.addr = htole64(addr), .len = htole64(len), .proof = htole64(proof),
	};
	status = testballoon_do(b, &sqe);
	return status == PVBALLOON_S_SOME ? le32toh(region->status) : status;
}

/* INFLATE, DEFLATE or REPORT of one range; its status. */
static inline uint32_t testballoon_range(struct testballoon *b, uint8_t op, uint64_t addr,
					 uint32_t nr_pages)
{
	struct pvballoon_sqe sqe = testballoon_request(b, op, 1);
	struct pvballoon_range *range = testballoon_data(b);
	uint32_t status;

	*range = (struct pvballoon_range) {
		.addr = htole64(addr), .nr_pages = htole32(nr_pages),
	};
	status = testballoon_do(b, &sqe);
	return status == PVBALLOON_S_SOME ? le32toh(range->status) : status;
}

#endif /* SELFTESTS_HOSTD_TESTBALLOON_H */

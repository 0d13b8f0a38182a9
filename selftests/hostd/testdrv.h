/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A minimal driver for tests of the device side: commands, and one ring at a time.
 *
 * It trusts the device, and lets a test lie. Everything is written from
 * Documentation/abi/, not from the kernel modules.
 */
#ifndef SELFTESTS_HOSTD_TESTDRV_H
#define SELFTESTS_HOSTD_TESTDRV_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <pv/blk.h>
#include <pv/bus.h>
#include <pv/ring.h>

/* No answer, within WAIT_MS. */
#define TESTDRV_SILENT	UINT32_MAX
#define TESTDRV_WAIT_MS	5000

/**
 * struct testdrv - the driver
 * @base: the window
 * @pump: lets the device side run for a moment
 * @ctx: for @pump
 * @seq: of the last command
 */
struct testdrv {
	uint8_t *base;
	void (*pump)(void *ctx);
	void *ctx;
	uint32_t seq;
};

/**
 * struct testdrv_queue - a queue
 * @desc: what START was given
 * @drv: driver area
 * @dev: device area
 * @submitted: number of the next submission
 * @reaped: number of the next completion
 */
struct testdrv_queue {
	struct pvbus_queue_desc desc;
	uint8_t *drv;
	uint8_t *dev;
	uint32_t submitted;
	uint32_t reaped;
};

static inline struct pvbus_header *testdrv_header(struct testdrv *d)
{
	return (struct pvbus_header *)d->base;
}

static inline struct pvbus_device_entry *testdrv_entry(struct testdrv *d, unsigned int slot)
{
	return (struct pvbus_device_entry *)(d->base + le64toh(testdrv_header(d)->table_off)) +
	       slot;
}

static inline struct pvbus_driver_header *testdrv_driver_header(struct testdrv *d)
{
	return (struct pvbus_driver_header *)(d->base + le64toh(testdrv_header(d)->drv_off));
}

static inline struct pvbus_driver_slot *testdrv_slot(struct testdrv *d, unsigned int slot)
{
	return (struct pvbus_driver_slot *)(testdrv_driver_header(d) + 1) + slot;
}

static inline uint32_t testdrv_status(struct testdrv *d, unsigned int slot)
{
	return le32toh(__atomic_load_n(&testdrv_entry(d, slot)->status, __ATOMIC_ACQUIRE));
}

static inline uint64_t testdrv_space(struct testdrv *d)
{
	return le64toh(testdrv_header(d)->space_off);
}

/* Write a command and don't wait. */
static inline void testdrv_send(struct testdrv *d, struct pvbus_cmd *cmd, uint32_t op)
{
	cmd->epoch = testdrv_header(d)->epoch;
	cmd->op = htole32(op);
	__atomic_store_n(&cmd->seq, htole32(++d->seq), __ATOMIC_RELEASE);
}

static inline bool testdrv_is_answered(struct testdrv *d, const struct pvbus_ack *ack)
{
	return le32toh(__atomic_load_n(&ack->seq, __ATOMIC_ACQUIRE)) == d->seq;
}

static inline int64_t testdrv_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

/* Result of a command, or TESTDRV_SILENT. */
static inline uint32_t testdrv_wait(struct testdrv *d, const struct pvbus_ack *ack)
{
	int64_t until_ms = testdrv_now_ms() + TESTDRV_WAIT_MS;

	while (testdrv_now_ms() < until_ms) {
		d->pump(d->ctx);
		if (testdrv_is_answered(d, ack))
			return le32toh(ack->result);
	}
	return TESTDRV_SILENT;
}

static inline uint32_t testdrv_bus_command(struct testdrv *d, uint32_t op)
{
	testdrv_send(d, &testdrv_driver_header(d)->cmd, op);
	return testdrv_wait(d, &testdrv_header(d)->ack);
}

static inline uint32_t testdrv_hello(struct testdrv *d)
{
	struct pvbus_driver_header *h = testdrv_driver_header(d);

	h->version = htole32(PV_ABI_VERSION);
	h->features[0] = 0;
	h->features[1] = 0;
	strcpy((char *)h->ident, "testdrv 1");
	strcpy((char *)h->kernel, "none");
	return testdrv_bus_command(d, PVBUS_CMD_HELLO);
}

static inline uint32_t testdrv_command(struct testdrv *d, unsigned int slot, uint32_t op)
{
	testdrv_slot(d, slot)->generation = testdrv_entry(d, slot)->generation;
	testdrv_send(d, &testdrv_slot(d, slot)->cmd, op);
	return testdrv_wait(d, &testdrv_entry(d, slot)->ack);
}

/* Take everything that is offered. */
static inline uint32_t testdrv_take_features(struct testdrv *d, unsigned int slot)
{
	memcpy(testdrv_slot(d, slot)->features, testdrv_entry(d, slot)->features, 16);
	return testdrv_command(d, slot, PVBUS_CMD_FEATURES);
}

/* Lay out a block queue at @off: areas first, then @data_len bytes of data. Returns the end. */
static inline uint64_t testdrv_lay_out(struct testdrv *d, struct testdrv_queue *q, uint64_t off,
				       uint32_t size, uint64_t data_len)
{
	uint64_t page = PV_PAGE_SIZE;
	uint64_t drv_len = (64 + ((uint64_t)size << PVBLK_SQE_SHIFT) + page - 1) & ~(page - 1);
	uint64_t dev_len = (64 + ((uint64_t)size << PVBLK_CQE_SHIFT) + page - 1) & ~(page - 1);

	memset(q, 0, sizeof(*q));
	q->desc.drv_off = htole64(off);
	q->desc.dev_off = htole64(off + drv_len);
	q->desc.data_off = htole64(off + drv_len + dev_len);
	q->desc.data_len = htole64(data_len);
	q->desc.size = htole32(size);
	q->desc.sqe_shift = PVBLK_SQE_SHIFT;
	q->desc.cqe_shift = PVBLK_CQE_SHIFT;
	q->drv = d->base + off;
	q->dev = q->drv + drv_len;
	memset(q->drv, 0, drv_len + dev_len);
	return off + drv_len + dev_len + data_len;
}

/* START with descriptors at the start of the space, where nothing else is. */
static inline uint32_t testdrv_start(struct testdrv *d, unsigned int slot, struct testdrv_queue *qs,
				     unsigned int nr)
{
	struct pvbus_queue_desc *descs = (void *)(d->base + testdrv_space(d));
	unsigned int i;

	for (i = 0; i < nr; i++)
		descs[i] = qs[i].desc;
	testdrv_slot(d, slot)->nr_queues = htole32(nr);
	testdrv_slot(d, slot)->queues_off = htole64(testdrv_space(d));
	return testdrv_command(d, slot, PVBUS_CMD_START);
}

/* From nothing to one running queue with a page for each entry. */
static inline bool testdrv_run(struct testdrv *d, unsigned int slot, struct testdrv_queue *q,
			       uint32_t size, uint64_t data_len)
{
	testdrv_lay_out(d, q, testdrv_space(d) + PV_PAGE_SIZE, size, data_len);
	return testdrv_take_features(d, slot) == PVBUS_R_OK &&
	       testdrv_start(d, slot, q, 1) == PVBUS_R_OK;
}

static inline struct pvring_drv_ctrl *testdrv_ctrl(struct testdrv_queue *q)
{
	return (struct pvring_drv_ctrl *)q->drv;
}

static inline struct pvring_dev_ctrl *testdrv_dev_ctrl(struct testdrv_queue *q)
{
	return (struct pvring_dev_ctrl *)q->dev;
}

static inline void testdrv_submit(struct testdrv_queue *q, const struct pvblk_sqe *sqe)
{
	uint32_t slot = q->submitted & (le32toh(q->desc.size) - 1);
	struct pvblk_sqe *to = (struct pvblk_sqe *)(q->drv + 64) + slot;

	memcpy(to, sqe, offsetof(struct pvblk_sqe, seq));
	__atomic_store_n(&to->seq, htole32(PVRING_SEQ(q->submitted)), __ATOMIC_RELEASE);
	q->submitted++;
}

/* Is the doorbell wanted for the submissions from @old on? */
static inline bool testdrv_need_kick(struct testdrv_queue *q, uint32_t old)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return pvring_need_event(le32toh(__atomic_load_n(&testdrv_dev_ctrl(q)->kick_event,
							 __ATOMIC_RELAXED)), q->submitted, old);
}

static inline bool testdrv_reap(struct testdrv_queue *q, struct pvblk_cqe *cqe)
{
	uint32_t slot = q->reaped & (le32toh(q->desc.size) - 1);
	struct pvblk_cqe *from = (struct pvblk_cqe *)(q->dev + 64) + slot;

	if (le32toh(__atomic_load_n(&from->seq, __ATOMIC_ACQUIRE)) != PVRING_SEQ(q->reaped))
		return false;
	*cqe = *from;
	q->reaped++;
	__atomic_store_n(&testdrv_ctrl(q)->cq_head, htole32(q->reaped), __ATOMIC_RELAXED);
	return true;
}

static inline struct pvblk_sqe testdrv_request(struct testdrv_queue *q, uint8_t op, uint64_t sector,
					       uint32_t nr_sectors, uint64_t data_at)
{
	bool has_data = op == PVBLK_OP_READ || op == PVBLK_OP_WRITE;

	return (struct pvblk_sqe) {
		.id = htole32(0x10000 | (q->submitted & 0xffff)),
		.op = op,
		.sector = htole64(sector),
		.nr_sectors = htole32(nr_sectors),
		.data_off = has_data ? htole64(le64toh(q->desc.data_off) + data_at) : 0,
	};
}

static inline uint8_t *testdrv_data(struct testdrv *d, struct testdrv_queue *q)
{
	return d->base + le64toh(q->desc.data_off);
}

/* Submit one request and wait for its status, or TESTDRV_SILENT. */
static inline uint32_t testdrv_do(struct testdrv *d, struct testdrv_queue *q,
				  const struct pvblk_sqe *sqe)
{
	int64_t until_ms = testdrv_now_ms() + TESTDRV_WAIT_MS;
	struct pvblk_cqe cqe;

	testdrv_submit(q, sqe);
	while (testdrv_now_ms() < until_ms) {
		d->pump(d->ctx);
		if (testdrv_reap(q, &cqe))
			return cqe.id == sqe->id ? le32toh(cqe.status) : TESTDRV_SILENT;
	}
	return TESTDRV_SILENT;
}

#endif /* SELFTESTS_HOSTD_TESTDRV_H */

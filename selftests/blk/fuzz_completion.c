// SPDX-License-Identifier: GPL-2.0-only
/*
 * pvblk's queue against a device that completes what it likes and writes what it likes: a
 * request ends once, only if it is in flight under just that id, with the status and the
 * data that the device gave; at the first lie the device is broken and nothing ends any more
 * (RING-G3, ABI-4). What the device doesn't serve is refused, never taken for something else,
 * and a request longer than it takes goes in parts (BLK-G1, BLK-G2). It makes no difference whether a request
 * ends here or on another CPU. pvblk's queue.c, reap.c, wait.c, request.c and pvbus/ring.c as they are.
 */
#include <string.h>

#include "../../pvblk/pvblk.h"

#include "fuzz.h"

#define DEPTH		8
/* Not enough for all at once. */
#define DATA_MAX	(40 * 512)
#define POOL_LEN	(2u << PVBLK_PIECE_MIN_SHIFT)

/**
 * struct test_request - a request, and what must become of it
 * @rq: the request
 * @data: its user's memory
 * @given: what the device has given to a read
 * @in_flight: given to pvblk and not ended
 * @id: under which it is in flight
 */
struct test_request {
	struct request	rq;
	char		data[DATA_MAX];
	char		given[DATA_MAX];
	bool		in_flight;
	u32		id;
};

static struct test_request requests[DEPTH];
static struct pvbus_device pdev;
static struct pvbus_queue q;
static struct pvblk_queue queue;
static struct pvblk blk;
static struct blk_mq_hw_ctx hctx;
static bool broken, remote;

/* What must end next: set while the device's completions are reaped. */
static u32 expected_tag, nr_expected;
static blk_status_t expected_status;

u32 pvbus_sleep_ns(const struct pvbus_device *dev)
{
	(void)dev;
	return 100000;
}

void pvbus_kick(struct pvbus_queue *queue)
{
	(void)queue;
}

bool pvbus_epoch_over(struct pvbus_device *pdev)
{
	(void)pdev;
	return false;
}

void pvbus_device_broken(struct pvbus_device *dev, const char *why)
{
	(void)dev;
	(void)why;
	broken = true;
}

void blk_mq_end_request(struct request *rq, blk_status_t status)
{
	struct test_request *test = &requests[rq->tag];

	FUZZ_CHECK(nr_expected && (u32)rq->tag == expected_tag && test->in_flight);
	FUZZ_CHECK(status == expected_status);
	if (!status && req_op(rq) == REQ_OP_READ)
		FUZZ_CHECK(!memcmp(test->data, test->given, rq->len));
	test->in_flight = false;
	nr_expected--;
}

bool blk_mq_complete_request_remote(struct request *rq)
{
	if (remote)
		pvblk_mq_ops.complete(rq);
	return remote;
}

/* The interrupt, and then the bottom half as often as it wants. */
static void interrupt(void)
{
	pvblk_interrupt(&q);
	while (queue.bh.pending) {
		queue.bh.pending = false;
		pvblk_bh(&queue.bh);
	}
	FUZZ_CHECK(!atomic_read(&queue.ending));
}

/* Not a byte more than the queue has. */
static void *alloc_exactly(size_t len)
{
	void *place;

	if (posix_memalign(&place, 64, len))
		abort();
	memset(place, 0, len);
	return place;
}

static void start(u8 features, u8 max_sectors)
{
	size_t drv_len = pvring_drv_area_len(DEPTH, PVBLK_SQE_SHIFT);
	size_t dev_len = pvring_dev_area_len(DEPTH, PVBLK_CQE_SHIFT);
	int i;

	broken = false;
	pdev.features[0] = features;
	blk = (struct pvblk) { .pdev = &pdev };
	blk.config.max_io = htole32(max_sectors * 512);
	blk.config.max_discard_sectors = htole32(max_sectors);
	blk.config.max_write_zeroes_sectors = htole32(max_sectors);
	q = (struct pvbus_queue) { .pdev = &pdev, .priv = &queue, .data_len = DEPTH * PVBLK_SLOT_LEN + POOL_LEN };
	q.data = alloc_exactly(q.data_len);
	pvring_init(&q.ring, alloc_exactly(drv_len), alloc_exactly(dev_len), DEPTH,
		    PVBLK_SQE_SHIFT, PVBLK_CQE_SHIFT);
	queue = (struct pvblk_queue) { .q = &q, .blk = &blk, .depth = DEPTH };
	spin_lock_init(&queue.lock);
	spin_lock_init(&queue.cq_lock);
	compat_bh_init(&queue.bh, pvblk_bh);
	queue.slots = calloc(DEPTH, sizeof(*queue.slots));
	pvblk_pool_init(&queue.pool, POOL_LEN);
	hctx.driver_data = &queue;
	for (i = 0; i < DEPTH; i++)
		requests[i].in_flight = false;
}

static void stop(void)
{
	pvblk_pool_exit(&queue.pool);
	free(queue.slots);
	free(q.data);
	free(q.ring.drv);
	free((void *)q.ring.dev);
}

/* The id of the submission that was written last, as a device reads it. */
static u32 last_id(void)
{
	const struct pvblk_sqe *sqes = q.ring.sq;

	return le32toh(sqes[(q.ring.sq_next - 1) % DEPTH].id);
}

static bool served(const struct request *rq)
{
	switch (req_op(rq)) {
	case REQ_OP_READ:
	case REQ_OP_WRITE:
		return true;
	case REQ_OP_FLUSH:
		return pvbus_has_feature(&pdev, PVBLK_F_FLUSH);
	case REQ_OP_DISCARD:
		return pvbus_has_feature(&pdev, PVBLK_F_DISCARD);
	case REQ_OP_WRITE_ZEROES:
		return pvbus_has_feature(&pdev, PVBLK_F_WRITE_ZEROES);
	default:
		return false;
	}
}

/* The data lies in the extent, and nobody else's does there. */
static void check_room(const struct pvblk_slot *slot, u32 len)
{
	const struct pvblk_slot *other;

	FUZZ_CHECK(len <= slot->room && slot->off + slot->room <= q.data_len);
	for (other = queue.slots; other < queue.slots + DEPTH; other++)
		if (other != slot && other->in_flight && other->room)
			FUZZ_CHECK(slot->off + slot->room <= other->off ||
				   other->off + other->room <= slot->off);
}

/* The submission that was written last keeps to what the device takes, and to the request. */
static void check_last(const struct test_request *test)
{
	const struct pvblk_sqe *sqe = (const struct pvblk_sqe *)q.ring.sq +
				      (q.ring.sq_next - 1) % DEPTH;
	const struct pvblk_slot *slot = &queue.slots[test->rq.tag];
	u32 nr = le32toh(sqe->nr_sectors);

	if (sqe->op == PVBLK_OP_FLUSH) {
		FUZZ_CHECK(!nr && pvbus_has_feature(&pdev, PVBLK_F_FLUSH));
		return;
	}
	FUZZ_CHECK(nr && nr == slot->part && nr * 512 <= le32toh(blk.config.max_io));
	FUZZ_CHECK(le64toh(sqe->sector) == test->rq.sector + slot->done);
	FUZZ_CHECK(slot->done + nr <= blk_rq_sectors(&test->rq));
	if (req_op(&test->rq) != REQ_OP_READ && req_op(&test->rq) != REQ_OP_WRITE)
		return;
	FUZZ_CHECK(le64toh(sqe->data_off) == pvshm_raw(q.data_off) + slot->off);
	check_room(slot, nr * 512);
	if (req_op(&test->rq) == REQ_OP_WRITE)
		FUZZ_CHECK(!memcmp(test->data + slot->done * 512, (char *)q.data + slot->off, nr * 512));
}

static void submit(struct fuzz_input *in)
{
	static const u32 ops[] = {
		REQ_OP_READ, REQ_OP_WRITE, REQ_OP_WRITE | REQ_FUA, REQ_OP_FLUSH, REQ_OP_DISCARD,
		REQ_OP_WRITE_ZEROES, REQ_OP_WRITE_ZEROES | REQ_NOUNMAP, REQ_OP_ZONE_APPEND,
	};
	struct test_request *test = &requests[fuzz_number(in, 1) % DEPTH];
	struct blk_mq_queue_data bd = { .rq = &test->rq };
	u32 put = q.ring.sq_next, i, seed;

	if (test->in_flight || broken)
		return;
	test->rq = (struct request) {
		.tag = test - requests,
		.cmd_flags = ops[fuzz_number(in, 1) % 8],
		.sector = fuzz_number(in, 1),
		.len = 512 * (1 + fuzz_number(in, 1) % (DATA_MAX / 512)),
		.data = test->data,
		.mq_hctx = &hctx,
	};
	for (i = 0, seed = fuzz_number(in, 1); i < DATA_MAX; i++)
		test->data[i] = seed + i / 512 + i;
	if (!served(&test->rq)) {
		FUZZ_CHECK(pvblk_mq_ops.queue_rq(&hctx, &bd) == BLK_STS_NOTSUPP);
		FUZZ_CHECK(q.ring.sq_next == put);
		return;
	}
	test->in_flight = true;
	FUZZ_CHECK(!pvblk_mq_ops.queue_rq(&hctx, &bd));
	/* Only if the device has completed more than it was given is there no room. */
	FUZZ_CHECK(q.ring.sq_next == put + 1 || broken);
	test->id = last_id();
	if (!broken)
		check_last(test);
}

/* The device writes a completion. */
static void post(struct fuzz_input *in, u32 id, u32 status)
{
	struct pvblk_cqe *cqe = (struct pvblk_cqe *)q.ring.cq + q.ring.cq_next % DEPTH;

	cqe->id = htole32(id);
	cqe->status = htole32(status);
	cqe->reserved = fuzz_number(in, 1);
	cqe->seq = htole32(PVRING_SEQ(q.ring.cq_next));
}

static struct test_request *find(u32 id)
{
	int i;

	for (i = 0; i < DEPTH; i++)
		if (requests[i].in_flight && requests[i].id == id)
			return &requests[i];
	return NULL;
}

static blk_status_t meaning(u32 status)
{
	static const blk_status_t meanings[] = {
		BLK_STS_OK, BLK_STS_IOERR, BLK_STS_NOSPC, BLK_STS_NOTSUPP, BLK_STS_IOERR,
		BLK_STS_IOERR,
	};

	return meanings[status];
}

/* One completion, honest or not, and what must follow from it. */
static void complete(struct fuzz_input *in)
{
	u32 choice = fuzz_number(in, 1), status = fuzz_number(in, 1) % 8, put = q.ring.sq_next, id;
	const struct pvblk_slot *slot;
	struct test_request *test;
	bool rest_follows;

	id = choice & 0x80 ? fuzz_number(in, 4) : requests[choice % DEPTH].id;
	if (choice & 0x40)
		status = fuzz_number(in, 4);
	test = find(id);
	if (status > PVBLK_S_RDONLY)
		test = NULL;
	slot = test ? &queue.slots[test->rq.tag] : NULL;
	rest_follows = test && !status &&
		       (slot->then_flush ||
			(slot->part && slot->done + slot->part < blk_rq_sectors(&test->rq)));

	nr_expected = test && !broken && !rest_follows;
	if (nr_expected) {
		expected_tag = test->rq.tag;
		expected_status = meaning(status);
	}
	if (test && !status && req_op(&test->rq) == REQ_OP_READ)
		memcpy(test->given + slot->done * 512, (char *)q.data + slot->off, slot->part * 512);
	remote = choice & 0x20;
	post(in, id, status);
	if (broken) {
		u32 next = q.ring.cq_next;

		interrupt();
		FUZZ_CHECK(q.ring.cq_next == next);
		return;
	}
	interrupt();
	FUZZ_CHECK(!nr_expected);
	FUZZ_CHECK(broken == !test);
	FUZZ_CHECK(q.ring.sq_next == put + rest_follows);
	if (rest_follows) {
		FUZZ_CHECK(last_id() != test->id && find(test->id) == test);
		test->id = last_id();
		check_last(test);
	}
}

/* The device writes anywhere; a completion may come of it, and any request may end by it. */
static void scribble(struct fuzz_input *in, char *area, size_t len)
{
	size_t off = fuzz_number(in, 2) % len, n = 1 + fuzz_number(in, 1) % 16;

	for (; n && off < len; n--, off++)
		area[off] = fuzz_number(in, 1);
}

static void step(struct fuzz_input *in)
{
	switch (fuzz_number(in, 1) % 8) {
	case 0:
	case 1:
	case 2:
		submit(in);
		break;
	case 3:
	case 4:
	case 5:
		complete(in);
		break;
	case 6:
		scribble(in, q.data, q.data_len);
		break;
	default:
		/* Without the control line and the next completion, which complete() checks. */
		scribble(in, (char *)q.ring.drv, pvring_drv_area_len(DEPTH, PVBLK_SQE_SHIFT));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_input in = { data, len };

	pvblk_spin_us = 0;
	start(fuzz_number(&in, 1), 1 + fuzz_number(&in, 1) % (DATA_MAX / 512));
	while (in.len)
		step(&in);
	stop();
	return 0;
}

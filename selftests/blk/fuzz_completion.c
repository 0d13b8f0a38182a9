// SPDX-License-Identifier: GPL-2.0-only
/*
 * pvblk's queue against a device that completes what it likes and writes what it likes: a
 * request ends once, when the device has given each of its parts back under just the id that it has, with
 * an error if one of them had one, and with the data that the device gave; at the first lie the device is broken
 * and nothing ends any more (RING-G3, ABI-4). The parts are apart in the window, are the whole request and nothing
 * twice, and each is no longer than the device takes (BLK-G1). What the device doesn't serve is refused, never taken
 * for something else (BLK-G2), and a write that is to be durable is (BLK-D3, BLK-D4). It makes no difference
 * whether a request ends here or on another CPU. pvblk's queue.c, reap.c, wait.c, request.c, pool.c and
 * pvbus/ring.c as they are.
 */
#include <string.h>

#include "../../pvblk/pvblk.h"

#include "fuzz.h"

#define DEPTH		8
#define RING		16
#define SECTORS_MAX	40
#define DATA_MAX	(SECTORS_MAX * 512)
/* Not enough for all at once. */
#define PIECES		5
#define PIECE_LEN	(2 * PVBLK_SLOT_LEN)

/**
 * struct test_request - a request, and what must become of it
 * @rq: the request
 * @data: its user's memory
 * @given: what the device has given to a read
 * @in_flight: given to pvblk and not ended
 * @covered: sectors that were submitted, by their bits
 * @nr_out: parts that the device has
 * @status: of those that had an error
 * @cached: a write was not to be durable by itself
 * @flushed: a flush has followed
 */
struct test_request {
	struct request	rq;
	char		data[DATA_MAX];
	char		given[DATA_MAX];
	bool		in_flight;
	u64		covered;
	u32		nr_out;
	blk_status_t	status;
	bool		cached;
	bool		flushed;
};

/* What the device has, as it has read it. */
struct submission {
	struct test_request	*of;
	struct pvblk_sqe	sqe;
};

static struct test_request requests[DEPTH];
static struct submission submissions[RING];
static struct pvbus_device pdev;
static struct pvbus_queue q;
static struct pvblk_queue queue;
static struct pvblk blk;
static struct blk_mq_hw_ctx hctx;
static bool broken, remote;

/* What has ended since it was NULL last. */
static struct test_request *ended;

u32 pvbus_sleep_ns(const struct pvbus_device *dev)
{
	(void)dev;
	return 100000;
}

void pvbus_kick(struct pvbus_queue *queue)
{
	(void)queue;
}

/* Nobody freezes the queue. */
void shim_sleep(unsigned long timeout)
{
	(void)timeout;
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

	FUZZ_CHECK(!ended && test->in_flight && !test->nr_out);
	FUZZ_CHECK(status == test->status);
	if (!status && req_op(rq) != REQ_OP_FLUSH)
		FUZZ_CHECK(test->covered == (1ULL << blk_rq_sectors(rq)) - 1);
	if (!status && rq->cmd_flags & REQ_FUA && pvbus_has_feature(&pdev, PVBLK_F_FLUSH))
		FUZZ_CHECK(!test->cached || test->flushed);
	if (!status && req_op(rq) == REQ_OP_READ)
		FUZZ_CHECK(!memcmp(test->data, test->given, rq->len));
	test->in_flight = false;
	ended = test;
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
	/* Not always enough for all. */
	u32 pieces = features >> 6 ? PIECES : 0;
	size_t drv_len = pvring_drv_area_len(RING, PVBLK_SQE_SHIFT);
	size_t dev_len = pvring_dev_area_len(RING, PVBLK_CQE_SHIFT);
	int i;

	broken = false;
	pdev.features[0] = features;
	blk = (struct pvblk) { .pdev = &pdev };
	blk.config.max_io = htole32(max_sectors * 512);
	blk.config.max_discard_sectors = htole32(max_sectors);
	blk.config.max_write_zeroes_sectors = htole32(max_sectors);
	q = (struct pvbus_queue) { .pdev = &pdev, .priv = &queue,
		.data_len = DEPTH * PVBLK_SLOT_LEN + pieces * PIECE_LEN };
	q.data = alloc_exactly(q.data_len);
	pvring_init(&q.ring, alloc_exactly(drv_len), alloc_exactly(dev_len), RING,
		    PVBLK_SQE_SHIFT, PVBLK_CQE_SHIFT);
	queue = (struct pvblk_queue) { .q = &q, .blk = &blk, .depth = DEPTH };
	spin_lock_init(&queue.lock);
	spin_lock_init(&queue.cq_lock);
	spin_lock_init(&queue.poll_lock);
	compat_bh_init(&queue.bh, pvblk_bh);
	queue.slots = calloc(DEPTH, sizeof(*queue.slots));
	if (pvblk_alloc_parts(&queue, pieces, PIECE_LEN))
		abort();
	hctx.driver_data = &queue;
	for (i = 0; i < DEPTH; i++)
		requests[i].in_flight = false;
	memset(submissions, 0, sizeof(submissions));
}

static void stop(void)
{
	free(queue.parts);
	free(queue.slots);
	free(q.data);
	free(q.ring.drv);
	free((void *)q.ring.dev);
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

static bool has_data(const struct pvblk_sqe *sqe)
{
	return sqe->op == PVBLK_OP_READ || sqe->op == PVBLK_OP_WRITE;
}

/* The data lies in the extent, and nobody else's does there. */
static void check_room(const struct pvblk_sqe *sqe)
{
	u64 off = le64toh(sqe->data_off) - pvshm_raw(q.data_off), len = le32toh(sqe->nr_sectors) * 512, other;
	const struct submission *s;

	FUZZ_CHECK(off + len <= q.data_len);
	for (s = submissions; s < submissions + RING; s++) {
		if (!s->of || !has_data(&s->sqe))
			continue;
		other = le64toh(s->sqe.data_off) - pvshm_raw(q.data_off);
		FUZZ_CHECK(off + len <= other || other + le32toh(s->sqe.nr_sectors) * 512 <= off);
	}
}

/* A submission keeps to what the device takes, and to the request. */
static void check(struct test_request *test, const struct pvblk_sqe *sqe)
{
	u32 nr = le32toh(sqe->nr_sectors), first = le64toh(sqe->sector) - test->rq.sector;
	u64 sectors;

	if (sqe->op == PVBLK_OP_FLUSH) {
		FUZZ_CHECK(!nr && !sqe->flags && !test->nr_out && pvbus_has_feature(&pdev, PVBLK_F_FLUSH));
		test->flushed = true;
		return;
	}
	FUZZ_CHECK(nr && nr * 512 <= le32toh(blk.config.max_io));
	FUZZ_CHECK(first + nr <= blk_rq_sectors(&test->rq));
	sectors = ((1ULL << nr) - 1) << first;
	FUZZ_CHECK(!(test->covered & sectors));
	test->covered |= sectors;
	if (!has_data(sqe))
		return;
	check_room(sqe);
	if (sqe->op == PVBLK_OP_READ)
		return;
	FUZZ_CHECK(!memcmp(test->data + first * 512, (char *)q.data + le64toh(sqe->data_off) - pvshm_raw(q.data_off),
			   nr * 512));
	test->cached |= !(sqe->flags & PVBLK_RQ_FUA);
	FUZZ_CHECK(!sqe->flags || pvbus_has_feature(&pdev, PVBLK_F_FUA));
}

static struct submission *find(u32 id)
{
	struct submission *s;

	for (s = submissions; s < submissions + RING; s++)
		if (s->of && le32toh(s->sqe.id) == id)
			return s;
	return NULL;
}

/* The device takes what was submitted of a request from the entry @nr on. */
static void take(struct test_request *test, u32 nr)
{
	const struct pvblk_sqe *sqes = q.ring.sq;
	struct submission *s;

	for (; nr != q.ring.sq_next; nr++) {
		check(test, &sqes[nr % RING]);
		FUZZ_CHECK(!find(le32toh(sqes[nr % RING].id)));
		for (s = submissions; s->of; s++)
			FUZZ_CHECK(s < submissions + RING - 1);
		s->of = test;
		s->sqe = sqes[nr % RING];
		test->nr_out++;
	}
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
	if (req_op(&test->rq) == REQ_OP_FLUSH)
		test->rq.len = 0;
	for (i = 0, seed = fuzz_number(in, 1); i < DATA_MAX; i++)
		test->data[i] = seed + i / 512 + i;
	test->covered = 0;
	test->nr_out = 0;
	test->status = BLK_STS_OK;
	test->cached = false;
	test->flushed = false;
	if (!served(&test->rq)) {
		FUZZ_CHECK(pvblk_mq_ops.queue_rq(&hctx, &bd) == BLK_STS_NOTSUPP);
		FUZZ_CHECK(q.ring.sq_next == put);
		return;
	}
	test->in_flight = true;
	FUZZ_CHECK(!pvblk_mq_ops.queue_rq(&hctx, &bd));
	FUZZ_CHECK(q.ring.sq_next != put);
	take(test, put);
}

/* The device writes a completion. */
static void post(struct fuzz_input *in, u32 id, u32 status)
{
	struct pvblk_cqe *cqe = (struct pvblk_cqe *)q.ring.cq + q.ring.cq_next % RING;

	cqe->id = htole32(id);
	cqe->status = htole32(status);
	cqe->reserved = fuzz_number(in, 1);
	cqe->seq = htole32(PVRING_SEQ(q.ring.cq_next));
}

static blk_status_t meaning(u32 status)
{
	static const blk_status_t meanings[] = {
		BLK_STS_OK, BLK_STS_IOERR, BLK_STS_NOSPC, BLK_STS_NOTSUPP, BLK_STS_IOERR,
		BLK_STS_IOERR,
	};

	return meanings[status];
}

/* The device does what it was given. */
static void finish(struct submission *s, u32 status)
{
	struct test_request *test = s->of;
	u32 first = le64toh(s->sqe.sector) - test->rq.sector;

	if (status)
		test->status = meaning(status);
	else if (s->sqe.op == PVBLK_OP_READ)
		memcpy(test->given + first * 512, (char *)q.data + le64toh(s->sqe.data_off) - pvshm_raw(q.data_off),
		       le32toh(s->sqe.nr_sectors) * 512);
	test->nr_out--;
	s->of = NULL;
}

/* One completion, honest or not, and what must follow from it: more of the request, or its end. */
static void complete(struct fuzz_input *in)
{
	u32 choice = fuzz_number(in, 1), status = fuzz_number(in, 1) % 8, put = q.ring.sq_next, id;
	struct test_request *test = NULL;
	struct submission *s;

	id = choice & 0x80 ? fuzz_number(in, 4) : le32toh(submissions[choice % RING].sqe.id);
	if (choice & 0x40)
		status = fuzz_number(in, 4);
	s = find(id);
	if (s && status <= PVBLK_S_RDONLY && !broken) {
		test = s->of;
		finish(s, status);
	}
	ended = NULL;
	remote = choice & 0x20;
	post(in, id, status);
	if (broken) {
		u32 next = q.ring.cq_next;

		interrupt();
		FUZZ_CHECK(q.ring.cq_next == next && !ended);
		return;
	}
	interrupt();
	FUZZ_CHECK(broken == !test);
	if (!test)
		return;
	take(test, put);
	FUZZ_CHECK((ended == test) == !test->nr_out);
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
		scribble(in, (char *)q.ring.drv, pvring_drv_area_len(RING, PVBLK_SQE_SHIFT));
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

// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long each request of a disk took is counted once, by queue and operation, in powers of two: requests
 * that are done at once, later, after they were held; over a reset of the queue, too.
 */
#include "testbus.h"

#include "lib/histogram.h"
#include "lib/json.h"

#define US	1000ULL
#define MS	1000000ULL

static struct testbus t;
static struct testdrv_queue q;

static uint64_t read_clock(void)
{
	/* So long a turn takes. */
	return t.bus->loop.now_ns + 3 * US;
}

/* How many of an operation took less than 2^n ns, and not less than half of it; -1: all. */
static uint64_t counted(const char *op, int n)
{
	struct json_object *obj = json_object_new_object();
	struct hostd_histogram h = { 0 };
	uint64_t nr;

	pv_blk_class.worker->describe_queue(&t.bus->devices[0], 0, obj);
	nr = hostd_histogram_parse(hostd_json_get(hostd_json_get(obj, "latency"), op), &h);
	json_object_put(obj);
	return n < 0 ? nr : h.count[n - HOSTD_HISTOGRAM_SHIFT];
}

static void submit(unsigned int nr, uint8_t op)
{
	struct pvblk_sqe sqe;

	while (nr--) {
		sqe = testdrv_request(&q, op, 0, op == PVBLK_OP_FLUSH ? 0 : 8, 0);
		testdrv_submit(&q, &sqe);
	}
}

static void reap(void)
{
	struct pvblk_cqe cqe;

	while (testdrv_reap(&q, &cqe))
		;
}

static void check_places(void)
{
	struct json_object *obj = json_object_new_object();
	struct hostd_histogram h = { 0 }, back = { 0 };

	ktap_ok(hostd_histogram_place(0) == 0 && hostd_histogram_place(1023) == 0 && hostd_histogram_place(1024) == 1 &&
		hostd_histogram_place(2047) == 1 && hostd_histogram_place(2048) == 2 &&
		hostd_histogram_place(UINT64_MAX) == HOSTD_HISTOGRAM_LEN - 1, "a time has its place");
	hostd_histogram_describe(&h, obj, "empty");
	ktap_ok(!hostd_json_get(obj, "empty") && !hostd_histogram_quantile(&h, 50), "what is empty is not told");
	hostd_histogram_add(&h, 1500, 99);
	hostd_histogram_add(&h, 1 * MS, 1);
	hostd_histogram_describe(&h, obj, "h");
	ktap_ok(hostd_histogram_parse(hostd_json_get(obj, "h"), &back) == 100 && !memcmp(&h, &back, sizeof(h)) &&
		h.sum_ns == 99 * 1500 + 1 * MS, "what is told can be read");
	ktap_ok(hostd_histogram_quantile(&h, 50) == 2048 && hostd_histogram_quantile(&h, 99) == 2048 &&
		hostd_histogram_quantile(&h, 99.9) == 1 << 20, "quantiles");
	json_object_put(obj);
	obj = json_tokener_parse("{\"log2\":[1,\"x\",-1,[2],1e300,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}");
	hostd_histogram_parse(obj, &back);
	ktap_ok(!hostd_histogram_parse(NULL, &back), "nonsense is none");
	json_object_put(obj);
}

int main(void)
{
	struct hostd_io *held[17] = { 0 };
	const struct hostd_backend_ops *backend;

	ktap_plan(13);
	check_places();
	testbus_run_null(&t, &q, TESTBUS_NULL);
	submit(4, PVBLK_OP_READ);
	testbus_pump(&t);
	reap();
	ktap_ok(counted("read", 10) == 4 && counted("read", -1) == 4, "without a clock no time passes");
	t.bus->loop.clock = read_clock;
	submit(2, PVBLK_OP_READ);
	submit(3, PVBLK_OP_WRITE);
	submit(1, PVBLK_OP_FLUSH);
	testbus_pump(&t);
	reap();
	ktap_ok(counted("read", 12) == 2 && counted("write", 12) == 3 && counted("flush", 12) == 1,
		"what is done at once took a turn");
	backend = testbus_hold(&t, 0, held);
	submit(5, PVBLK_OP_READ);
	testbus_pump(&t);
	t.bus->loop.now_ns += 5 * MS;
	testbus_release(&t, held);
	reap();
	ktap_ok(counted("read", 23) == 5 && counted("read", -1) == 11, "what is done later took longer");
	submit(2, PVBLK_OP_WRITE);
	testbus_pump(&t);
	held[0]->result = -ENOSPC;
	held[1]->result = -ENOSPC;
	testbus_release(&t, held);
	ktap_ok(counted("write", -1) == 3, "what is held is not done");
	((struct blk *)t.bus->devices[0].priv)->file.backend = backend;
	t.bus->loop.now_ns += 100 * MS;
	pv_blk_class.worker->go_on(&t.bus->devices[0]);
	testbus_pump(&t);
	reap();
	ktap_ok(counted("write", 27) == 2 && counted("write", -1) == 5, "until it is");
	ktap_ok(t.bus->devices[0].queues[0].stats.ops == 4 + 6 + 5 + 2 && counted("read", -1) + counted("write", -1) +
		counted("flush", -1) == 17, "each request is counted once");
	submit(1, PVBLK_OP_READ);
	testbus_pump(&t);
	reap();
	ktap_ok(counted("read", 12) == 3, "and the next is as quick as before");
	testdrv_command(&t.drv, 0, PVBUS_CMD_RESET);
	ktap_ok(counted("read", -1) == 12, "a reset forgets nothing");
	testbus_exit(&t);
	return ktap_finish();
}

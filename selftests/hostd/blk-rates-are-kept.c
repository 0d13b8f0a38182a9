// SPDX-License-Identifier: GPL-2.0-only
/*
 * Limits of a disk, of requests and of bytes, hold on average, with the bursts that are allowed, and may change
 * while something waits; nothing is lost, nothing spins, and another disk has none of it. The time is the test's.
 */
#include "testbus.h"

#include "lib/rate.h"

#define MS		1000000ULL
#define STEP_NS		(MS / 10)
#define DEPTH		16
#define IO		4096U

static struct testbus t;

/**
 * struct load - a driver that always wants more
 * @q: its queue
 * @done: requests completed
 * @bad: those that failed
 * @sectors: of a request; 0: FLUSH
 */
static struct load {
	struct testdrv_queue q;
	unsigned int done;
	unsigned int bad;
	unsigned int sectors;
} loads[2];

static unsigned int looks;

static bool set(const char *config)
{
	struct json_object *obj = json_tokener_parse(config);
	char error[HDEV_ERROR_LEN];
	int ret = pv_blk_class.worker->set(&t.bus->devices[0], obj, error);

	json_object_put(obj);
	return !ret;
}

static void drive(struct load *load)
{
	struct pvblk_cqe cqe;
	struct pvblk_sqe sqe;

	while (testdrv_reap(&load->q, &cqe)) {
		load->done++;
		load->bad += !!cqe.status;
	}
	while (load->q.submitted - load->q.reaped < DEPTH) {
		sqe = testdrv_request(&load->q, load->sectors ? PVBLK_OP_WRITE : PVBLK_OP_FLUSH, 0, load->sectors, 0);
		testdrv_submit(&load->q, &sqe);
	}
}

/* What the loop does in @ms. How many requests of the first disk are done in them. */
static unsigned int run(unsigned int ms)
{
	uint64_t end_ns = t.bus->loop.now_ns + ms * MS;
	unsigned int i, done = loads[0].done;

	while (t.bus->loop.now_ns < end_ns) {
		t.bus->loop.now_ns += STEP_NS;
		hdev_loop_fire(&t.bus->loop);
		hdev_loop_work(&t.bus->loop);
		for (i = 0; i < t.bus->loop.nr_running; i++) {
			struct hdev_queue *q = t.bus->loop.running[i];

			if (!hdev_queue_has_work(q))
				continue;
			looks += !q->dev->slot;
			q->dev->ops->poll(q, 32);
		}
		drive(&loads[0]);
		drive(&loads[1]);
	}
	return loads[0].done - done;
}

/* The driver wants nothing for so long. */
static void rest(unsigned int ms)
{
	t.bus->loop.now_ns += ms * MS;
	hdev_loop_fire(&t.bus->loop);
	hdev_loop_work(&t.bus->loop);
}

static bool is_near(unsigned int nr, unsigned int want)
{
	ktap_note("%u requests of %u", nr, want);
	return nr + want / 20 + 1 >= want && nr <= want + want / 20 + 1;
}

static void start(unsigned int slot)
{
	struct testdrv_queue *q = &loads[slot].q;

	testdrv_lay_out(&t.drv, q, testdrv_space(&t.drv) + PV_PAGE_SIZE + slot * (1 << 20), 32, 1 << 19);
	if (testdrv_take_features(&t.drv, slot) != PVBUS_R_OK || testdrv_start(&t.drv, slot, q, 1) != PVBUS_R_OK)
		ktap_bail("START");
	loads[slot].sectors = IO / 512;
}

static void set_up(void)
{
	testbus_init(&t);
	if (testbus_add(&t, 0, 1, TESTBUS_NULL, -1) || testbus_add(&t, 1, 2, TESTBUS_NULL, -1))
		ktap_bail("add");
	hostd_bus_begin_epoch(t.bus);
	testdrv_hello(&t.drv);
	start(0);
	start(1);
	drive(&loads[0]);
	drive(&loads[1]);
}

static void check_formula(void)
{
	struct hostd_rate r = { 0 };
	uint64_t now_ns = 12345 * MS;
	unsigned int i;

	for (i = 0; i < 1000; i++)
		hostd_rate_take(&r, now_ns, 1ULL << 34);
	ktap_ok(hostd_rate_allows(&r, now_ns) && !r.due_ns, "no limit is none");
	hostd_rate_set(&r, now_ns, 10, 1000 * MS);
	for (i = 0; hostd_rate_allows(&r, now_ns); i++)
		hostd_rate_take(&r, now_ns, 1);
	ktap_ok(i == 11 && hostd_rate_at(&r) == now_ns + 100 * MS, "a burst, and then one after the other");
	hostd_rate_set(&r, now_ns, 1, MS);
	hostd_rate_take(&r, now_ns, 1ULL << 34);
	ktap_ok(hostd_rate_at(&r) - now_ns > 17179869183ULL * 1000 * MS, "what is large makes others wait, and overflows nothing");
}

int main(void)
{
	unsigned int other, nr;

	ktap_plan(15);
	check_formula();
	set_up();
	ktap_ok(run(50) == 500 * DEPTH, "without a limit there is none");
	ktap_ok(set("{\"iops\":1000}"), "a limit is set while it runs");
	run(200);
	looks = 0;
	other = loads[1].done;
	ktap_ok(is_near(run(2000), 2000), "of requests: it holds");
	ktap_ok(looks < 3000 && loads[1].done - other == 20000 * DEPTH, "nobody looks in vain, and another disk has none of it");
	loads[0].sectors = 0;
	run(200);
	ktap_ok(is_near(run(1000), 1000), "FLUSH is a request, too");
	loads[0].sectors = IO / 512;
	set("{\"iops\":0,\"bps\":1048576}");
	run(200);
	ktap_ok(is_near(run(4000), 4 * 1048576 / IO), "of bytes: it holds");
	loads[0].sectors = 128;
	run(500);
	ktap_ok(is_near(run(8000), 8 * 1048576 / 65536), "whatever the size");
	loads[0].sectors = IO / 512;
	set("{\"iops\":100}");
	run(2000);	/* and the large ones that it had submitted before */
	ktap_ok(is_near(run(4000), 400), "of both: the lower one");
	set("{\"iops\":1000,\"bps\":0,\"burst\":500}");
	run(1000);
	rest(5000);
	nr = run(5);
	ktap_ok(nr > 400 && is_near(nr + run(995), 1500 + 1), "after a rest a burst comes at once");
	set("{\"iops\":1}");
	run(3000);
	set("{\"iops\":0}");
	ktap_ok(run(10) >= 90 * DEPTH, "what waits goes when there is no limit any more");
	set("{\"iops\":1}");
	run(3000);
	ktap_ok(t.bus->devices[0].queues[0].quiet && testdrv_command(&t.drv, 0, PVBUS_CMD_RESET) == PVBUS_R_OK,
		"RESET waits for no limit");
	ktap_ok(!loads[0].bad && !loads[1].bad, "no request has failed");
	testbus_exit(&t);
	return ktap_finish();
}

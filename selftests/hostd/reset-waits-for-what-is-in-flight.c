// SPDX-License-Identifier: GPL-2.0-only
/*
 * RESET, HELLO and a removal by force are answered when the last request in flight is done
 * (BUS-D8, BUS-D3), other devices are served meanwhile, and nothing is posted after the stop.
 */
#include "testbus.h"

static struct hostd_io *held[9];

static struct testbus t;
static struct testdrv_queue q;

/* One request in flight in slot 0. */
static void hold_one(void)
{
	struct pvblk_sqe sqe;

	testdrv_command(&t.drv, 0, PVBUS_CMD_RESET);
	if (!testdrv_run(&t.drv, 0, &q, 16, 1 << 16))
		ktap_bail("START");
	sqe = testdrv_request(&q, PVBLK_OP_WRITE, 0, 8, 0);
	testdrv_submit(&q, &sqe);
	testbus_pump(&t);
	if (!held[0] || held[1])
		ktap_bail("nothing is in flight");
}

static bool is_silent(const struct pvbus_ack *ack)
{
	unsigned int i;

	for (i = 0; i < 10; i++)
		testbus_pump(&t);
	return !testdrv_is_answered(&t.drv, ack);
}

static void check_reset(void)
{
	struct pvbus_ack *ack = &testdrv_entry(&t.drv, 0)->ack;
	struct testdrv_queue other;
	struct pvblk_sqe sqe;
	struct pvblk_cqe cqe;
	uint32_t seq;

	hold_one();
	testdrv_send(&t.drv, &testdrv_slot(&t.drv, 0)->cmd, PVBUS_CMD_RESET);
	seq = t.drv.seq;
	ktap_ok(is_silent(ack), "RESET waits");
	testdrv_lay_out(&t.drv, &other, testdrv_space(&t.drv) + (1 << 20), 16, 1 << 16);
	testdrv_take_features(&t.drv, 1);
	sqe = testdrv_request(&other, PVBLK_OP_READ, 0, 8, 0);
	ktap_ok(testdrv_start(&t.drv, 1, &other, 1) == PVBUS_R_OK &&
			testdrv_do(&t.drv, &other, &sqe) == PVBLK_S_OK,
		"another device is served meanwhile");
	t.drv.seq = seq;
	testbus_release(&t, held);
	ktap_ok(testdrv_is_answered(&t.drv, ack) && ack->result == htole32(PVBUS_R_OK) &&
		testdrv_status(&t.drv, 0) == PVBUS_S_RESET, "answered when it is drained");
	ktap_ok(!testdrv_reap(&q, &cqe), "nothing was posted after the stop");
	t.drv.seq += 100;
}

static void check_hello(void)
{
	struct pvbus_ack *ack = &testdrv_header(&t.drv)->ack;

	hold_one();
	testdrv_send(&t.drv, &testdrv_driver_header(&t.drv)->cmd, PVBUS_CMD_HELLO);
	ktap_ok(is_silent(ack), "HELLO waits");
	testbus_release(&t, held);
	ktap_ok(testdrv_is_answered(&t.drv, ack), "and is answered");
}

static void check_epoch(void)
{
	struct pvbus_ack *ack = &testdrv_header(&t.drv)->ack;

	hold_one();
	hostd_bus_begin_epoch(t.bus);
	testdrv_send(&t.drv, &testdrv_driver_header(&t.drv)->cmd, PVBUS_CMD_HELLO);
	ktap_ok(is_silent(ack) && testdrv_status(&t.drv, 0) == PVBUS_S_RESET,
		"HELLO of the next epoch waits for the last one's requests (BUS-D3)");
	testbus_release(&t, held);
	ktap_ok(testdrv_is_answered(&t.drv, ack), "and is answered");
}

static void check_removal(void)
{
	struct pvbus_device_entry *entry = testdrv_entry(&t.drv, 0);

	hold_one();
	hdev_remove(&t.bus->devices[0], true);
	ktap_ok(!t.nr_removed && testdrv_status(&t.drv, 0) != PVBUS_S_ABSENT &&
		entry->flags & htole32(PVBUS_DEV_REMOVE), "a removal by force waits");
	testbus_release(&t, held);
	ktap_ok(t.nr_removed == 1 && testdrv_status(&t.drv, 0) == PVBUS_S_ABSENT, "and ends");
}

int main(void)
{
	ktap_plan(10);
	testbus_init(&t);
	testbus_add(&t, 0, 1, TESTBUS_NULL, -1);
	testbus_add(&t, 1, 2, TESTBUS_NULL, -1);
	testbus_hold(&t, 0, held);
	hostd_bus_begin_epoch(t.bus);
	testdrv_hello(&t.drv);
	check_reset();
	check_hello();
	check_epoch();
	check_removal();
	testbus_exit(&t);
	return ktap_finish();
}

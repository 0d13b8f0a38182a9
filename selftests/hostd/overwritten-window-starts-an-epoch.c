// SPDX-License-Identifier: GPL-2.0-only
/*
 * A header that isn't what was last written (migration, loadvm) starts a new epoch (BUS-D4), in
 * which nothing is executed before HELLO (BUS-D5) and every device is back in RESET.
 */
#include "testbus.h"

static uint64_t epoch_of(struct testbus *t)
{
	return le64toh(testdrv_header(&t->drv)->epoch);
}

static bool begins_epoch(struct testbus *t, unsigned int at)
{
	uint64_t epoch = epoch_of(t);

	t->drv.base[at] ^= 0x80;
	hostd_bus_beat(t->bus);
	return epoch_of(t) && epoch_of(t) != epoch && !testdrv_header(&t->drv)->ack.seq;
}

int main(void)
{
	struct testdrv_queue q;
	struct pvblk_cqe cqe;
	struct pvblk_sqe sqe;
	struct testbus t;
	uint64_t epoch, beat;
	uint8_t *copy;

	ktap_plan(13);
	testbus_run_null(&t, &q, TESTBUS_NULL);
	epoch = epoch_of(&t);
	beat = le64toh(testdrv_header(&t.drv)->heartbeat);
	hostd_bus_beat(t.bus);
	hostd_bus_beat(t.bus);
	ktap_ok(epoch_of(&t) == epoch, "an intact header: same epoch");
	ktap_ok(le64toh(testdrv_header(&t.drv)->heartbeat) == beat + 2, "heartbeat grows");

	copy = malloc(TESTBUS_WINDOW);
	memcpy(copy, t.drv.base, TESTBUS_WINDOW);
	hostd_bus_beat(t.bus);
	sqe = testdrv_request(&q, PVBLK_OP_READ, 0, 8, 0);
	ktap_ok(testdrv_do(&t.drv, &q, &sqe) == PVBLK_S_OK, "I/O in the epoch");
	testbus_irqs(&t, 0);

	memcpy(t.drv.base, copy, TESTBUS_WINDOW);
	hostd_bus_beat(t.bus);
	ktap_ok(epoch_of(&t) != epoch && epoch_of(&t), "a restored window: new epoch");
	ktap_ok(testbus_irqs(&t, 0), "vector 0 is raised");
	ktap_ok(testdrv_status(&t.drv, 0) == PVBUS_S_RESET, "devices are in RESET");
	testdrv_submit(&q, &sqe);
	testbus_pump(&t);
	ktap_ok(!testdrv_reap(&q, &cqe), "the restored ring is not served");
	ktap_ok(testdrv_take_features(&t.drv, 0) == PVBUS_R_STATE,
		"before HELLO a command gets STATE");
	ktap_ok(testdrv_hello(&t.drv) == PVBUS_R_OK && testdrv_run(&t.drv, 0, &q, 16, 1 << 16),
		"HELLO, and it runs again");

	ktap_ok(begins_epoch(&t, 0), "overwritten magic");
	ktap_ok(begins_epoch(&t, offsetof(struct pvbus_header, heartbeat)),
		"overwritten heartbeat");
	ktap_ok(begins_epoch(&t, offsetof(struct pvbus_header, ack)), "overwritten ack");
	ktap_ok(begins_epoch(&t, sizeof(struct pvbus_header) - 1), "overwritten last byte");
	free(copy);
	testbus_exit(&t);
	return ktap_finish();
}

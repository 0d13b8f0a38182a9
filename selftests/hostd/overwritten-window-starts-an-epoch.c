// SPDX-License-Identifier: GPL-2.0-only
/*
 * A header that isn't what was last written (migration, loadvm) starts a new epoch (BUS-D4), in
 * which nothing is executed before HELLO (BUS-D5) and every device is back in RESET. What a snapshot
 * brings in its rings is not executed until then either.
 */
#include <stdlib.h>

#include "testbus.h"

#define BLOCK	4096

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

static uint32_t write_block(struct testbus *t, struct testdrv_queue *q, unsigned int nr, char fill)
{
	struct pvblk_sqe sqe = testdrv_request(q, PVBLK_OP_WRITE, nr * BLOCK / 512, BLOCK / 512, 0);

	memset(testdrv_data(&t->drv, q), fill, BLOCK);
	return testdrv_do(&t->drv, q, &sqe);
}

static char read_block(int medium, unsigned int nr)
{
	char byte = 0;

	return pread(medium, &byte, 1, nr * BLOCK) == 1 ? byte : 0;
}

enum kind { OTHER_EPOCH, THIS_EPOCH, THIS_BEAT };

/*
 * Before the next beat. The ring of the snapshot has a write that was done long ago, and whose
 * number is that of the submission which the device side takes next.
 */
static void check_stale(struct testbus *t, int medium, const char *what, enum kind kind)
{
	uint8_t *copy = malloc(TESTBUS_WINDOW);
	struct pvbus_header *h = (void *)copy;
	struct testdrv_queue q;
	unsigned int i;

	if (!copy || !testdrv_run(&t->drv, 0, &q, 16, 1 << 16) ||
	    write_block(t, &q, 0, 'o') || write_block(t, &q, 1, 'o'))
		ktap_bail("the disk does not run");
	memcpy(copy, t->drv.base, TESTBUS_WINDOW);
	if (kind != THIS_BEAT)
		hostd_bus_beat(t->bus);
	testdrv_command(&t->drv, 0, PVBUS_CMD_RESET);
	if (!testdrv_run(&t->drv, 0, &q, 16, 1 << 16) || write_block(t, &q, 1, 'n'))
		ktap_bail("the disk does not run again");
	if (kind == OTHER_EPOCH) {
		h->epoch ^= 1;
		h->heartbeat = testdrv_header(&t->drv)->heartbeat;
	}
	memcpy(t->drv.base, copy, TESTBUS_WINDOW);
	for (i = 0; i < 100; i++)
		testbus_pump(t);
	ktap_ok(read_block(medium, 1) == 'n' && !t->bus->loop.nr_running,
		"a snapshot of %s: its requests are not executed", what);
	hostd_bus_beat(t->bus);
	ktap_ok(testdrv_hello(&t->drv) == PVBUS_R_OK && testdrv_run(&t->drv, 0, &q, 16, 1 << 16) &&
		!write_block(t, &q, 1, 'm') && read_block(medium, 1) == 'm', "those of the next epoch are");
	testdrv_command(&t->drv, 0, PVBUS_CMD_RESET);
	free(copy);
}

/* A snapshot of the same beat, with the command before the last: it was executed long ago. */
static void check_stale_command(struct testbus *t)
{
	uint8_t *copy = malloc(TESTBUS_WINDOW);
	uint64_t epoch = epoch_of(t);
	struct testdrv_queue q;
	unsigned int i;

	testdrv_command(&t->drv, 0, PVBUS_CMD_RESET);
	if (!copy)
		ktap_bail("memory");
	memcpy(copy, t->drv.base, TESTBUS_WINDOW);
	if (!testdrv_run(&t->drv, 0, &q, 16, 1 << 16))
		ktap_bail("START");
	memcpy(t->drv.base, copy, TESTBUS_WINDOW);
	for (i = 0; i < 10; i++)
		testbus_pump(t);
	ktap_ok(t->bus->devices[0].status == PVBUS_S_RUNNING,
		"a snapshot of this beat: its command is not executed");
	hostd_bus_beat(t->bus);
	ktap_ok(epoch_of(t) != epoch && testdrv_status(&t->drv, 0) == PVBUS_S_RESET &&
		testdrv_hello(&t->drv) == PVBUS_R_OK, "the next beat begins an epoch");
	free(copy);
}

/* What was in flight when a snapshot of the same beat came belongs to a guest that is gone. */
static void check_stale_completion(struct testbus *t)
{
	struct blk *blk = t->bus->devices[0].priv;
	static struct hostd_io *held[2];
	const struct hostd_backend_ops *backend;
	uint8_t *copy = malloc(TESTBUS_WINDOW);
	struct testdrv_queue q;
	struct pvblk_sqe sqe;
	struct pvblk_cqe cqe;
	unsigned int i;

	if (!copy || !testdrv_run(&t->drv, 0, &q, 16, 1 << 16) || write_block(t, &q, 0, 'o'))
		ktap_bail("the disk does not run");
	memcpy(copy, t->drv.base, TESTBUS_WINDOW);
	backend = testbus_hold(t, 0, held);
	sqe = testdrv_request(&q, PVBLK_OP_READ, 0, 8, 0);
	testdrv_submit(&q, &sqe);
	testbus_pump(t);
	if (!held[0])
		ktap_bail("nothing is in flight");
	memcpy(t->drv.base, copy, TESTBUS_WINDOW);
	testbus_release(t, held);
	blk->file.backend = backend;
	for (i = 0; i < 10; i++)
		testbus_pump(t);
	ktap_ok(!testdrv_reap(&q, &cqe), "a snapshot of this beat: no request that it has not is completed");
	hostd_bus_beat(t->bus);
	ktap_ok(testdrv_hello(&t->drv) == PVBUS_R_OK && testdrv_run(&t->drv, 0, &q, 16, 1 << 16) &&
		!write_block(t, &q, 1, 'p'), "those of the next epoch are");
	free(copy);
}

static void check_snapshots(void)
{
	int medium = memfd_create("medium", MFD_CLOEXEC);
	struct testbus t;

	testbus_init(&t);
	if (ftruncate(medium, 2 * BLOCK) ||
	    testbus_add(&t, 0, 1, "{\"size\":8192,\"engine\":\"sync\"}", dup(medium)))
		ktap_bail("add");
	hostd_bus_begin_epoch(t.bus);
	if (testdrv_hello(&t.drv) != PVBUS_R_OK)
		ktap_bail("HELLO");
	check_stale(&t, medium, "another epoch", OTHER_EPOCH);
	check_stale(&t, medium, "this epoch", THIS_EPOCH);
	check_stale(&t, medium, "this beat", THIS_BEAT);
	check_stale_command(&t);
	check_stale_completion(&t);
	testbus_exit(&t);
	close(medium);
}

int main(void)
{
	struct testdrv_queue q;
	struct pvblk_cqe cqe;
	struct pvblk_sqe sqe;
	struct testbus t;
	uint64_t epoch, beat;
	uint8_t *copy;

	ktap_plan(23);
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
	check_snapshots();
	return ktap_finish();
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * A block request that breaks the ABI breaks its queue and nothing else; one that
 * can't be served gets the status that BLK-D1 says, and touches nothing.
 */
#include "testbus.h"

#define CONFIG	"{\"null\":1048576,\"queues\":2,\"logical-block\":4096," \
		"\"max-io\":65536}"
#define SECTORS	2048U

static struct testbus t;
static struct testdrv_queue q;

static void restart(uint64_t without)
{
	struct pvbus_driver_slot *slot = testdrv_slot(&t.drv, 0);

	testdrv_command(&t.drv, 0, PVBUS_CMD_RESET);
	slot->features[0] = htole64(le64toh(testdrv_entry(&t.drv, 0)->features[0]) & ~without);
	slot->features[1] = 0;
	testdrv_lay_out(&t.drv, &q, testdrv_space(&t.drv) + PV_PAGE_SIZE, 16, 1 << 20);
	q.desc.irq_vector = htole16(1);
	if (testdrv_command(&t.drv, 0, PVBUS_CMD_FEATURES) != PVBUS_R_OK ||
	    testdrv_start(&t.drv, 0, &q, 1) != PVBUS_R_OK)
		ktap_bail("START");
}

static void expect_status(const char *what, uint32_t status, struct pvblk_sqe sqe)
{
	ktap_ok(testdrv_do(&t.drv, &q, &sqe) == status &&
			testdrv_status(&t.drv, 0) == PVBUS_S_RUNNING,
		"%s: status %u", what, status);
}

static void expect_broken(const char *what, struct pvblk_sqe sqe)
{
	struct pvblk_cqe cqe;

	testbus_irqs(&t, 0);
	testbus_irqs(&t, 1);
	testdrv_submit(&q, &sqe);
	testbus_pump(&t);
	ktap_ok(testdrv_status(&t.drv, 0) == PVBUS_S_BROKEN && !testdrv_reap(&q, &cqe) &&
		le32toh(testdrv_dev_ctrl(&q)->error) == PVRING_E_ENTRY &&
		testbus_irqs(&t, 0) && testbus_irqs(&t, 1), "%s: broken", what);
	restart(0);
}

static struct pvblk_sqe rq(uint8_t op, uint64_t sector, uint32_t nr)
{
	return testdrv_request(&q, op, sector, nr, 0);
}

static struct pvblk_sqe with_flags(struct pvblk_sqe sqe, uint8_t flags)
{
	sqe.flags = flags;
	return sqe;
}

static struct pvblk_sqe with_data(struct pvblk_sqe sqe, uint64_t off)
{
	sqe.data_off = htole64(off);
	return sqe;
}

static void check_statuses(void)
{
	expect_status("READ", PVBLK_S_OK, rq(PVBLK_OP_READ, 0, 8));
	expect_status("READ of the last block", PVBLK_S_OK, rq(PVBLK_OP_READ, SECTORS - 8, 8));
	expect_status("largest WRITE", PVBLK_S_OK, rq(PVBLK_OP_WRITE, 0, 128));
	expect_status("READ beyond the end", PVBLK_S_RANGE, rq(PVBLK_OP_READ, SECTORS - 8, 16));
	expect_status("WRITE far beyond it", PVBLK_S_RANGE, rq(PVBLK_OP_WRITE, 1ULL << 60, 8));
	expect_status("a sector that overflows", PVBLK_S_RANGE, rq(PVBLK_OP_READ, -8ULL, 8));
	expect_status("DISCARD beyond the end", PVBLK_S_RANGE, rq(PVBLK_OP_DISCARD, SECTORS, 8));
	expect_status("an unknown operation", PVBLK_S_UNSUPP, rq(99, 1, 1));
	expect_status("an unknown flag", PVBLK_S_UNSUPP, with_flags(rq(PVBLK_OP_READ, 0, 8), 0x80));
	expect_status("FUA on a READ", PVBLK_S_UNSUPP,
		      with_flags(rq(PVBLK_OP_READ, 0, 8), PVBLK_RQ_FUA));
	expect_status("FUA on a WRITE", PVBLK_S_OK,
		      with_flags(rq(PVBLK_OP_WRITE, 0, 8), PVBLK_RQ_FUA));
	expect_status("FLUSH", PVBLK_S_OK, rq(PVBLK_OP_FLUSH, 0, 0));
	expect_status("DISCARD", PVBLK_S_OK, rq(PVBLK_OP_DISCARD, 0, 8));
	expect_status("WRITE_ZEROES with UNMAP", PVBLK_S_OK,
		      with_flags(rq(PVBLK_OP_WRITE_ZEROES, 0, 8), PVBLK_RQ_UNMAP));
}

static void check_lies(void)
{
	uint64_t data = le64toh(q.desc.data_off), end = data + (1 << 20);
	struct pvblk_sqe read = rq(PVBLK_OP_READ, 0, 8);

	expect_broken("no sectors", rq(PVBLK_OP_READ, 0, 0));
	expect_broken("a part of a block", rq(PVBLK_OP_READ, 0, 1));
	expect_broken("a sector in a block", rq(PVBLK_OP_WRITE, 4, 8));
	expect_broken("more than max_io", rq(PVBLK_OP_READ, 0, 136));
	expect_broken("a length that overflows", rq(PVBLK_OP_READ, 0, -8U));
	expect_broken("misaligned data", with_data(read, data + 8));
	expect_broken("data before the extent", with_data(read, data - 512));
	expect_broken("data in the header", with_data(read, 0));
	expect_broken("data beyond the extent", with_data(read, end - 512));
	expect_broken("data that overflows", with_data(read, -512ULL));
	expect_broken("FLUSH with sectors", rq(PVBLK_OP_FLUSH, 0, 8));
	expect_broken("DISCARD beyond its limit", rq(PVBLK_OP_DISCARD, 0, -8U));
	expect_broken("WRITE_ZEROES of nothing", rq(PVBLK_OP_WRITE_ZEROES, 0, 0));
}

static void check_features(void)
{
	restart(1 << PVBLK_F_FUA | 1 << PVBLK_F_FLUSH | 1 << PVBLK_F_DISCARD | 1 << PVBLK_F_UNMAP);
	expect_status("FUA that was not taken", PVBLK_S_UNSUPP,
		      with_flags(rq(PVBLK_OP_WRITE, 0, 8), PVBLK_RQ_FUA));
	expect_status("FLUSH that was not taken", PVBLK_S_UNSUPP, rq(PVBLK_OP_FLUSH, 0, 0));
	expect_status("DISCARD that was not taken", PVBLK_S_UNSUPP, rq(PVBLK_OP_DISCARD, 0, 8));
	expect_status("UNMAP that was not taken", PVBLK_S_UNSUPP,
		      with_flags(rq(PVBLK_OP_WRITE_ZEROES, 0, 8), PVBLK_RQ_UNMAP));
	expect_status("WRITE_ZEROES that was", PVBLK_S_OK, rq(PVBLK_OP_WRITE_ZEROES, 0, 8));
}

static void check_overrun(void)
{
	struct pvblk_sqe sqe = rq(PVBLK_OP_READ, 0, 8);
	struct pvblk_cqe cqe;
	unsigned int i;

	restart(0);
	for (i = 0; i < 16; i++)
		testdrv_submit(&q, &sqe);
	testbus_pump(&t);
	for (i = 0; testdrv_reap(&q, &cqe); i++)
		;
	ktap_ok(i == 16, "a full ring is served");
	/* What the driver would do, had it more than 16 outstanding. */
	t.bus->loop.running[0]->ring.outstanding = 16;
	testdrv_submit(&q, &sqe);
	testbus_pump(&t);
	ktap_ok(testdrv_status(&t.drv, 0) == PVBUS_S_BROKEN &&
			le32toh(testdrv_dev_ctrl(&q)->error) == PVRING_E_OVERRUN,
		"more than the ring: OVERRUN");
}

static void check_others(void)
{
	struct testdrv_queue two[2];
	struct pvblk_sqe sqe;
	uint64_t end;

	testdrv_command(&t.drv, 0, PVBUS_CMD_RESET);
	testdrv_take_features(&t.drv, 0);
	end = testdrv_lay_out(&t.drv, &two[0], testdrv_space(&t.drv) + PV_PAGE_SIZE, 16, 1 << 16);
	testdrv_lay_out(&t.drv, &two[1], end, 16, 1 << 16);
	testdrv_start(&t.drv, 0, two, 2);
	sqe = testdrv_request(&two[0], PVBLK_OP_READ, 0, 0, 0);
	testdrv_submit(&two[0], &sqe);
	testbus_pump(&t);
	sqe = testdrv_request(&two[1], PVBLK_OP_READ, 0, 8, 0);
	ktap_ok(testdrv_status(&t.drv, 0) == PVBUS_S_BROKEN &&
		testdrv_do(&t.drv, &two[1], &sqe) == PVBLK_S_OK, "the other queue goes on");
	ktap_ok(testdrv_command(&t.drv, 0, PVBUS_CMD_RESET) == PVBUS_R_OK &&
		testdrv_run(&t.drv, 0, &q, 16, 4096), "RESET recovers from BROKEN");
}

static void check_resize(void)
{
	const struct pvblk_config *config;
	uint32_t seq = le32toh(testdrv_entry(&t.drv, 0)->config_seq);

	config = (void *)(t.drv.base + le64toh(testdrv_entry(&t.drv, 0)->config_off));
	restart(0);
	testbus_irqs(&t, 0);
	ktap_ok(!testbus_resize(&t, 2 << 20) &&
		le64toh(config->capacity) == 4096 && testbus_irqs(&t, 0) &&
		le32toh(testdrv_entry(&t.drv, 0)->config_seq) == seq + 2, "resize (BUS-D14)");
	expect_status("READ of what was added", PVBLK_S_OK, rq(PVBLK_OP_READ, SECTORS, 8));
	testbus_resize(&t, 1 << 19);
	expect_status("READ of what was cut off", PVBLK_S_RANGE, rq(PVBLK_OP_READ, SECTORS / 2, 8));
	ktap_ok(testbus_resize(&t, 12345) == -EINVAL,
		"resize to a part of a block");
}

static void check_read_only(uint64_t without)
{
	const struct pvblk_config *config;
	uint32_t seq;

	config = (void *)(t.drv.base + le64toh(testdrv_entry(&t.drv, 0)->config_off));
	restart(without);
	seq = le32toh(testdrv_entry(&t.drv, 0)->config_seq);
	testbus_irqs(&t, 0);
	testbus_read_only(&t, true);
	ktap_ok(le32toh(config->flags) == PVBLK_CFG_RO && testbus_irqs(&t, 0) &&
		le32toh(testdrv_entry(&t.drv, 0)->config_seq) == seq + 2, "read-only (BLK-D7)");
	expect_status("WRITE", PVBLK_S_RDONLY, rq(PVBLK_OP_WRITE, 0, 8));
	expect_status("WRITE with FUA", PVBLK_S_RDONLY,
		      with_flags(rq(PVBLK_OP_WRITE, 0, 8), PVBLK_RQ_FUA));
	expect_status("WRITE beyond the end", PVBLK_S_RDONLY, rq(PVBLK_OP_WRITE, 1ULL << 60, 8));
	expect_status("DISCARD", PVBLK_S_RDONLY, rq(PVBLK_OP_DISCARD, 0, 8));
	expect_status("WRITE_ZEROES", PVBLK_S_RDONLY, rq(PVBLK_OP_WRITE_ZEROES, 0, 8));
	expect_status("READ", PVBLK_S_OK, rq(PVBLK_OP_READ, 0, 8));
	expect_status("FLUSH", PVBLK_S_OK, rq(PVBLK_OP_FLUSH, 0, 0));
	hostd_bus_begin_epoch(t.bus);
	testdrv_hello(&t.drv);
	restart(without);
	config = (void *)(t.drv.base + le64toh(testdrv_entry(&t.drv, 0)->config_off));
	ktap_ok(le32toh(config->flags) == PVBLK_CFG_RO, "it is so in the next epoch");
	expect_status("WRITE", PVBLK_S_RDONLY, rq(PVBLK_OP_WRITE, 0, 8));
	testbus_read_only(&t, false);
	ktap_ok(!config->flags, "until it is writable again");
	expect_status("WRITE", PVBLK_S_OK, rq(PVBLK_OP_WRITE, 0, 8));
}

int main(void)
{
	ktap_plan(64);
	testbus_run_null(&t, &q, CONFIG);
	restart(0);
	check_statuses();
	check_lies();
	check_features();
	check_overrun();
	check_others();
	check_resize();
	check_read_only(0);
	check_read_only(1 << PVBLK_F_SWITCH_RO);
	testbus_exit(&t);
	return ktap_finish();
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * BUS-D18: a device that cannot be served stays in the table, not ready, over failed attempts and
 * epochs; it becomes ready with the same generation, and can be removed meanwhile. BUS-D19, D20: what
 * it replaces is said from the beginning to its end, and who does not understand that does not get it.
 */
#include "lib/util.h"
#include "testbus.h"

#define SLOT	2
#define HELD	7	/* generation */

static int hold(struct testbus *t)
{
	struct hdev_spec spec = {
		.class = &pv_blk_class, .slot = SLOT, .generation = HELD, .uuid = "disk", .name = "d0",
	};

	return hdev_hold(t->bus, &spec);
}

static uint32_t flags_of(struct testbus *t)
{
	return le32toh(testdrv_entry(&t->drv, SLOT)->flags);
}

static uint32_t table_seq(struct testbus *t)
{
	return le32toh(testdrv_header(&t->drv)->table_seq);
}

/* Present, with its identity, and not ready. */
static bool is_kept(struct testbus *t)
{
	struct pvbus_device_entry *entry = testdrv_entry(&t->drv, SLOT);

	return testdrv_status(&t->drv, SLOT) == PVBUS_S_RESET && flags_of(t) == PVBUS_DEV_NOT_READY &&
	       le32toh(entry->type) == PVBUS_T_BLK && le32toh(entry->generation) == HELD &&
	       !memcmp(entry->uuid, "disk", 5) && !strcmp((char *)entry->name, "d0");
}

static void check_commands(struct testbus *t)
{
	struct testdrv *d = &t->drv;

	ktap_ok(testdrv_hello(d) == PVBUS_R_OK, "HELLO");
	testdrv_slot(d, SLOT)->generation = htole32(HELD);
	ktap_ok(testdrv_command(d, SLOT, PVBUS_CMD_FEATURES) == PVBUS_R_STATE, "FEATURES: STATE");
	ktap_ok(testdrv_command(d, SLOT, PVBUS_CMD_START) == PVBUS_R_STATE, "START: STATE");
	ktap_ok(testdrv_command(d, SLOT, PVBUS_CMD_RESET) == PVBUS_R_OK, "RESET: OK");
}

static void check_attempts(struct testbus *t)
{
	uint32_t seq = table_seq(t);

	ktap_ok(testbus_add(t, SLOT, HELD, "{\"size\":5}", -1) && is_kept(t) && table_seq(t) == seq,
		"an attempt that fails changes nothing");
	ktap_ok(testbus_add(t, SLOT, HELD + 1, TESTBUS_NULL, -1) == -EBUSY && is_kept(t),
		"no other device gets the slot");
	ktap_ok(hold(t) == -EBUSY, "it is held once");
	ktap_ok(hostd_window_beat(&t->bus->win), "the device side knows all of it as its own");
	t->drv.base[0] ^= 1;
	hostd_bus_beat(t->bus);
	ktap_ok(is_kept(t), "it is kept over an epoch");
}

static void check_ready(struct testbus *t, struct testdrv_queue *q)
{
	struct testdrv *d = &t->drv;
	uint32_t seq;

	testdrv_hello(d);
	testbus_irqs(t, 0);
	seq = table_seq(t);
	ktap_ok(!testbus_add(t, SLOT, HELD, TESTBUS_NULL, -1) && !flags_of(t), "it becomes ready");
	ktap_ok(le32toh(testdrv_entry(d, SLOT)->generation) == HELD, "with the generation that it had");
	ktap_ok(table_seq(t) != seq && testbus_irqs(t, 0), "and the driver is told");
	ktap_ok(testdrv_run(d, SLOT, q, 16, 4096), "it runs");
	ktap_ok(hostd_window_beat(&t->bus->win), "in the same epoch");
}

static void check_removal(struct testbus *t)
{
	hdev_remove(&t->bus->devices[SLOT], true);
	ktap_ok(t->nr_removed == 1 && testdrv_status(&t->drv, SLOT) == PVBUS_S_ABSENT, "it is removed");
	hold(t);
	ktap_ok(is_kept(t), "one that is held in a running epoch");
	hdev_remove(&t->bus->devices[SLOT], false);
	ktap_ok(t->nr_removed == 2 && testdrv_status(&t->drv, SLOT) == PVBUS_S_ABSENT && !flags_of(t),
		"is removed at once");
	ktap_ok(!testbus_add(t, SLOT, HELD + 1, TESTBUS_NULL, -1), "and the slot is free");
}

#define FUNCTION	0x1000fU	/* 0001:00:01.7 */

/* As it has to be all the time, with these flags besides. */
static bool is_replacing(struct testbus *t, uint32_t flags)
{
	return flags_of(t) == (PVBUS_DEV_REPLACES | flags) &&
	       le32toh(testdrv_entry(&t->drv, SLOT)->replaces) == FUNCTION;
}

static uint32_t hello_with(struct testbus *t, uint64_t features)
{
	testdrv_driver_header(&t->drv)->features[0] = htole64(features);
	return testdrv_bus_command(&t->drv, PVBUS_CMD_HELLO);
}

static void check_replaces(struct testbus *t, struct testdrv_queue *q)
{
	struct hdev_spec spec = {
		.class = &pv_blk_class, .slot = SLOT, .generation = HELD, .uuid = "twin", .name = "d1",
		.replaces = true,
	};
	struct testdrv *d = &t->drv;
	char error[HDEV_ERROR_LEN];

	hdev_remove(&t->bus->devices[SLOT], true);
	ktap_ok(!hostd_pci_parse("0001:00:01.7", &spec.replaced) && !hdev_hold(t->bus, &spec) &&
		is_replacing(t, PVBUS_DEV_NOT_READY), "what is replaced is said of a device that is not ready");
	spec.config = json_tokener_parse(TESTBUS_NULL);
	ktap_ok(!hdev_add(t->bus, &spec, error) && is_replacing(t, 0), "and of one that is");
	json_object_put(spec.config);
	ktap_ok(hello_with(t, 0) == PVBUS_R_OK && testdrv_take_features(d, SLOT) == PVBUS_R_FEATURES &&
		testdrv_status(d, SLOT) == PVBUS_S_RESET, "a driver that would use both gets FEATURES");
	ktap_ok(hello_with(t, 1ULL << PVBUS_F_REPLACES) == PVBUS_R_OK && testdrv_run(d, SLOT, q, 16, 4096),
		"another one runs it");
	hdev_remove(&t->bus->devices[SLOT], false);
	ktap_ok(is_replacing(t, PVBUS_DEV_REMOVE), "it is said until it goes");
	ktap_ok(testdrv_command(d, SLOT, PVBUS_CMD_RESET) == PVBUS_R_OK && !flags_of(t),
		"and not of the slot that it leaves");
}

int main(void)
{
	struct testdrv_queue q;
	struct testbus t;

	ktap_plan(26);
	testbus_init(&t);
	ktap_ok(!hold(&t), "a device is held before the first epoch");
	hostd_bus_begin_epoch(t.bus);
	ktap_ok(is_kept(&t), "and is present, not ready");
	testdrv_lay_out(&t.drv, &q, testdrv_space(&t.drv) + PV_PAGE_SIZE, 16, 4096);
	check_commands(&t);
	check_attempts(&t);
	check_ready(&t, &q);
	check_removal(&t);
	check_replaces(&t, &q);
	testbus_exit(&t);
	return ktap_finish();
}

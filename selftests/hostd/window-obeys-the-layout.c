// SPDX-License-Identifier: GPL-2.0-only
/*
 * The window is laid out as BUS-D1 says, an epoch is published as a whole, and no
 * offset of the driver's becomes a pointer outside its extent (ABI-3).
 */
#include "testbus.h"

static void check_layout(struct testbus *t)
{
	const struct pvbus_header *h = testdrv_header(&t->drv);
	uint64_t table = le64toh(h->table_off), drv = le64toh(h->drv_off);
	uint64_t space = le64toh(h->space_off), len = le64toh(h->window_len);
	uint64_t nr = le32toh(h->table_nr);
	const struct pvbus_device_entry *entry = testdrv_entry(&t->drv, 0);
	uint64_t config = le64toh(entry->config_off);

	ktap_ok(le64toh(h->magic) == PVBUS_MAGIC && len == TESTBUS_WINDOW, "magic and length");
	ktap_ok(!(table % 4096 || drv % 4096 || space % 4096), "places are page aligned");
	ktap_ok(table >= sizeof(*h) && table + nr * sizeof(*entry) <= drv,
		"table is before drv_off");
	ktap_ok(drv + sizeof(struct pvbus_driver_header) + nr * sizeof(struct pvbus_driver_slot) <=
			space,
		"driver structures are before the space");
	ktap_ok(space + le64toh(h->space_len) == len, "space ends with the window");
	ktap_ok(config % 64 == 0 && config >= table + nr * sizeof(*entry) &&
		config + le32toh(entry->config_len) <= drv, "config area is the device side's");
	ktap_ok(le32toh(entry->config_seq) % 2 == 0, "config_seq is even");
	ktap_ok(le32toh(entry->status) == PVBUS_S_RESET && le32toh(entry->type) == PVBUS_T_BLK &&
		le32toh(entry->generation) == 7, "entry of a present device");
	ktap_ok(testdrv_status(&t->drv, 1) == PVBUS_S_ABSENT, "entry of a free slot");
}

static void check_bounds(struct testbus *t)
{
	const struct hostd_extent *space = &t->bus->win.space;
	uint64_t off = space->off, len = space->len;

	ktap_ok(hostd_window_at(space, off, len, 4096) == t->drv.base + off, "the whole extent");
	ktap_ok(hostd_window_at(space, off + len, 0, 1) &&
			hostd_window_at(space, off + len - 8, 8, 8),
		"its end");
	ktap_ok(!hostd_window_at(space, off - 8, 8, 8) && !hostd_window_at(space, 0, 8, 8),
		"before it: NULL");
	ktap_ok(!hostd_window_at(space, off + len, 1, 1) &&
			!hostd_window_at(space, off + 8, len, 1),
		"beyond it: NULL");
	ktap_ok(!hostd_window_at(space, UINT64_MAX, 8, 1) &&
			!hostd_window_at(space, off, UINT64_MAX, 1) &&
			!hostd_window_at(space, off + 64, UINT64_MAX - 32, 1) &&
			!hostd_window_at(space, -off, off, 1),
		"overflow: NULL");
	ktap_ok(!hostd_window_at(space, off + 8, 8, 16), "misaligned: NULL");
}

int main(void)
{
	struct testbus t;
	uint64_t epoch;

	ktap_plan(19);
	testbus_init(&t);
	ktap_ok(!testdrv_header(&t.drv)->magic, "nothing is published before the first epoch");
	testbus_add(&t, 0, 7, TESTBUS_NULL, -1);
	ktap_ok(!testdrv_entry(&t.drv, 0)->type, "nor by adding a device");
	hostd_bus_begin_epoch(t.bus);
	epoch = le64toh(testdrv_header(&t.drv)->epoch);
	ktap_ok(epoch && testbus_irqs(&t, 0), "epoch, and vector 0 is raised");
	check_layout(&t);
	check_bounds(&t);
	hostd_bus_begin_epoch(t.bus);
	ktap_ok(le64toh(testdrv_header(&t.drv)->epoch) > epoch,
		"the next epoch has another number");
	testbus_exit(&t);
	return ktap_finish();
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the device side does itself never looks to it like an overwritten window (BUS-D4): devices
 * come, fail to come, change and go in every way, and the epoch stays. An entry of the table says what it
 * should at each moment (BUS-D11, BUS-D12), and a config area has nothing of its predecessor's.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>

#include "testbus.h"

static struct testbus t;
static struct testdrv_queue q;
static uint64_t epoch;

static void same_epoch(bool done, const char *what)
{
	unsigned int i;

	for (i = 0; i < 3; i++) {
		hostd_bus_beat(t.bus);
		testbus_pump(&t);
	}
	ktap_ok(done && le64toh(testdrv_header(&t.drv)->epoch) == epoch, "%s", what);
}

static bool run(unsigned int slot)
{
	return testdrv_run(&t.drv, slot, &q, 16, 1 << 16);
}

static bool add(unsigned int slot, uint32_t generation)
{
	return !testbus_add(&t, slot, generation, TESTBUS_NULL, -1);
}

static bool add_balloon(unsigned int slot)
{
	struct hdev_spec spec = {
		.class = &pv_balloon_class, .slot = slot, .generation = 1, .uuid = "balloon", .name = "b",
		.config = json_object_new_object(),
	};
	char error[HDEV_ERROR_LEN];
	int ret = hdev_add(t.bus, &spec, error);

	json_object_put(spec.config);
	return !ret;
}

static void check_removals(void)
{
	const struct pvbus_device_entry *entry = testdrv_entry(&t.drv, 1);
	uint32_t seq;

	same_epoch(add(1, 5), "hot add");
	same_epoch(run(1), "START");
	hdev_remove(&t.bus->devices[1], false);
	same_epoch(le32toh(entry->flags) == PVBUS_DEV_REMOVE, "a removal that waits for the driver");
	seq = le32toh(testdrv_header(&t.drv)->table_seq);
	same_epoch(testdrv_command(&t.drv, 1, PVBUS_CMD_RESET) == PVBUS_R_OK &&
		   testdrv_status(&t.drv, 1) == PVBUS_S_ABSENT, "a removal that the driver has let");
	ktap_ok(!entry->flags && le32toh(entry->generation) == 5 && le32toh(entry->ack.seq) == t.drv.seq &&
		le32toh(testdrv_header(&t.drv)->table_seq) != seq,
		"ABSENT: no flags, the last generation, the slot's answer");
	seq = le32toh(entry->ack.seq);
	same_epoch(add(1, 6) && le32toh(entry->ack.seq) == seq, "another device: the slot's answer stays");
	run(1);
	hdev_remove(&t.bus->devices[1], true);
	same_epoch(testdrv_status(&t.drv, 1) == PVBUS_S_ABSENT, "a removal by force");
	add(1, 7);
	hdev_remove(&t.bus->devices[1], false);
	same_epoch(testdrv_status(&t.drv, 1) == PVBUS_S_ABSENT, "a removal without a driver");
}

static void check_changes(void)
{

	same_epoch(testbus_add(&t, 2, 1, "{\"null\":513}", -1) == -EINVAL,
		   "an add that fails");
	same_epoch(testbus_add(&t, 2, 1, "{\"null\":8192,\"max-io\":1}", -1) == -EINVAL,
		   "an add that fails early");
	same_epoch(!testbus_resize(&t, 1 << 21), "a resize");
	same_epoch(run(0) && testdrv_command(&t.drv, 0, PVBUS_CMD_RESET) == PVBUS_R_OK,
		   "START and RESET");
	run(0);
	memset(q.drv + 64, 0xff, 64);
	*(__le32 *)(q.drv + 124) = htole32(PVRING_SEQ(0));
	((struct pvblk_sqe *)(q.drv + 64))->op = PVBLK_OP_READ;
	((struct pvblk_sqe *)(q.drv + 64))->flags = 0;
	testbus_pump(&t);
	same_epoch(testdrv_status(&t.drv, 0) == PVBUS_S_BROKEN, "a queue that is broken");
	same_epoch(testdrv_bus_command(&t.drv, PVBUS_CMD_BYE) == PVBUS_R_OK &&
		   testdrv_hello(&t.drv) == PVBUS_R_OK, "BYE and HELLO");
	hostd_bus_begin_epoch(t.bus);
	epoch = le64toh(testdrv_header(&t.drv)->epoch);
	same_epoch(testdrv_hello(&t.drv) == PVBUS_R_OK && run(0), "an epoch of its own will");
}

/* A long config area, then a short one in the same slot. */
static void check_config(void)
{
	uint8_t large[512];
	const uint8_t *area;
	uint32_t len;
	bool zero = true;

	if (!add(3, 1))
		ktap_bail("add");
	memset(large, 0xff, sizeof(large));
	hdev_set_config(&t.bus->devices[3], large, sizeof(large));
	area = t.drv.base + le64toh(testdrv_entry(&t.drv, 3)->config_off);
	hdev_remove(&t.bus->devices[3], true);
	same_epoch(add_balloon(3), "another class in a slot");
	len = le32toh(testdrv_entry(&t.drv, 3)->config_len);
	for (; len < PVBUS_CONFIG_MAX; len++)
		zero &= !area[len];
	ktap_ok(zero && area == t.drv.base + le64toh(testdrv_entry(&t.drv, 3)->config_off),
		"zeroes follow its config (BUS-D14)");
}

static volatile uint32_t nr_written;

/* A driver that keeps to BUS-G5, does not wait for answers, and runs between any two instructions. */
static void write_command(int sig)
{
	struct pvbus_driver_slot *slot = testdrv_slot(&t.drv, 4);
	uint32_t n = ++nr_written;

	(void)sig;
	__atomic_store_n(&slot->cmd.seq, 0, __ATOMIC_SEQ_CST);
	slot->cmd.op = htole32(n);
	slot->features[0] = htole64(n);
	slot->features[1] = htole64(n);
	slot->generation = htole32(n);
	slot->nr_queues = htole32(n);
	slot->queues_off = htole64(n);
	__atomic_store_n(&slot->cmd.seq, htole32(n), __ATOMIC_SEQ_CST);
}

/* BUS-D6: a command that changes while it is copied is not executed. */
static void check_copies(void)
{
	const struct itimerval often = { { 0, 50 }, { 0, 50 } }, never = { 0 };
	struct pvbus_driver_slot *slot = testdrv_slot(&t.drv, 4), copy;
	int64_t until_ms = testdrv_now_ms() + 60000;
	unsigned int nr = 0, bad = 0;
	uint32_t seq;

	slot->cmd.epoch = htole64(epoch);
	signal(SIGALRM, write_command);
	setitimer(ITIMER_REAL, &often, NULL);
	while (nr_written < 5000 && testdrv_now_ms() < until_ms) {
		seq = hostd_window_get_slot_command(&t.bus->win, 4, &copy);
		nr += !!seq;
		bad += seq && (le32toh(copy.cmd.op) != seq || le64toh(copy.features[0]) != seq ||
			       le64toh(copy.features[1]) != seq || le32toh(copy.generation) != seq ||
			       le32toh(copy.nr_queues) != seq || le64toh(copy.queues_off) != seq);
	}
	setitimer(ITIMER_REAL, &never, NULL);
	ktap_ok(nr && !bad, "a command is copied whole or not: %u of %u were mixed", bad, nr);
}

int main(void)
{
	ktap_plan(18);
	testbus_init(&t);
	add(0, 1);
	hostd_bus_begin_epoch(t.bus);
	epoch = le64toh(testdrv_header(&t.drv)->epoch);
	testdrv_hello(&t.drv);
	check_removals();
	check_changes();
	check_config();
	check_copies();
	testbus_exit(&t);
	return ktap_finish();
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Commands are answered exactly once, as the state diagram and BUS-D6 to BUS-D11 say.
 */
#include "testbus.h"

#define OTHER	"{\"null\":1048576}"

static void check_hello(struct testbus *t)
{
	struct pvbus_driver_header *h = testdrv_driver_header(&t->drv);
	struct testdrv *d = &t->drv;

	ktap_ok(testdrv_command(d, 0, PVBUS_CMD_RESET) == PVBUS_R_STATE,
		"RESET before HELLO: STATE");
	ktap_ok(testdrv_bus_command(d, PVBUS_CMD_BYE) == PVBUS_R_STATE, "BYE before HELLO: STATE");
	h->version = htole32(99);
	ktap_ok(testdrv_bus_command(d, PVBUS_CMD_HELLO) == PVBUS_R_VERSION, "HELLO: VERSION");
	h->version = htole32(PV_ABI_VERSION);
	h->features[1] = htole64(1);
	ktap_ok(testdrv_bus_command(d, PVBUS_CMD_HELLO) == PVBUS_R_FEATURES, "HELLO: FEATURES");
	ktap_ok(testdrv_command(d, 0, PVBUS_CMD_RESET) == PVBUS_R_STATE,
		"a failed HELLO greets nobody");
	memset(h->ident, 0xff, sizeof(h->ident));
	memset(h->kernel, 0xff, sizeof(h->kernel));
	h->features[1] = 0;
	ktap_ok(testdrv_bus_command(d, PVBUS_CMD_HELLO) == PVBUS_R_OK,
		"HELLO with unterminated text");
	ktap_ok(testdrv_bus_command(d, 77) == PVBUS_R_OP, "unknown command to the bus: OP");
	ktap_ok(testdrv_hello(d) == PVBUS_R_OK && !strcmp(t->bus->ident, "testdrv 1"),
		"HELLO again");
}

static void check_once(struct testbus *t)
{
	struct pvbus_cmd *cmd = &testdrv_slot(&t->drv, 0)->cmd;
	struct testdrv *d = &t->drv;

	testdrv_command(d, 0, PVBUS_CMD_RESET);
	testbus_irqs(t, 0);
	testbus_pump(t);
	testbus_pump(t);
	ktap_ok(!testbus_irqs(t, 0), "a command is answered once (BUS-D7)");
	testdrv_send(d, cmd, PVBUS_CMD_RESET);
	cmd->epoch = htole64(le64toh(cmd->epoch) - 1);
	testbus_pump(t);
	testbus_pump(t);
	ktap_ok(!testdrv_is_answered(d, &testdrv_entry(d, 0)->ack),
		"a command of another epoch is ignored (BUS-D6)");
	testdrv_slot(d, 0)->generation = htole32(1234);
	testdrv_send(d, cmd, PVBUS_CMD_RESET);
	ktap_ok(testdrv_wait(d, &testdrv_entry(d, 0)->ack) == PVBUS_R_GENERATION,
		"another generation: GENERATION (BUS-D11)");
	ktap_ok(testdrv_command(d, 0, 99) == PVBUS_R_OP, "unknown command: OP");
	testdrv_slot(d, 0)->generation = htole32(1234);
	testdrv_send(d, cmd, 99);
	ktap_ok(testdrv_wait(d, &testdrv_entry(d, 0)->ack) == PVBUS_R_GENERATION,
		"the generation is looked at before the command");
	ktap_ok(testdrv_command(d, 7, 99) == PVBUS_R_OP, "and the command before the status");
}

static void check_states(struct testbus *t, struct testdrv_queue *q)
{
	struct testdrv *d = &t->drv;

	ktap_ok(testdrv_start(d, 0, q, 1) == PVBUS_R_STATE, "START in RESET: STATE");
	testdrv_slot(d, 0)->features[0] = ~0ULL;
	ktap_ok(testdrv_command(d, 0, PVBUS_CMD_FEATURES) == PVBUS_R_FEATURES &&
		testdrv_status(d, 0) == PVBUS_S_RESET, "a feature that was not offered: FEATURES");
	ktap_ok(testdrv_take_features(d, 0) == PVBUS_R_OK &&
		testdrv_status(d, 0) == PVBUS_S_FEATURES_OK, "FEATURES");
	ktap_ok(testdrv_take_features(d, 0) == PVBUS_R_OK, "FEATURES again");
	ktap_ok(testdrv_start(d, 0, q, 1) == PVBUS_R_OK && testdrv_status(d, 0) == PVBUS_S_RUNNING,
		"START");
	ktap_ok(testdrv_take_features(d, 0) == PVBUS_R_STATE, "FEATURES while running: STATE");
	ktap_ok(testdrv_start(d, 0, q, 1) == PVBUS_R_STATE, "START while running: STATE");
	ktap_ok(testdrv_command(d, 0, PVBUS_CMD_RESET) == PVBUS_R_OK &&
		testdrv_status(d, 0) == PVBUS_S_RESET && !t->bus->loop.nr_running, "RESET");
	ktap_ok(testdrv_run(d, 0, q, 16, 4096) &&
			testdrv_bus_command(d, PVBUS_CMD_BYE) == PVBUS_R_OK &&
			testdrv_status(d, 0) == PVBUS_S_RESET,
		"BYE resets every device");
	ktap_ok(testdrv_take_features(d, 0) == PVBUS_R_STATE, "after BYE: STATE");
	ktap_ok(testdrv_hello(d) == PVBUS_R_OK && testdrv_run(d, 0, q, 16, 4096) &&
		testdrv_hello(d) == PVBUS_R_OK && testdrv_status(d, 0) == PVBUS_S_RESET,
		"HELLO resets every device");
}

static bool is_refused(struct testbus *t, const struct testdrv_queue *good, const char *what,
		       struct testdrv_queue bad)
{
	testdrv_command(&t->drv, 0, PVBUS_CMD_RESET);
	testdrv_take_features(&t->drv, 0);
	(void)good;
	return ktap_ok(testdrv_start(&t->drv, 0, &bad, 1) == PVBUS_R_QUEUES &&
			       testdrv_status(&t->drv, 0) == PVBUS_S_FEATURES_OK,
		       "START: QUEUES for %s", what);
}

#define REFUSED(what, change) do {				\
	struct testdrv_queue bad = *q;				\
	change;							\
	is_refused(t, q, what, bad);				\
} while (0)

static void check_queues(struct testbus *t, struct testdrv_queue *q)
{
	uint64_t end = TESTBUS_WINDOW;

	testdrv_lay_out(&t->drv, q, testdrv_space(&t->drv) + PV_PAGE_SIZE, 16, 4096);
	REFUSED("an unaligned area", bad.desc.drv_off = htole64(le64toh(q->desc.drv_off) + 64));
	REFUSED("an area before the space", bad.desc.dev_off = 0);
	REFUSED("an area beyond the end", bad.desc.dev_off = htole64(end - 64));
	REFUSED("an offset that overflows", bad.desc.drv_off = htole64(-4096ULL));
	REFUSED("data beyond the end", bad.desc.data_len = htole64(end));
	REFUSED("data that overflows", bad.desc.data_len = htole64(-4096ULL));
	REFUSED("size 0", bad.desc.size = 0);
	REFUSED("size 24", bad.desc.size = htole32(24));
	REFUSED("a size that was not offered", bad.desc.size = htole32(128));
	REFUSED("another submission entry", bad.desc.sqe_shift = 7);
	REFUSED("another completion entry", bad.desc.cqe_shift = 200);
	REFUSED("a vector that isn't there", bad.desc.irq_vector = htole16(TESTBUS_VECTORS));
	REFUSED("a doorbell that isn't there", bad.desc.kick_vector = htole16(0xffff));
	ktap_ok(testdrv_start(&t->drv, 0, q, 0) == PVBUS_R_QUEUES, "START: QUEUES for no queue");
	ktap_ok(testdrv_start(&t->drv, 0, q, 1) == PVBUS_R_OK, "START is still possible");
	testdrv_command(&t->drv, 0, PVBUS_CMD_RESET);
	testdrv_take_features(&t->drv, 0);
	testdrv_slot(&t->drv, 0)->nr_queues = htole32(5);
	testdrv_slot(&t->drv, 0)->queues_off = htole64(testdrv_space(&t->drv));
	ktap_ok(testdrv_command(&t->drv, 0, PVBUS_CMD_START) == PVBUS_R_QUEUES,
		"START: QUEUES for too many");
	testdrv_slot(&t->drv, 0)->nr_queues = htole32(1);
	testdrv_slot(&t->drv, 0)->queues_off = htole64(end - 32);
	ktap_ok(testdrv_command(&t->drv, 0, PVBUS_CMD_START) == PVBUS_R_QUEUES,
		"START: QUEUES for descriptors beyond the end");
}

static void check_table(struct testbus *t, struct testdrv_queue *q)
{
	struct testdrv *d = &t->drv;
	uint32_t seq = le32toh(testdrv_header(d)->table_seq);

	testbus_irqs(t, 0);
	ktap_ok(!testbus_add(t, 3, 9, OTHER, -1) && testdrv_status(d, 3) == PVBUS_S_RESET &&
			le32toh(testdrv_header(d)->table_seq) != seq && testbus_irqs(t, 0),
		"hot add (BUS-D12)");
	ktap_ok(testbus_add(t, 3, 9, OTHER, -1) == -EBUSY, "a slot is taken once");
	hdev_remove(&t->bus->devices[3], false);
	ktap_ok(t->nr_removed == 1 && testdrv_status(d, 3) == PVBUS_S_ABSENT,
		"removed without a driver");

	testdrv_command(d, 0, PVBUS_CMD_RESET);
	testdrv_run(d, 0, q, 16, 4096);
	seq = le32toh(testdrv_header(d)->table_seq);
	hdev_remove(&t->bus->devices[0], false);
	ktap_ok(t->nr_removed == 1 && testdrv_status(d, 0) == PVBUS_S_RUNNING &&
			testdrv_entry(d, 0)->flags & htole32(PVBUS_DEV_REMOVE) &&
			le32toh(testdrv_header(d)->table_seq) != seq,
		"a driver is asked to leave (BUS-D13)");
	ktap_ok(testdrv_command(d, 0, PVBUS_CMD_RESET) == PVBUS_R_OK && t->nr_removed == 2 &&
		testdrv_status(d, 0) == PVBUS_S_ABSENT, "removed by its RESET");

	testbus_add(t, 0, 2, OTHER, -1);
	testdrv_run(d, 0, q, 16, 4096);
	hdev_remove(&t->bus->devices[0], true);
	ktap_ok(t->nr_removed == 3 && testdrv_status(d, 0) == PVBUS_S_ABSENT && !t->bus->loop.nr_running,
		"removed by force");
	ktap_ok(testdrv_command(d, 0, PVBUS_CMD_RESET) == PVBUS_R_OK,
		"RESET of a device that is gone: OK");
	ktap_ok(testdrv_command(d, 0, PVBUS_CMD_FEATURES) == PVBUS_R_STATE,
		"FEATURES of one: STATE");
}

/* A driver that has no room for a device leaves it in RESET: the operator sees that. */
static void check_lonely(struct testbus *t, struct testdrv_queue *q)
{
	unsigned int i;

	testbus_add(t, 0, 3, TESTBUS_NULL, -1);
	testbus_add(t, 1, 1, OTHER, -1);
	testdrv_hello(&t->drv);
	testdrv_run(&t->drv, 0, q, 16, 4096);
	for (i = 0; i < 3; i++) {
		hostd_bus_beat(t->bus);
		t->bus->loop.now_ns += 4000000000ULL;
	}
	ktap_ok(!t->bus->devices[1].lonely, "a driver has time to take a device");
	hostd_bus_beat(t->bus);
	ktap_ok(t->bus->devices[1].lonely && !t->bus->devices[0].lonely,
		"one that nobody takes is said to have no driver");
	testdrv_take_features(&t->drv, 1);
	hostd_bus_beat(t->bus);
	ktap_ok(!t->bus->devices[1].lonely, "until somebody does");
}

int main(void)
{
	struct testdrv_queue q;
	struct testbus t;

	ktap_plan(53);
	testbus_init(&t);
	testbus_add(&t, 0, 1, TESTBUS_NULL, -1);
	hostd_bus_begin_epoch(t.bus);
	testdrv_lay_out(&t.drv, &q, testdrv_space(&t.drv) + PV_PAGE_SIZE, 16, 4096);
	check_hello(&t);
	check_once(&t);
	check_states(&t, &q);
	check_queues(&t, &q);
	check_table(&t, &q);
	check_lonely(&t, &q);
	testbus_exit(&t);
	return ktap_finish();
}

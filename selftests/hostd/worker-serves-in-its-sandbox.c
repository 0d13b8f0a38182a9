// SPDX-License-Identifier: GPL-2.0-only
/*
 * A worker serves from within its sandbox: I/O with every engine, hot add, resize and remove,
 * sleeping and waking, a new epoch after kill -9.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>

#include "testworker.h"

#define SIZE	(4U << 20)

static struct testworker t;
static struct testdrv_queue q;

static int make_image(void)
{
	char path[TMP_LEN];
	int fd = mkstemp(tmp_path(path, "worker"));

	if (fd < 0 || ftruncate(fd, SIZE))
		ktap_bail("image");
	unlink(path);
	return fd;
}

/* A second description of the file, as another process would have. */
static bool go_and_hello(void)
{
	return testworker_tell(&t, "{\"op\":\"go\"}", NULL, 0) &&
	       testdrv_hello(&t.drv) == PVBUS_R_OK;
}

static bool run_queue(unsigned int slot)
{
	testdrv_lay_out(&t.drv, &q, testdrv_space(&t.drv) + PV_PAGE_SIZE, 16, 1 << 20);
	q.desc.irq_vector = htole16(1);
	q.desc.kick_vector = htole16(1);
	return testdrv_take_features(&t.drv, slot) == PVBUS_R_OK &&
	       testdrv_start(&t.drv, slot, &q, 1) == PVBUS_R_OK;
}

/* One request; the doorbell only if the device asks for it. */
static uint32_t do_io(uint8_t op, uint64_t sector, uint32_t nr)
{
	struct pvblk_sqe sqe = testdrv_request(&q, op, sector, nr, 0);
	int64_t until_ms = testdrv_now_ms() + TESTDRV_WAIT_MS;
	struct pvblk_cqe cqe;
	uint32_t old = q.submitted;

	testdrv_submit(&q, &sqe);
	if (testdrv_need_kick(&q, old))
		testworker_kick(&t, 1);
	while (testdrv_now_ms() < until_ms) {
		if (testdrv_reap(&q, &cqe))
			return le32toh(cqe.status);
	}
	return TESTDRV_SILENT;
}

static bool every_operation_works(void)
{
	unsigned int op;

	memset(testdrv_data(&t.drv, &q), 0x33, 4096);
	for (op = PVBLK_OP_WRITE; op <= PVBLK_OP_WRITE_ZEROES; op++) {
		if (do_io(op, op == PVBLK_OP_FLUSH ? 0 : op * 8, op == PVBLK_OP_FLUSH ? 0 : 8))
			return false;
	}
	memset(testdrv_data(&t.drv, &q), 0, 4096);
	return !do_io(PVBLK_OP_READ, PVBLK_OP_WRITE * 8, 8) &&
	       testdrv_data(&t.drv, &q)[4095] == 0x33;
}

static void check_engines(int fd)
{
	int second = make_image();

	ktap_ok(testworker_add(&t, 0, "{\"size\":4194304}", fd), "add before go");
	ktap_ok(go_and_hello(), "go, HELLO");
	ktap_ok(run_queue(0) && every_operation_works(), "every operation, engine auto");
	ktap_ok(testworker_add(&t, 1, "{\"size\":4194304,\"engine\":\"sync\"}", second), "hot add");
	testdrv_command(&t.drv, 0, PVBUS_CMD_RESET);
	ktap_ok(run_queue(1) && every_operation_works(), "every operation, engine sync");
	testdrv_command(&t.drv, 1, PVBUS_CMD_RESET);
	close(second);
}

/* Whether the worker asks for a doorbell, within 5 s. */
static bool falls_asleep(void)
{
	unsigned int ms;

	for (ms = 0; ms < 5000; ms++) {
		if (le32toh(__atomic_load_n(&testdrv_dev_ctrl(&q)->kick_event, __ATOMIC_ACQUIRE)) ==
		    q.submitted)
			return true;
		usleep(1000);
	}
	return false;
}

static void check_sleep(void)
{
	unsigned int i, rang = 0;
	struct pvblk_sqe sqe;
	struct pvblk_cqe cqe;

	run_queue(0);
	testdrv_ctrl(&q)->irq_event = htole32(0);
	testworker_irqs(&t, 1);
	ktap_ok(!do_io(PVBLK_OP_READ, 0, 8) && (usleep(20000), testworker_irqs(&t, 1) == 1),
		"the interrupt that was asked for");
	for (i = 0; i < 20; i++) {
		rang += falls_asleep();
		if (do_io(PVBLK_OP_READ, 0, 8))
			break;
	}
	ktap_ok(i == 20 && rang == 20, "a sleeping worker is woken by doorbells (RING-D4)");
	ktap_ok(!testworker_irqs(&t, 1), "and raises no interrupt that nobody wants");

	falls_asleep();
	sqe = testdrv_request(&q, PVBLK_OP_READ, 0, 8, 0);
	testdrv_submit(&q, &sqe);
	usleep(300000);
	ktap_ok(testdrv_reap(&q, &cqe),
		"a lost doorbell is made up for by the heartbeat (RING-D5)");
}

static void check_delayed_irq(void)
{
	int64_t until_ms = testdrv_now_ms() + TESTDRV_WAIT_MS;
	uint64_t nr = 0;
	struct pvblk_sqe sqe;
	struct pvblk_cqe cqe;

	testdrv_command(&t.drv, 0, PVBUS_CMD_RESET);
	run_queue(0);
	testdrv_ctrl(&q)->irq_event = htole32(-1);
	testdrv_ctrl(&q)->irq_delay_us = htole32(10000);
	testworker_irqs(&t, 1);
	sqe = testdrv_request(&q, PVBLK_OP_READ, 0, 8, 0);
	testdrv_submit(&q, &sqe);
	testworker_kick(&t, 1);
	while (!nr && testdrv_now_ms() < until_ms) {
		usleep(1000);
		nr = testworker_irqs(&t, 1);
	}
	ktap_ok(nr == 1 && testdrv_reap(&q, &cqe), "a delayed interrupt comes (RING-D7)");
	/* On a busy machine it takes a while to reap. */
	testdrv_ctrl(&q)->irq_delay_us = htole32(500000);
	ktap_ok(!do_io(PVBLK_OP_READ, 0, 8) && (usleep(600000), !testworker_irqs(&t, 1)),
		"but not for what was reaped");
}

static void check_changes(void)
{
	const struct pvblk_config *config =
		(void *)(t.drv.base + le64toh(testdrv_entry(&t.drv, 0)->config_off));

	ktap_ok(testworker_tell(&t, "{\"op\":\"set\",\"slot\":0,\"config\":{\"size\":2097152}}", NULL, 0) &&
		le64toh(config->capacity) == 4096, "resize");
	ktap_ok(testworker_tell(&t, "{\"op\":\"remove\",\"slot\":1}", NULL, 0), "remove");
	ktap_ok(testworker_tell(&t, "{\"op\":\"remove\",\"slot\":0,\"force\":true}", NULL, 0),
		"remove by force");
	json_object_put(testworker_receive(&t, 200));
	ktap_ok(t.nr_removed == 2, "both are gone");
}

static void check_idle(void)
{
	struct json_object *reply = testworker_ask(&t, "{\"op\":\"stats\"}", NULL, 0);
	uint64_t beat, cpu_us = hostd_json_u64(reply, "cpu_us", 0);

	json_object_put(reply);
	beat = *(volatile uint64_t *)t.beat;
	sleep(2);
	reply = testworker_ask(&t, "{\"op\":\"stats\"}", NULL, 0);
	cpu_us = hostd_json_u64(reply, "cpu_us", 0) - cpu_us;
	json_object_put(reply);
	ktap_ok(*(volatile uint64_t *)t.beat - beat >= 15, "it beats");
	ktap_ok(cpu_us < 60000, "an idle worker sleeps (%llu us of CPU in 2 s, instrumented)",
		(unsigned long long)cpu_us);
}

static void check_kill(int fd)
{
	uint64_t epoch = testdrv_header(&t.drv)->epoch;

	testworker_add(&t, 0, "{\"size\":4194304}", fd);
	run_queue(0);
	do_io(PVBLK_OP_WRITE, 0, 8);
	kill(t.pid, SIGKILL);
	ktap_ok(testworker_wait(&t) == -SIGKILL, "kill -9");
	ktap_ok(testworker_spawn(&t, "") && testworker_add(&t, 0, "{\"size\":4194304}", fd) &&
			go_and_hello() && testdrv_header(&t.drv)->epoch != epoch,
		"the next life has another epoch");
	ktap_ok(run_queue(0) && every_operation_works(), "and serves");
}

/* BUS-D1: a driver waits so long, and no longer. */
static bool takes_heartbeat(unsigned int ms)
{
	char option[64];
	bool ok;

	snprintf(option, sizeof(option), ",\"heartbeat_ms\":%u", ms);
	ok = testworker_spawn(&t, option);
	if (ok)
		testworker_quit(&t);
	else
		testworker_wait(&t);
	return ok;
}

/* What a driver that calls itself "testdrv 1" is answered; -1 if status does not say the same. */
static int answer_where_refused(const char *names)
{
	struct json_object *reply, *driver;
	char option[64];
	int result = -1;

	snprintf(option, sizeof(option), ",\"refuse\":[%s]", names);
	if (!testworker_spawn(&t, option) || !testworker_tell(&t, "{\"op\":\"go\"}", NULL, 0))
		return -1;
	result = testdrv_hello(&t.drv);
	reply = testworker_ask(&t, "{\"op\":\"status\"}", NULL, 0);
	driver = hostd_json_get(reply, "driver");
	if (!driver || strcmp(hostd_json_str(driver, "ident"), "testdrv 1") ||
	    hostd_json_bool(driver, "refused", false) != (result == PVBUS_R_REFUSED))
		result = -1;
	json_object_put(reply);
	testworker_quit(&t);
	return result;
}

static void check_refusal(void)
{
	ktap_ok(answer_where_refused("\"testdrv 0\",\"testdrv 1\"") == PVBUS_R_REFUSED &&
			answer_where_refused("\"testdrv\"") == PVBUS_R_REFUSED,
		"a driver is refused by name and version, and status says so");
	ktap_ok(answer_where_refused("\"testdrv 1 (Linux)\",\"testdr\",\"\"") == PVBUS_R_OK, "no other is");
}

/* A worker that may have no more descriptors says so, and goes on. */
static void check_descriptors(void)
{
	struct rlimit none = { 3, 1024 }, some = { 1024, 1024 };
	int64_t start_ms = testdrv_now_ms();
	int fd = make_image();

	if (prlimit(t.pid, RLIMIT_NOFILE, &none, NULL)) {
		ktap_skip("a disk for which there is no descriptor is refused", "no CAP_SYS_RESOURCE");
		ktap_skip("and taken when there is one", "no CAP_SYS_RESOURCE");
		close(fd);
		return;
	}
	ktap_ok(!testworker_add(&t, 5, "{\"size\":4194304}", fd) &&
			testdrv_now_ms() - start_ms < TESTDRV_WAIT_MS,
		"a disk for which there is no descriptor is refused");
	prlimit(t.pid, RLIMIT_NOFILE, &some, NULL);
	ktap_ok(testworker_add(&t, 5, "{\"size\":4194304}", fd), "and taken when there is one");
	close(fd);
}

int main(void)
{
	int fd = make_image();

	ktap_plan(29);
	testworker_init(&t);
	ktap_ok(takes_heartbeat(1) && takes_heartbeat(1000), "a heartbeat of 1 to 1000 ms");
	ktap_ok(!takes_heartbeat(0) && !takes_heartbeat(1001), "and no other");
	check_refusal();
	ktap_ok(testworker_spawn(&t, ""), "init");
	check_engines(fd);
	check_sleep();
	check_delayed_irq();
	check_changes();
	check_idle();
	check_kill(fd);
	check_descriptors();
	ktap_ok(!testworker_tell(&t, "{\"op\":\"dance\"}", NULL, 0),
		"an unknown operation is an error");
	ktap_ok(testworker_quit(&t) == 0, "quit");
	return ktap_finish();
}

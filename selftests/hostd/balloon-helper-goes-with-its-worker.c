// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whoever of worker and helper dies, both are replaced, and the next life begins when both are
 * reaped: nothing that an earlier life was told to free is freed in it (BUS-D3, BALLOON-D3).
 */
#include <sys/ptrace.h>

#include "testballoon.h"
#include "testbroker.h"

#define MIB	(1ULL << 20)
#define SIZE	(256 * MIB)
#define VECTORS	16

static struct broker broker;
static struct testballoon b;
static int kick = -1, ram_fd;
static uint8_t *ram;

/* This process is QEMU: it has the window, and memory that it shares. */
static void be_qemu(void)
{
	int conn = broker_connect(&broker, "ivshmem.sock", 5000), fd, i;
	int64_t value;

	for (i = 0; i < 3 + 2 * VECTORS; i++) {
		if (ivshmem_recv(conn, &value, &fd) != sizeof(value))
			ktap_bail("handshake");
		if (i == 2)
			b.t.drv.base = mmap(NULL, 128 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (i == 3)
			kick = fd;
	}
	ram_fd = memfd_create("ram", MFD_CLOEXEC);
	if (ftruncate(ram_fd, SIZE) || b.t.drv.base == MAP_FAILED)
		ktap_bail("memory");
	ram = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, ram_fd, 0);
}

static void pump(void *ctx)
{
	uint64_t one = 1;

	(void)ctx;
	if (write(kick, &one, sizeof(one)) != sizeof(one))
		ktap_bail("kick");
	usleep(500);
}

static uint64_t epoch(void)
{
	return __atomic_load_n(&testdrv_header(&b.t.drv)->epoch, __ATOMIC_ACQUIRE);
}

static bool new_epoch(uint64_t old, int ms)
{
	for (; ms > 0; ms--) {
		if (epoch() && epoch() != old)
			return true;
		usleep(1000);
	}
	return false;
}

/* A member of the answer to "balloon" or "status". */
static uint64_t ask(const char *command, const char *object, const char *key)
{
	int conn = broker_connect(&broker, "control.sock", 5000);
	struct json_object *reply, *obj, *val = NULL;
	char text[8192] = "";
	uint64_t n = 0;
	ssize_t len = 0, done;

	snprintf(text, sizeof(text), "{\"execute\":\"%s\"}\n", command);
	if (send(conn, text, strlen(text), MSG_NOSIGNAL) < 0)
		ktap_bail("control");
	do {
		done = recv(conn, text + len, sizeof(text) - 1 - len, 0);
		len += done > 0 ? done : 0;
	} while (done > 0 && text[len - 1] != '\n');
	text[len] = 0;
	close(conn);
	reply = json_tokener_parse(text);
	if (!json_object_object_get_ex(reply, "return", &obj) ||
	    (object && !json_object_object_get_ex(obj, object, &obj)) ||
	    !json_object_object_get_ex(obj, key, &val))
		printf("# no %s in %s\n", key, text);
	n = json_object_get_uint64(val);
	json_object_put(reply);
	return n;
}

static pid_t helper(void)
{
	return ask("balloon", NULL, "helper");
}

static pid_t worker(void)
{
	return ask("status", "worker", "pid");
}

static bool is_running(pid_t pid)
{
	return pid > 0 && !kill(pid, 0);
}

/* HELLO to a proven region. */
static uint32_t negotiate(void)
{
	if (testdrv_hello(&b.t.drv) != PVBUS_R_OK || !testballoon_start(&b, 0))
		return TESTDRV_SILENT;
	memcpy(ram + MIB, testballoon_config(&b)->nonce, PVBALLOON_NONCE_LEN);
	return testballoon_tell(&b, MIB, SIZE - MIB, MIB);
}

static bool gives(uint64_t addr)
{
	char byte = 1;

	ram[addr] = 0x5a;
	return testballoon_range(&b, PVBALLOON_OP_INFLATE, addr, 16) == PVBALLOON_S_OK &&
	       pread(ram_fd, &byte, 1, addr) == 1 && !byte;
}

static void check_start(void)
{
	uint64_t none = 0;

	ktap_ok(!helper(), "without QEMU there is no helper");
	be_qemu();
	ktap_ok(new_epoch(none, 5000), "a life begins");
	ktap_ok(negotiate() == PVBALLOON_S_OK, "the helper finds the memory of this QEMU");
	ktap_ok(is_running(helper()), "it runs");
	ktap_ok(gives(16 * MIB), "and frees what is given");
	ktap_ok(ask("balloon", NULL, "given") == 16 * 4096 && ask("balloon", NULL, "target") == 64 * MIB,
		"which pvctl sees, beside the target");
}

static void check_killed_worker(void)
{
	pid_t old_helper = helper(), old_worker = worker();
	uint64_t old = epoch();

	kill(old_worker, SIGKILL);
	ktap_ok(new_epoch(old, 5000) && !is_running(old_worker) && !is_running(old_helper),
		"a killed worker: when the next life begins its helper has been reaped");
	ktap_ok(negotiate() == PVBALLOON_S_OK && gives(32 * MIB), "and the next one frees");
	ktap_ok(le64toh(testballoon_config(&b)->target) == 64 * MIB, "the target is what it was");
}

static void check_killed_helper(int signal)
{
	pid_t old_helper = helper(), old_worker = worker();
	uint64_t old = epoch();

	kill(old_helper, signal);
	ktap_ok(new_epoch(old, 5000) && !is_running(old_worker) && !is_running(old_helper),
		"a helper with signal %d: the worker is replaced too", signal);
	ktap_ok(negotiate() == PVBALLOON_S_OK && gives(48 * MIB), "and both go on");
}

/* Requests of one life that its helper has not come to when the worker dies. */
static void check_in_flight(void)
{
	struct pvballoon_sqe sqe = testballoon_request(&b, PVBALLOON_OP_INFLATE, 1);
	struct pvballoon_range *range = testballoon_data(&b);
	uint64_t old = epoch(), addr = 64 * MIB;
	struct pvballoon_cqe cqe;
	char byte = 0;

	kill(helper(), SIGSTOP);
	ram[addr] = 0x5a;
	*range = (struct pvballoon_range) { .addr = htole64(addr), .nr_pages = htole32(16) };
	testballoon_submit(&b, &sqe);
	pump(NULL);
	usleep(200000);
	ktap_ok(!testballoon_reap(&b, &cqe) && pread(ram_fd, &byte, 1, addr) == 1 && byte == 0x5a,
		"a helper that stands still: no completion, nothing freed");
	testdrv_send(&b.t.drv, &testdrv_slot(&b.t.drv, 0)->cmd, PVBUS_CMD_RESET);
	pump(NULL);
	usleep(200000);
	ktap_ok(!testdrv_is_answered(&b.t.drv, &testdrv_entry(&b.t.drv, 0)->ack),
		"RESET waits for it (BUS-D8)");
	kill(worker(), SIGKILL);
	ktap_ok(new_epoch(old, 5000) && negotiate() == PVBALLOON_S_OK, "the next life begins");
	usleep(200000);
	ktap_ok(pread(ram_fd, &byte, 1, addr) == 1 && byte == 0x5a,
		"and what the last one was told to free is not freed in it");
}

/* A helper that takes its time to end: it is a zombie of its tracer's first, and this is that. */
static void check_slow_death(void)
{
	pid_t old_helper = helper(), old_worker = worker();
	uint64_t old = epoch();
	int status;

	if (ptrace(PTRACE_SEIZE, old_helper, NULL, NULL))
		ktap_bail("ptrace: %s", strerror(errno));
	kill(old_worker, SIGKILL);
	ktap_ok(!new_epoch(old, 1000) && !worker(), "as long as the helper has not been reaped no life begins");
	ktap_ok(waitpid(old_helper, &status, __WALL) == old_helper && new_epoch(old, 5000) &&
		negotiate() == PVBALLOON_S_OK, "then it does");
}

/* The window is overwritten, as by a migration: an epoch within the life of both. */
static void check_overwritten(void)
{
	pid_t old_helper = helper();
	uint64_t old = epoch();

	testdrv_header(&b.t.drv)->heartbeat = htole64(0x1234);
	ktap_ok(new_epoch(old, 5000) && helper() == old_helper, "an epoch in the same life");
	ktap_ok(testdrv_hello(&b.t.drv) == PVBUS_R_OK && testballoon_start(&b, 0) &&
		testballoon_tell(&b, MIB, SIZE - MIB, MIB) == PVBALLOON_S_UNPROVEN,
		"in which the old nonce proves nothing");
	ktap_ok(negotiate() == PVBALLOON_S_OK && gives(80 * MIB), "and the new one does");
}

static void check_end(void)
{
	pid_t old_helper = helper(), old_worker = worker();
	char state[sizeof(broker.dir) + 8];
	int i;

	broker_stop(&broker);
	for (i = 0; i < 1000 && (is_running(old_helper) || is_running(old_worker)); i++)
		usleep(1000);
	ktap_ok(!is_running(old_helper) && !is_running(old_worker), "nothing is left when pvhostd ends");
	/* For the QEMU that still runs. */
	snprintf(state, sizeof(state), "%s/state", broker.dir);
	unlink(state);
	rmdir(broker.dir);
}

int main(void)
{
	ktap_plan(23);
	b.t.drv.pump = pump;
	broker_start(&broker, "--balloon=target=64M", "--no-watchdog");
	check_start();
	check_killed_worker();
	check_killed_helper(SIGKILL);
	check_killed_helper(SIGSEGV);
	check_in_flight();
	check_slow_death();
	check_overwritten();
	check_end();
	return ktap_finish();
}

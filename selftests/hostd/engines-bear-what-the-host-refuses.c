// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the host's limits and filters refuse an engine (threads, descriptors, io_uring at its start or
 * while it is used, memory, ways to free and to zero) changes how requests are done, or costs one
 * request: all of them end, and data is what it should be (BLK-D2, BLK-D5).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <liburing.h>
#include <seccomp.h>

#include "testbus.h"

#define SIZE	(1U << 20)
#define DATA	(256U << 10)
#define BURST	48

static struct testbus t;
static struct testdrv_queue q;
static uint8_t model[SIZE];
static int image;
static unsigned int nr_busy;	/* submissions to io_uring that fail for now */
static int busy_error;

/* In place of the library's. */
int io_uring_submit(struct io_uring *ring)
{
	if (nr_busy) {
		nr_busy--;
		return -busy_error;
	}
	return io_uring_submit_and_wait(ring, 0);
}

static void deny(scmp_filter_ctx ctx, int call, int error)
{
	if (seccomp_rule_add(ctx, SCMP_ACT_ERRNO(error), call, 0))
		ktap_bail("seccomp");
}

/* For all threads. */
static void load(scmp_filter_ctx ctx)
{
	if (seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1) || seccomp_load(ctx))
		ktap_bail("seccomp");
	seccomp_release(ctx);
}

/* From now on these calls, up to -1, fail in this process. */
static void deny_all(const int *calls, int error)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);

	for (; *calls >= 0; calls++)
		deny(ctx, *calls, error);
	load(ctx);
}

/* fallocate() fails where place or length is no multiple of 4096, as on a medium of such blocks. */
static void deny_unaligned(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	unsigned int at;

	for (at = 512; at < 4096; at += 512) {
		if (seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EINVAL), SCMP_SYS(fallocate), 1,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, 4095, at)) ||
		    seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EINVAL), SCMP_SYS(fallocate), 1,
				     SCMP_A3(SCMP_CMP_MASKED_EQ, 4095, at)))
			ktap_bail("seccomp");
	}
	load(ctx);
}

/* What io_uring does is direct. */
static int open_direct(const char *path)
{
	int fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);

	if (fd < 0)
		ktap_bail("no direct I/O");
	return fd;
}

static bool start(const char *engine)
{
	char path[TMP_LEN], config[128];
	int fd;
	size_t i;

	image = mkstemp(tmp_path(path, "refused"));
	fd = strcmp(engine, "uring") ? dup(image) : open_direct(path);
	unlink(path);
	for (i = 0; i < SIZE; i++)
		model[i] = 1 + i / 512 % 200;
	if (image < 0 || pwrite(image, model, SIZE, 0) != SIZE)
		ktap_bail("image");
	testbus_init(&t);
	snprintf(config, sizeof(config), "{\"size\":%u,\"engine\":\"%s\",\"queue-size\":64}", SIZE, engine);
	if (testbus_add(&t, 0, 1, config, fd))
		return false;
	hostd_bus_begin_epoch(t.bus);
	return testdrv_hello(&t.drv) == PVBUS_R_OK && testdrv_run(&t.drv, 0, &q, 64, DATA);
}

static uint32_t do_op(uint8_t op, uint64_t sector, uint32_t nr, uint8_t flags)
{
	struct pvblk_sqe sqe = testdrv_request(&q, op, sector, nr, 0);

	sqe.flags = flags;
	return testdrv_do(&t.drv, &q, &sqe);
}

static bool has_model(void)
{
	static uint8_t file[SIZE];

	return pread(image, file, SIZE, 0) == SIZE && !memcmp(file, model, SIZE);
}

/* As many requests at once, one for every other block of 4096. */
static bool does_many(uint8_t op, uint8_t flags)
{
	struct pvblk_sqe sqe;
	struct pvblk_cqe cqe;
	unsigned int i, ok = 0, done = 0;
	int64_t until_ms = testdrv_now_ms() + 20000;

	for (i = 0; i < BURST; i++) {
		sqe = testdrv_request(&q, op, i * 16, 8, i * 4096);
		sqe.flags = flags;
		testdrv_submit(&q, &sqe);
	}
	while (done < BURST && testdrv_now_ms() < until_ms) {
		testbus_pump(&t);
		while (testdrv_reap(&q, &cqe)) {
			done++;
			ok += !cqe.status;
		}
	}
	return ok == BURST;
}

/* Of these an engine cannot do the writes inline; each block gets what it should. */
static bool serves(void)
{
	uint8_t *data = testdrv_data(&t.drv, &q);
	unsigned int i;

	for (i = 0; i < BURST; i++) {
		memset(data + i * 4096, 100 + i, 4096);
		memset(model + i * 8192, 100 + i, 4096);
	}
	if (!does_many(PVBLK_OP_WRITE, PVBLK_RQ_FUA))
		return false;
	memset(data, 0, BURST * 4096);
	if (!does_many(PVBLK_OP_READ, 0))
		return false;
	for (i = 0; i < BURST; i++) {
		if (memcmp(data + i * 4096, model + i * 8192, 4096))
			return false;
	}
	return do_op(PVBLK_OP_FLUSH, 0, 0, 0) == PVBLK_S_OK &&
	       do_op(PVBLK_OP_READ, 0, 256, 0) == PVBLK_S_OK &&
	       !memcmp(testdrv_data(&t.drv, &q), model, 256 * 512) && has_model();
}

static bool no_threads(void)
{
	static const int calls[] = { SCMP_SYS(clone), SCMP_SYS(clone3), -1 };

	deny_all(calls, EAGAIN);
	return start("sync") && serves();
}

static bool no_eventfd(void)
{
	static const int calls[] = { SCMP_SYS(eventfd), SCMP_SYS(eventfd2), -1 };

	testbus_init(&t);		/* its own are not the engine's */
	testbus_exit(&t);
	deny_all(calls, EMFILE);
	return start("sync") && serves();
}

static bool no_ring(void)
{
	static const int calls[] = { SCMP_SYS(io_uring_setup), -1 };

	deny_all(calls, EPERM);
	return start("auto") && t.bus->loop.engines.all[0].error == -EPERM && serves();
}

static bool no_register(void)
{
	static const int calls[] = { SCMP_SYS(io_uring_register), -1 };

	deny_all(calls, EACCES);
	return start("auto") && t.bus->loop.engines.all[0].error == -EACCES && serves();
}

static bool forbidden(int error)
{
	static const int calls[] = { SCMP_SYS(io_uring_enter), -1 };

	if (!start("uring"))
		return false;
	deny_all(calls, error);
	return serves() && t.bus->loop.engines.all[0].error == -error && serves();
}

static bool forbidden_later(void)
{
	return forbidden(ENOSYS);
}

static bool forbidden_by_policy(void)
{
	return forbidden(EACCES);
}

static bool ring_is_busy(void)
{
	static const int errors[] = { EAGAIN, EBUSY, ENOMEM, EINTR };
	unsigned int i;

	if (!start("uring"))
		return false;
	for (i = 0; i < 4; i++) {
		busy_error = errors[i];
		nr_busy = 50;
		if (!serves() || nr_busy || t.bus->loop.engines.all[0].error)
			return false;
	}
	return true;
}

static bool no_memory(void)
{
	static const int calls[] = { SCMP_SYS(preadv2), -1 };
	uint32_t first;

	if (!start("sync"))
		return false;
	deny_all(calls, ENOMEM);
	/* Held, not lost: a reset ends it, and writes go on. */
	first = do_op(PVBLK_OP_READ, 0, 8, 0);
	return first == TESTDRV_SILENT && testdrv_command(&t.drv, 0, PVBUS_CMD_RESET) == PVBUS_R_OK &&
	       testdrv_run(&t.drv, 0, &q, 64, DATA) && do_op(PVBLK_OP_WRITE, 0, 8, 0) == PVBLK_S_OK;
}

static void zero_model(uint32_t sector, uint32_t nr)
{
	memset(model + sector * 512, 0, nr * 512);
}

/* Of each range, as the blocks of the medium cut it. */
static bool zeroes(uint8_t flags)
{
	static const struct { uint32_t sector, nr; } ranges[] = {
		{ 1, 1 }, { 10, 2 }, { 21, 30 }, { 65, 7 }, { 80, 16 }, { 100, 12 }, { 128, 13 }, { 257, 1024 },
	};
	unsigned int i;

	for (i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		if (do_op(PVBLK_OP_WRITE_ZEROES, ranges[i].sector, ranges[i].nr, flags) != PVBLK_S_OK)
			return false;
		zero_model(ranges[i].sector, ranges[i].nr);
	}
	return has_model();
}

static bool unaligned_zeroes(void)
{
	if (!start("sync"))
		return false;
	deny_unaligned();
	return zeroes(0) && !((struct blk *)t.bus->devices[0].priv)->file.no_zero_range && zeroes(PVBLK_RQ_UNMAP);
}

static bool unaligned_discards(void)
{
	if (!start("sync"))
		return false;
	deny_unaligned();
	if (do_op(PVBLK_OP_DISCARD, 1, 1, 0) != PVBLK_S_OK || !has_model() ||
	    do_op(PVBLK_OP_DISCARD, 1, 7, 0) != PVBLK_S_OK || !has_model())
		return false;
	zero_model(16, 24);
	return do_op(PVBLK_OP_DISCARD, 9, 35, 0) == PVBLK_S_OK && has_model() &&
	       do_op(PVBLK_OP_DISCARD, 1000, 10, 0) == PVBLK_S_OK &&
	       !((struct blk *)t.bus->devices[0].priv)->file.no_punch;
}

static bool no_fallocate(int error)
{
	static const int calls[] = { SCMP_SYS(fallocate), -1 };

	if (!start("sync"))
		return false;
	deny_all(calls, error);
	return do_op(PVBLK_OP_DISCARD, 9, 35, 0) == PVBLK_S_OK && has_model() && zeroes(0) &&
	       zeroes(PVBLK_RQ_UNMAP) && serves();
}

static bool no_such_call(void)
{
	return no_fallocate(EOPNOTSUPP);
}

static bool never_aligned(void)
{
	return no_fallocate(EINVAL);
}

static bool sealed(void)
{
	return no_fallocate(EPERM);
}

/* In a process of its own, whose filters end with it. */
static void check(const char *what, bool (*works)(void))
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid)
		_exit(!works());
	ktap_ok(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status), "%s", what);
}

static bool has_uring(void)
{
	bool has;

	testbus_init(&t);
	has = !t.bus->loop.engines.all[0].error;
	testbus_exit(&t);
	return has;
}

int main(void)
{
	ktap_plan(13);
	check("no threads: the worker's own does the calls", no_threads);
	check("no descriptor for the threads: likewise", no_eventfd);
	check("no io_uring: threads", no_ring);
	check("an io_uring that cannot be restricted: threads", no_register);
	if (has_uring()) {
		check("io_uring forbidden while it is used: threads go on", forbidden_later);
		check("likewise by a policy", forbidden_by_policy);
		check("an io_uring that takes nothing for a while: later", ring_is_busy);
	} else {
		ktap_skip("io_uring forbidden while it is used", "no io_uring");
		ktap_skip("likewise by a policy", "no io_uring");
		ktap_skip("an io_uring that takes nothing for a while", "no io_uring");
	}
	check("no memory for a read: it waits, the disk can be reset", no_memory);
	check("blocks of 4096: WRITE_ZEROES of any place and length", unaligned_zeroes);
	check("blocks of 4096: DISCARD frees what it can", unaligned_discards);
	check("no fallocate(): DISCARD and WRITE_ZEROES are done", no_such_call);
	check("fallocate() is refused wherever: likewise", never_aligned);
	check("fallocate() is not permitted: likewise", sealed);
	return ktap_finish();
}

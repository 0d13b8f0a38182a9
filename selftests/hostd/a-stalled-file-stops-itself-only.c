// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whatever call of a file's does not return (read, write, flush, discard, zeroes, close; in the
 * loop or in a thread), other disks are served, the worker beats and takes commands, a reset, removal or
 * quit waits for that disk only, and when it returns each request ends once, with its data. A release puts the
 * files on their media at once, not one after the other.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "testworker.h"

#define SIZE		(4U << 20)
#define NR_DISKS	3
#define BAD		2
#define GOOD		0
#define SPACE		(1UL << 20)
/*
 * What no request of another disk may take. A standby needs 30 ms; the rest is for a busy machine. The file
 * stalls for as long as it takes.
 */
#define LIMIT_MS	2000

/* Between the test and the worker's process. */
static struct shared {
	ino_t inode;		/* of the file that stalls */
	bool stall;		/* calls to it do not return */
	unsigned int nr_stalled;	/* calls that have not */
	unsigned int nr_synced;	/* calls that have put a file on the medium */
} *shared;

static struct testworker t;
static struct testdrv_queue q[NR_DISKS];
static int images[NR_DISKS];

static void stall(int fd)
{
	struct stat st;

	if (!shared || !__atomic_load_n(&shared->stall, __ATOMIC_ACQUIRE) || syscall(SYS_fstat, fd, &st) ||
	    st.st_ino != shared->inode)
		return;
	__atomic_add_fetch(&shared->nr_stalled, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&shared->stall, __ATOMIC_ACQUIRE))
		poll(NULL, 0, 1);
	__atomic_sub_fetch(&shared->nr_stalled, 1, __ATOMIC_ACQ_REL);
}

static ssize_t result(long res)
{
	return res;		/* syscall() has set errno */
}

/* In place of the C library's. */

ssize_t preadv2(int fd, const struct iovec *iov, int nr, off_t at, int flags)
{
	stall(fd);
	return result(syscall(SYS_preadv2, fd, iov, nr, at, 0, flags));
}

ssize_t pwritev2(int fd, const struct iovec *iov, int nr, off_t at, int flags)
{
	stall(fd);
	return result(syscall(SYS_pwritev2, fd, iov, nr, at, 0, flags));
}

int fdatasync(int fd)
{
	stall(fd);
	if (shared)
		__atomic_add_fetch(&shared->nr_synced, 1, __ATOMIC_ACQ_REL);
	return result(syscall(SYS_fdatasync, fd));
}

int fallocate(int fd, int mode, off_t at, off_t len)
{
	stall(fd);
	return result(syscall(SYS_fallocate, fd, mode, at, len));
}

int close(int fd)
{
	stall(fd);
	return result(syscall(SYS_close, fd));
}

static int make_image(void)
{
	char path[TMP_LEN];
	int fd = mkstemp(tmp_path(path, "stall"));

	if (fd < 0 || ftruncate(fd, SIZE))
		ktap_bail("image");
	unlink(path);
	return fd;
}

static void set_stall(bool on)
{
	__atomic_store_n(&shared->stall, on, __ATOMIC_RELEASE);
}

static bool is_stalled(void)
{
	int64_t until_ms = testdrv_now_ms() + TESTDRV_WAIT_MS;

	while (testdrv_now_ms() < until_ms) {
		if (__atomic_load_n(&shared->nr_stalled, __ATOMIC_ACQUIRE))
			return true;
		usleep(500);
	}
	return false;
}

static void submit(unsigned int disk, uint8_t op, uint64_t sector, uint32_t nr)
{
	struct pvblk_sqe sqe = testdrv_request(&q[disk], op, sector, nr, 0);
	uint32_t old = q[disk].submitted;

	testdrv_submit(&q[disk], &sqe);
	if (testdrv_need_kick(&q[disk], old))
		testworker_kick(&t, 1);
}

/* Status of the next completion, or TESTDRV_SILENT. */
static uint32_t wait_for(unsigned int disk, int64_t timeout_ms)
{
	int64_t until_ms = testdrv_now_ms() + timeout_ms;
	struct pvblk_cqe cqe;

	while (testdrv_now_ms() < until_ms) {
		if (testdrv_reap(&q[disk], &cqe))
			return le32toh(cqe.status);
	}
	return TESTDRV_SILENT;
}

static bool do_io(unsigned int disk, uint8_t op)
{
	submit(disk, op, op == PVBLK_OP_FLUSH ? 0 : 8, op == PVBLK_OP_FLUSH ? 0 : 8);
	return wait_for(disk, TESTDRV_WAIT_MS) == PVBLK_S_OK;
}

/* The longest of many reads, in ms, of which some begin before the stall is noticed. */
static int64_t longest_read(unsigned int disk, unsigned int for_ms)
{
	int64_t start_ms, longest = 0, end_ms = testdrv_now_ms() + for_ms;

	while ((start_ms = testdrv_now_ms()) < end_ms) {
		if (!do_io(disk, PVBLK_OP_READ))
			return TESTDRV_WAIT_MS;
		if (testdrv_now_ms() - start_ms > longest)
			longest = testdrv_now_ms() - start_ms;
	}
	return longest;
}

static bool others_go_on(void)
{
	uint64_t beat = __atomic_load_n(t.beat, __ATOMIC_RELAXED);
	int64_t longest = longest_read(GOOD, 100), until_ms = testdrv_now_ms() + LIMIT_MS;

	ktap_note("the longest read of another disk took %lld ms", (long long)longest);
	while (__atomic_load_n(t.beat, __ATOMIC_RELAXED) - beat < 2 && testdrv_now_ms() < until_ms)
		usleep(1000);
	return longest < LIMIT_MS && __atomic_load_n(t.beat, __ATOMIC_RELAXED) - beat >= 2 &&
	       do_io(1, PVBLK_OP_FLUSH) && do_io(1, PVBLK_OP_WRITE) &&
	       testworker_tell(&t, "{\"op\":\"status\"}", NULL, 0) &&
	       testworker_tell(&t, "{\"op\":\"stats\"}", NULL, 0);
}

static bool run_queue(unsigned int disk)
{
	testdrv_lay_out(&t.drv, &q[disk], testdrv_space(&t.drv) + PV_PAGE_SIZE + disk * SPACE, 64, 1 << 19);
	q[disk].desc.irq_vector = htole16(1);
	q[disk].desc.kick_vector = htole16(1);
	return testdrv_take_features(&t.drv, disk) == PVBUS_R_OK &&
	       testdrv_start(&t.drv, disk, &q[disk], 1) == PVBUS_R_OK;
}

/* One of each operation does not return; then it does. */
static bool survives(uint8_t op, unsigned int nr)
{
	unsigned int i, ok = 0;

	set_stall(true);
	for (i = 0; i < nr; i++)
		submit(BAD, op, op == PVBLK_OP_FLUSH ? 0 : i * 8, op == PVBLK_OP_FLUSH ? 0 : 8);
	if (!is_stalled() || !others_go_on() || wait_for(BAD, 1) != TESTDRV_SILENT) {
		set_stall(false);
		return false;
	}
	set_stall(false);
	for (i = 0; i < nr; i++)
		ok += wait_for(BAD, TESTDRV_WAIT_MS) == PVBLK_S_OK;
	return ok == nr && wait_for(BAD, 20) == TESTDRV_SILENT && do_io(BAD, PVBLK_OP_READ) &&
	       longest_read(GOOD, 50) < LIMIT_MS;
}

static void check_operations(void)
{
	static const char *const names[] = {
		[PVBLK_OP_READ] = "READ", [PVBLK_OP_WRITE] = "WRITE", [PVBLK_OP_FLUSH] = "FLUSH",
		[PVBLK_OP_DISCARD] = "DISCARD", [PVBLK_OP_WRITE_ZEROES] = "WRITE_ZEROES",
	};
	uint8_t op;

	for (op = PVBLK_OP_READ; op <= PVBLK_OP_WRITE_ZEROES; op++) {
		ktap_ok(survives(op, 1), "a %s does not return", names[op]);
		ktap_ok(survives(op, 60), "nor do 60, at once");
	}
}

/* What is written into the file while and after one write does not return. */
static void check_data(void)
{
	uint8_t *data = testdrv_data(&t.drv, &q[BAD]);
	uint8_t byte = 0;

	memset(data, 0x5a, 4096);
	set_stall(true);
	submit(BAD, PVBLK_OP_WRITE, 800, 8);
	is_stalled();
	set_stall(false);
	ktap_ok(wait_for(BAD, TESTDRV_WAIT_MS) == PVBLK_S_OK && pread(images[BAD], &byte, 1, 800 * 512) == 1 &&
		byte == 0x5a, "a write that was late is in the file when it is completed");
}

static void check_reset(void)
{
	const struct pvbus_ack *ack = &testdrv_entry(&t.drv, BAD)->ack;
	int64_t until_ms = testdrv_now_ms() + TESTDRV_WAIT_MS;
	uint32_t seq;

	set_stall(true);
	submit(BAD, PVBLK_OP_WRITE, 0, 8);
	is_stalled();
	testdrv_slot(&t.drv, BAD)->generation = testdrv_entry(&t.drv, BAD)->generation;
	testdrv_send(&t.drv, &testdrv_slot(&t.drv, BAD)->cmd, PVBUS_CMD_RESET);
	seq = t.drv.seq;
	testworker_kick(&t, 0);
	ktap_ok(others_go_on() && le32toh(ack->seq) != seq, "its RESET waits, and nobody else");
	set_stall(false);
	while (le32toh(__atomic_load_n(&ack->seq, __ATOMIC_ACQUIRE)) != seq && testdrv_now_ms() < until_ms)
		usleep(500);
	ktap_ok(le32toh(ack->seq) == seq && run_queue(BAD) && do_io(BAD, PVBLK_OP_READ), "and is answered");
}

static void check_removal(void)
{
	int64_t start_ms;

	set_stall(true);
	submit(BAD, PVBLK_OP_WRITE, 0, 8);
	is_stalled();
	start_ms = testdrv_now_ms();
	ktap_ok(testworker_tell(&t, "{\"op\":\"remove\",\"slot\":2,\"force\":true}", NULL, 0) &&
			testdrv_now_ms() - start_ms < 2000 && others_go_on() && !t.nr_removed,
		"a removal by force is answered, and waits");
	set_stall(false);
	json_object_put(testworker_receive(&t, 1000));
	ktap_ok(t.nr_removed == 1, "and ends");
	testworker_add(&t, BAD, "{\"size\":4194304}", images[BAD]);
	run_queue(BAD);
	set_stall(true);
	ktap_ok(testworker_tell(&t, "{\"op\":\"remove\",\"slot\":2,\"force\":true}", NULL, 0) && is_stalled() &&
		others_go_on(), "a close that does not return keeps nobody");
	set_stall(false);
	json_object_put(testworker_receive(&t, 1000));
	testworker_add(&t, BAD, "{\"size\":4194304}", images[BAD]);
	run_queue(BAD);
}

static void check_quit(void)
{
	int64_t start_ms = testdrv_now_ms();

	set_stall(true);
	submit(BAD, PVBLK_OP_WRITE, 0, 8);
	is_stalled();
	ktap_ok(testworker_quit(&t) >= 0 && testdrv_now_ms() - start_ms < 6000, "quit does not wait for it for long");
	set_stall(false);
}

static bool are_synced(unsigned int nr)
{
	int64_t until_ms = testdrv_now_ms() + TESTDRV_WAIT_MS;

	while (__atomic_load_n(&shared->nr_synced, __ATOMIC_ACQUIRE) != nr && testdrv_now_ms() < until_ms)
		usleep(500);
	return __atomic_load_n(&shared->nr_synced, __ATOMIC_ACQUIRE) == nr;
}

/* All files are put on the media at once: the first one does not keep the others from it. */
static void check_release(void)
{
	struct stat st;
	unsigned int i;

	fstat(images[0], &st);
	shared->inode = st.st_ino;
	testworker_init(&t);
	if (!testworker_spawn(&t, ""))
		ktap_bail("init");
	for (i = 0; i < NR_DISKS; i++)
		testworker_add(&t, i, "{\"size\":4194304}", images[i]);
	shared->nr_synced = 0;
	set_stall(true);
	ktap_ok(testworker_tell(&t, "{\"op\":\"quit\",\"sync\":true}", NULL, 0) && is_stalled() &&
		are_synced(NR_DISKS - 1), "of files that are let go the others are on the media");
	set_stall(false);
	ktap_ok(testworker_wait(&t) == 0 && are_synced(NR_DISKS), "and that one, when it answers");
}

int main(void)
{
	struct stat st;
	unsigned int i;

	ktap_plan(21);
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	testworker_init(&t);
	ktap_ok(testworker_spawn(&t, ""), "init");
	for (i = 0; i < NR_DISKS; i++) {
		images[i] = make_image();
		if (!testworker_add(&t, i, "{\"size\":4194304}", images[i]))
			ktap_bail("add");
	}
	fstat(images[BAD], &st);
	shared->inode = st.st_ino;
	if (!testworker_tell(&t, "{\"op\":\"go\"}", NULL, 0) || testdrv_hello(&t.drv) != PVBUS_R_OK)
		ktap_bail("no epoch");
	for (i = 0; i < NR_DISKS; i++) {
		if (!run_queue(i))
			ktap_bail("START");
	}
	ktap_ok(do_io(GOOD, PVBLK_OP_WRITE) && do_io(BAD, PVBLK_OP_WRITE), "all are served");
	check_operations();
	check_data();
	check_reset();
	check_removal();
	check_quit();
	check_release();
	return ktap_finish();
}

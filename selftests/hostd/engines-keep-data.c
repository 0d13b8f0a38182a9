// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is written through a block device can be read back, with every engine and on every
 * file system at hand; discard, write zeroes and flush do what BLK-D2 to BLK-D5 say.
 */
#include "testbus.h"

#include <sys/stat.h>

#define SIZE		(8U << 20)
#define SECTORS		(SIZE / 512)
#define DATA		(1U << 20)

static struct testbus t;
static struct testdrv_queue q;

/* The same file, past the page cache. */
static int open_direct(const char *path)
{
	int fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);

	if (fd < 0)
		ktap_bail("no direct I/O");
	return fd;
}

static int make_image(const char *dir, char *path)
{
	int fd;

	fd = mkstemp(tmp_path_in(dir, path, "engine"));
	if (fd >= 0 && ftruncate(fd, SIZE))
		ktap_bail("ftruncate");
	return fd;
}

static uint32_t do_op(uint8_t op, uint64_t sector, uint32_t nr, uint8_t flags)
{
	struct pvblk_sqe sqe = testdrv_request(&q, op, sector, nr, 0);

	sqe.flags = flags;
	return testdrv_do(&t.drv, &q, &sqe);
}

static bool reads_as(uint64_t sector, uint32_t nr, const uint8_t *want)
{
	memset(testdrv_data(&t.drv, &q), 0x5a, nr * 512);
	return do_op(PVBLK_OP_READ, sector, nr, 0) == PVBLK_S_OK &&
	       !memcmp(testdrv_data(&t.drv, &q), want, nr * 512);
}

static bool is_zero(uint64_t sector, uint32_t nr)
{
	static const uint8_t zeroes[128 * 512];

	return reads_as(sector, nr, zeroes);
}

/* Random writes of all sizes, sixteen outstanding, then everything is read back. */
static bool keeps_random_writes(uint8_t *model)
{
	unsigned int round, i, left;
	struct pvblk_sqe sqe;
	struct pvblk_cqe cqe;
	int64_t until_ms;

	for (round = 0; round < 60; round++) {
		for (i = 0; i < 16; i++) {
			uint32_t nr = 1 + rand() % 128, at = i * 65536;
			/* One region for each of the sixteen: their order is not defined. */
			uint64_t sector = i * (SECTORS / 16) + rand() % (SECTORS / 16 - nr);

			memset(testdrv_data(&t.drv, &q) + at, rand(), nr * 512);
			memcpy(model + sector * 512, testdrv_data(&t.drv, &q) + at, nr * 512);
			sqe = testdrv_request(&q, PVBLK_OP_WRITE, sector, nr, at);
			sqe.flags = rand() % 4 ? 0 : PVBLK_RQ_FUA;
			testdrv_submit(&q, &sqe);
		}
		until_ms = testdrv_now_ms() + TESTDRV_WAIT_MS;
		for (left = 16; left && testdrv_now_ms() < until_ms;) {
			testbus_pump(&t);
			while (testdrv_reap(&q, &cqe)) {
				if (cqe.status)
					return false;
				left--;
			}
		}
		if (left)
			return false;
	}
	for (i = 0; i < SECTORS; i += 128) {
		if (!reads_as(i, 128, model + i * 512))
			return false;
	}
	return true;
}

static void check_file(const char *name, int fd, const uint8_t *model)
{
	uint8_t *file = malloc(SIZE);

	ktap_ok(do_op(PVBLK_OP_FLUSH, 0, 0, 0) == PVBLK_S_OK, "%s: FLUSH", name);
	ktap_ok(pread(fd, file, SIZE, 0) == SIZE && !memcmp(file, model, SIZE),
		"%s: the file has what was written", name);
	free(file);
}

static void check_zeroes(const char *name, int fd)
{
	struct stat before, after;
	unsigned int sector;

	memset(testdrv_data(&t.drv, &q), 0x77, 64 * 512);
	for (sector = 0; sector < SECTORS; sector += 64)
		if (do_op(PVBLK_OP_WRITE, sector, 64, 0) != PVBLK_S_OK)
			ktap_bail("write");
	ktap_ok(do_op(PVBLK_OP_WRITE_ZEROES, 3, 1000, 0) == PVBLK_S_OK && is_zero(3, 128) &&
		is_zero(1003 - 128, 128) && !is_zero(1003 - 127, 128), "%s: WRITE_ZEROES", name);
	fstat(fd, &before);
	ktap_ok(do_op(PVBLK_OP_WRITE_ZEROES, 4096, 2048, PVBLK_RQ_UNMAP) == PVBLK_S_OK &&
			is_zero(4096, 128) && is_zero(6144 - 128, 128),
		"%s: WRITE_ZEROES with UNMAP", name);
	ktap_ok(do_op(PVBLK_OP_DISCARD, 8192, 2048, 0) == PVBLK_S_OK && is_zero(8192, 128),
		"%s: DISCARD of a file reads as zeroes", name);
	fstat(fd, &after);
	ktap_ok(after.st_blocks < before.st_blocks, "%s: they give space back", name);
}

static void check_end(const char *name, int fd)
{
	if (ftruncate(fd, SIZE / 2))
		ktap_bail("ftruncate");
	ktap_ok(do_op(PVBLK_OP_READ, SECTORS - 8, 8, 0) == PVBLK_S_IOERR,
		"%s: READ of a file that was cut off fails", name);
}

#define NR_CHECKS	9

static void check_engine(const char *engine, const char *dir, bool direct)
{
	uint8_t *model = calloc(1, SIZE);
	char config[128], name[64], path[TMP_LEN];
	int fd = make_image(dir, path), i;

	snprintf(name, sizeof(name), "%s%s on %s", engine, direct ? ", direct," : "", dir);
	testbus_init(&t);
	if (fd < 0 || !hostd_engines_find(&t.bus->loop.engines, engine)) {
		for (i = 0; i < NR_CHECKS; i++)
			ktap_skip(name, "not on this machine");
		goto exit_bus;
	}
	snprintf(config, sizeof(config), "{\"size\":%u,\"engine\":\"%s\",\"max-io\":65536}", SIZE,
		 engine);
	if (testbus_add(&t, 0, 1, config, direct ? open_direct(path) : dup(fd)))
		ktap_bail("add");
	hostd_bus_begin_epoch(t.bus);
	testdrv_hello(&t.drv);
	ktap_ok(testdrv_run(&t.drv, 0, &q, 16, DATA), "%s: runs", name);
	ktap_ok(keeps_random_writes(model), "%s: random writes are kept", name);
	check_file(name, fd, model);
	check_zeroes(name, fd);
	check_end(name, fd);
exit_bus:
	testbus_exit(&t);
	unlink(path);
	close(fd);
	free(model);
}

static void check_read_only(void)
{
	char path[TMP_LEN];
	int fd = make_image(tmp_dir(), path), ro = open(path, O_RDONLY | O_CLOEXEC);
	struct pvbus_device_entry *entry;

	testbus_init(&t);
	testbus_add(&t, 0, 1, "{\"size\":8388608,\"ro\":true}", ro);
	hostd_bus_begin_epoch(t.bus);
	testdrv_hello(&t.drv);
	testdrv_run(&t.drv, 0, &q, 16, DATA);
	entry = testdrv_entry(&t.drv, 0);
	ktap_ok(le64toh(entry->features[0]) == 1 << PVBLK_F_RO,
		"read-only: offers RO and nothing else");
	ktap_ok(do_op(PVBLK_OP_READ, 0, 8, 0) == PVBLK_S_OK, "read-only: READ");
	ktap_ok(do_op(PVBLK_OP_WRITE, 0, 8, 0) == PVBLK_S_RDONLY, "read-only: WRITE gets RDONLY");
	testbus_exit(&t);
	unlink(path);
	close(fd);
}

static void check_fallback(void)
{
	struct hostd_engine *uring;
	int error;

	testbus_init(&t);
	uring = &t.bus->loop.engines.all[0];
	error = uring->error;
	uring->error = -EPERM;
	ktap_ok(hostd_engines_find(&t.bus->loop.engines, "auto")->ops == &hostd_engine_sync &&
		!hostd_engines_find(&t.bus->loop.engines, "uring"), "auto without io_uring: threads");
	uring->error = error;
	testbus_exit(&t);
}

static void check_add(void)
{
	char path[TMP_LEN];
	int fd = make_image(tmp_dir(), path);

	testbus_init(&t);
	ktap_ok(testbus_add(&t, 0, 1, "{\"size\":8388608,\"engine\":\"magic\"}", dup(fd)) ==
			-EINVAL,
		"add: an unknown engine is refused");
	ktap_ok(testbus_add(&t, 0, 1, "{\"size\":8388608}", open("/dev/null", O_RDWR)) == -EINVAL,
		"add: what is neither file nor block device is refused");
	ktap_ok(testbus_add(&t, 0, 1, "{\"size\":8388608,\"logical-block\":513}", dup(fd)) ==
			-EINVAL,
		"add: a bad block size is refused");
	ktap_ok(testbus_add(&t, 0, 1, "{\"size\":8388608}", -1) == -EINVAL,
		"add: no image is refused");
	ktap_ok(!testbus_add(&t, 0, 1, "{\"size\":8388608}", dup(fd)), "add: a good one is taken");
	testbus_exit(&t);
	unlink(path);
	close(fd);
}

int main(void)
{
	const char *const dirs[] = { tmp_dir(), "/dev/shm" };
	unsigned int i;

	ktap_plan(6 * NR_CHECKS + 9);
	for (i = 0; i < 2; i++) {
		check_engine("uring", dirs[i], false);
		check_engine("sync", dirs[i], false);
	}
	check_engine("uring", tmp_dir(), true);
	check_engine("sync", tmp_dir(), true);
	check_read_only();
	check_fallback();
	check_add();
	return ktap_finish();
}

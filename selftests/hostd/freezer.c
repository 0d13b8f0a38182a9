// SPDX-License-Identifier: GPL-2.0-only
/*
 * freezer CACHES SECONDS MOUNT FROZEN GOOD: a worker with three disks, of which the image FROZEN is on
 * MOUNT, and a driver. CACHES has a letter for each of the two: c if it is used through the page cache, d
 * if direct. FROZEN is written at depth 8 all the time, GOOD read at depth 1. After half of
 * SECONDS the file system at MOUNT is frozen for SECONDS, then thawed. Prints, for before, frozen
 * and after: the reads of GOOD, their median in us and for how many ms the longest was seen not to be answered;
 * then how many of the writes to FROZEN were completed, and how many blocks are not what was written last.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include <linux/fs.h>

#include "testworker.h"

#define SIZE		(16U << 20)
#define BLOCKS		(SIZE / 4096)
#define DEPTH		8
#define FROZEN		0
#define GOOD		1
#define SPACE		(1UL << 20)
#define SAMPLES_MAX	(1U << 22)

static struct testworker t;
static struct testdrv_queue q[3];
static uint32_t *samples;
static unsigned int nr_samples;
static uint64_t longest_us;

/* Writes to FROZEN: each block has its number, and how often it was written. */
static uint32_t written[BLOCKS];
static struct write {
	uint32_t id;
	uint32_t block;
	bool busy;
} writes[DEPTH];
static unsigned int nr_written, nr_failed, nr_busy;

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000ULL + ts.tv_nsec / 1000;
}

static void submit(unsigned int disk, struct pvblk_sqe *sqe)
{
	uint32_t old = q[disk].submitted;

	testdrv_submit(&q[disk], sqe);
	if (testdrv_need_kick(&q[disk], old))
		testworker_kick(&t, 1);
}

static void fill(uint32_t *data, uint32_t block)
{
	unsigned int i;

	for (i = 0; i < 1024; i += 2) {
		data[i] = block;
		data[i + 1] = written[block];
	}
}

static bool is_free(uint32_t block)
{
	unsigned int i;

	for (i = 0; i < DEPTH; i++) {
		if (writes[i].busy && writes[i].block == block)
			return false;
	}
	return true;
}

static void start_write(unsigned int i)
{
	struct write *w = &writes[i];
	struct pvblk_sqe sqe;

	do {
		w->block = rand() % BLOCKS;
	} while (!is_free(w->block));
	written[w->block]++;
	fill((uint32_t *)(testdrv_data(&t.drv, &q[FROZEN]) + i * 4096), w->block);
	sqe = testdrv_request(&q[FROZEN], PVBLK_OP_WRITE, w->block * 8, 8, i * 4096);
	w->id = le32toh(sqe.id);
	w->busy = true;
	nr_busy++;
	submit(FROZEN, &sqe);
}

static void reap_writes(void)
{
	struct pvblk_cqe cqe;
	unsigned int i;

	while (testdrv_reap(&q[FROZEN], &cqe)) {
		for (i = 0; i < DEPTH && (!writes[i].busy || writes[i].id != le32toh(cqe.id)); i++)
			;
		if (i == DEPTH || cqe.status) {
			nr_failed++;
			continue;
		}
		writes[i].busy = false;
		nr_busy--;
		nr_written++;
	}
}

static void keep_writing(void)
{
	unsigned int i;

	reap_writes();
	for (i = 0; i < DEPTH; i++) {
		if (!writes[i].busy)
			start_write(i);
	}
}

/*
 * One read of GOOD, with writes to FROZEN while it is in flight; false after 10 s. On a busy machine this program may
 * lose its CPU for longer than a read takes, so the longest is that which was seen for the longest not to be answered.
 */
static bool read_good(void)
{
	struct pvblk_sqe sqe = testdrv_request(&q[GOOD], PVBLK_OP_READ, rand() % BLOCKS * 8, 8, 0);
	uint64_t start_us = now_us(), submitted_us, look_us;
	struct pvblk_cqe cqe;

	submit(GOOD, &sqe);
	submitted_us = now_us();
	for (look_us = submitted_us; !testdrv_reap(&q[GOOD], &cqe); look_us = now_us()) {
		if (look_us - submitted_us > longest_us)
			longest_us = look_us - submitted_us;
		if (look_us - submitted_us > 10000000)
			return false;
		keep_writing();
	}
	if (nr_samples < SAMPLES_MAX)
		samples[nr_samples++] = now_us() - start_us;
	return !cqe.status;
}

static int compare(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void measure(const char *what, double seconds)
{
	uint64_t end_us = now_us() + seconds * 1000000;

	nr_samples = 0;
	longest_us = 0;
	while (now_us() < end_us) {
		if (!read_good()) {
			printf("%s: a read got no answer\n", what);
			exit(1);
		}
	}
	qsort(samples, nr_samples, sizeof(*samples), compare);
	printf("%s %u %u %lu\n", what, nr_samples, samples[nr_samples / 2], (longest_us + 999) / 1000);
	fflush(stdout);
}

static unsigned int count_lost(int fd)
{
	static uint32_t block[1024];
	unsigned int i, lost = 0;

	for (i = 0; i < BLOCKS; i++) {
		if (!written[i])
			continue;
		if (pread(fd, block, sizeof(block), i * 4096ULL) != sizeof(block) || block[0] != i ||
		    block[1] != written[i] || block[1022] != i || block[1023] != written[i])
			lost++;
	}
	return lost;
}

static void add(unsigned int disk, const char *path, bool direct)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | (direct ? O_DIRECT : 0));

	if (fd < 0 || !testworker_add(&t, disk, "{\"size\":16777216}", fd))
		ktap_bail("%s", path);
	close(fd);
}

static void start(unsigned int disk)
{
	testdrv_lay_out(&t.drv, &q[disk], testdrv_space(&t.drv) + PV_PAGE_SIZE + disk * SPACE, 64, 1 << 19);
	q[disk].desc.irq_vector = htole16(1);
	q[disk].desc.kick_vector = htole16(1);
	if (testdrv_take_features(&t.drv, disk) != PVBUS_R_OK ||
	    testdrv_start(&t.drv, disk, &q[disk], 1) != PVBUS_R_OK)
		ktap_bail("START");
}

static void finish_writes(void)
{
	uint64_t end_us = now_us() + 30000000;
	struct pvblk_sqe sqe;
	struct pvblk_cqe cqe;

	while (nr_busy && now_us() < end_us)
		reap_writes();
	sqe = testdrv_request(&q[FROZEN], PVBLK_OP_FLUSH, 0, 0, 0);
	submit(FROZEN, &sqe);
	while (now_us() < end_us && !testdrv_reap(&q[FROZEN], &cqe))
		;
}

int main(int argc, char **argv)
{
	double seconds;
	int mount, fd;

	if (argc != 6 || strlen(argv[1]) != 2)
		return 2;
	seconds = atof(argv[2]);
	mount = open(argv[3], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fd = open(argv[4], O_RDONLY | O_CLOEXEC);
	samples = calloc(SAMPLES_MAX, sizeof(*samples));
	testworker_init(&t);
	if (mount < 0 || fd < 0 || !samples || !testworker_spawn(&t, ""))
		ktap_bail("start");
	add(FROZEN, argv[4], argv[1][0] == 'd');
	add(GOOD, argv[5], argv[1][1] == 'd');
	testworker_add(&t, 2, "{\"null\":1048576}", -1);
	if (!testworker_tell(&t, "{\"op\":\"go\"}", NULL, 0) || testdrv_hello(&t.drv) != PVBUS_R_OK)
		ktap_bail("no epoch");
	start(FROZEN);
	start(GOOD);
	measure("before", seconds / 2);
	if (ioctl(mount, FIFREEZE, 0))
		ktap_bail("it does not freeze");
	measure("frozen", seconds);
	ioctl(mount, FITHAW, 0);
	measure("after", seconds / 2);
	finish_writes();
	printf("writes %u %u %u\n", nr_written, nr_failed, nr_busy);
	printf("lost %u\n", count_lost(fd));
	return testworker_quit(&t);
}

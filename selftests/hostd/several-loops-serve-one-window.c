// SPDX-License-Identifier: GPL-2.0-only
/*
 * Disks that several loops serve at once, whose doorbells share vectors, keep their data and their epoch:
 * what each takes and posts is counted once, and nobody takes another's count for another hand. Commands,
 * removals and statistics come in between, and find all loops at rest; another hand is found out whichever
 * loop it disturbs. several-loops-race-for-nothing.sh runs the same under ThreadSanitizer.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "testworker.h"

#define NR_DISKS	4
#define NR_LOOPS	3
#define BATCH		8
#define DEPTH		16
#define BLOCK		4096
#define SIZE		(1U << 20)
#define SPACE		(1U << 18)
#define WAIT_MS		20000

/* Vectors of their doorbells: two of different loops' are the same, one is the bus's. */
static const uint16_t vectors[NR_DISKS] = { 1, 1, 2, 0 };

/* Between the test and the worker's process. */
static struct shared {
	ino_t inodes[NR_DISKS];
	pid_t threads[NR_DISKS];	/* that last wrote to the disk */
} *shared;

static struct testworker t;
static struct testdrv_queue q[NR_DISKS];
static int images[NR_DISKS];

#if defined(__SANITIZE_THREAD__)
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
	return "halt_on_error=1";
}
#endif

/* In place of the C library's. */
ssize_t pwritev2(int fd, const struct iovec *iov, int nr, off_t at, int flags)
{
	struct stat st;
	unsigned int i;

	for (i = 0; i < NR_DISKS && !syscall(SYS_fstat, fd, &st); i++) {
		if (st.st_ino == shared->inodes[i])
			__atomic_store_n(&shared->threads[i], syscall(SYS_gettid), __ATOMIC_RELAXED);
	}
	return syscall(SYS_pwritev2, fd, iov, nr, at, 0, flags);
}

static uint64_t epoch(void)
{
	return le64toh(__atomic_load_n(&testdrv_header(&t.drv)->epoch, __ATOMIC_ACQUIRE));
}

static bool add(unsigned int disk)
{
	return testworker_add(&t, disk, "{\"size\":1048576,\"engine\":\"sync\"}", images[disk]);
}

static bool start(unsigned int disk)
{
	uint64_t at = testdrv_space(&t.drv) + PV_PAGE_SIZE + disk * SPACE;

	testdrv_lay_out(&t.drv, &q[disk], at, DEPTH, 2 * BATCH * BLOCK);
	q[disk].desc.kick_vector = htole16(vectors[disk]);
	return testdrv_take_features(&t.drv, disk) == PVBUS_R_OK &&
	       testdrv_start(&t.drv, disk, &q[disk], 1) == PVBUS_R_OK;
}

static bool greet(void)
{
	unsigned int i;

	if (testdrv_hello(&t.drv) != PVBUS_R_OK)
		return false;
	for (i = 0; i < NR_DISKS; i++) {
		if (!start(i))
			return false;
	}
	return true;
}

static void submit(unsigned int disk, uint8_t op)
{
	uint32_t old = q[disk].submitted;
	struct pvblk_sqe sqe;
	unsigned int i;

	for (i = 0; i < BATCH; i++) {
		sqe = testdrv_request(&q[disk], op, i * 8, 8, (op == PVBLK_OP_READ ? i : BATCH + i) * BLOCK);
		testdrv_submit(&q[disk], &sqe);
	}
	if (testdrv_need_kick(&q[disk], old))
		testworker_kick(&t, vectors[disk]);
}

/* All that was submitted to the disk is done, and well. */
static bool reap(unsigned int disk)
{
	int64_t until_ms = testdrv_now_ms() + WAIT_MS;
	struct pvblk_cqe cqe;

	while (q[disk].reaped != q[disk].submitted) {
		if (testdrv_reap(&q[disk], &cqe) && cqe.status)
			return false;
		if (testdrv_now_ms() > until_ms)
			return false;
	}
	return true;
}

static bool reap_all(void)
{
	bool ok = true;
	unsigned int i;

	for (i = 0; i < NR_DISKS; i++)
		ok &= reap(i);
	return ok;
}

/* What is written to all disks at once is what is read from all at once. */
static bool exchange(unsigned int rounds)
{
	static unsigned int nr;
	unsigned int i, round;
	uint8_t *data;
	bool ok = true;

	for (round = 0; round < rounds && ok; round++, nr++) {
		for (i = 0; i < NR_DISKS; i++) {
			data = testdrv_data(&t.drv, &q[i]);
			memset(data, 0, BATCH * BLOCK);
			memset(data + BATCH * BLOCK, nr * NR_DISKS + i, BATCH * BLOCK);
			submit(i, PVBLK_OP_WRITE);
		}
		ok = reap_all();
		for (i = 0; i < NR_DISKS; i++)
			submit(i, PVBLK_OP_READ);
		ok &= reap_all();
		for (i = 0; i < NR_DISKS; i++) {
			data = testdrv_data(&t.drv, &q[i]);
			ok &= !memcmp(data, data + BATCH * BLOCK, BATCH * BLOCK);
		}
	}
	return ok;
}

static bool asks(const char *op)
{
	char text[64];

	snprintf(text, sizeof(text), "{\"op\":\"%s\"}", op);
	return testworker_tell(&t, text, NULL, 0);
}

/* Everything that is not one disk's own, while all have something to do. */
static bool disturb(unsigned int disk)
{
	char text[80];
	unsigned int i;

	for (i = 0; i < NR_DISKS; i++)
		submit(i, PVBLK_OP_READ);
	if (!asks("stats") || !asks("status") || testdrv_command(&t.drv, disk, PVBUS_CMD_RESET) != PVBUS_R_OK ||
	    !start(disk))
		return false;
	submit(disk, PVBLK_OP_READ);
	snprintf(text, sizeof(text), "{\"op\":\"remove\",\"slot\":%u,\"force\":true}", disk);
	if (!testworker_tell(&t, text, NULL, 0))
		return false;
	/* It may have had something in flight. */
	while (testdrv_status(&t.drv, disk) != PVBUS_S_ABSENT)
		asks("stats");
	return add(disk) && start(disk) && reap_all();
}

static bool overwrite(void)
{
	int64_t until_ms = testdrv_now_ms() + WAIT_MS;
	uint64_t old = epoch();
	unsigned int i;

	/* As a snapshot would. */
	__atomic_store_n(&testdrv_header(&t.drv)->heartbeat, htole64(1), __ATOMIC_RELEASE);
	for (i = 0; i < NR_DISKS; i++)
		submit(i, PVBLK_OP_WRITE);
	while ((epoch() == old || !epoch()) && testdrv_now_ms() < until_ms)
		usleep(1000);
	return epoch() != old && greet();
}

/* All that a doorbell has woken; the queue counts it. */
static uint64_t count_kicks(unsigned int disk)
{
	char text[64];
	struct json_object *reply, *device, *queue;
	uint64_t nr;

	snprintf(text, sizeof(text), "{\"op\":\"stats\",\"slot\":%u}", disk);
	reply = testworker_ask(&t, text, NULL, 0);
	device = json_object_array_get_idx(hostd_json_get(reply, "devices"), 0);
	queue = json_object_array_get_idx(hostd_json_get(device, "queues"), 0);
	nr = hostd_json_u64(queue, "kicks", 0);
	json_object_put(reply);
	return nr;
}

/* Asleep, it asks for a doorbell, and hears it, also one that another loop hears. */
static bool wakes(unsigned int disk)
{
	uint64_t nr = count_kicks(disk);
	int64_t until_ms = testdrv_now_ms() + WAIT_MS;

	while (le32toh(__atomic_load_n(&testdrv_dev_ctrl(&q[disk])->kick_event, __ATOMIC_ACQUIRE)) !=
	       q[disk].submitted) {
		usleep(1000);
		if (testdrv_now_ms() > until_ms)
			return false;
	}
	submit(disk, PVBLK_OP_READ);
	if (!reap(disk))
		return false;
	while (count_kicks(disk) == nr) {
		usleep(1000);
		if (testdrv_now_ms() > until_ms)
			return false;
	}
	return true;
}

static unsigned int count_threads(void)
{
	unsigned int i, j, nr = 0;

	for (i = 0; i < NR_DISKS; i++) {
		for (j = 0; j < i && shared->threads[j] != shared->threads[i]; j++)
			;
		nr += j == i;
	}
	return nr;
}

static void make_images(void)
{
	struct stat st;
	unsigned int i;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		ktap_bail("mmap");
	for (i = 0; i < NR_DISKS; i++) {
		images[i] = memfd_create("image", MFD_CLOEXEC);
		if (images[i] < 0 || ftruncate(images[i], SIZE) || fstat(images[i], &st))
			ktap_bail("image");
		shared->inodes[i] = st.st_ino;
	}
}

int main(void)
{
	unsigned int i;
	bool ok = true;
	uint64_t old;

	ktap_plan(11);
	make_images();
	testworker_init(&t);
	ktap_ok(!testworker_spawn(&t, ",\"threads\":17") && testworker_wait(&t) == 0, "not more than 16 loops");
	/* A beat would find what a doorbell is for. */
	ktap_ok(testworker_spawn(&t, ",\"threads\":3,\"heartbeat_ms\":1000"), "init");
	for (i = 0; i < NR_DISKS; i++)
		ok &= add(i);
	ktap_ok(ok && asks("go") && greet(), "four disks run");
	old = epoch();
	ktap_ok(exchange(200) && epoch() == old, "and keep their data, within one epoch");
	ktap_ok(count_threads() == NR_LOOPS, "%u threads have served them", count_threads());
	for (i = 0; i < NR_DISKS * 4 && ok; i++)
		ok &= disturb(i % NR_DISKS) && exchange(2);
	ktap_ok(ok && epoch() == old, "so they do while one of them is reset, removed and added");
	for (i = 0; i < NR_DISKS; i++)
		submit(i, PVBLK_OP_WRITE);
	ktap_ok(greet() && exchange(20) && epoch() == old, "HELLO resets them all");
	for (i = 0; i < NR_DISKS && ok; i++)
		ok &= overwrite() && exchange(5);
	ktap_ok(ok, "another hand starts an epoch");
	for (i = 0; i < NR_DISKS && ok; i++)
		ok &= wakes(i);
	ktap_ok(ok, "doorbells that share a vector wake their disks");
	for (i = 0; i < NR_DISKS; i++)
		submit(i, PVBLK_OP_WRITE);
	ktap_ok(testworker_tell(&t, "{\"op\":\"quit\",\"sync\":true}", NULL, 0), "quit, with all on the media");
	ktap_ok(testworker_wait(&t) == 0, "and the worker ends well");
	return ktap_finish();
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * While io_uring has a request of one disk, no call of another's that may wait is made in the loop: the
 * kernel completes what it has taken in the thread that has submitted it, and not while that one waits.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "testbus.h"

#define SIZE	(1U << 20)

static struct testbus t;
static struct testdrv_queue direct, cached;
static unsigned int nr_calls;	/* that may wait, in this thread */
static pid_t loop;

/* In place of the C library's. */
ssize_t pwritev2(int fd, const struct iovec *iov, int nr, off_t at, int flags)
{
	nr_calls += syscall(SYS_gettid) == loop;
	return syscall(SYS_pwritev2, fd, iov, nr, at, 0, flags);
}

static int make_image(int flags)
{
	char path[TMP_LEN];
	int fd = mkstemp(tmp_path(path, "ring")), again;

	if (fd < 0 || ftruncate(fd, SIZE))
		ktap_bail("image");
	again = open(path, O_RDWR | O_CLOEXEC | flags);
	unlink(path);
	close(fd);
	if (again < 0)
		ktap_bail("no direct I/O");
	return again;
}

static void start(unsigned int slot, struct testdrv_queue *q, int fd)
{
	if (testbus_add(&t, slot, slot + 1, "{\"size\":1048576}", fd))
		ktap_bail("add");
	testdrv_lay_out(&t.drv, q, testdrv_space(&t.drv) + PV_PAGE_SIZE + slot * SIZE, 16, 1 << 17);
	if (testdrv_take_features(&t.drv, slot) != PVBUS_R_OK || testdrv_start(&t.drv, slot, q, 1) != PVBUS_R_OK)
		ktap_bail("START");
}

static uint32_t write_cached(void)
{
	struct pvblk_sqe sqe = testdrv_request(&cached, PVBLK_OP_WRITE, 8, 8, 0);

	nr_calls = 0;
	return testdrv_do(&t.drv, &cached, &sqe);
}

int main(void)
{
	struct hostd_engine *uring;

	ktap_plan(3);
	loop = syscall(SYS_gettid);
	testbus_init(&t);
	uring = &t.bus->loop.engines.all[0];
	if (uring->error) {
		ktap_skip("nothing in the ring", "no io_uring");
		ktap_skip("a request in the ring", "no io_uring");
		ktap_skip("nothing any more", "no io_uring");
		return ktap_finish();
	}
	hostd_bus_begin_epoch(t.bus);
	testdrv_hello(&t.drv);
	start(0, &direct, make_image(O_DIRECT));
	start(1, &cached, make_image(0));
	ktap_ok(write_cached() == PVBLK_S_OK && nr_calls, "a write to the page cache is done by the loop");
	/* As if the medium took its time. */
	uring->in_flight++;
	ktap_ok(write_cached() == PVBLK_S_OK && !nr_calls, "by a thread, while the ring has something");
	uring->in_flight--;
	ktap_ok(write_cached() == PVBLK_S_OK && nr_calls, "and by the loop again");
	testbus_exit(&t);
	return ktap_finish();
}

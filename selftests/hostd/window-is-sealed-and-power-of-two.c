// SPDX-License-Identifier: GPL-2.0-only
/*
 * CAR-1, CAR-4: QEMU gets id 0 and, in this order, a sealed window whose size is
 * a power of two, a doorbell and an interrupt for each vector.
 */
#include "testbroker.h"

#include <sys/stat.h>

#define VECTORS		3
#define WINDOW_LEN	(128ULL << 20)

static bool expect(int conn, int64_t wanted, bool with_fd, int *fd)
{
	int64_t value = 0;

	if (ivshmem_recv(conn, &value, fd) != sizeof(value))
		return false;
	return value == wanted && (*fd >= 0) == with_fd;
}

static bool is_eventfd(int fd)
{
	char link[64], target[64] = "";

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return readlink(link, target, sizeof(target) - 1) > 0 && strstr(target, "[eventfd]");
}

static bool expect_vectors(int conn, int64_t peer)
{
	int i, fd;

	for (i = 0; i < VECTORS; i++)
		if (!expect(conn, peer, true, &fd) || !is_eventfd(fd))
			return false;
	return true;
}

int main(void)
{
	int wanted = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	struct broker b = { 0 };
	struct stat st = { 0 };
	int conn, fd, window;
	int64_t value;

	ktap_plan(8);
	broker_start(&b, "--vectors", "3");
	conn = broker_connect(&b, "ivshmem.sock", 1000);
	ktap_ok(expect(conn, 0, false, &fd), "the protocol's version is 0");
	ktap_ok(expect(conn, 0, false, &fd), "the VM has id 0");
	ktap_ok(expect(conn, -1, true, &window), "the window comes next");
	ktap_ok(!fstat(window, &st) && st.st_size == WINDOW_LEN, "its size is that asked for, a power of two");
	ktap_ok((fcntl(window, F_GET_SEALS) & wanted) == wanted && ftruncate(window, 4096) < 0 &&
		ftruncate(window, 2 * WINDOW_LEN) < 0, "it can neither shrink nor grow");
	ktap_ok(expect_vectors(conn, 1), "peer 1 has an eventfd for each vector");
	ktap_ok(expect_vectors(conn, 0), "peer 0 has an eventfd for each vector");
	ktap_ok(ivshmem_recv(conn, &value, &fd) == -EAGAIN, "nothing follows");
	close(conn);
	broker_stop(&b);
	return ktap_finish();
}

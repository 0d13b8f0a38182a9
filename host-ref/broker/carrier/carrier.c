// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory and the eventfds of a window.
 */
#include "broker/carrier/carrier.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include <pv/bus.h>

#include "lib/util.h"

static int make_memfd(uint64_t len)
{
	const uint64_t magic = htole64(PVBUS_MAGIC);
	int fd, err;

	fd = memfd_create("pvkit-window", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	/* BUS-D17: a guest may look before the first worker has begun its epoch. */
	if (ftruncate(fd, len) < 0 || pwrite(fd, &magic, sizeof(magic), 0) != sizeof(magic) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

void hostd_carrier_init(struct hostd_carrier *win, uint64_t len, unsigned int nr_vectors)
{
	*win = (struct hostd_carrier) { .len = len, .nr_vectors = nr_vectors, .memfd = -1 };
	memset(win->kick_fds, -1, sizeof(win->kick_fds));
	memset(win->irq_fds, -1, sizeof(win->irq_fds));
}

int hostd_carrier_alloc(struct hostd_carrier *win, uint64_t len, unsigned int nr_vectors)
{
	unsigned int i;
	int err;

	hostd_carrier_init(win, len, nr_vectors);
	win->memfd = make_memfd(len);
	if (win->memfd < 0)
		return win->memfd;
	err = hostd_uuid_make(win->uuid);
	if (err)
		goto free_window;
	for (i = 0; i < nr_vectors; i++) {
		win->kick_fds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		win->irq_fds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (win->kick_fds[i] < 0 || win->irq_fds[i] < 0) {
			err = -errno;
			goto free_window;
		}
	}
	return 0;

free_window:
	hostd_carrier_free(win);
	return err;
}

int hostd_carrier_fence(const struct hostd_carrier *win)
{
	char path[32];
	int fd, err;

	/* An open file description of its own, which nobody has but who is given it. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", win->memfd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (!flock(fd, LOCK_EX | LOCK_NB))
		return fd;
	err = errno == EWOULDBLOCK ? -EAGAIN : -errno;
	close(fd);
	return err;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void hostd_carrier_free(struct hostd_carrier *win)
{
	unsigned int i;

	close_fd(&win->memfd);
	for (i = 0; i < HOSTD_VECTORS_MAX; i++) {
		close_fd(&win->kick_fds[i]);
		close_fd(&win->irq_fds[i]);
	}
}

// SPDX-License-Identifier: GPL-2.0-only
/* One operation after the other: what waits for the disk, and what goes through the page cache. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "blkload.h"

void run_fsync(struct load *l)
{
	ssize_t n;

	while (!time_is_up) {
		n = pwrite(l->fd, l->buf, l->bs, next_offset(l));
		if (n != (ssize_t)l->bs)
			die(1, "%s: write: %s", l->dev, n < 0 ? strerror(errno) : "short transfer");
		if (fsync(l->fd))
			die(1, "%s: fsync: %s", l->dev, strerror(errno));
		l->ops++;
	}
}

/* The page cache of a block device, not that of a file, which is not what is measured. */
static void forget(struct load *l)
{
	if (ioctl(l->fd, BLKFLSBUF, 0) && errno != ENOTTY)
		die(1, "%s: cannot drop its page cache: %s", l->dev, strerror(errno));
}

void run_bufread(struct load *l)
{
	off_t offset;
	ssize_t n;

	while (!time_is_up) {
		offset = next_offset(l);
		if (!offset)
			forget(l);
		n = pread(l->fd, l->buf, l->bs, offset);
		if (n != (ssize_t)l->bs)
			die(1, "%s: read: %s", l->dev, n < 0 ? strerror(errno) : "short transfer");
		l->ops++;
	}
}

void run_create(struct load *l)
{
	char name[32];
	ssize_t n;
	int fd;

	while (!time_is_up) {
		snprintf(name, sizeof(name), "%llu", (unsigned long long)l->ops);
		fd = openat(l->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
		if (fd < 0)
			die(1, "%s/%s: %s", l->dev, name, strerror(errno));
		n = write(fd, l->buf, l->bs);
		if (n != (ssize_t)l->bs)
			die(1, "%s/%s: write: %s", l->dev, name, n < 0 ? strerror(errno) : "short transfer");
		if (fsync(fd) || close(fd))
			die(1, "%s/%s: fsync: %s", l->dev, name, strerror(errno));
		l->ops++;
	}
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Images: opened anew for each worker, checked, made larger.
 */
#include "disks.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static void explain_open(const struct hostd_disk *disk, int error, char *err)
{
	const char *advice = "";

	switch (error) {
	case ENOENT:
		advice = ": create it first (truncate -s 1G FILE), or correct the path";
		break;
	case EACCES:
	case EPERM:
		advice = disk->ro ? ": let the user of pvhostd read it" :
			 ": let the user of pvhostd read and write it, or add ro=on";
		break;
	case EROFS:
		advice = ": add ro=on";
		break;
	case EISDIR:
		advice = ": name an image file or a block device";
		break;
	case EINVAL:
		if (disk->direct)
			advice = ": its file system has no direct I/O, use cache=writeback";
		break;
	case ETXTBSY:
	case EBUSY:
		advice = ": end the other user of it first";
		break;
	}
	snprintf(err, HOSTD_ERROR_MAX, "%s: %s%s", disk->file, strerror(error), advice);
}

/* Size in bytes, or -errno with a reason. */
static int64_t image_size(const struct hostd_disk *disk, int fd, char *err)
{
	uint64_t size = 0;
	struct stat st;

	if (fstat(fd, &st) < 0)
		goto failed;
	if (S_ISREG(st.st_mode))
		return st.st_size;
	if (S_ISBLK(st.st_mode)) {
		if (ioctl(fd, BLKGETSIZE64, &size) < 0)
			goto failed;
		return size;
	}
	snprintf(err, HOSTD_ERROR_MAX,
		 "%s is neither a regular file nor a block device: name a raw image or a disk",
		 disk->file);
	return -ENOTBLK;

failed:
	snprintf(err, HOSTD_ERROR_MAX, "%s: size unknown: %s", disk->file, strerror(errno));
	return -errno;
}

static int check_size(struct hostd_disk *disk, uint64_t size, char *err)
{
	if (!size) {
		snprintf(err, HOSTD_ERROR_MAX, "%s is empty: give it a size (truncate -s 1G FILE)",
			 disk->file);
		return -EINVAL;
	}
	if (!disk->size && size % disk->logical_block) {
		snprintf(err, HOSTD_ERROR_MAX,
			 "%s: its size, %llu, is not a multiple of the logical block, %u: change one of them",
			 disk->file, (unsigned long long)size, disk->logical_block);
		return -EINVAL;
	}
	if (disk->size && size < disk->size) {
		snprintf(err, HOSTD_ERROR_MAX,
			 "%s has only %llu of the %llu bytes that the guest was told: make it as large again",
			 disk->file, (unsigned long long)size, (unsigned long long)disk->size);
		return -EINVAL;
	}
	if (!disk->size)
		disk->size = size;
	return 0;
}

int hostd_image_open(struct hostd_disk *disk, char *err)
{
	int flags = (disk->ro ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	int64_t size;
	int fd, error;

	if (disk->direct)
		flags |= O_DIRECT;
	fd = open(disk->file, flags);
	if (fd < 0) {
		error = errno;
		explain_open(disk, error, err);
		return -error;
	}
	size = image_size(disk, fd, err);
	error = size < 0 ? (int)size : check_size(disk, size, err);
	if (error) {
		close(fd);
		return error;
	}
	/* O_NONBLOCK was only there so that a FIFO doesn't stop the broker. */
	fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
	return fd;
}

int hostd_image_resize(const struct hostd_disk *disk, uint64_t size, char *err)
{
	int64_t have;
	struct stat st;
	int fd, error = 0;

	fd = open(disk->file, (disk->ro ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		error = -errno;
		explain_open(disk, -error, err);
		return error;
	}
	have = image_size(disk, fd, err);
	if (have < 0) {
		error = have;
	} else if ((uint64_t)have < size && !fstat(fd, &st) && S_ISBLK(st.st_mode)) {
		snprintf(err, HOSTD_ERROR_MAX, "%s has only %lld bytes: enlarge the device first",
			 disk->file, (long long)have);
		error = -ENOSPC;
	} else if ((uint64_t)have < size && ftruncate(fd, size) < 0) {
		error = -errno;
		snprintf(err, HOSTD_ERROR_MAX, "%s: cannot be enlarged: %s", disk->file,
			 strerror(-error));
	}
	close(fd);
	return error;
}

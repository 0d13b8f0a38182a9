// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files of the engines: what a descriptor is, and what its file system can do.
 */
#include "engine.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/magic.h>

#include "util.h"

/* FUSE's and CEPH's numbers are not in the uapi headers. */
#define FUSE_MAGIC	0x65735546
#define CEPH_MAGIC	0x00c36400

static void look_at_fs(struct hostd_file *file)
{
	static const unsigned int remote[] = {
		NFS_SUPER_MAGIC, SMB_SUPER_MAGIC, CIFS_SUPER_MAGIC, SMB2_SUPER_MAGIC,
		V9FS_MAGIC, AFS_SUPER_MAGIC, FUSE_MAGIC, CEPH_MAGIC,
	};
	struct statfs fs;
	unsigned int i;

	if (file->is_block || fstatfs(file->fd, &fs))
		return;
	file->in_memory = fs.f_type == TMPFS_MAGIC;
	for (i = 0; i < HOSTD_ARRAY_SIZE(remote); i++)
		file->is_remote |= (unsigned int)fs.f_type == remote[i];
}

/* Past the end a hole changes nothing, but tells whether holes are known at all. */
static bool is_punchable(const struct hostd_file *file, off_t size)
{
	if (file->is_block)
		return true;
	return !fallocate(file->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			  (size + 4095) & ~(off_t)4095, 4096);
}

int hostd_file_init(struct hostd_file *file, struct hostd_engine *engine, int fd)
{
	struct stat st;
	int flags;

	*file = (struct hostd_file) { .engine = engine, .fd = fd };
	if (fd < 0)
		return engine->ops == &hostd_engine_null ? 0 : -EBADF;

	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return -EINVAL;
	file->is_block = S_ISBLK(st.st_mode);
	file->direct = flags & O_DIRECT;
	look_at_fs(file);
	file->no_punch = (flags & O_ACCMODE) == O_RDONLY || !is_punchable(file, st.st_size);
	return 0;
}

void hostd_file_exit(struct hostd_file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
}

int hostd_file_size(const struct hostd_file *file, uint64_t *size)
{
	struct stat st;

	*size = UINT64_MAX;
	if (file->fd < 0)
		return 0;
	if (file->is_block)
		return ioctl(file->fd, BLKGETSIZE64, size) < 0 ? -errno : 0;
	if (fstat(file->fd, &st) < 0)
		return -errno;
	*size = st.st_size;
	return 0;
}

int hostd_fd_lock(int fd, bool ro)
{
	struct flock lock = { .l_type = ro ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET };

	if (!fcntl(fd, F_OFD_SETLK, &lock))
		return 0;
	return errno == EACCES ? -EAGAIN : -errno;
}

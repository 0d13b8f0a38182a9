// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files of the engines: what a descriptor is, and what its file system can do.
 */
#include "backend/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <linux/falloc.h>
#include <linux/magic.h>

#include "lib/util.h"

/* FUSE's and CEPH's numbers are not in the uapi headers. */
#define FUSE_MAGIC	0x65735546
#define CEPH_MAGIC	0x00c36400

static void look_at_fs(int fd, struct hostd_medium *medium)
{
	static const unsigned int remote[] = {
		NFS_SUPER_MAGIC, SMB_SUPER_MAGIC, CIFS_SUPER_MAGIC, SMB2_SUPER_MAGIC,
		V9FS_MAGIC, AFS_SUPER_MAGIC, FUSE_MAGIC, CEPH_MAGIC,
	};
	struct statfs fs;
	unsigned int i;

	if (medium->is_block || fstatfs(fd, &fs))
		return;
	medium->in_memory = fs.f_type == TMPFS_MAGIC;
	for (i = 0; i < HOSTD_ARRAY_SIZE(remote); i++)
		medium->is_remote |= (unsigned int)fs.f_type == remote[i];
}

/* Past the end a hole changes nothing, but tells whether holes are known at all. */
static bool is_punchable(int fd, off_t size)
{
	return !fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			  (size + 4095) & ~(off_t)4095, 4096);
}

int hostd_medium_look(int fd, struct hostd_medium *medium)
{
	struct stat st;
	int flags;

	*medium = (struct hostd_medium) { 0 };
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || hostd_fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return -EINVAL;
	medium->is_block = S_ISBLK(st.st_mode);
	medium->direct = flags & O_DIRECT;
	look_at_fs(fd, medium);
	if ((flags & O_ACCMODE) != O_RDONLY)
		medium->punch = medium->is_block || is_punchable(fd, st.st_size);
	return 0;
}

int hostd_file_init(struct hostd_file *file, struct hostd_engine *engine, int fd,
		    const struct hostd_medium *medium)
{
	struct hostd_medium seen;
	int ret;

	*file = (struct hostd_file) { .engine = engine, .fd = fd };
	if (fd < 0)
		return engine->ops == &hostd_engine_null ? 0 : -EBADF;
	if (!medium) {
		ret = hostd_medium_look(fd, &seen);
		if (ret)
			return ret;
		medium = &seen;
	}
	file->is_block = medium->is_block;
	file->direct = medium->direct;
	file->in_memory = medium->in_memory;
	file->is_remote = medium->is_remote;
	file->no_punch = !medium->punch;
	file->discard_granularity = medium->discard_granularity;
	file->fallocate_block = medium->fallocate_block;
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The back end that is a file or a block device of the host's: what a descriptor is, and what its
 * file system can do. Engines do the work.
 */
#include "backend/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

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

static struct hostd_engine *find_engine(struct hostd_engines *engines, const char *name, char *error,
					size_t len)
{
	struct hostd_engine *engine = hostd_engines_find(engines, name);

	if (!engine)
		snprintf(error, len, "the worker may not use io_uring here (%s): use engine=auto or engine=sync",
			 strerror(-engines->all[0].error));
	return engine;
}

static int file_open(struct hostd_file *file, struct hostd_engines *engines,
		     const struct hostd_backend_spec *spec, char *error, size_t len)
{
	struct hostd_engine *engine = find_engine(engines, spec->engine, error, len);
	const struct hostd_medium *medium = spec->medium;
	struct hostd_medium seen;
	int ret;

	if (!engine)
		return -EINVAL;
	if (spec->fd < 0) {
		snprintf(error, len, "no image was given");
		return -EINVAL;
	}
	if (!medium) {
		ret = hostd_medium_look(spec->fd, &seen);
		if (ret) {
			snprintf(error, len, "the image is neither a file nor a block device");
			return ret;
		}
		medium = &seen;
	}
	*file = (struct hostd_file) {
		.backend = &hostd_backend_file,
		.engine = engine,
		.fd = spec->fd,
		.is_block = medium->is_block,
		.direct = medium->direct,
		.in_memory = medium->in_memory,
		.is_remote = medium->is_remote,
		.no_punch = !medium->punch,
		.discard_granularity = medium->discard_granularity,
		.fallocate_block = medium->fallocate_block,
	};
	return 0;
}

static void file_close(struct hostd_file *file, struct hostd_engines *engines)
{
	hostd_engines_close(engines, file);
}

static bool file_submit(struct hostd_io *io)
{
	struct hostd_engine *engine = io->file->engine;

	return engine->ops->submit(engine, io);
}

static const char *file_describe(const struct hostd_file *file)
{
	return file->engine->ops->name;
}

const struct hostd_backend_ops hostd_backend_file = {
	.name = "file",
	.open = file_open,
	.close = file_close,
	.submit = file_submit,
	.describe = file_describe,
};

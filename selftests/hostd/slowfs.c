// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file system with one file, disk.img, that a SIGSTOP makes hang: for tests of hung file systems.
 *
 * usage: slowfs DIR SIZE	mounts itself on DIR, and serves until it is killed
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME		"disk.img"
#define FILE_NODE	2
#define MAX_WRITE	(128 << 10)

static int dev_fd;
static char *content;
static size_t size, room;

static void reply(uint64_t unique, int error, const void *data, size_t len)
{
	static char buf[MAX_WRITE + 4096];
	struct fuse_out_header *out = (void *)buf;

	out->len = sizeof(*out) + len;
	out->error = error;
	out->unique = unique;
	memcpy(out + 1, data, len);
	/* ENOENT: who asked has been killed. */
	if (write(dev_fd, buf, out->len) < 0 && errno != ENOENT)
		exit(1);
}

static struct fuse_attr attr_of(uint64_t node)
{
	return (struct fuse_attr) {
		.ino = node, .nlink = 1, .blksize = 4096,
		.mode = node == FILE_NODE ? S_IFREG | 0600 : S_IFDIR | 0700,
		.size = node == FILE_NODE ? size : 0, .blocks = size / 512,
	};
}

static void answer_lookup(const struct fuse_in_header *in, const char *name)
{
	/* Nothing is valid for any time: each look at the file asks. */
	struct fuse_entry_out entry = { .nodeid = FILE_NODE, .attr = attr_of(FILE_NODE) };

	if (strcmp(name, NAME))
		reply(in->unique, -ENOENT, NULL, 0);
	else
		reply(in->unique, 0, &entry, sizeof(entry));
}

static void answer_attr(const struct fuse_in_header *in)
{
	struct fuse_attr_out out = { .attr = attr_of(in->nodeid) };

	reply(in->unique, 0, &out, sizeof(out));
}

static void answer_setattr(const struct fuse_in_header *in, const struct fuse_setattr_in *set)
{
	if (set->valid & FATTR_SIZE && set->size <= room)
		size = set->size;
	answer_attr(in);
}

static void answer_init(const struct fuse_in_header *in, const struct fuse_init_in *init)
{
	struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION,
		.max_readahead = init->max_readahead, .max_write = MAX_WRITE, .time_gran = 1,
	};

	reply(in->unique, 0, &out, sizeof(out));
}

static void answer_read(const struct fuse_in_header *in, const struct fuse_read_in *read)
{
	size_t at = read->offset < size ? read->offset : size;

	reply(in->unique, 0, content + at, read->size < size - at ? read->size : size - at);
}

static void answer_write(const struct fuse_in_header *in, const struct fuse_write_in *write)
{
	struct fuse_write_out out = { .size = write->size };

	if (write->offset > room || write->size > room - write->offset) {
		reply(in->unique, -ENOSPC, NULL, 0);
		return;
	}
	memcpy(content + write->offset, write + 1, write->size);
	if (write->offset + write->size > size)
		size = write->offset + write->size;
	reply(in->unique, 0, &out, sizeof(out));
}

static void answer(const struct fuse_in_header *in)
{
	static const struct fuse_statfs_out fs = { .st = { .bsize = 4096, .namelen = 255 } };
	static const struct fuse_open_out opened;
	const void *args = in + 1;

	switch (in->opcode) {
	case FUSE_INIT:
		answer_init(in, args);
		break;
	case FUSE_LOOKUP:
		answer_lookup(in, args);
		break;
	case FUSE_GETATTR:
		answer_attr(in);
		break;
	case FUSE_SETATTR:
		answer_setattr(in, args);
		break;
	case FUSE_OPEN:
	case FUSE_OPENDIR:
		reply(in->unique, 0, &opened, sizeof(opened));
		break;
	case FUSE_READ:
		answer_read(in, args);
		break;
	case FUSE_WRITE:
		answer_write(in, args);
		break;
	case FUSE_STATFS:
		reply(in->unique, 0, &fs, sizeof(fs));
		break;
	case FUSE_FLUSH:
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
	case FUSE_FSYNC:
		reply(in->unique, 0, NULL, 0);
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break;
	default:
		reply(in->unique, -ENOSYS, NULL, 0);
	}
}

int main(int argc, char **argv)
{
	static _Alignas(8) char buf[MAX_WRITE + 4096];
	char options[128];

	if (argc != 3)
		return 2;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	size = strtoull(argv[2], NULL, 0);
	room = 2 * size;
	content = calloc(1, room);
	dev_fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=%d,group_id=%d", dev_fd,
		 (int)getuid(), (int)getgid());
	if (!content || dev_fd < 0 ||
	    mount("slowfs", argv[1], "fuse", MS_NOSUID | MS_NODEV, options) < 0) {
		perror(argv[1]);
		return 1;
	}
	for (;;) {
		ssize_t len = read(dev_fd, buf, sizeof(buf));

		if (len < 0 && (errno == EINTR || errno == ENOENT || errno == EAGAIN))
			continue;
		if (len < (ssize_t)sizeof(struct fuse_in_header))
			return 0;
		answer((const void *)buf);
	}
}

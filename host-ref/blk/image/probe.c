// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a medium can do, and what is on it.
 */
#include "blk/image/image.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define SECTOR		512
/* The largest logical block that a disk can have. */
#define BLOCK_MAX	4096
#define HEAD_LEN	4096

/* A limit of a block device's queue; a partition has that of its disk. @def: there is none. */
static uint64_t queue_limit(dev_t rdev, const char *name, uint64_t def)
{
	static const char * const places[] = { "", "../" };
	char path[128], text[32];
	unsigned int i;
	ssize_t len;
	int fd;

	for (i = 0; i < HOSTD_ARRAY_SIZE(places); i++) {
		snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%squeue/%s", major(rdev),
			 minor(rdev), places[i], name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		len = read(fd, text, sizeof(text) - 1);
		close(fd);
		if (len <= 0)
			return def;
		text[len] = 0;
		return strtoull(text, NULL, 10);
	}
	return def;
}

static bool is_block(uint64_t n)
{
	return hostd_is_power_of_two(n) && n >= SECTOR && n <= 1 << 20;
}

static void probe_device(int fd, dev_t rdev, struct hostd_medium *m)
{
	uint64_t granularity = queue_limit(rdev, "discard_granularity", 0);
	unsigned int physical = 0;
	int logical = 0;

	if (!ioctl(fd, BLKSSZGET, &logical) && is_block(logical))
		m->fallocate_block = logical;
	if (!ioctl(fd, BLKPBSZGET, &physical) && is_block(physical))
		m->physical_block = physical;
	/* To unmap is to write zeroes there, by a call that frees. */
	if (!queue_limit(rdev, "write_zeroes_max_bytes", 1))
		m->punch = false;
	if (granularity && granularity <= 1U << 30)
		m->discard_granularity = granularity;
}

/* The least block that a direct read takes; 0: none, and errno says why. */
static unsigned int try_direct(int fd, unsigned int least, uint8_t *buf)
{
	unsigned int block;

	for (block = least; block <= BLOCK_MAX; block *= 2)
		if (pread(fd, buf, block, 0) >= 0)
			return block;
		else if (errno != EINVAL)
			/* It took the size, and has another fault. */
			return block;
	return 0;
}

static unsigned int stated_block(int fd)
{
#ifdef STATX_DIOALIGN
	struct statx stx = { 0 };

	if (!statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &stx) &&
	    stx.stx_mask & STATX_DIOALIGN && is_block(stx.stx_dio_offset_align))
		return stx.stx_dio_offset_align;
#endif
	(void)fd;
	return SECTOR;
}

/* Buffers in the window are at multiples of a sector. */
static int probe_direct(const struct hostd_image_job *job, int fd,
			struct hostd_image_report *report)
{
	struct hostd_medium *m = &report->medium;
	unsigned int least = stated_block(fd), block;
	uint8_t *buf;

	if (m->is_block && m->fallocate_block > least)
		least = m->fallocate_block;
	buf = aligned_alloc(BLOCK_MAX, 2 * BLOCK_MAX);
	if (!buf)
		return hostd_errand_fail(&report->head, -ENOMEM, "out of memory");
	block = least <= BLOCK_MAX ? try_direct(fd, least, buf + SECTOR) : 0;
	if (block) {
		m->direct_block = block;
		free(buf);
		return 0;
	}
	block = least <= BLOCK_MAX ? try_direct(fd, least, buf) : 0;
	free(buf);
	if (block)
		return hostd_errand_fail(&report->head, -EINVAL, "%s: direct I/O on it wants memory aligned to more than 512 bytes: use cache=writeback",
					job->shown);
	return hostd_errand_fail(&report->head, -EINVAL, "%s: direct I/O on it wants larger blocks than 4096 bytes, or there is none: use cache=writeback",
				job->shown);
}

static int probe_size(const struct hostd_image_job *job, int fd, const struct stat *st,
		      struct hostd_image_report *report)
{
	report->size = st->st_size;
	if (S_ISBLK(st->st_mode) && ioctl(fd, BLKGETSIZE64, &report->size) < 0)
		return hostd_errand_fail(&report->head, -errno, "%s: size unknown: %s", job->shown,
					strerror(errno));
	if (!report->size)
		return hostd_errand_fail(&report->head, -EINVAL, S_ISBLK(st->st_mode) ?
					"%s is empty: there is no medium in it" :
					"%s is empty: give it a size (truncate -s 1G FILE)", job->shown);
	if (report->size > HOSTD_SIZE_MAX)
		return hostd_errand_fail(&report->head, -EFBIG, "%s is larger than 4E: no disk can be",
					job->shown);
	return 0;
}

int hostd_image_probe(const struct hostd_image_job *job, int fd, struct hostd_image_report *report)
{
	struct hostd_medium *m = &report->medium;
	struct stat st;
	int err;

	err = hostd_medium_look(fd, m);
	if (err || fstat(fd, &st) < 0)
		return hostd_errand_fail(&report->head, err ? err : -errno, "%s: %s", job->shown,
					strerror(err ? -err : errno));
	err = probe_size(job, fd, &st, report);
	if (err)
		return err;
	if (m->is_block)
		probe_device(fd, st.st_rdev, m);
	else if (!m->is_remote && hostd_is_power_of_two(st.st_blksize) && st.st_blksize <= 1 << 20)
		m->discard_granularity = st.st_blksize;
	return job->direct ? probe_direct(job, fd, report) : 0;
}

/* What is at a place in a file of this format; negative: so far before the end. */
static const struct magic {
	const char *name;
	int at;
	unsigned int len;
	const char *text;
	bool packed;
} magics[] = {
	{ "qcow2", 0, 4, "QFI\xfb", false },
	{ "qed", 0, 4, "QED\0", false },
	{ "vmdk", 0, 4, "KDMV", false },
	{ "vmdk", 0, 4, "COWD", false },
	{ "vmdk", 0, 21, "# Disk DescriptorFile", false },
	{ "vdi", 64, 4, "\x7f\x10\xda\xbe", false },
	{ "vhdx", 0, 8, "vhdxfile", false },
	{ "vhd", 0, 8, "conectix", false },
	{ "vhd", -512, 8, "conectix", false },
	{ "luks", 0, 6, "LUKS\xba\xbe", false },
	{ "parallels", 0, 16, "WithoutFreeSpace", false },
	{ "parallels", 0, 16, "WithouFreSpacExt", false },
	{ "bochs", 0, 22, "Bochs Virtual HD Image", false },
	{ "dmg", -512, 4, "koly", false },
	{ "gzip", 0, 3, "\x1f\x8b\x08", true },
	{ "xz", 0, 6, "\3757zXZ\0", true },
	{ "zstd", 0, 4, "\x28\xb5\x2f\xfd", true },
	{ "bzip2", 0, 4, "BZh9", true },
	{ "zip", 0, 4, "PK\x03\x04", true },
};

/* Read what is there of HEAD_LEN bytes. */
static void read_at(int fd, uint64_t pos, uint8_t *buf)
{
	memset(buf, 0, HEAD_LEN);
	if (pread(fd, buf, HEAD_LEN, pos) < 0)
		memset(buf, 0, HEAD_LEN);
}

static const struct magic *find_magic(const uint8_t *head, const uint8_t *tail)
{
	unsigned int i;

	for (i = 0; i < HOSTD_ARRAY_SIZE(magics); i++) {
		const struct magic *m = &magics[i];
		const uint8_t *at = m->at < 0 ? tail : head + m->at;

		if (!memcmp(at, m->text, m->len))
			return m;
	}
	return NULL;
}

int hostd_image_look(const struct hostd_image_job *job, int fd, struct hostd_image_report *report)
{
	uint8_t *buf = aligned_alloc(HEAD_LEN, 2 * HEAD_LEN), *tail = buf + HEAD_LEN;
	uint64_t last = (report->size - 1) / SECTOR * SECTOR;
	const struct magic *found;

	if (!buf)
		return hostd_errand_fail(&report->head, -ENOMEM, "out of memory");
	read_at(fd, 0, buf);
	read_at(fd, last & ~(uint64_t)(HEAD_LEN - 1), tail);
	found = find_magic(buf, tail + (last & (HEAD_LEN - 1)));
	free(buf);
	if (!found)
		return 0;
	if (found->packed)
		return hostd_errand_fail(&report->head, -EINVAL, "%s is packed (%s): unpack it first; if the guest shall see it as it is, add format=raw",
					job->shown, found->name);
	return hostd_errand_fail(&report->head, -EINVAL, "%s is a %s image, and only raw ones are served: convert it (qemu-img convert -O raw); if the guest shall see it as it is, add format=raw",
				job->shown, found->name);
}

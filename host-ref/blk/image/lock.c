// SPDX-License-Identifier: GPL-2.0-only
/*
 * Images that somebody uses: locks of other disks and of QEMU's, and uses of the host's own.
 */
#include "blk/image/image.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/*
 * Bytes of an image that are locked. Other disks, and older programs that lock a file whole, meet
 * in the first ones. QEMU's are numbered by what is done (PERM) and by what nobody else may do
 * (SHARED), each locked for reading; who wants the contrary finds them.
 */
#define OWN_START	0
#define OWN_LEN		100
#define QEMU_PERM	100
#define QEMU_SHARED	200
#define QEMU_READ	0x1
#define QEMU_WRITE	0x2
#define QEMU_RESIZE	0x8
#define QEMU_BITS	4
/* Who enlarges the file has this one: if he hangs, nobody takes the file until he is gone. */
#define SIZE_START	300

static int set_lock(int fd, short type, off_t start, off_t len)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len };

	if (!fcntl(fd, F_OFD_SETLK, &lock))
		return 0;
	return errno == EACCES ? -EAGAIN : -errno;
}

static bool is_locked(int fd, short type, off_t start, off_t len)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len };

	return !fcntl(fd, F_OFD_GETLK, &lock) && lock.l_type != F_UNLCK;
}

static int lock_bits(int fd, off_t base, unsigned int bits)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < QEMU_BITS && !err; i++)
		if (bits & 1U << i)
			err = set_lock(fd, F_RDLCK, base + i, 1);
	return err;
}

static bool are_locked(int fd, off_t base, unsigned int bits)
{
	unsigned int i;

	for (i = 0; i < QEMU_BITS; i++)
		if (bits & 1U << i && is_locked(fd, F_WRLCK, base + i, 1))
			return true;
	return false;
}

static bool clashes_with_qemu(int fd, bool ro)
{
	unsigned int does = ro ? QEMU_READ : QEMU_READ | QEMU_WRITE | QEMU_RESIZE;

	return are_locked(fd, QEMU_SHARED, does) ||
	       are_locked(fd, QEMU_PERM, QEMU_WRITE | QEMU_RESIZE);
}

int hostd_image_lock(int fd, bool ro)
{
	unsigned int does = ro ? QEMU_READ : QEMU_READ | QEMU_WRITE | QEMU_RESIZE;
	int err;

	err = set_lock(fd, ro ? F_RDLCK : F_WRLCK, OWN_START, OWN_LEN);
	/* First take all, then look: of two that begin together one at least sees the other. */
	if (!err)
		err = lock_bits(fd, QEMU_PERM, does);
	if (!err)
		err = lock_bits(fd, QEMU_SHARED, QEMU_WRITE | QEMU_RESIZE);
	if (!err && (clashes_with_qemu(fd, ro) || is_locked(fd, F_WRLCK, SIZE_START, 1)))
		err = -EAGAIN;
	if (err)
		set_lock(fd, F_UNLCK, 0, 0);
	return err;
}

int hostd_image_lock_size(int fd)
{
	return set_lock(fd, F_WRLCK, SIZE_START, 1);
}

/* A line of a file in /sys. */
static bool read_line(const char *path, char *buf, size_t len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t done = fd < 0 ? -1 : read(fd, buf, len - 1);

	if (fd >= 0)
		close(fd);
	if (done <= 0)
		return false;
	buf[done] = 0;
	buf[strcspn(buf, "\n")] = 0;
	return true;
}

static bool is_on(const char *path)
{
	char buf[16];

	return read_line(path, buf, sizeof(buf)) && !strcmp(buf, "1");
}

/*
 * Is it the same file? By name, because to look at another file may hang; one that has more names is
 * looked at.
 */
static bool is_file(const char *name, const char *path, const struct stat *st)
{
	struct stat other;

	if (!strcmp(name, path))
		return true;
	return st->st_nlink > 1 && !stat(name, &other) && other.st_dev == st->st_dev &&
	       other.st_ino == st->st_ino;
}

/* Has this loop device the file, and may write to it, or shall nobody write? */
static bool has_file(const char *loop, const char *path, const struct stat *st, bool ro)
{
	char name[320], backing[4096];

	snprintf(name, sizeof(name), "/sys/block/%.255s/loop/backing_file", loop);
	if (!read_line(name, backing, sizeof(backing)) || !is_file(backing, path, st))
		return false;
	snprintf(name, sizeof(name), "/sys/block/%.255s/ro", loop);
	return !ro || !is_on(name);
}

static int find_loop(const struct hostd_image_job *job, const char *path, const struct stat *st,
		     struct hostd_image_report *report)
{
	DIR *dir = opendir("/sys/block");
	struct dirent *entry;
	int err = 0;

	while (dir && !err && (entry = readdir(dir)))
		if (!strncmp(entry->d_name, "loop", 4) &&
		    has_file(entry->d_name, path, st, job->ro))
			err = hostd_errand_fail(&report->head, -EBUSY, "%s: the host has it as /dev/%s: unmount that and detach it (losetup -d), or name that device",
					       job->shown, entry->d_name);
	if (dir)
		closedir(dir);
	return err;
}

static int find_swap(const struct hostd_image_job *job, const char *path,
		     struct hostd_image_report *report)
{
	FILE *swaps = fopen("/proc/swaps", "re");
	size_t room = 0, len = strlen(path);
	char *line = NULL;
	int err = 0;

	while (swaps && !err && getline(&line, &room, swaps) >= 0)
		if (!strncmp(line, path, len) && line[len] == ' ')
			err = hostd_errand_fail(&report->head, -EBUSY, "%s: the host swaps to it: switch that off (swapoff)",
					       job->shown);
	free(line);
	if (swaps)
		fclose(swaps);
	return err;
}

/* A loop device is another way to a file, that may be in use itself. */
static int find_backing(const struct hostd_image_job *job, dev_t rdev,
			struct hostd_image_report *report)
{
	unsigned int does = QEMU_WRITE | QEMU_RESIZE;
	char name[128], path[4096];
	int fd;

	snprintf(name, sizeof(name), "/sys/dev/block/%u:%u/loop/backing_file", major(rdev), minor(rdev));
	if (!read_line(name, path, sizeof(path))) {
		snprintf(name, sizeof(name), "/sys/dev/block/%u:%u/../loop/backing_file", major(rdev),
			 minor(rdev));
		if (!read_line(name, path, sizeof(path)))
			return 0;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return 0;
	if (is_locked(fd, job->ro ? F_RDLCK : F_WRLCK, OWN_START, OWN_LEN) ||
	    are_locked(fd, QEMU_PERM, job->ro ? does : does | QEMU_READ))
		hostd_errand_fail(&report->head, -EBUSY, "%s: its file, %.200s, is in use by another process or another disk: end that first",
				 job->shown, path);
	close(fd);
	return report->head.error;
}

/* Is every mount of the device for reading only? False also if there is none. */
static bool is_mounted_ro(dev_t rdev)
{
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	char *line = NULL, *super;
	unsigned int maj, min;
	bool found = false, writable = false;
	size_t room = 0;

	while (mounts && getline(&line, &room, mounts) >= 0) {
		if (sscanf(line, "%*s %*s %u:%u", &maj, &min) != 2 || makedev(maj, min) != rdev)
			continue;
		/* The last word has the options of the file system. */
		super = strrchr(line, ' ');
		found = true;
		writable |= super && strncmp(super + 1, "ro", 2);
	}
	free(line);
	if (mounts)
		fclose(mounts);
	return found && !writable;
}

/* For reading it is not claimed, but nobody may write to it meanwhile. */
static int find_claim(const struct hostd_image_job *job, int hold, dev_t rdev,
		      struct hostd_image_report *report)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", hold);
	fd = open(path, O_RDONLY | O_EXCL | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0)
		close(fd);
	if (fd >= 0 || errno != EBUSY || is_mounted_ro(rdev))
		return 0;
	return hostd_errand_fail(&report->head, -EBUSY, "%s: it is mounted for writing, or part of a volume, or otherwise in use: end that first",
				job->shown);
}

int hostd_image_find_user(const struct hostd_image_job *job, int hold,
			  struct hostd_image_report *report)
{
	char name[32], path[4096];
	struct stat st;
	ssize_t len;
	int err;

	if (fstat(hold, &st) < 0)
		return 0;
	if (S_ISBLK(st.st_mode)) {
		err = find_backing(job, st.st_rdev, report);
		return err || !job->ro ? err : find_claim(job, hold, st.st_rdev, report);
	}
	snprintf(name, sizeof(name), "/proc/self/fd/%d", hold);
	len = readlink(name, path, sizeof(path) - 1);
	if (len < 0)
		return 0;
	path[len] = 0;
	err = find_loop(job, path, &st, report);
	return err ? err : find_swap(job, path, report);
}

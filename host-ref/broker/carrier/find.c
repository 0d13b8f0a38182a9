// SPDX-License-Identifier: GPL-2.0-only
/*
 * Find the descriptors of a window again, which a pvhostd before this one has made.
 *
 * QEMU keeps them for as long as it has the window (CAR-5), and a service manager may. Neither says
 * which is which, and neither is believed: the memory is known by its inode, an eventfd by the number
 * that the kernel gives it, which is nobody else's for as long as it is open.
 */
#include "broker/carrier/find.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/proc/pidfd.h"

#define SEALS	(F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* The kernel's number of an eventfd. Returns 0; -EINVAL if it is none. */
static int identify_eventfd(int fd, uint64_t *id)
{
	char path[40], line[128];
	unsigned long long n;
	int err = -EINVAL;
	FILE *info;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	info = fopen(path, "re");
	if (!info)
		return -errno;
	while (err && fgets(line, sizeof(line), info)) {
		if (sscanf(line, "eventfd-id: %llu", &n) != 1)
			continue;
		*id = n;
		err = 0;
	}
	fclose(info);
	return err;
}

int hostd_carrier_identify(const struct hostd_carrier *win, struct hostd_carrier_id *id)
{
	struct stat st;
	unsigned int i;
	int err = 0;

	memset(id, 0, sizeof(*id));
	if (fstat(win->memfd, &st) < 0)
		return -errno;
	id->dev = st.st_dev;
	id->ino = st.st_ino;
	for (i = 0; i < win->nr_vectors && !err; i++) {
		err = identify_eventfd(win->kick_fds[i], &id->kicks[i]);
		if (!err)
			err = identify_eventfd(win->irq_fds[i], &id->irqs[i]);
	}
	return err == -EINVAL ? -EOPNOTSUPP : err;
}

static bool is_memory(const struct hostd_carrier *win, const struct hostd_carrier_id *id, int fd)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_dev == id->dev &&
	       st.st_ino == id->ino && (uint64_t)st.st_size == win->len &&
	       (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR &&
	       (fcntl(fd, F_GET_SEALS) & (SEALS | F_SEAL_WRITE)) == SEALS;
}

bool hostd_carrier_take(struct hostd_carrier *win, const struct hostd_carrier_id *id, int fd)
{
	uint64_t number;
	unsigned int i;

	if (is_memory(win, id, fd)) {
		if (win->memfd >= 0)
			return false;
		win->memfd = fd;
		return true;
	}
	if (identify_eventfd(fd, &number))
		return false;
	for (i = 0; i < win->nr_vectors; i++) {
		if (win->kick_fds[i] < 0 && id->kicks[i] == number) {
			win->kick_fds[i] = fd;
			return true;
		}
		if (win->irq_fds[i] < 0 && id->irqs[i] == number) {
			win->irq_fds[i] = fd;
			return true;
		}
	}
	return false;
}

int hostd_carrier_is_whole(const struct hostd_carrier *win, unsigned int *vector)
{
	if (win->memfd < 0)
		return -ENOENT;
	for (*vector = 0; *vector < win->nr_vectors; ++*vector)
		if (win->kick_fds[*vector] < 0 || win->irq_fds[*vector] < 0)
			return -ENODATA;
	return 0;
}

/* By its name: to touch a disk of QEMU's may wait for its file system. Returns 1 if it may be one, 0, -errno. */
static int is_candidate(int dir_fd, const char *name)
{
	char target[64] = "";

	if (!isdigit((unsigned char)name[0]))
		return 0;
	/* ENOENT: it has been closed meanwhile. */
	if (readlinkat(dir_fd, name, target, sizeof(target) - 1) < 0)
		return errno == ENOENT ? 0 : -errno;
	return !strncmp(target, "/memfd:pvkit-window", 19) || !strcmp(target, "anon_inode:[eventfd]");
}

static DIR *open_fds(pid_t pid)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	return opendir(path);
}

int hostd_carrier_fetch(struct hostd_carrier *win, const struct hostd_carrier_id *id, pid_t pid,
			int pidfd)
{
	DIR *dir = open_fds(pid);
	struct dirent *entry;
	unsigned int vector;
	int fd, err = 0;

	if (!dir)
		return -errno;
	while (!err && hostd_carrier_is_whole(win, &vector) && (entry = readdir(dir))) {
		err = is_candidate(dirfd(dir), entry->d_name);
		if (err <= 0)
			continue;
		err = 0;
		fd = hostd_pidfd_take(pidfd, atoi(entry->d_name));
		if (fd >= 0 && !hostd_carrier_take(win, id, fd))
			close(fd);
		/* One that QEMU has closed meanwhile was none of the window's. */
		else if (fd < 0 && fd != -EBADF)
			err = fd;
	}
	closedir(dir);
	return err;
}

bool hostd_carrier_is_held(const struct hostd_carrier *win, pid_t pid)
{
	DIR *dir = open_fds(pid);
	struct stat own, other;
	struct dirent *entry;
	bool held = false;

	if (!dir || fstat(win->memfd, &own) < 0)
		held = true;
	while (!held && (entry = readdir(dir))) {
		int is = is_candidate(dirfd(dir), entry->d_name);

		if (is < 0)
			held = true;
		else if (is && fstatat(dirfd(dir), entry->d_name, &other, 0))
			held = errno != ENOENT;
		else if (is)
			held = other.st_dev == own.st_dev && other.st_ino == own.st_ino;
	}
	if (dir)
		closedir(dir);
	return held;
}

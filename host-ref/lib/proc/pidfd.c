// SPDX-License-Identifier: GPL-2.0-only
/*
 * Other processes, by a descriptor that never means another one.
 */
#include "lib/proc/pidfd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Newer than some C libraries; one number everywhere. */
#ifndef SYS_pidfd_open
#define SYS_pidfd_open	434
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd	438
#endif

int hostd_pidfd_open(pid_t pid)
{
	int fd = syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? -errno : fd;
}

bool hostd_pidfd_is_alive(int pidfd)
{
	struct pollfd pfd = { .fd = pidfd, .events = POLLIN };

	return !poll(&pfd, 1, 0);
}

int hostd_pidfd_take(int pidfd, int number)
{
	int fd = syscall(SYS_pidfd_getfd, pidfd, number, 0);

	return fd < 0 ? -errno : fd;
}

/* Read a short file of the kernel's. Returns its length or -errno. */
static ssize_t read_text(const char *path, char *text, size_t len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t done;

	if (fd < 0)
		return -errno;
	done = read(fd, text, len - 1);
	if (done < 0)
		done = -errno;
	else
		text[done] = 0;
	close(fd);
	return done;
}

int hostd_process_start(pid_t pid, uint64_t *start)
{
	char path[32], text[1024], *after;
	unsigned long long ticks;
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	len = read_text(path, text, sizeof(text));
	if (len < 0)
		return len;
	/* proc(5): the name, in parentheses, may hold anything; the time is the 20th word after it. */
	after = strrchr(text, ')');
	if (!after || sscanf(after + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
			     &ticks) != 1)
		return -EINVAL;
	*start = ticks;
	return 0;
}

void hostd_boot_id(char text[HOSTD_BOOT_ID_TEXT])
{
	if (read_text("/proc/sys/kernel/random/boot_id", text, HOSTD_BOOT_ID_TEXT) < 0)
		text[0] = 0;
	text[strcspn(text, "\n")] = 0;
}

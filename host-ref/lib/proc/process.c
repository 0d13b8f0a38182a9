// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a process starts with: its descriptors, its signals, its limits.
 */
#include "lib/proc/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/util.h"

/* Not in older headers. */
#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC	4
#endif
/* What a process has at most, where no limit says less. */
#define FDS_MAX	(1U << 20)

void hostd_fds_open_std(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR | O_NOCTTY);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int hostd_fds_shut_std(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC), err = 0, i;

	if (fd < 0)
		return -errno;
	for (i = 0; i <= STDERR_FILENO && !err; i++)
		err = dup2(fd, i) < 0 ? -errno : 0;
	if (fd > STDERR_FILENO)
		close(fd);
	return err;
}

static void shut(int fd, bool now)
{
	if (now)
		close(fd);
	else
		fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/* For kernels that cannot do it at once: those before 5.9, or 5.11 if not @now. */
static void shut_each(unsigned int first, unsigned int last, bool now)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	struct rlimit limit;
	unsigned int fd;

	while (dir && (entry = readdir(dir))) {
		fd = atoi(entry->d_name);
		if (entry->d_name[0] != '.' && (int)fd != dirfd(dir) && fd >= first && fd <= last)
			shut(fd, now);
	}
	if (dir) {
		closedir(dir);
		return;
	}
	/* There is none left to look by. */
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur > FDS_MAX)
		limit.rlim_cur = FDS_MAX;
	for (fd = first; fd <= last && fd < limit.rlim_cur; fd++)
		shut(fd, now);
}

static void shut_range(unsigned int first, unsigned int last, bool now)
{
	if (first <= last && close_range(first, last, now ? 0 : CLOSE_RANGE_CLOEXEC) < 0)
		shut_each(first, last, now);
}

void hostd_fds_shut(const int *keep, unsigned int nr_keep, bool now)
{
	int first = STDERR_FILENO + 1, next;
	unsigned int i;

	/* Up to the next one that is kept, and on behind it. */
	for (;;) {
		next = INT_MAX;
		for (i = 0; i < nr_keep; i++)
			if (keep[i] >= first && keep[i] < next)
				next = keep[i];
		shut_range(first, next - 1, now);
		if (next == INT_MAX)
			return;
		first = next + 1;
	}
}

unsigned int hostd_fds_left(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct rlimit limit;
	unsigned int nr = 0;

	if (!dir || getrlimit(RLIMIT_NOFILE, &limit) < 0) {
		if (dir)
			closedir(dir);
		return 0;
	}
	while (readdir(dir))
		nr++;
	closedir(dir);
	/* "." and ".." and the directory itself were counted, too. */
	nr -= 3;
	return limit.rlim_cur <= nr ? 0 : limit.rlim_cur - nr < 1U << 20 ? limit.rlim_cur - nr : 1U << 20;
}

void hostd_fds_raise(void)
{
	struct rlimit limit;

	if (!getrlimit(RLIMIT_NOFILE, &limit)) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

void hostd_signals_ignore(bool ours)
{
	/* A reader, a limit of size or time, a terminal; a hand that slipped. */
	static const int others[] = { SIGPIPE, SIGXFSZ, SIGXCPU, SIGTTOU, SIGTTIN, SIGUSR1, SIGUSR2 };
	static const int enders[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };
	unsigned int i;

	for (i = 0; i < HOSTD_ARRAY_SIZE(others); i++)
		signal(others[i], SIG_IGN);
	for (i = 0; i < HOSTD_ARRAY_SIZE(enders) && ours; i++)
		signal(enders[i], SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The scribe: a process that writes to a file for one that must not wait for it.
 */
#include "lib/log/scribe.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/proc/process.h"
#include "lib/proc/stray.h"
#include "lib/util.h"

/* It is ours, and no link to what is not. */
int hostd_scribe_open(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY |
		      O_CLOEXEC, 0600);
	struct stat st;
	int err;

	if (fd < 0)
		return -errno;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_uid == geteuid())
		return fd;
	err = S_ISREG(st.st_mode) ? -EPERM : -EINVAL;
	close(fd);
	return err;
}

/* Lines that could not be written are counted, and the next that can says how many. */
static void __attribute__((noreturn)) write_all(int from, int to, int done_fd)
{
	const uint64_t one = 1;
	unsigned int lost = 0;
	char text[4096];
	ssize_t len, i;

	while ((len = read(from, text, sizeof(text))) > 0) {
		if (lost && dprintf(to, "pvhostd: warning: %u log lines could not be written\n", lost) > 0)
			lost = 0;
		if (write(to, text, len) != len) {
			for (i = 0; i < len; i++)
				lost += text[i] == '\n';
		}
		if (write(done_fd, &one, sizeof(one)) < 0)
			break;
	}
	_exit(0);
}

/* It has nothing of the process that it comes from, and no signal for that one ends it. */
static void __attribute__((noreturn)) become(int from, int to, const char *path, int done_fd)
{
	int fd;

	if (fork())
		_exit(0);
	setsid();
	prctl(PR_SET_NAME, "pvhostd-log");
	hostd_signals_ignore(true);
	/* Above the three, so that none of them is overwritten by another. */
	from = fcntl(from, F_DUPFD, 3);
	to = fcntl(to, F_DUPFD, 3);
	done_fd = fcntl(done_fd, F_DUPFD, 3);
	if (dup2(from, 0) < 0 || dup2(to, 1) < 0 || dup2(done_fd, 2) < 0)
		_exit(1);
	hostd_fds_shut(NULL, 0, true);
	/* It may hang there, and for as long has nothing else, as the lock of a run directory. */
	fd = path ? hostd_scribe_open(path) : -1;
	if (fd >= 0)
		dup2(fd, 1);
	write_all(0, 1, 2);
}

int hostd_scribe_start(int to, const char *path, int *fd, int *done_fd)
{
	int fds[2], err = 0;
	pid_t pid;

	*done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (*done_fd < 0)
		return -errno;
	if (pipe2(fds, O_CLOEXEC) < 0) {
		err = -errno;
		goto close_done;
	}
	pid = fork();
	if (!pid)
		become(fds[0], to, path, *done_fd);
	if (pid > 0)
		hostd_stray_add(pid);
	if (pid < 0 || fcntl(fds[1], F_SETFL, O_WRONLY | O_NONBLOCK) < 0)
		err = -errno;
	close(fds[0]);
	*fd = fds[1];
	if (!err)
		return 0;
	close(fds[1]);
close_done:
	close(*done_fd);
	return err;
}

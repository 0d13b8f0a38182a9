// SPDX-License-Identifier: GPL-2.0-only
/*
 * The program that workers and helpers execute: that of the package, or, when an upgrade does not
 * fit this broker, the one that the broker itself is.
 */
#include "broker/life/exe.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/ipc.h"
#include "lib/log/log.h"

/* The kernel keeps this file for as long as the broker runs, whatever happens to its name. */
#define OWN_EXE		"/proc/self/exe"
/* The descriptor of the program, in the child. */
#define EXE_FD		(HOSTD_IPC_WORKER_FD + 1)
/* What it holds and never touches: its end says that of the process. */
#define FENCE_FD	(HOSTD_IPC_WORKER_FD + 2)

static struct hostd_exe_id identify(int fd)
{
	struct hostd_exe_id id = { 0 };
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return id;
	id.dev = st.st_dev;
	id.ino = st.st_ino;
	id.size = st.st_size;
	id.sec = st.st_ctim.tv_sec;
	id.nsec = st.st_ctim.tv_nsec;
	return id;
}

static bool is_same(const struct hostd_exe_id *a, const struct hostd_exe_id *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->sec == b->sec &&
	       a->nsec == b->nsec;
}

int hostd_exe_init(struct hostd_exe *exe)
{
	static const char deleted[] = " (deleted)";
	char path[4096];
	ssize_t len = readlink(OWN_EXE, path, sizeof(path) - 1);

	if (len < 0) {
		len = -errno;
		hostd_log(HOSTD_LOG_ERR, "cannot start: " OWN_EXE ": %s: pvhostd needs /proc", strerror(-len));
		return len;
	}
	path[len] = 0;
	if (len > (ssize_t)sizeof(deleted) && !strcmp(path + len + 1 - sizeof(deleted), deleted))
		path[len + 1 - sizeof(deleted)] = 0;
	exe->path = strdup(path);
	return exe->path ? 0 : -ENOMEM;
}

void hostd_exe_exit(struct hostd_exe *exe)
{
	if (exe->fd >= 0)
		close(exe->fd);
	exe->fd = -1;
	free(exe->path);
	exe->path = NULL;
}

int hostd_exe_choose(struct hostd_exe *exe)
{
	int own = open(OWN_EXE, O_PATH | O_CLOEXEC), fd;
	struct hostd_exe_id own_id = identify(own), id;

	if (own < 0)
		return -errno;
	fd = open(exe->path, O_PATH | O_CLOEXEC);
	id = identify(fd);
	if (!id.ino || is_same(&id, &exe->refused)) {
		if (fd >= 0)
			close(fd);
		fd = own;
	} else {
		close(own);
	}
	if (exe->fd >= 0)
		close(exe->fd);
	exe->fd = fd;
	exe->is_other = fd != own && !is_same(&id, &own_id);
	return 0;
}

void hostd_exe_refuse(struct hostd_exe *exe, const char *why)
{
	exe->refused = identify(exe->fd);
	exe->is_other = false;
	hostd_log(HOSTD_LOG_ERR, "%s was replaced, and does not fit this pvhostd, version %s: %s: workers stay with the old one until 'pvctl upgrade' has pvhostd become the new one too, or 'pvctl restart-worker' tries it again",
		  exe->path, PVKIT_VERSION, why);
}

/* In the child: become another process. Only async-signal-safe calls. */
static void __attribute__((noreturn)) become(const int fds[3], char *const argv[], pid_t broker)
{
	int high[3], i;
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != broker)
		_exit(1);
	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* What the broker's terminal or a socket is to it, it is not to this one. */
	close(STDIN_FILENO);
	if (open("/dev/null", O_RDWR) == STDIN_FILENO)
		dup2(STDIN_FILENO, STDOUT_FILENO);
	/* First out of the way of the numbers that mean something. */
	for (i = 0; i < 3; i++)
		high[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, FENCE_FD + 1);
	/* Without the last one of the three, two lives would seem to be one (BUS-D3). */
	if (dup2(high[0], HOSTD_IPC_WORKER_FD) < 0 || dup3(high[1], EXE_FD, O_CLOEXEC) < 0 ||
	    dup2(high[2], FENCE_FD) < 0)
		_exit(HOSTD_NO_EXEC);
	/* All are close-on-exec anyway; kernels before 5.9 have no such call. */
	close_range(FENCE_FD + 1, ~0U, 0);
	fexecve(EXE_FD, argv, environ);
	_exit(HOSTD_NO_EXEC);
}

pid_t hostd_spawn(const struct hostd_exe *exe, char *const argv[], int fd, int fence_fd)
{
	const int fds[3] = { fd, exe->fd, fence_fd };
	pid_t broker = getpid(), pid = fork();

	if (pid == 0)
		become(fds, argv, broker);
	return pid < 0 ? -errno : pid;
}

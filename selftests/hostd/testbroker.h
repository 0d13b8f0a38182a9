/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For test programs: a pvhostd, and this process in the place of its QEMU.
 */
#ifndef SELFTESTS_HOSTD_TESTBROKER_H
#define SELFTESTS_HOSTD_TESTBROKER_H

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktap.h"
#include "tmp.h"

/* A pvhostd of this test's own. What it is started from may be prepared: limits, descriptors. */
struct broker {
	char dir[TMP_LEN + 8];
	pid_t pid;
	void (*prepare)(void);
	int log_fd;	/* what it says goes there; 0: where the test's does */
};

/* The programs: $PVKIT_HOST, or build/host beside build/selftests/hostd/tests/. */
static inline char *host_program(const char *name)
{
	char exe[4000] = "", *path;
	const char *dir = getenv("PVKIT_HOST");
	int up;

	if (!dir) {
		if (readlink("/proc/self/exe", exe, sizeof(exe) - 1) < 0)
			ktap_bail("%s: %s", "/proc/self/exe", strerror(errno));
		for (up = 0; up < 4 && strrchr(exe, '/'); up++)
			*strrchr(exe, '/') = 0;
		strcat(exe, "/host");
		dir = exe;
	}
	if (asprintf(&path, "%s/%s", dir, name) < 0)
		ktap_bail("%s: %s", "memory", strerror(errno));
	return path;
}

/*
 * Start pvhostd in a directory that is there, with one more option and its value. Return: whether it
 * serves; else it has ended.
 */
static inline bool broker_try(struct broker *b, const char *option, const char *value)
{
	char *exe = host_program("pvhostd"), number[16], byte;
	bool ready;
	int fds[2];

	if (pipe(fds) < 0)
		ktap_bail("%s: %s", "setup", strerror(errno));
	b->pid = fork();
	if (!b->pid) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		close(fds[0]);
		snprintf(number, sizeof(number), "%d", fds[1]);
		if (b->log_fd)
			dup2(b->log_fd, STDERR_FILENO);
		if (b->prepare)
			b->prepare();
		execl(exe, "pvhostd", "--quiet", "--run-dir", b->dir, "--ready-fd", number,
		      option, value, NULL);
		_exit(127);
	}
	close(fds[1]);
	ready = read(fds[0], &byte, 1) == 1;
	close(fds[0]);
	free(exe);
	if (!ready)
		waitpid(b->pid, NULL, 0);
	return ready;
}

/* Start pvhostd, likewise, in a new directory; it serves when this returns. */
static inline void broker_start(struct broker *b, const char *option, const char *value)
{
	if (!mkdtemp(tmp_path(b->dir, "test")))
		ktap_bail("%s: %s", "setup", strerror(errno));
	if (!broker_try(b, option, value))
		ktap_bail("%s: %s", "pvhostd did not start", strerror(errno));
}

static inline void broker_kill(struct broker *b)
{
	kill(b->pid, SIGKILL);
	waitpid(b->pid, NULL, 0);
}

static inline void broker_stop(struct broker *b)
{
	int status;

	kill(b->pid, SIGTERM);
	waitpid(b->pid, &status, 0);
	rmdir(b->dir);
}

/* Connect to a socket in its run directory; receiving gives up after @ms. */
static inline int broker_connect(struct broker *b, const char *name, int ms)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct timeval timeout = { ms / 1000, ms % 1000 * 1000 };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/%.30s", b->dir, name);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		ktap_bail("%s: %s", name, strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	return fd;
}

/* Give a command of the control socket, with its arguments as JSON. Return: the answer, one line, or ""
 * if none comes in time.
 */
static inline const char *broker_command(struct broker *b, const char *execute, const char *args)
{
	static char answer[65536];
	int conn = broker_connect(b, "control.sock", 10000);
	size_t len = 0;
	ssize_t done;

	dprintf(conn, "{\"execute\":\"%s\",\"arguments\":%s}\n", execute, args);
	do {
		done = recv(conn, answer + len, sizeof(answer) - 1 - len, 0);
		len += done > 0 ? done : 0;
	} while (done > 0 && answer[len - 1] != '\n');
	answer[len] = 0;
	close(conn);
	return answer;
}

static inline const char *broker_ask(struct broker *b, const char *execute)
{
	return broker_command(b, execute, "{}");
}

/* A number in such an answer; -1: it is not there. */
static inline long broker_number(const char *answer, const char *key)
{
	char pattern[64], *at;

	snprintf(pattern, sizeof(pattern), "\"%s\":", key);
	at = strstr(answer, pattern);
	return at ? strtol(at + strlen(pattern), NULL, 10) : -1;
}

/* Its open descriptors, and a few more of /proc's own. */
static inline unsigned int broker_count_fds(const struct broker *b)
{
	unsigned int nr = 0;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)b->pid);
	dir = opendir(path);
	while (dir && readdir(dir))
		nr++;
	if (dir)
		closedir(dir);
	return nr;
}

/* Processes that it has started, and not reaped. */
static inline unsigned int broker_count_children(const struct broker *b)
{
	unsigned int nr = 0;
	char path[64];
	FILE *list;
	int pid;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)b->pid, (int)b->pid);
	list = fopen(path, "re");
	while (list && fscanf(list, "%d", &pid) == 1)
		nr++;
	if (list)
		fclose(list);
	return nr;
}

/* One message of the ivshmem protocol. Return: bytes received; 0 at the end; -errno. */
static inline int ivshmem_recv(int conn, int64_t *value, int *fd)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control;
	int64_t wire = 0;
	struct iovec iov = { &wire, sizeof(wire) };
	struct msghdr mh = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.buf, .msg_controllen = sizeof(control.buf),
	};
	struct cmsghdr *cmsg;
	ssize_t len = recvmsg(conn, &mh, MSG_CMSG_CLOEXEC);

	*fd = -1;
	if (len < 0)
		return -errno;
	cmsg = CMSG_FIRSTHDR(&mh);
	if (len && cmsg && cmsg->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(cmsg), sizeof(int));
	*value = le64toh(wire);
	return len;
}

#endif /* SELFTESTS_HOSTD_TESTBROKER_H */

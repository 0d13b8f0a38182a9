/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For test programs: descriptors that are sent along, and that cost whoever closes them last a long time.
 */
#ifndef SELFTESTS_HOSTD_TESTLINGER_H
#define SELFTESTS_HOSTD_TESTLINGER_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include "testbroker.h"

/* Longer than anybody waits for an answer. */
#define LINGER_S	60

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS	83
#endif

/* Where they are connected to; nothing there reads. */
static int listener;

static int tcp(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		ktap_bail("%s: %s", "socket", strerror(errno));
	return fd;
}

/* A connection that waits in close() for a peer that reads nothing. */
static int make_lingering(void)
{
	const struct linger linger = { .l_onoff = 1, .l_linger = LINGER_S };
	static char bytes[1 << 16];
	struct sockaddr_in addr = { .sin_family = AF_INET };
	socklen_t len = sizeof(addr);
	int fd = tcp();

	if (getsockname(listener, (struct sockaddr *)&addr, &len) ||
	    (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) && errno != EINPROGRESS) ||
	    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)))
		ktap_bail("%s: %s", "connect", strerror(errno));
	/* More than its peer has room for. */
	for (len = 0; len < 50; usleep(1000))
		len = send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL) < 0 ? len + 1 : 0;
	return fd;
}

/* Return: 0, or why the kernel refuses it. */
static int try_send_with(int conn, const char *text, const int *fds, unsigned int nr)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(32 * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { (void *)text, strlen(text) };
	struct msghdr mh = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.buf, .msg_controllen = CMSG_SPACE(nr * sizeof(int)),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&mh);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(nr * sizeof(int));
	memcpy(CMSG_DATA(cmsg), fds, nr * sizeof(int));
	return sendmsg(conn, &mh, MSG_NOSIGNAL) == (ssize_t)iov.iov_len ? 0 : errno;
}

static inline void send_with(int conn, const char *text, const int *fds, unsigned int nr)
{
	int err = try_send_with(conn, text, fds, nr);

	if (err)
		ktap_bail("%s: %s", "sendmsg", strerror(err));
}

/* A connection of UNIX in which @fd is. */
static int wrap(int fd)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		ktap_bail("%s", "socketpair");
	send_with(ends[1], "x", &fd, 1);
	close(fd);
	close(ends[1]);
	return ends[0];
}

/* Send one along from a process that has nothing else to do than to wait in its turn, should it be the last to close. */
static int try_send_lingering(int conn, const char *text, bool wrapped)
{
	int ends[2], fd, err;

	if (pipe2(ends, O_CLOEXEC))
		ktap_bail("%s", "pipe");
	if (!fork()) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fd = make_lingering();
		if (wrapped)
			fd = wrap(fd);
		err = try_send_with(conn, text, &fd, 1);
		close(conn);
		/* To end waits for nothing. */
		if (write(ends[1], &err, sizeof(err)) == sizeof(err) && !err)
			close(fd);
		_exit(0);
	}
	close(ends[1]);
	if (read(ends[0], &err, sizeof(err)) != sizeof(err))
		ktap_bail("%s", "nothing was sent");
	close(ends[0]);
	return err;
}

static inline void send_lingering(int conn, const char *text, bool wrapped)
{
	int err = try_send_lingering(conn, text, wrapped);

	if (err)
		ktap_bail("%s: %s", "sendmsg", strerror(err));
}

static inline void start_listener(void)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	listener = tcp();
	if (bind(listener, (struct sockaddr *)&addr, sizeof(addr)) || listen(listener, 64))
		ktap_bail("%s: %s", "listen", strerror(errno));
}

/* In a broker that is being started: be on a kernel that passes what was sent, whoever it is for (before 6.16). */
static inline void cannot_refuse_fds(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_setsockopt, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SO_PASSRIGHTS, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOPROTOOPT),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog prog = { sizeof(code) / sizeof(code[0]), code };

	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog))
		_exit(126);
}

/* Does this kernel know better? */
static inline bool can_refuse_fds(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), pass = 0, err;

	err = setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &pass, sizeof(pass));
	close(fd);
	return !err;
}

static inline const char *answer_to(int conn)
{
	static char answer[4096];
	ssize_t len = recv(conn, answer, sizeof(answer) - 1, 0);

	answer[len > 0 ? len : 0] = 0;
	return answer;
}

/* A file whose server can be stopped: each close() of it waits then, not only the last. */
struct slow {
	char dir[TMP_LEN];
	pid_t server;
	int fd;	/* -1: there is none */
};

/* Return: whether there is such a thing here. */
static inline bool slow_start(struct slow *s)
{
	char path[TMP_LEN + 16], *tool = host_program("../selftests/hostd/slowfs");
	int i;

	if (!mkdtemp(tmp_path(s->dir, "slow")))
		ktap_bail("%s", s->dir);
	s->server = fork();
	if (!s->server) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl(tool, "slowfs", s->dir, "1048576", NULL);
		_exit(127);
	}
	free(tool);
	snprintf(path, sizeof(path), "%s/disk.img", s->dir);
	for (i = 0, s->fd = -1; i < 1000 && s->fd < 0; i++, usleep(10000))
		s->fd = open(path, O_RDWR | O_CLOEXEC);
	return s->fd >= 0;
}

static inline void slow_stop(struct slow *s)
{
	if (s->fd >= 0)
		close(s->fd);
	kill(s->server, SIGKILL);
	waitpid(s->server, NULL, 0);
	umount2(s->dir, MNT_DETACH);
	rmdir(s->dir);
}

#endif /* SELFTESTS_HOSTD_TESTLINGER_H */

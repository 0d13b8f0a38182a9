// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a service manager (systemd) is told, and what it keeps while this process is away.
 *
 * sd_notify(3) and sd_listen_fds(3) say what is sent and what is found in the environment.
 */
#include "lib/proc/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FIRST_FD	3

int hostd_notify(const char *text, const int *fds, unsigned int nr_fds)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(HOSTD_NOTIFY_FDS * sizeof(int))];
	} control = { 0 };
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct iovec iov = { .iov_base = (void *)text, .iov_len = strlen(text) };
	struct msghdr mh = { .msg_name = &addr, .msg_iov = &iov, .msg_iovlen = 1 };
	const char *path = getenv("NOTIFY_SOCKET");
	struct cmsghdr *cmsg;
	int sock, err;

	if (!path || !path[0])
		return 0;
	if (strlen(path) >= sizeof(addr.sun_path) || nr_fds > HOSTD_NOTIFY_FDS)
		return -EINVAL;
	strcpy(addr.sun_path, path);
	if (path[0] == '@')
		addr.sun_path[0] = 0;
	mh.msg_namelen = offsetof(struct sockaddr_un, sun_path) + strlen(path);
	if (nr_fds) {
		mh.msg_control = control.buf;
		mh.msg_controllen = CMSG_SPACE(nr_fds * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&mh);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(nr_fds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, nr_fds * sizeof(int));
	}
	sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return -errno;
	err = sendmsg(sock, &mh, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
	close(sock);
	return err;
}

/* A number of the environment's, which only the first who asks finds. */
static long take_number(const char *name)
{
	const char *text = getenv(name);
	long n = text ? strtol(text, NULL, 10) : 0;

	unsetenv(name);
	return n;
}

unsigned int hostd_notify_fds(const char *name, int *fds, unsigned int nr_fds)
{
	const char *text = getenv("LISTEN_FDNAMES");
	char *names = strdup(text ? text : ""), *rest = names, *word;
	long pid = take_number("LISTEN_PID"), nr = take_number("LISTEN_FDS"), i;
	unsigned int found = 0;

	unsetenv("LISTEN_FDNAMES");
	for (i = 0; pid == getpid() && i < nr && found < nr_fds; i++) {
		word = rest ? strsep(&rest, ":") : NULL;
		if (!word || strcmp(word, name) || fcntl(FIRST_FD + i, F_SETFD, FD_CLOEXEC) < 0)
			continue;
		fds[found++] = FIRST_FD + i;
	}
	free(names);
	return found;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages between broker and worker: one JSON object with file descriptors each.
 */
#include "lib/ipc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/json.h"

union control {
	struct cmsghdr align;
	char buf[CMSG_SPACE(HOSTD_IPC_FD_MAX * sizeof(int))];
};

int hostd_ipc_pair(int *broker_fd, int *worker_fd)
{
	int sv[2], flags;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		return -errno;
	flags = fcntl(sv[0], F_GETFL);
	fcntl(sv[0], F_SETFL, flags | O_NONBLOCK);
	*broker_fd = sv[0];
	*worker_fd = sv[1];
	return 0;
}

int hostd_ipc_send(int fd, struct json_object *msg, const int *fds, unsigned int nr_fds)
{
	union control control = { 0 };
	struct msghdr mh = { 0 };
	struct iovec iov;
	struct cmsghdr *cmsg;
	const char *text;
	ssize_t done;
	size_t len;

	text = json_object_to_json_string_length(msg, JSON_C_TO_STRING_PLAIN, &len);
	if (!text)
		return -ENOMEM;
	if (len > HOSTD_IPC_MSG_MAX || nr_fds > HOSTD_IPC_FD_MAX)
		return -EMSGSIZE;

	iov.iov_base = (void *)text;
	iov.iov_len = len;
	mh.msg_iov = &iov;
	mh.msg_iovlen = 1;
	if (nr_fds) {
		mh.msg_control = control.buf;
		mh.msg_controllen = CMSG_SPACE(nr_fds * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&mh);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(nr_fds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, nr_fds * sizeof(int));
	}
	do {
		done = sendmsg(fd, &mh, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (done < 0 && errno == EINTR);
	return done < 0 ? -errno : 0;
}

static void take_fds(struct msghdr *mh, int *fds, unsigned int *nr_fds)
{
	struct cmsghdr *cmsg;
	size_t nr;

	*nr_fds = 0;
	for (cmsg = CMSG_FIRSTHDR(mh); cmsg; cmsg = CMSG_NXTHDR(mh, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		nr = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds + *nr_fds, CMSG_DATA(cmsg), nr * sizeof(int));
		*nr_fds += nr;
	}
}

int hostd_ipc_recv(int fd, struct json_object **msg, int *fds, unsigned int *nr_fds)
{
	union control control;
	struct msghdr mh = { 0 };
	struct iovec iov;
	ssize_t len;
	char *text;

	*msg = NULL;
	*nr_fds = 0;
	text = malloc(HOSTD_IPC_MSG_MAX);
	if (!text)
		return -ENOMEM;
	iov.iov_base = text;
	iov.iov_len = HOSTD_IPC_MSG_MAX;
	mh.msg_iov = &iov;
	mh.msg_iovlen = 1;
	mh.msg_control = control.buf;
	mh.msg_controllen = sizeof(control.buf);
	do {
		len = recvmsg(fd, &mh, MSG_CMSG_CLOEXEC);
	} while (len < 0 && errno == EINTR);
	if (len <= 0) {
		free(text);
		return len < 0 && errno != ECONNRESET ? -errno : -EPIPE;
	}

	take_fds(&mh, fds, nr_fds);
	if (!(mh.msg_flags & MSG_TRUNC))
		*msg = hostd_json_parse(text, len, false, NULL);
	free(text);
	if (*msg && !(mh.msg_flags & MSG_CTRUNC))
		return 0;
	while (*nr_fds)
		close(fds[--*nr_fds]);
	/* There is room for all that may come: what is missing had no number here. */
	return *msg ? -EMFILE : -EBADMSG;
}

static struct json_object *reply(struct json_object *req, bool ok)
{
	struct json_object *obj = json_object_new_object();

	if (!obj)
		return NULL;
	json_object_object_add(obj, "re", json_object_get(json_object_object_get(req, "id")));
	json_object_object_add(obj, "ok", json_object_new_boolean(ok));
	return obj;
}

struct json_object *hostd_ipc_reply_ok(struct json_object *req)
{
	return reply(req, true);
}

struct json_object *hostd_ipc_reply_error(struct json_object *req, const char *fmt, ...)
{
	struct json_object *obj = reply(req, false);
	char text[512];
	va_list ap;

	if (!obj)
		return NULL;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_object_object_add(obj, "error", json_object_new_string(text));
	return obj;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parcels: bytes and descriptors through a socket, as one message.
 */
#include "lib/parcel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union control {
	struct cmsghdr align;
	char buf[CMSG_SPACE(HOSTD_PARCEL_FDS * sizeof(int))];
};

int hostd_parcel_pair(int pair[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 ? -errno : 0;
}

int hostd_parcel_send(int sock, const void *data, size_t len, const int *fds, unsigned int nr_fds)
{
	union control control = { 0 };
	struct iovec iov = { (void *)data, len };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;

	if (nr_fds > HOSTD_PARCEL_FDS)
		return -EMSGSIZE;
	if (nr_fds) {
		mh.msg_control = control.buf;
		mh.msg_controllen = CMSG_SPACE(nr_fds * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&mh);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(nr_fds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, nr_fds * sizeof(int));
	}
	return sendmsg(sock, &mh, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int hostd_parcel_recv(int sock, void *data, size_t len, int *fds, unsigned int *nr_fds)
{
	union control control;
	struct iovec iov = { data, len };
	struct msghdr mh = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.buf, .msg_controllen = sizeof(control.buf),
	};
	struct cmsghdr *cmsg;
	ssize_t done;

	*nr_fds = 0;
	done = recvmsg(sock, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (done <= 0)
		return done < 0 && errno != ECONNRESET ? -errno : -EPIPE;
	cmsg = CMSG_FIRSTHDR(&mh);
	if (cmsg && cmsg->cmsg_level == SOL_SOCKET && cmsg->cmsg_type == SCM_RIGHTS) {
		*nr_fds = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(cmsg), *nr_fds * sizeof(int));
	}
	if ((size_t)done == len && !(mh.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		return 0;
	while (*nr_fds)
		close(fds[--*nr_fds]);
	return -EBADMSG;
}

int hostd_parcel_take(int sock)
{
	int fds[HOSTD_PARCEL_FDS], err;
	unsigned int nr;
	char byte;

	err = hostd_parcel_recv(sock, &byte, 1, fds, &nr);
	close(sock);
	if (err)
		return err;
	if (nr == 1)
		return fds[0];
	while (nr)
		close(fds[--nr]);
	return -EBADMSG;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parcels: bytes and descriptors through a UNIX socket, as one message.
 */
#include "lib/parcel.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Newer than some C libraries; one number everywhere. */
#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS	83
#endif

union control {
	struct cmsghdr align;
	char buf[CMSG_SPACE(HOSTD_PARCEL_FDS * sizeof(int))];
};

int hostd_parcel_pair(int pair[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	fcntl(pair[0], F_SETFL, fcntl(pair[0], F_GETFL) | O_NONBLOCK);
	return 0;
}

void hostd_parcel_refuse_fds(int sock)
{
	const int pass = 0;

	setsockopt(sock, SOL_SOCKET, SO_PASSRIGHTS, &pass, sizeof(pass));
}

int hostd_parcel_send(int sock, const void *data, size_t len, const int *fds, unsigned int nr_fds)
{
	union control control = { 0 };
	struct iovec iov = { (void *)data, len };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;
	ssize_t done;

	/* Whoever may send none has another system call for that (worker/sandbox.c). */
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
	do {
		done = nr_fds ? sendmsg(sock, &mh, MSG_DONTWAIT | MSG_NOSIGNAL) :
				send(sock, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (done < 0 && errno == EINTR);
	if (done < 0)
		return -errno;
	return (size_t)done == len ? 0 : -EPIPE;
}

static void drop_fds(const int *fds, unsigned int nr)
{
	while (nr)
		close(fds[--nr]);
}

/* All of them, or none. */
static void take_fds(struct msghdr *mh, struct hostd_parcel *p, unsigned int room)
{
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(mh);
	int fds[HOSTD_PARCEL_FDS];
	unsigned int nr = 0;

	/* A message has at most one of these, however they were sent. */
	if (cmsg && cmsg->cmsg_level == SOL_SOCKET && cmsg->cmsg_type == SCM_RIGHTS) {
		nr = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(cmsg), nr * sizeof(int));
	}
	p->lost = nr > room || mh->msg_flags & MSG_CTRUNC;
	if (p->lost || mh->msg_flags & MSG_TRUNC) {
		drop_fds(fds, nr);
		return;
	}
	if (nr)
		memcpy(p->fds, fds, nr * sizeof(int));
	p->nr_fds = nr;
}

static int receive(int sock, struct hostd_parcel *p, int flags)
{
	union control control;
	struct iovec iov = { p->data, p->len };
	unsigned int room = p->nr_fds;
	struct msghdr mh = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = room ? control.buf : NULL, .msg_controllen = room ? sizeof(control.buf) : 0,
	};
	ssize_t done;

	p->nr_fds = 0;
	do {
		done = recvmsg(sock, &mh, MSG_CMSG_CLOEXEC | flags);
	} while (done < 0 && errno == EINTR);
	/* For want of memory it has not been taken: it is there still. */
	if (done < 0 && (errno == ENOMEM || errno == ENOBUFS))
		return -EAGAIN;
	if (done <= 0)
		return done < 0 && errno != ECONNRESET ? -errno : -EPIPE;
	take_fds(&mh, p, room);
	p->len = done;
	return mh.msg_flags & MSG_TRUNC ? -EMSGSIZE : 0;
}

int hostd_parcel_recv(int sock, struct hostd_parcel *p)
{
	return receive(sock, p, 0);
}

int hostd_parcel_peek(int sock, struct hostd_parcel *p)
{
	return receive(sock, p, MSG_PEEK);
}

int hostd_parcel_wrap(int fd)
{
	int pair[2], err;

	err = hostd_parcel_pair(pair);
	if (err)
		return err;
	err = hostd_parcel_send(pair[1], "", 1, &fd, 1);
	close(pair[1]);
	if (!err)
		return pair[0];
	close(pair[0]);
	return err;
}

int hostd_parcel_take(int sock)
{
	char byte;
	int fd = -1, err;
	struct hostd_parcel parcel = { .data = &byte, .len = 1, .fds = &fd, .nr_fds = 1 };

	err = hostd_parcel_recv(sock, &parcel);
	close(sock);
	if (err)
		return err;
	if (parcel.lost)
		return -EMFILE;
	return fd >= 0 ? fd : -EBADMSG;
}

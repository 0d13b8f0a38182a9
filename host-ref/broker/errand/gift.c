// SPDX-License-Identifier: GPL-2.0-only
/*
 * Gifts: descriptors that somebody sends along, and that this process must not have unseen.
 */
#include "broker/errand/gift.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/errand/closer.h"
#include "lib/parcel.h"

#define LEN_MAX		65536

struct gift {
	int sock;
	size_t len;
};

/* -1: it is no socket */
static int option(int fd, int name)
{
	socklen_t len = sizeof(int);
	int val;

	return getsockopt(fd, SOL_SOCKET, name, &val, &len) < 0 ? -1 : val;
}

/* A UNIX connection. Whoever gets it only writes to it: so nothing may be in it, or come by it, that is to be closed. */
static bool is_connection(int fd)
{
	if (option(fd, SO_TYPE) != SOCK_STREAM || option(fd, SO_ACCEPTCONN))
		return false;
	hostd_parcel_refuse_fds(fd);
	return !hostd_gift_waits(fd);
}

/* To close one of these waits for nothing: a UNIX connection that is empty, or what the tun driver made. */
static bool is_known(int fd)
{
	int domain = option(fd, SO_DOMAIN);
	struct ifreq ifr = { 0 };
	struct statx st;

	if (domain >= 0)
		return domain == AF_UNIX && is_connection(fd);
	/* The server of its file system is not asked. */
	return !statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &st) && S_ISCHR(st.stx_mode) &&
	       !ioctl(fd, TUNGETIFF, &ifr);
}

/* Returns what they can be taken from, or -errno with a text. */
static int wrap(const struct gift *gift, struct hostd_errand_report *report)
{
	static char data[LEN_MAX];
	int fds[HOSTD_GIFTS_MAX], pair[2], err;
	struct hostd_parcel parcel = { .data = data, .len = gift->len, .fds = fds, .nr_fds = HOSTD_GIFTS_MAX };
	unsigned int i;

	err = hostd_parcel_peek(gift->sock, &parcel);
	if (!err && parcel.lost)
		return hostd_errand_fail(report, -EMFILE, HOSTD_GIFTS_TOO_MANY);
	if (!err)
		err = hostd_parcel_pair(pair);
	if (err)
		return hostd_errand_fail(report, err, "%s", strerror(-err));
	for (i = 0; i < parcel.nr_fds; i++)
		if (!is_known(fds[i]))
			fds[i] = STDIN_FILENO;	/* an errand's is /dev/null */
	err = hostd_parcel_send(pair[1], "", 1, fds, parcel.nr_fds);
	return err ? hostd_errand_fail(report, err, "%s", strerror(-err)) : pair[0];
}

static void look(const void *job, int sock)
{
	struct hostd_errand_report report = { 0 };
	int wrapped = wrap(job, &report);

	hostd_parcel_send(sock, &report, sizeof(report), &wrapped, wrapped >= 0);
}

int hostd_gift_look(struct hostd_broker *b, int sock, size_t len, hostd_errand_told told, void *owner, char *err)
{
	const struct gift gift = { .sock = sock, .len = len < LEN_MAX ? len : LEN_MAX };
	const struct hostd_errand_op op = {
		.work = look, .job = &gift, .report_len = sizeof(struct hostd_errand_report), .nr_fds = 1, .keep_fd = sock,
		.doing = "looking at", .shown = "descriptors", .suspect = "somebody has stopped the process that does",
		.alien = true, .told = told, .owner = owner,
	};

	return hostd_errand_start(b, &op, err);
}

int hostd_gift_take(int gift, int *fds, unsigned int room)
{
	char byte;
	struct hostd_parcel parcel = { .data = &byte, .len = 1, .fds = fds, .nr_fds = room };
	int err = hostd_parcel_recv(gift, &parcel);

	close(gift);
	if (err)
		return err;
	return parcel.lost ? -EMFILE : (int)parcel.nr_fds;
}

bool hostd_gift_waits(int sock)
{
	int unread = 0;

	return !ioctl(sock, FIONREAD, &unread) && unread;
}

static void leave(struct hostd_broker *b, int sock)
{
	if (hostd_gift_waits(sock))
		hostd_closer_take(b, sock, "a connection");
}

void hostd_gift_close(struct hostd_broker *b, int *fds, unsigned int *nr)
{
	while (*nr) {
		leave(b, fds[--*nr]);
		close(fds[*nr]);
	}
}

void hostd_gift_leave(struct hostd_broker *b, int sock)
{
	if (sock < 0)
		return;
	/* From now on nothing more comes. */
	shutdown(sock, SHUT_RD);
	leave(b, sock);
}

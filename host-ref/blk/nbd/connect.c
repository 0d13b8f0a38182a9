// SPDX-License-Identifier: GPL-2.0-only
/*
 * Connections to an NBD server: the last one ends first, then a plain socket is connected.
 *
 * A worker that was killed, or has given its server up, may leave writes there that are not done yet. One of
 * them must not come after what is written on the next connection (BUS-D3). NBD has no way to ask for
 * that; but a server that ends a connection when it has done all of it can be waited for.
 */
#include "blk/nbd/connect.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/parcel.h"

/* Less than an errand may take. */
#define END_MS		3000
/* A host that has vanished is noticed after some 30 s. */
#define TCP_IDLE_S	10
#define TCP_PROBES	4
#define TCP_PROBE_S	5
#define TCP_LOST_MS	30000

/* Whatever the server still says to the last connection is read until it ends that. */
static int end_last(int fd, struct hostd_errand_report *report)
{
	uint64_t until_ms = hostd_now_ms() + END_MS, now_ms;
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	static char rest[64 << 10];
	ssize_t len = 1;

	if (fd < 0)
		return 0;
	shutdown(fd, SHUT_WR);
	while (len && (now_ms = hostd_now_ms()) < until_ms) {
		poll(&pfd, 1, until_ms - now_ms);
		len = recv(fd, rest, sizeof(rest), MSG_DONTWAIT);
		if (len < 0 && errno != EAGAIN && errno != EINTR)
			len = 0;
	}
	if (!len)
		return 0;
	return hostd_errand_fail(report, -EBUSY, "its server has not ended the last connection, and may still write what came by that");
}

static int connect_local(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(addr.sun_path, path);
	hostd_parcel_refuse_fds(fd);
	if (fd >= 0 && !connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return fd;
	if (fd >= 0)
		close(fd);
	return -errno;
}

static void set_tcp(int fd)
{
	const struct { int level, name, value; } options[] = {
		{ IPPROTO_TCP, TCP_NODELAY, 1 },
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, TCP_IDLE_S },
		{ IPPROTO_TCP, TCP_KEEPINTVL, TCP_PROBE_S },
		{ IPPROTO_TCP, TCP_KEEPCNT, TCP_PROBES },
		{ IPPROTO_TCP, TCP_USER_TIMEOUT, TCP_LOST_MS },
	};
	unsigned int i;

	for (i = 0; i < HOSTD_ARRAY_SIZE(options); i++)
		setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof(int));
}

static int connect_address(const struct addrinfo *ai)
{
	int fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC, ai->ai_protocol);

	if (fd >= 0 && !connect(fd, ai->ai_addr, ai->ai_addrlen)) {
		set_tcp(fd);
		return fd;
	}
	if (fd >= 0)
		close(fd);
	return -errno;
}

static int connect_host(const struct hostd_nbd_uri *uri, struct hostd_errand_report *report)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list, *ai;
	int fd = -EHOSTUNREACH;
	int err = getaddrinfo(uri->host, uri->port, &hints, &list);

	if (err)
		return hostd_errand_fail(report, -EHOSTUNREACH, "%s: %s", uri->host, gai_strerror(err));
	for (ai = list; ai && fd < 0; ai = ai->ai_next)
		fd = connect_address(ai);
	freeaddrinfo(list);
	return fd >= 0 ? fd : hostd_errand_fail(report, fd, "no NBD server at %s port %s: %s", uri->host,
						uri->port, strerror(-fd));
}

static int connect_to(const struct hostd_nbd_job *job, struct hostd_errand_report *report)
{
	const struct hostd_nbd_uri *uri = job->uri;
	int fd = end_last(*job->last, report);

	if (fd)
		return fd;
	if (!*uri->path)
		return connect_host(uri, report);
	fd = connect_local(uri->path);
	return fd >= 0 ? fd : hostd_errand_fail(report, fd, "no NBD server at %s: %s", uri->path, strerror(-fd));
}

void hostd_nbd_connect(const void *ctx, int sock)
{
	struct hostd_errand_report report = { 0 };
	int fd = connect_to(ctx, &report);

	if (fd >= 0)
		fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK);
	hostd_parcel_send(sock, &report, sizeof(report), &fd, fd >= 0);
}

void hostd_nbd_ask(const void *ctx, int sock)
{
	const struct hostd_nbd_job *job = ctx;
	struct hostd_nbd_report report = { 0 };
	char text[HOSTD_ERROR_MAX];
	int fd = connect_to(job, &report.head), ret;

	if (fd >= 0) {
		ret = hostd_nbd_look(fd, job->uri->export, &report.facts, text, sizeof(text));
		if (ret)
			hostd_errand_fail(&report.head, ret, "%.160s", text);
	}
	hostd_parcel_send(sock, &report, sizeof(report), NULL, 0);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Peers that a NIC is connected to: an errand looks the path up, which may hang, and connects.
 */
#include "net/host/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/errand.h"
#include "broker/listener.h"
#include "lib/parcel.h"

static void set_address(struct sockaddr_un *addr, const char *path)
{
	*addr = (struct sockaddr_un) { .sun_family = AF_UNIX };
	snprintf(addr->sun_path, sizeof(addr->sun_path), "%s", path);
}

/* What a peer that sends answers to finds: a socket that was left there is nobody's; anything else is somebody's. */
static int bind_local(int fd, const char *path, struct hostd_errand_report *report)
{
	int err = hostd_listener_remove_stale(path);
	struct sockaddr_un addr;

	set_address(&addr, path);
	if (!err && bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		err = -errno;
	if (!err)
		return 0;
	return hostd_errand_fail(report, err, "local=%s: %s: give a path where a socket can be made", path,
				 strerror(-err));
}

static int connect_to(const struct net_peer_spec *job, struct hostd_errand_report *report)
{
	int type = job->is_dgram ? SOCK_DGRAM : SOCK_STREAM, err = 0;
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un addr;

	if (fd < 0)
		return hostd_errand_fail(report, -errno, "no socket: %s", strerror(errno));
	if (job->local)
		err = bind_local(fd, job->local, report);
	set_address(&addr, job->path);
	if (!err && connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		err = hostd_errand_fail(report, -errno, "%s: %s: start first what makes a %s socket of that path",
					job->path, strerror(errno), job->is_dgram ? "datagram" : "listening stream");
	if (!err)
		return fd;
	close(fd);
	return err;
}

/* hostd_errand_op.work */
static void work(const void *ctx, int sock)
{
	struct hostd_errand_report report = { 0 };
	int fd = connect_to(ctx, &report);

	hostd_parcel_send(sock, &report, sizeof(report), &fd, fd >= 0);
}

void net_peer_init(struct net_peer *peer, struct hostd_broker *b, const char *id, const struct net_peer_spec *spec)
{
	struct hostd_line_spec line = {
		.id = id, .lacks = spec->is_ours ? NULL : "no link", .shown = spec->path,
		.suspect = "its file system does not answer", .work = work, .job = &peer->spec,
	};

	peer->spec = *spec;
	hostd_line_init(&peer->line, b, &line);
}

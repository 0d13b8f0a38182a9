// SPDX-License-Identifier: GPL-2.0-only
/*
 * Peers that a NIC is connected to: an errand looks the path up, which may hang, and connects.
 */
#include "net/host/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/errand/errand.h"
#include "broker/listener.h"
#include "lib/parcel.h"

/* After so many connections that did not last nothing that a worker has had is believed to be whole. */
#define SHORT_MAX	8

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

static int make_socket(const struct net_peer_spec *spec, struct hostd_errand_report *report)
{
	int type = spec->is_dgram ? SOCK_DGRAM : SOCK_STREAM;
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), err;

	if (fd < 0)
		return hostd_errand_fail(report, -errno, "no socket: %s", strerror(errno));
	/* The worker reads frames. */
	hostd_parcel_refuse_fds(fd);
	err = spec->local ? bind_local(fd, spec->local, report) : 0;
	if (!err)
		return fd;
	close(fd);
	return err;
}

/* Does nobody find the last one any more, or has a worker shut it down? What it has done else shows when it is used. */
static bool is_spoilt(const struct net_peer *peer)
{
	const struct net_peer_spec *spec = &peer->spec;
	struct pollfd pfd = { .fd = peer->line.last, .events = POLLRDHUP };

	if (peer->line.nr_short > SHORT_MAX || (spec->local && access(spec->local, F_OK)))
		return true;
	return poll(&pfd, 1, 0) == 1 && pfd.revents & (POLLRDHUP | POLLHUP);
}

static int get_socket(const struct net_peer *peer, struct hostd_errand_report *report)
{
	if (peer->line.last >= 0 && !is_spoilt(peer))
		return peer->line.last;
	return make_socket(&peer->spec, report);
}

/*
 * Ready when the peer has closed its socket, and the path of that has been removed: nothing else tells that of
 * datagrams, and whoever makes the next socket there would be refused by the one that is connected to the last.
 */
static int watch_path(const char *path, struct hostd_errand_report *report)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	if (fd >= 0 && inotify_add_watch(fd, path, IN_DELETE_SELF) >= 0)
		return fd;
	snprintf(report->text, sizeof(report->text), "%.100s cannot be watched: %s: if its peer is started anew it is heard when the guest sends something",
		 path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

/* @fds gets what the worker gets; -1: nothing */
static int connect_to(const struct net_peer *peer, int fds[HOSTD_ERRAND_FDS], struct hostd_errand_report *report)
{
	const struct net_peer_spec *spec = &peer->spec;
	struct sockaddr_un addr;

	fds[0] = get_socket(peer, report);
	if (fds[0] < 0)
		return fds[0];
	/* First: so nothing is missed. */
	fds[1] = spec->is_dgram ? watch_path(spec->path, report) : -1;
	set_address(&addr, spec->path);
	if (!connect(fds[0], (struct sockaddr *)&addr, sizeof(addr)))
		return 0;
	return hostd_errand_fail(report, -errno, "%s: %s: start first what makes a %s socket of that path",
				 spec->path, strerror(errno), spec->is_dgram ? "datagram" : "listening stream");
}

/* hostd_errand_op.work */
static void work(const void *ctx, int sock)
{
	int fds[HOSTD_ERRAND_FDS] = { -1, -1 }, err;
	struct hostd_errand_report report = { 0 };
	const struct net_peer *peer = ctx;

	err = connect_to(peer, fds, &report);

	/* A socket that has a path is there, for a peer that comes later. */
	if (err && (fds[0] < 0 || !peer->spec.local))
		hostd_parcel_send(sock, &report, sizeof(report), NULL, 0);
	else
		hostd_parcel_send(sock, &report, sizeof(report), fds, err ? 1 : 1 + (fds[1] >= 0));
}

void net_peer_init(struct net_peer *peer, struct hostd_broker *b, const char *id, const struct net_peer_spec *spec)
{
	struct hostd_line_spec line = {
		.id = id, .lacks = spec->is_ours ? NULL : "no link", .shown = spec->path,
		.suspect = "its file system does not answer", .work = work, .job = peer,
		.nr_fds = HOSTD_ERRAND_FDS, .keeps = spec->is_dgram,
	};

	peer->spec = *spec;
	hostd_line_init(&peer->line, b, &line);
}

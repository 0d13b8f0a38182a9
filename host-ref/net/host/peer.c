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

#include "broker/broker.h"
#include "broker/errand.h"
#include "lib/parcel.h"

#define PAUSE_MIN_MS	50
#define PAUSE_MAX_MS	2000
/* A connection that has lasted for so long was a good one. */
#define LONG_MS		1000

/* For the process of the errand, which has a copy of all that. */
struct job {
	char path[NET_PEER_PATH_MAX + 1];
	char local[NET_PEER_PATH_MAX + 1];
	bool is_dgram;
};

static void set_address(struct sockaddr_un *addr, const char *path)
{
	*addr = (struct sockaddr_un) { .sun_family = AF_UNIX };
	snprintf(addr->sun_path, sizeof(addr->sun_path), "%s", path);
}

/* What a peer that sends answers to finds: a socket that was left there is nobody's. */
static int bind_local(int fd, const char *path, struct hostd_errand_report *report)
{
	struct sockaddr_un addr;

	set_address(&addr, path);
	unlink(path);
	if (!bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return 0;
	return hostd_errand_fail(report, -errno, "local=%s: %s: give a path where a socket can be made", path,
				 strerror(errno));
}

static int connect_to(const struct job *job, struct hostd_errand_report *report)
{
	int type = job->is_dgram ? SOCK_DGRAM : SOCK_STREAM, err = 0;
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un addr;

	if (fd < 0)
		return hostd_errand_fail(report, -errno, "no socket: %s", strerror(errno));
	if (*job->local)
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

static void tell(struct net_peer *peer, const char *error)
{
	void (*told)(void *owner, const char *error) = peer->told;

	peer->told = NULL;
	if (told)
		told(peer->owner, error);
}

static void set_retry(struct net_peer *peer)
{
	hostd_timer_set(&peer->retry, peer->pause_ms);
	peer->pause_ms = peer->pause_ms * 2 < PAUSE_MAX_MS ? peer->pause_ms * 2 : PAUSE_MAX_MS;
}

static void try_later(struct net_peer *peer, const char *why)
{
	if (!peer->is_missed && !peer->spec.is_ours)
		hostd_log(HOSTD_LOG_WARN, "%s has no link: %s: trying again until it is there", peer->id, why);
	peer->is_missed = true;
	set_retry(peer);
}

static void connected(void *owner, const struct hostd_errand_report *report, int *fds)
{
	struct net_peer *peer = owner;
	bool first = peer->told;

	if (!report->error && fds[0] >= 0 && peer->line.fd >= 0 &&
	    !hostd_parcel_send(peer->line.fd, "", 1, &fds[0], 1)) {
		if (peer->is_missed && !peer->spec.is_ours)
			hostd_log(HOSTD_LOG_INFO, "%s is connected", peer->id);
		peer->is_missed = false;
		peer->connected_ms = hostd_now_ms();
		tell(peer, NULL);
	} else if (first && report->error) {
		tell(peer, report->text);
	} else if (peer->line.fd >= 0) {
		try_later(peer, report->text);
	}
	if (fds[0] >= 0)
		close(fds[0]);
}

static void try_now(struct net_peer *peer)
{
	struct job job = { .is_dgram = peer->spec.is_dgram };
	const struct hostd_errand_op op = {
		.work = work, .job = &job, .report_len = sizeof(struct hostd_errand_report), .keep_fd = -1,
		.doing = "connecting to", .shown = peer->spec.path, .suspect = "its file system does not answer",
		.told = connected, .owner = peer,
	};
	char err[HOSTD_ERROR_MAX];
	int ret;

	snprintf(job.path, sizeof(job.path), "%s", peer->spec.path);
	if (peer->spec.local)
		snprintf(job.local, sizeof(job.local), "%s", peer->spec.local);
	ret = hostd_errand_start(peer->b, &op, err);
	if (ret && ret != -EINPROGRESS)
		try_later(peer, err);
}

static void retry_due(struct hostd_timer *timer)
{
	try_now(hostd_container_of(timer, struct net_peer, retry));
}

/* The worker says that its connection has ended, or has ended itself. */
static void line_ready(struct hostd_source *src, uint32_t events)
{
	struct net_peer *peer = hostd_container_of(src, struct net_peer, line);
	char byte;
	ssize_t len = recv(src->fd, &byte, 1, MSG_DONTWAIT);

	(void)events;
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (len <= 0) {
		net_peer_close(peer);
		return;
	}
	/* One that hangs up at once is not called all the time. */
	if (hostd_now_ms() - peer->connected_ms >= LONG_MS)
		peer->pause_ms = PAUSE_MIN_MS;
	if (!peer->retry.due_ms)
		set_retry(peer);
}

void net_peer_init(struct net_peer *peer, struct hostd_broker *b, const char *id, const struct net_peer_spec *spec)
{
	peer->b = b;
	peer->id = id;
	peer->spec = *spec;
	peer->line.fd = -1;
	peer->line.ready = line_ready;
	peer->pause_ms = PAUSE_MIN_MS;
	hostd_timer_init(&b->loop, &peer->retry, retry_due);
}

void net_peer_close(struct net_peer *peer)
{
	hostd_errands_cancel(peer->b, peer);
	hostd_timer_cancel(&peer->retry);
	hostd_loop_close(&peer->b->loop, &peer->line);
	peer->told = NULL;
}

void net_peer_exit(struct net_peer *peer)
{
	if (!peer->b)
		return;
	net_peer_close(peer);
	hostd_timer_exit(&peer->b->loop, &peer->retry);
}

int net_peer_open(struct net_peer *peer, void (*told)(void *owner, const char *error), void *owner, char *err)
{
	int ends[2], ret = 0;

	net_peer_close(peer);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
		ret = -errno;
	if (!ret) {
		ret = hostd_loop_add(&peer->b->loop, &peer->line, ends[0], EPOLLIN);
		if (ret) {
			close(ends[0]);
			close(ends[1]);
		}
	}
	if (ret) {
		snprintf(err, HOSTD_ERROR_MAX, "no connection to the worker: %s", strerror(-ret));
		return ret;
	}
	peer->pause_ms = PAUSE_MIN_MS;
	peer->told = told;
	peer->owner = owner;
	try_now(peer);
	return ends[1];
}

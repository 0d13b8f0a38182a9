// SPDX-License-Identifier: GPL-2.0-only
/*
 * Listening sockets that rest while no connection can be taken.
 */
#include "broker/listener.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/files/rundir.h"
#include "lib/util.h"

#define BACKLOG		16
#define REST_MIN_MS	50
#define REST_MAX_MS	1000

int hostd_listener_remove_stale(const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	return unlink(path) < 0 ? -errno : 0;
}

int hostd_listener_open(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd, err = hostd_listener_remove_stale(path);

	if (err)
		return err;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || chmod(path, 0600) < 0 ||
	    listen(fd, BACKLOG) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	hostd_run_dir_note(path);
	return fd;
}

static void rest_is_over(struct hostd_timer *timer)
{
	hostd_listener_resume(hostd_container_of(timer, struct hostd_listener, resume));
}

int hostd_listener_start(struct hostd_listener *l, struct hostd_loop *loop, int fd)
{
	l->loop = loop;
	l->lines = (struct hostd_limit) { .burst = 3, .refill_ms = 60000 };
	hostd_timer_init(loop, &l->resume, rest_is_over);
	return hostd_loop_add(loop, &l->src, fd, EPOLLIN);
}

void hostd_listener_stop(struct hostd_listener *l)
{
	if (l->loop)
		hostd_loop_close(l->loop, &l->src);
}

int hostd_listener_accept(struct hostd_listener *l)
{
	int fd = accept4(l->src.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	unsigned int dropped;

	if (fd >= 0) {
		l->rest_ms = 0;
		return fd;
	}
	if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
		return -1;
	if (!l->rest_ms && hostd_limit_pass(&l->lines, &dropped))
		hostd_log(HOSTD_LOG_WARN, "no connection can be taken: %s: trying again",
			  strerror(errno));
	l->rest_ms = l->rest_ms ? l->rest_ms * 2 : REST_MIN_MS;
	if (l->rest_ms > REST_MAX_MS)
		l->rest_ms = REST_MAX_MS;
	hostd_listener_pause(l, l->rest_ms);
	return -1;
}

void hostd_listener_pause(struct hostd_listener *l, unsigned int ms)
{
	if (l->src.fd < 0)
		return;
	hostd_loop_mod(l->loop, &l->src, 0);
	if (ms)
		hostd_timer_set(&l->resume, ms);
	else
		hostd_timer_cancel(&l->resume);
}

void hostd_listener_resume(struct hostd_listener *l)
{
	hostd_timer_cancel(&l->resume);
	if (l->src.fd >= 0)
		hostd_loop_mod(l->loop, &l->src, EPOLLIN);
}

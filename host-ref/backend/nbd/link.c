// SPDX-License-Identifier: GPL-2.0-only
/*
 * A disk's link to its NBD server: a connection comes by the line, is negotiated and checked, serves, ends.
 */
#include "backend/nbd/link.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <libnbd.h>

#include "lib/log/report.h"
#include "lib/parcel.h"
#include "lib/util.h"

static bool has_ended(const struct hostd_nbd_link *link)
{
	return nbd_aio_is_dead(link->h) || nbd_aio_is_closed(link->h);
}

/* Wait for what libnbd waits for; false: the host's limits do not allow that. */
static bool watch(struct hostd_nbd_link *link)
{
	unsigned int direction = nbd_aio_get_direction(link->h);
	struct epoll_event ev = { .data.ptr = link };

	if (direction & LIBNBD_AIO_DIRECTION_READ)
		ev.events |= EPOLLIN;
	if (direction & LIBNBD_AIO_DIRECTION_WRITE)
		ev.events |= EPOLLOUT;
	if (ev.events == link->watched)
		return true;
	if (epoll_ctl(link->engine->fd, link->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, link->fd, &ev))
		return false;
	link->watched = ev.events;
	return true;
}

void hostd_nbd_drop(struct hostd_nbd_link *link)
{
	if (!link->h)
		return;
	if (link->watched)
		epoll_ctl(link->engine->fd, EPOLL_CTL_DEL, link->fd, NULL);
	close(link->fd);
	nbd_close(link->h);
	link->h = NULL;
	link->fd = -1;
	link->watched = 0;
	link->ready = false;
	hostd_parcel_send(link->line, "", 1, NULL, 0);
}

/* Said once, until there is a good one again. @why: an error of libnbd's begins with the name of a function */
static void lose(struct hostd_nbd_link *link, const char *why)
{
	const char *colon = why && !strncmp(why, "nbd_", 4) ? strstr(why, ": ") : NULL;
	char shown[HOSTD_NBD_WHY_LEN], unflushed[96] = "";

	if (colon)
		why = colon + 2;
	snprintf(shown, sizeof(shown), "%s", why && *why ? why : "it has closed");
	hostd_text_clean(shown);
	if (link->ready && link->nr_unflushed)
		snprintf(unflushed, sizeof(unflushed), "; %llu writes since the last FLUSH may be lost with it",
			 (unsigned long long)link->nr_unflushed);
	if (!link->is_missed)
		hostd_report(HOSTD_LOG_WARN, "%s has no server: %s: its requests wait%s", link->name, shown,
			     unflushed);
	link->is_missed = true;
	hostd_nbd_drop(link);
}

/* Where that fails the next connection is another attempt. */
static void watch_or_lose(struct hostd_nbd_link *link)
{
	if (link->h && !watch(link))
		lose(link, "it cannot be waited for: the host has no more memory, or watches, for that");
}

/* What the guest was told must hold on. NULL: it does; else what does not. */
static const char *find_lie(const struct hostd_nbd_link *link, char *text, size_t len)
{
	int64_t size = nbd_get_size(link->h);
	int64_t min = nbd_get_block_size(link->h, LIBNBD_SIZE_MINIMUM);
	int64_t max = nbd_get_block_size(link->h, LIBNBD_SIZE_MAXIMUM);

	if (size < 0 || (uint64_t)size < link->size) {
		snprintf(text, len, "it has only %lld of the %llu bytes that the guest was told", (long long)size,
			 (unsigned long long)link->size);
		return text;
	}
	if (!link->ro && nbd_is_read_only(link->h))
		return "it is read-only by now";
	if (min > link->block || (max > 0 && max < link->max_io))
		return "it takes other blocks than the guest was told";
	return NULL;
}

static void become_ready(struct hostd_nbd_link *link)
{
	char text[HOSTD_NBD_WHY_LEN];
	const char *lie = find_lie(link, text, sizeof(text));

	if (lie) {
		/* It is there, and said to be: so this has to be said, too. */
		if (strcmp(link->lie, lie))
			hostd_report(HOSTD_LOG_WARN, "%s cannot use its server: %s", link->name, lie);
		snprintf(link->lie, sizeof(link->lie), "%s", lie);
		link->is_missed = true;
		hostd_nbd_drop(link);
		return;
	}
	*link->lie = 0;
	link->flush = nbd_can_flush(link->h) == 1;
	link->fua = nbd_can_fua(link->h) == 1;
	link->zero = nbd_can_zero(link->h) == 1;
	link->trim = nbd_can_trim(link->h) == 1;
	link->ready = true;
	if (link->is_missed)
		hostd_report(HOSTD_LOG_INFO, "%s has its server again", link->name);
	link->is_missed = false;
	link->nr_connections++;
	link->nr_unflushed = 0;
	hostd_nbd_flush_out(link);
}

/* After anything that libnbd was asked for. */
static void look(struct hostd_nbd_link *link)
{
	if (has_ended(link))
		lose(link, nbd_get_error());
	else if (!link->ready && nbd_aio_is_ready(link->h))
		become_ready(link);
	watch_or_lose(link);
}

/* Twice the same socket: for the link, and for libnbd. */
static void begin(struct hostd_nbd_link *link, const int fds[2])
{
	link->h = nbd_create();
	if (!link->h) {
		close(fds[0]);
		close(fds[1]);
		hostd_parcel_send(link->line, "", 1, NULL, 0);
		return;
	}
	link->fd = fds[0];
	/* A simple reply has all of what was asked for; buffers are the guest's own memory. */
	if (nbd_set_request_structured_replies(link->h, false) || nbd_set_pread_initialize(link->h, false) ||
	    nbd_set_export_name(link->h, link->export) || nbd_aio_connect_socket(link->h, fds[1])) {
		lose(link, nbd_get_error());
		return;
	}
	look(link);
}

/* The broker takes it for connected: without a word it would never send another one. */
static void refuse(const struct hostd_nbd_link *link)
{
	hostd_report(HOSTD_LOG_WARN, "%s cannot take its connection: raise pvhostd's limit of descriptors (ulimit -n)",
		     link->name);
	hostd_parcel_send(link->line, "", 1, NULL, 0);
}

void hostd_nbd_attach(struct hostd_nbd_link *link)
{
	int fds[2] = { -1, -1 }, err;
	char byte;
	struct hostd_parcel parcel = { .data = &byte, .len = 1, .fds = fds, .nr_fds = 2 };

	err = hostd_parcel_recv(link->line, &parcel);
	if (err == -EAGAIN)
		return;
	if (err) {
		/* The broker has gone, and with it soon this worker. */
		epoll_ctl(link->engine->fd, EPOLL_CTL_DEL, link->line, NULL);
		return;
	}
	if (parcel.nr_fds == 2 && !link->h) {
		begin(link, fds);
		return;
	}
	while (parcel.nr_fds)
		close(fds[--parcel.nr_fds]);
	if (!link->h)
		refuse(link);
}

void hostd_nbd_step(struct hostd_nbd_link *link, uint32_t events)
{
	unsigned int direction = nbd_aio_get_direction(link->h);

	if (events & ~EPOLLOUT && direction & LIBNBD_AIO_DIRECTION_READ)
		nbd_aio_notify_read(link->h);
	else if (direction & LIBNBD_AIO_DIRECTION_WRITE)
		nbd_aio_notify_write(link->h);
	look(link);
}

void hostd_nbd_flush_out(struct hostd_nbd_link *link)
{
	struct hostd_io *io;

	while (link->ready && (io = hostd_nbd_take(&link->waiting))) {
		hostd_nbd_send(link, io);
		if (has_ended(link))
			lose(link, nbd_get_error());
	}
	watch_or_lose(link);
}

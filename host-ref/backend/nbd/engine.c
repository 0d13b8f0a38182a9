// SPDX-License-Identifier: GPL-2.0-only
/*
 * The engine of disks that an NBD server has. It waits for the sockets of all of them in one place, and never
 * for a server: what cannot be sent waits for the next connection.
 */
#include "backend/backend.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <libnbd.h>

#include "backend/nbd/link.h"
#include "lib/json.h"

#define EVENTS_MAX	16

/**
 * struct nbd - the engine
 * @links: all links, the latest first
 */
struct nbd {
	struct hostd_nbd_link *links;
};

static int nbd_init(struct hostd_engine *e)
{
	e->fd = epoll_create1(EPOLL_CLOEXEC);
	if (e->fd < 0)
		return -errno;
	e->priv = calloc(1, sizeof(struct nbd));
	return e->priv ? 0 : -ENOMEM;
}

static void nbd_exit(struct hostd_engine *e)
{
	close(e->fd);
	free(e->priv);
}

static struct hostd_nbd_link **links_of(const struct hostd_engine *e)
{
	return &((struct nbd *)e->priv)->links;
}

/* All that has come back; a request may bring others, or have the same done again. */
static unsigned int deliver(struct hostd_nbd_link *link)
{
	struct hostd_io *io;
	unsigned int nr = 0;

	while ((io = hostd_nbd_take(&link->returned))) {
		/* Whoever takes its place listens at the same address. */
		if (io->called == -ESHUTDOWN)
			hostd_nbd_drop(link);
		if (!hostd_nbd_take_result(link, io)) {
			hostd_nbd_put(&link->waiting, io);
			hostd_nbd_flush_out(link);
			continue;
		}
		hostd_io_count(link->engine, io, -1);
		nr++;
		io->complete(io);
	}
	return nr;
}

/* One event for a line, one for a socket: what is not a link is the line of one. */
static struct hostd_nbd_link *find_line(struct hostd_engine *e, const void *line)
{
	struct hostd_nbd_link *link = *links_of(e);

	while (link && (void *)&link->line != line)
		link = link->next;
	return link;
}

static unsigned int nbd_reap(struct hostd_engine *e)
{
	struct epoll_event events[EVENTS_MAX];
	int i, nr_events = epoll_wait(e->fd, events, EVENTS_MAX, 0);
	struct hostd_nbd_link *link;
	unsigned int nr = 0;

	for (i = 0; i < nr_events; i++) {
		link = find_line(e, events[i].data.ptr);
		if (link)
			hostd_nbd_attach(link);
		else if (((struct hostd_nbd_link *)events[i].data.ptr)->h)
			hostd_nbd_step(events[i].data.ptr, events[i].events);
	}
	for (link = *links_of(e); link; link = link->next)
		nr += deliver(link);
	return nr;
}

static void nbd_kick(struct hostd_engine *e)
{
	(void)e;
}

const struct hostd_engine_ops hostd_engine_nbd = {
	.name = "nbd",
	.init = nbd_init,
	.exit = nbd_exit,
	.kick = nbd_kick,
	.reap = nbd_reap,
};

static int nbd_open(struct hostd_file *file, struct hostd_engines *engines,
		    const struct hostd_backend_spec *spec, char *error, size_t len)
{
	struct hostd_engine *e = &engines->all[HOSTD_ENGINE_NBD];
	struct hostd_nbd_link *link = calloc(1, sizeof(*link));
	struct epoll_event ev = { .events = EPOLLIN };
	int ret = -ENOMEM;

	if (!link || e->error) {
		free(link);
		snprintf(error, len, "out of memory");
		return ret;
	}
	*link = (struct hostd_nbd_link) {
		.engine = e, .next = *links_of(e), .export = strdup(spec->export), .size = spec->size,
		.block = spec->block, .max_io = spec->max_io, .ro = spec->ro, .line = spec->fd, .fd = -1,
	};
	link->waiting.tail = &link->waiting.first;
	link->returned.tail = &link->returned.first;
	snprintf(link->name, sizeof(link->name), "%s", spec->name);
	ev.data.ptr = &link->line;
	if (link->export && epoll_ctl(e->fd, EPOLL_CTL_ADD, link->line, &ev))
		ret = -errno;
	else if (link->export)
		ret = 0;
	if (ret) {
		free(link->export);
		free(link);
		snprintf(error, len, "its server cannot be waited for: %s", strerror(-ret));
		return ret;
	}
	*file = (struct hostd_file) { .backend = &hostd_backend_nbd, .engine = e, .fd = -1, .priv = link };
	file->direct = spec->direct;
	*links_of(e) = link;
	return 0;
}

static void nbd_close_file(struct hostd_file *file, struct hostd_engines *engines)
{
	struct hostd_engine *e = &engines->all[HOSTD_ENGINE_NBD];
	struct hostd_nbd_link *link = file->priv, **at = links_of(e);

	while (*at != link)
		at = &(*at)->next;
	*at = link->next;
	if (link->ready)
		nbd_aio_disconnect(link->h, 0);
	hostd_nbd_drop(link);
	close(link->line);
	free(link->export);
	free(link);
}

static bool nbd_submit(struct hostd_io *io)
{
	struct hostd_nbd_link *link = io->file->priv;

	if (io->op == HOSTD_IO_DISCARD && hostd_io_is_discarded(io))
		return true;
	/* Nothing that the guest has been told is written is lost with the server then. */
	if (io->file->direct && io->op != HOSTD_IO_READ && io->op != HOSTD_IO_DISCARD)
		io->flags |= HOSTD_IO_DURABLE;
	hostd_io_count(link->engine, io, 1);
	hostd_nbd_put(&link->waiting, io);
	hostd_nbd_flush_out(link);
	return false;
}

static const char *nbd_describe(const struct hostd_file *file)
{
	return file->backend->name;
}

static void nbd_count(const struct hostd_file *file, struct json_object *obj)
{
	const struct hostd_nbd_link *link = file->priv;

	hostd_json_add_bool(obj, "connected", link->ready);
	hostd_json_add_u64(obj, "connections", link->nr_connections);
}

static void nbd_look(struct hostd_file *file)
{
	if (!file->engine->in_flight)
		nbd_reap(file->engine);
}

static bool nbd_is_away(const struct hostd_file *file)
{
	return !((struct hostd_nbd_link *)file->priv)->ready;
}

static void nbd_give_up(struct hostd_file *file)
{
	struct hostd_nbd_link *link = file->priv;
	struct hostd_io *io;

	hostd_nbd_drop(link);
	while ((io = hostd_nbd_take(&link->waiting)))
		hostd_nbd_put(&link->returned, io);
	for (io = link->returned.first; io; io = io->next)
		io->called = -ETIMEDOUT;
}

const struct hostd_backend_ops hostd_backend_nbd = {
	.name = "nbd",
	.open = nbd_open,
	.close = nbd_close_file,
	.submit = nbd_submit,
	.describe = nbd_describe,
	.count = nbd_count,
	.look = nbd_look,
	.is_away = nbd_is_away,
	.give_up = nbd_give_up,
};

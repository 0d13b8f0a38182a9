// SPDX-License-Identifier: GPL-2.0-only
/*
 * The set of engines of a loop.
 */
#include "backend/engine.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/crew.h"

int hostd_engines_init(struct hostd_engines *engines)
{
	static const struct hostd_engine_ops *const ops[HOSTD_ENGINES] = {
		&hostd_engine_uring, &hostd_engine_sync, [HOSTD_ENGINE_NBD] = &hostd_engine_nbd,
	};
	unsigned int i;

	for (i = 0; i < HOSTD_ENGINES; i++) {
		struct hostd_engine *e = &engines->all[i];

		*e = (struct hostd_engine) { .ops = ops[i], .guard = &engines->guard, .fd = -1 };
		e->error = e->ops->init ? e->ops->init(e) : 0;
		if (e->error && e->ops == &hostd_engine_sync) {
			hostd_engines_exit(engines);
			return e->error;
		}
	}
	engines->all[0].instead = &engines->all[1];
	return 0;
}

void hostd_engines_exit(struct hostd_engines *engines)
{
	unsigned int i;

	for (i = 0; i < HOSTD_ENGINES; i++) {
		struct hostd_engine *e = &engines->all[i];

		if (e->ops && e->ops->exit && e->priv)
			e->ops->exit(e);
		e->ops = NULL;
	}
}

struct hostd_engine *hostd_engines_find(struct hostd_engines *engines, const char *name)
{
	unsigned int i;

	for (i = 0; i < HOSTD_ENGINES; i++) {
		struct hostd_engine *e = &engines->all[i];

		if (e->ops->submit && !e->error && (!strcmp(name, "auto") || !strcmp(name, e->ops->name)))
			return e;
	}
	return NULL;
}

unsigned int hostd_engines_reap(struct hostd_engines *engines)
{
	unsigned int i, nr = 0;

	for (i = 0; i < HOSTD_ENGINES; i++) {
		struct hostd_engine *e = &engines->all[i];

		if (!e->in_flight)
			continue;
		e->ops->kick(e);
		nr += e->ops->reap(e);
	}
	return nr;
}

bool hostd_engines_are_busy(const struct hostd_engines *engines)
{
	unsigned int i = 0;

	while (i < HOSTD_ENGINES && !engines->all[i].in_flight)
		i++;
	return i < HOSTD_ENGINES;
}

void hostd_engines_pick_up(struct hostd_engines *engines, struct hostd_io *io)
{
	struct hostd_engine *threads = &engines->all[1];

	io->flags |= HOSTD_IO_TAKEN;
	if (io->file)
		io->file->nr_taken++;
	/* As if a thread of its file had it. */
	hostd_io_count(threads, io, 1);
}

/**
 * struct closing - a file that is being closed
 * @io: the request
 * @file: the file
 */
struct closing {
	struct hostd_io io;
	struct hostd_file file;
};

static void closed(struct hostd_io *io)
{
	struct closing *c = (struct closing *)((char *)io - offsetof(struct closing, io));

	if (c->file.crew)
		hostd_crew_free(c->file.crew);
	free(c);
}

void hostd_engines_close(struct hostd_engines *engines, const struct hostd_file *file)
{
	struct closing *c = calloc(1, sizeof(*c));

	if (!c) {
		close(file->fd);
		return;
	}
	c->file = *file;
	c->file.engine = &engines->all[1];
	c->io.file = &c->file;
	c->io.op = HOSTD_IO_CLOSE;
	c->io.complete = closed;
	c->file.engine->ops->submit(c->file.engine, &c->io);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Back ends: where the blocks of a disk are. A device knows these functions; how a back end does
 * its work (engines, threads, a connection) is its own.
 */
#ifndef HOSTD_BACKEND_H
#define HOSTD_BACKEND_H

#include <stdbool.h>
#include <stddef.h>

#include "backend/engine.h"

struct json_object;

/**
 * struct hostd_backend_spec - what a back end is to open
 * @fd: the image, the line (broker/line.h) of connections to its server, or -1; the back end's from now
 *	on, if it opens
 * @engine: "auto", or the one that the operator wants
 * @medium: what the image is; NULL: look, which may wait
 * @name: of the device, for messages
 * @export: what its server calls it
 * @size: of a disk at a server: bytes that the guest is told
 * @block: the same: unit of its I/O
 * @max_io: the same: most bytes of a read or write
 * @ro: the same: it is only read
 * @direct: the same: nothing written is only in the memory of the server when it is done
 */
struct hostd_backend_spec {
	int fd;
	const char *engine;
	const struct hostd_medium *medium;
	const char *name;
	const char *export;
	uint64_t size;
	uint32_t block;
	uint32_t max_io;
	bool ro;
	bool direct;
};

/**
 * struct hostd_backend_ops - a kind of back end
 * @name: for the operator
 * @open: make @file of @spec; 0 or -errno, with text of at most @len bytes in @error
 * @close: end it; no request is in flight, and nothing waits
 * @submit: start a request; true if it is done already, with its result, and complete() is not called
 * @describe: what does the work, for the operator
 * @count: add what it counts to an object; may be NULL
 * @look: see how it is, though nothing is in flight; called now and then; may be NULL
 * @is_away: is there nobody who could do a request at the moment; NULL: there always is
 * @give_up: fail all that is in flight with ETIMEDOUT: what is not done by then may be done later, but before
 *	anything that is submitted from now on; NULL: that cannot be had
 *
 * Context: the loop, all of them. complete() of a request is called from hostd_engines_reap().
 */
struct hostd_backend_ops {
	const char *name;
	int (*open)(struct hostd_file *file, struct hostd_engines *engines,
		    const struct hostd_backend_spec *spec, char *error, size_t len);
	void (*close)(struct hostd_file *file, struct hostd_engines *engines);
	bool (*submit)(struct hostd_io *io);
	const char *(*describe)(const struct hostd_file *file);
	void (*count)(const struct hostd_file *file, struct json_object *obj);
	void (*look)(struct hostd_file *file);
	bool (*is_away)(const struct hostd_file *file);
	void (*give_up)(struct hostd_file *file);
};

extern const struct hostd_backend_ops hostd_backend_file;
extern const struct hostd_backend_ops hostd_backend_null;
extern const struct hostd_backend_ops hostd_backend_nbd;

/**
 * hostd_io_submit - start a request
 * @io: the request; stays untouched by the caller until it is done
 *
 * Return: true if it is done already (complete() is not called).
 */
static inline bool hostd_io_submit(struct hostd_io *io)
{
	io->done = 0;
	io->tries = 0;
	io->result = 0;
	return io->file->backend->submit(io);
}

#endif /* HOSTD_BACKEND_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * I/O engines: how a device's requests reach its file.
 *
 * An engine is made once for the worker, before the sandbox, and serves every
 * file. Buffers are in the window: there is no copy but the kernel's own.
 * Everything here is for the loop, whichever thread that is (guard.h).
 */
#ifndef HOSTD_ENGINE_H
#define HOSTD_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "backend/guard.h"

struct hostd_backend_ops;
struct hostd_crew;
struct hostd_engine;
struct hostd_file;

/* Operations, in hostd_io.op. */
#define HOSTD_IO_READ		0
#define HOSTD_IO_WRITE		1
#define HOSTD_IO_FLUSH		2
#define HOSTD_IO_DISCARD	3
#define HOSTD_IO_ZERO		4
#define HOSTD_IO_CLOSE		5
#define HOSTD_IO_RING		6	/* the engine's own: what was submitted to io_uring */

/* Flags, in hostd_io.flags. */
#define HOSTD_IO_DURABLE	0x1	/* write: durable when done */
#define HOSTD_IO_UNMAP		0x2	/* zero: may deallocate */
#define HOSTD_IO_FILL		0x4	/* zero: writes zeroes; set by the engine */
#define HOSTD_IO_TAKEN		0x8	/* its call kept the loop for too long; set by the engine */
#define HOSTD_IO_SETTLING	0x10	/* written, and made durable by a flush; set by the engine */

/**
 * struct hostd_io_call - a system call of a request
 * @op: HOSTD_IO_READ, _WRITE, _FLUSH, or _DISCARD for fallocate
 * @mode: of fallocate
 * @rw_flags: RWF_*
 * @buf: data
 * @pos: first byte in the file
 * @len: bytes
 */
struct hostd_io_call {
	uint8_t op;
	int mode;
	int rw_flags;
	void *buf;
	uint64_t pos;
	uint64_t len;
};

/**
 * struct hostd_io - one request to a file
 * @file: the file
 * @complete: called when the request is done, unless hostd_io_submit() said so itself
 * @buf: data of a read or write
 * @pos: first byte in the file
 * @len: bytes
 * @op: HOSTD_IO_*
 * @flags: HOSTD_IO_*
 * @result: 0 or -errno, when done
 * @done: bytes done so far; the engine's
 * @tries: how often a call was refused for lack of memory or the like; the engine's
 * @call: the system call that is being made; the engine's
 * @called: its result, from another thread; the engine's
 * @next: the engine's
 */
struct hostd_io {
	struct hostd_file *file;
	void (*complete)(struct hostd_io *io);
	uint8_t *buf;
	uint64_t pos;
	uint64_t len;
	uint8_t op;
	uint8_t flags;
	int result;
	uint64_t done;
	unsigned int tries;
	struct hostd_io_call call;
	long called;
	struct hostd_io *next;
};

/**
 * struct hostd_engine_ops - a way to do I/O
 * @name: as in a device's "engine"
 * @init: make it; 0 or -errno
 * @exit: free it; nothing is in flight
 * @submit: start a request; true if it is done already, with its result; NULL: it is that of one back end
 * @kick: hand what was submitted to the kernel
 * @reap: complete what is done; returns how many requests
 */
struct hostd_engine_ops {
	const char *name;
	int (*init)(struct hostd_engine *e);
	void (*exit)(struct hostd_engine *e);
	bool (*submit)(struct hostd_engine *e, struct hostd_io *io);
	void (*kick)(struct hostd_engine *e);
	unsigned int (*reap)(struct hostd_engine *e);
};

extern const struct hostd_engine_ops hostd_engine_uring;
extern const struct hostd_engine_ops hostd_engine_sync;
extern const struct hostd_engine_ops hostd_engine_nbd;

/**
 * struct hostd_engine - an engine of this worker
 * @ops: what it does
 * @guard: for calls that may wait
 * @fd: readable when there is something to reap, or -1
 * @in_flight: requests submitted and not reaped
 * @error: 0, or why it does not work
 * @instead: does what this one does not, and all that the host forbids it while it is used; or NULL
 * @priv: the engine's
 */
struct hostd_engine {
	const struct hostd_engine_ops *ops;
	struct hostd_guard *guard;
	int fd;
	unsigned int in_flight;
	int error;
	struct hostd_engine *instead;
	void *priv;
};

/* The engines of a worker: those for files first, in the order of preference for "auto". */
#define HOSTD_ENGINE_NBD	2
#define HOSTD_ENGINES		3

/**
 * struct hostd_engines - the engines of a loop
 * @all: the engines
 * @guard: their calls that may wait
 */
struct hostd_engines {
	struct hostd_engine all[HOSTD_ENGINES];
	struct hostd_guard guard;
};

/**
 * hostd_engines_init - make every engine that this machine allows
 * @engines: the set
 *
 * Return: 0 or -ENOMEM. That io_uring or threads are not allowed is no failure: see @error of the
 * engine, and sync.c.
 */
int hostd_engines_init(struct hostd_engines *engines);

/**
 * hostd_engines_exit - free the engines; nothing is in flight
 * @engines: the set
 */
void hostd_engines_exit(struct hostd_engines *engines);

/**
 * hostd_engines_find - the engine for a device
 * @engines: the set
 * @name: "auto", "uring" or "sync"
 *
 * Return: an engine that works; NULL if there is none of that name or it doesn't.
 */
struct hostd_engine *hostd_engines_find(struct hostd_engines *engines, const char *name);

/**
 * hostd_engines_reap - hand over what was submitted, complete what is done
 * @engines: the set
 *
 * Context: the worker's loop; complete() of each request is called from here.
 * Return: number of requests completed.
 */
unsigned int hostd_engines_reap(struct hostd_engines *engines);

/**
 * hostd_engines_are_busy - has any of them a request
 * @engines: the set
 *
 * Return: true if so.
 */
bool hostd_engines_are_busy(const struct hostd_engines *engines);

/**
 * hostd_engines_pick_up - go on where the loop was left in a call
 * @engines: the set
 * @io: what the call was for: it ends when the call returns
 */
void hostd_engines_pick_up(struct hostd_engines *engines, struct hostd_io *io);

/**
 * hostd_engines_close - close a file; no request to it is in flight
 * @engines: the set
 * @file: the file; not used any more
 *
 * Even that may wait for a file system: a thread does it.
 */
void hostd_engines_close(struct hostd_engines *engines, const struct hostd_file *file);

/**
 * struct hostd_optimism - may a system call block this direction of a file
 * @no_nowait: RWF_NOWAIT isn't supported
 * @suspect_until_ns: until then it is watched whether calls block, because one was slow
 * @pause_until_ns: until then nothing is called inline, because a call blocked; 0: it may be
 * @pause_ns: length of the last such pause
 */
struct hostd_optimism {
	bool no_nowait;
	uint64_t suspect_until_ns;
	uint64_t pause_until_ns;
	uint64_t pause_ns;
};

/**
 * struct hostd_medium - what an image is and can do
 * @is_block: a block device
 * @direct: opened with O_DIRECT
 * @in_memory: on tmpfs: a flush has nothing to do
 * @is_remote: on a file system whose server may be slow or gone: no call may block
 * @punch: holes can be punched
 * @direct_block: unit of direct I/O, in bytes; 0: not asked
 * @physical_block: unit in which it writes, in bytes; 0: not known
 * @discard_granularity: unit in which it frees, in bytes; 0: not known
 * @fallocate_block: a call that frees or zeroes what is no multiple of this fails; 0: none does
 */
struct hostd_medium {
	bool is_block;
	bool direct;
	bool in_memory;
	bool is_remote;
	bool punch;
	uint32_t direct_block;
	uint32_t physical_block;
	uint32_t discard_granularity;
	uint32_t fallocate_block;
};

/**
 * struct hostd_file - a file that requests go to
 * @backend: its kind
 * @engine: its engine, or NULL
 * @crew: its threads, or NULL
 * @in_flight: requests that an engine has
 * @progress: requests that an engine is done with
 * @nr_taken: calls that kept the loop for too long and have not returned
 * @fd: descriptor, or -1
 * @direct: opened with O_DIRECT
 * @in_memory: on tmpfs: a flush has nothing to do
 * @is_remote: on a file system whose server may be slow or gone: no call may block
 * @is_block: a block device
 * @no_ring: it does nothing without waiting
 * @no_punch: holes can't be punched
 * @no_zero_range: FALLOC_FL_ZERO_RANGE isn't supported
 * @discard_granularity: unit in which the medium frees, in bytes; 0: not known
 * @fallocate_block: a call that frees or zeroes what is no multiple of this fails; 0: none does
 * @reads: inline reads
 * @writes: inline writes
 * @priv: the back end's
 */
struct hostd_file {
	const struct hostd_backend_ops *backend;
	struct hostd_engine *engine;
	struct hostd_crew *crew;
	unsigned int in_flight;
	uint64_t progress;
	unsigned int nr_taken;
	int fd;
	bool direct;
	bool in_memory;
	bool is_remote;
	bool is_block;
	bool no_ring;
	bool no_punch;
	bool no_zero_range;
	uint32_t discard_granularity;
	uint32_t fallocate_block;
	struct hostd_optimism reads;
	struct hostd_optimism writes;
	void *priv;
};

/**
 * hostd_medium_look - look at an image and what its file system can do
 * @fd: the image
 * @medium: gets what is known without the help of /sys
 *
 * May wait for the file system.
 *
 * Return: 0; -EINVAL for something that is neither file nor block device; another -errno.
 */
int hostd_medium_look(int fd, struct hostd_medium *medium);

/**
 * hostd_io_try - do a request at once if that is quick
 * @io: the request
 *
 * For engines. A part may be done when this returns false.
 *
 * Return: true if it is done.
 */
bool hostd_io_try(struct hostd_io *io);

/**
 * hostd_io_returned - the call of a request that is HOSTD_IO_TAKEN has returned
 * @io: the request
 *
 * For a while no call of its file is made in the loop.
 */
void hostd_io_returned(struct hostd_io *io);

/**
 * hostd_io_is_discarded - has a discard nothing more to do
 * @io: a discard
 *
 * Return: true if there is no whole block of the medium left in it, or the medium has no holes.
 */
bool hostd_io_is_discarded(const struct hostd_io *io);

/**
 * hostd_io_next_call - what to do next for a request
 * @io: the request, not done
 *
 * None takes long: what is large is done in several calls, and others have their turn between them.
 *
 * Return: @io->call, the system call.
 */
const struct hostd_io_call *hostd_io_next_call(struct hostd_io *io);

/**
 * hostd_io_called - account the result of the call from hostd_io_next_call()
 * @io: the request
 * @res: bytes, 0 or -errno
 *
 * DISCARD is advice: one that the medium refuses is done. Zeroes are written where it refuses.
 *
 * Return: true if the request is done, false if there is another call to make.
 */
bool hostd_io_called(struct hostd_io *io, long res);

/**
 * hostd_io_count - a request begins, or ends, to be an engine's
 * @e: the engine
 * @io: the request
 * @nr: 1 or -1
 */
static inline void hostd_io_count(struct hostd_engine *e, struct hostd_io *io, int nr)
{
	e->in_flight += nr;
	if (!io->file)
		return;
	io->file->in_flight += nr;
	io->file->progress += nr < 0;
}

#endif /* HOSTD_ENGINE_H */

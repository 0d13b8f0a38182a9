/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The standby: a thread that goes on as the worker's loop when a system call keeps it for too long.
 *
 * While the loop does I/O the standby looks at its guard (backend/guard.h) a hundred times a second;
 * while it sleeps, nobody looks. A thread that was overtaken delivers the result of its call when
 * that returns, and is the next standby, if there is none.
 */
#ifndef HOSTD_STANDBY_H
#define HOSTD_STANDBY_H

#include <stdbool.h>
#include <stdint.h>

#include "backend/guard.h"

/* Between two looks of the standby's. A call that it has seen LOOKS times is overtaken. */
#define HOSTD_STANDBY_LOOK_MS	10
#define HOSTD_STANDBY_LOOKS	3

/**
 * struct hostd_standby - the threads that are, or may become, the loop
 * @guard: calls of the loop's
 * @serve: be the loop, from its top; @left: the call in which it was left, or NULL; returns the
 *	exit status of the process when there is no more to do
 * @arg: for @serve
 * @look_ms: between two looks
 * @wake_fd: eventfd, ends a rest of the standby's; -1: there is no standby
 * @manned: somebody stands by
 * @resting: the loop sleeps
 * @parked: the standby does not look before @wake_fd says so
 * @over: the end has come
 * @nr_threads: threads but the first
 */
struct hostd_standby {
	struct hostd_guard *guard;
	int (*serve)(void *arg, struct hostd_io *left);
	void *arg;
	int look_ms;
	int wake_fd;
	bool manned;
	bool resting;
	bool parked;
	bool over;
	unsigned int nr_threads;
};

/**
 * hostd_standby_init - make what a standby needs
 * @sb: the standby; @guard, @serve and @arg are for the caller to set
 *
 * Before the sandbox: it makes no descriptors.
 */
void hostd_standby_init(struct hostd_standby *sb);

/**
 * hostd_standby_run - be the loop, with a standby
 * @sb: the standby
 * @status: gets what @serve returns
 *
 * When @serve returns in another thread than this, the process ends there, by _exit().
 *
 * Return: true if no other thread is left; false if some call has not returned: nothing can be freed.
 */
bool hostd_standby_run(struct hostd_standby *sb, int *status);

/**
 * hostd_standby_rest - the loop is about to sleep: nobody need look
 * @sb: the standby
 *
 * The next call that may wait ends that by itself.
 */
void hostd_standby_rest(struct hostd_standby *sb);

#endif /* HOSTD_STANDBY_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Daemons: programs of others' that run for as long as a device needs them, whatever becomes of workers.
 *
 * One dies with the broker, goes on when that becomes another program, and holds none of its descriptors.
 */
#ifndef HOSTD_DAEMON_H
#define HOSTD_DAEMON_H

#include <sys/types.h>

#include "lib/loop.h"
#include "lib/util.h"

struct hostd_broker;

/**
 * struct hostd_daemon_op - what to run
 * @argv: words of its command line, up to NULL; the first is looked for in PATH
 * @prepare: called in the new process, which may hang there; its error ends it; may be NULL
 * @ended: it has ended, and @why is one line: its last words, or how; called from the loop
 * @owner: for @prepare and @ended
 */
struct hostd_daemon_op {
	char *const *argv;
	int (*prepare)(void *owner);
	void (*ended)(void *owner, const char *why);
	void *owner;
};

/**
 * struct hostd_daemon - a daemon that has not been reaped
 * @b: the broker
 * @pid: process
 * @ended: as in the op; NULL: nobody wants to know
 * @owner: as in the op
 * @output: its standard error
 * @words: the last line of that
 * @next: list
 */
struct hostd_daemon {
	struct hostd_broker *b;
	pid_t pid;
	void (*ended)(void *owner, const char *why);
	void *owner;
	struct hostd_source output;
	char words[HOSTD_SHOWN_MAX];
	struct hostd_daemon *next;
};

/**
 * hostd_daemon_start - start one
 * @b: the broker
 * @op: what; is copied but for @op->owner
 *
 * Return: the daemon, which is the broker's; NULL with errno set.
 */
struct hostd_daemon *hostd_daemon_start(struct hostd_broker *b, const struct hostd_daemon_op *op);

/**
 * hostd_daemon_adopt - go on with one that the broker before this one has started
 * @b: the broker
 * @op: what it runs
 * @pid: its process, a child of this one
 * @output: its standard error; -1: there is none
 *
 * Return: the daemon, or NULL with errno set.
 */
struct hostd_daemon *hostd_daemon_adopt(struct hostd_broker *b, const struct hostd_daemon_op *op, pid_t pid,
					int output);

/**
 * hostd_daemon_stop - kill one; nobody is told
 * @d: the daemon, not used afterwards
 */
void hostd_daemon_stop(struct hostd_daemon *d);

/**
 * hostd_daemons_reap - reap those that have died, on SIGCHLD
 * @b: the broker
 */
void hostd_daemons_reap(struct hostd_broker *b);

/**
 * hostd_daemons_free - kill and forget all, at the end of the broker
 * @b: the broker
 */
void hostd_daemons_free(struct hostd_broker *b);

/**
 * hostd_daemon_is_installed - is there such a program
 * @name: its name, looked for in PATH
 *
 * Return: true if so.
 */
bool hostd_daemon_is_installed(const char *name);

#endif /* HOSTD_DAEMON_H */

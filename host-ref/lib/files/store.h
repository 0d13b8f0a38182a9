/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small file of this process' own that another one can read when this one was killed.
 */
#ifndef HOSTD_STORE_H
#define HOSTD_STORE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/loop.h"

/* Longest content in bytes. */
#define HOSTD_STORE_MAX		(1 << 20)

/**
 * struct hostd_store - the file
 * @name: its path
 * @loss: what it means that it cannot be written
 * @loop: event loop
 * @writer: connection to the process that writes it
 * @retry: when what has failed is tried again
 * @wanted: its content; NULL: it is to be removed
 * @is_stale: that process writes something older
 * @in_memory: it is written by this process: that waits for nothing
 * @is_late: the process takes long: nobody waits for it any more
 * @failed: the last attempt to write has failed, and the log has said so
 */
struct hostd_store {
	const char *name;
	const char *loss;
	struct hostd_loop *loop;
	struct hostd_source writer;
	struct hostd_timer retry;
	char *wanted;
	bool is_stale;
	bool in_memory;
	bool is_late;
	bool failed;
};

/**
 * hostd_store_init - prepare a file
 * @store: the file
 * @loop: event loop
 * @name: its path, absolute or in the current directory, which is this user's alone
 * @loss: what it means that it cannot be written, for the log; the caller keeps both texts
 */
void hostd_store_init(struct hostd_store *store, struct hostd_loop *loop, const char *name, const char *loss);

/**
 * hostd_store_adopt - let what writes for the program that this process was end before anything else is written
 * @store: the file
 * @fd: hostd_store.writer.fd of that; -1: nothing does
 */
void hostd_store_adopt(struct hostd_store *store, int fd);

/**
 * hostd_store_exit - forget it, after a second at most in which what is wanted is done
 * @store: a file; may be all zero
 *
 * What is being written by then still is.
 */
void hostd_store_exit(struct hostd_store *store);

/**
 * hostd_store_put - give it another content, in one step: a reader finds the old or the new one
 * @store: the file
 * @text: the content
 *
 * Where its file system may make a writer wait, a process of its own writes it, one at a time, also of those that
 * another pvhostd has left behind in this run directory; that is waited for no longer than a moment. The log says when
 * it fails, and it is tried again until it works.
 */
void hostd_store_put(struct hostd_store *store, const char *text);

/**
 * hostd_store_remove - remove it, likewise
 * @store: the file
 */
void hostd_store_remove(struct hostd_store *store);

/**
 * hostd_store_read - read such a file
 * @name: its name, in the current directory
 * @text: gets the content, to be freed; NULL: there is no such file, or nothing in it
 *
 * Return: 0; -EPERM if it is no file of this user's that nobody else can write to; -EFBIG; another
 * -errno.
 */
int hostd_store_read(const char *name, char **text);

#endif /* HOSTD_STORE_H */

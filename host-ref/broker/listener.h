/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Listening sockets that rest while no connection can be taken.
 */
#ifndef HOSTD_LISTENER_H
#define HOSTD_LISTENER_H

#include "lib/log/log.h"
#include "lib/loop.h"

/**
 * struct hostd_listener - a listening socket
 * @src: the socket; @src.ready is called when somebody connects
 * @loop: the loop that watches it
 * @resume: ends a rest
 * @rest_ms: how long it rests; 0: it does not
 * @lines: limit of the lines that say why
 */
struct hostd_listener {
	struct hostd_source src;
	struct hostd_loop *loop;
	struct hostd_timer resume;
	unsigned int rest_ms;
	struct hostd_limit lines;
};

/**
 * hostd_listener_remove_stale - make room where a socket is to be made
 * @path: its place; a socket that is there is removed, nothing else
 *
 * Return: 0, -EEXIST: there is something else, or -errno.
 */
int hostd_listener_remove_stale(const char *path);

/**
 * hostd_listener_open - make a listening UNIX socket of mode 0600
 * @path: its place in the run directory; a socket that is there is replaced, nothing else
 *
 * Return: non-blocking descriptor or -errno.
 */
int hostd_listener_open(const char *path);

/**
 * hostd_listener_start - watch a listening socket
 * @l: the listener, with @src.ready set
 * @loop: the loop
 * @fd: the socket; the listener's, if this works
 *
 * Return: 0 or -errno.
 */
int hostd_listener_start(struct hostd_listener *l, struct hostd_loop *loop, int fd);

/**
 * hostd_listener_stop - close it
 * @l: a listener, started or not
 */
void hostd_listener_stop(struct hostd_listener *l);

/**
 * hostd_listener_accept - take a connection
 * @l: the listener
 *
 * When the host has no descriptor or memory for one, the listener rests for a second instead of
 * being called again at once, and the log says so.
 *
 * Return: non-blocking descriptor, or -1.
 */
int hostd_listener_accept(struct hostd_listener *l);

/**
 * hostd_listener_pause - take no connection for a while; who connects waits
 * @l: the listener
 * @ms: for how long; 0: until hostd_listener_resume()
 */
void hostd_listener_pause(struct hostd_listener *l, unsigned int ms);

/**
 * hostd_listener_resume - take connections again
 * @l: the listener
 */
void hostd_listener_resume(struct hostd_listener *l);

#endif /* HOSTD_LISTENER_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The closer: what may wait in closing a descriptor is another process, now or as soon as one can be started.
 *
 * The last that closes a file or a connection may wait for a file system or a peer.
 */
#ifndef HOSTD_CLOSER_H
#define HOSTD_CLOSER_H

#include <stdbool.h>

#include "lib/log/log.h"
#include "lib/loop.h"

/* Most descriptors that wait for a process. */
#define HOSTD_CLOSER_MAX	128

struct hostd_broker;
struct hostd_listener;
struct json_object;

/**
 * struct hostd_closer - descriptors that wait for a process
 * @fds: the descriptors
 * @nr: their number
 * @retry: when to try again
 * @lines: limit of the lines about that
 * @said: there was one, and nothing since
 */
struct hostd_closer {
	int fds[HOSTD_CLOSER_MAX];
	unsigned int nr;
	struct hostd_timer retry;
	struct hostd_limit lines;
	bool said;
};

/**
 * hostd_closer_init - prepare
 * @b: the broker
 * @fds: what waited in the broker that has become this one, as hostd_closer_save() said; NULL: nothing
 */
void hostd_closer_init(struct hostd_broker *b, struct json_object *fds);

/**
 * hostd_closer_exit - forget what waits; the end of this process closes it, and waits for no peer
 * @b: the broker
 */
void hostd_closer_exit(struct hostd_broker *b);

/**
 * hostd_closer_take - before a descriptor is closed: have somebody else be the last that does
 * @b: the broker
 * @fd: the descriptor, which is closed before the loop goes on; -1: nothing happens
 * @shown: what it is of, for messages
 */
void hostd_closer_take(struct hostd_broker *b, int fd, const char *shown);

/**
 * hostd_closer_admits - may a connection be taken, which is to be closed one day with whatever it has brought
 * @b: the broker
 * @listener: by which it comes; rests for a while if not
 * @more: room that there must be for others then
 *
 * Return: true if so.
 */
bool hostd_closer_admits(struct hostd_broker *b, struct hostd_listener *listener, unsigned int more);

/**
 * hostd_closer_save - say what waits
 * @b: the broker
 *
 * Return: the descriptors by number.
 */
struct json_object *hostd_closer_save(const struct hostd_broker *b);

#endif /* HOSTD_CLOSER_H */

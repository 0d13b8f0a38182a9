/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Gifts: descriptors that somebody sends along, and that this process must not have unseen.
 *
 * Whoever has a descriptor has to close it, and to close one may wait: for the server of its file system, or for a
 * peer that does not read (SO_LINGER). So another process takes them, and passes on what is known not to.
 */
#ifndef HOSTD_GIFT_H
#define HOSTD_GIFT_H

#include <stdbool.h>
#include <stddef.h>

#include "broker/errand/errand.h"

/* Most that come at a time, and what is said of more. */
#define HOSTD_GIFTS_MAX		32
#define HOSTD_GIFTS_TOO_MANY	"send at most 32, and see to the limit of pvhostd's (ulimit -n, LimitNOFILE=)"

struct hostd_broker;

/**
 * hostd_gift_look - have a process look at the descriptors that come next
 * @b: the broker
 * @sock: socket in which they wait; what waits there stays
 * @len: bytes that come with them
 * @told: gets a plain report, and without an error one descriptor, for hostd_gift_take(); until it returns that
 *	process has them, too
 * @owner: for @told; there is one such process for each at a time
 * @err: gets one line of HOSTD_ERROR_MAX when that fails
 *
 * Return: as hostd_errand_start().
 */
int hostd_gift_look(struct hostd_broker *b, int sock, size_t len, hostd_errand_told told, void *owner, char *err);

/**
 * hostd_gift_take - take what has been looked at
 * @gift: the descriptor that came with the report; is closed
 * @fds: room for the descriptors, as many as were sent: one whose kind is not known is /dev/null
 * @room: for so many
 *
 * Return: their number; -EMFILE if there is no room, or they are too many for this process; another -errno.
 */
int hostd_gift_take(int gift, int *fds, unsigned int room);

/**
 * hostd_gift_waits - may a connection of UNIX have descriptors in it?
 * @sock: the connection, of SOCK_STREAM
 *
 * Return: whether something in it has not been read.
 */
bool hostd_gift_waits(int sock);

/**
 * hostd_gift_close - close what was taken
 * @b: the broker
 * @fds: the descriptors
 * @nr: their number, then 0
 */
void hostd_gift_close(struct hostd_broker *b, int *fds, unsigned int *nr);

/**
 * hostd_gift_leave - before a connection is closed: let descriptors in it be another process'
 * @b: the broker
 * @sock: the connection, of SOCK_STREAM, from which nothing can be read any more; -1: nothing happens
 *
 * What was not read goes with the last that closes the connection, and it is that one who waits.
 */
void hostd_gift_leave(struct hostd_broker *b, int sock);

#endif /* HOSTD_GIFT_H */

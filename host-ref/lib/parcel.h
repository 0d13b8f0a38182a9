/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Parcels: bytes and descriptors through a socket, as one message.
 */
#ifndef HOSTD_PARCEL_H
#define HOSTD_PARCEL_H

#include <stddef.h>

/* Most descriptors of one. */
#define HOSTD_PARCEL_FDS	4

/**
 * hostd_parcel_pair - make the two ends of a connection
 * @pair: gets them, close-on-exec
 *
 * Return: 0 or -errno.
 */
int hostd_parcel_pair(int pair[2]);

/**
 * hostd_parcel_send - send one
 * @sock: either end
 * @data: the bytes, at least one
 * @len: their number
 * @fds: descriptors, which stay the caller's
 * @nr_fds: their number, at most HOSTD_PARCEL_FDS
 *
 * Never waits.
 *
 * Return: 0 or -errno.
 */
int hostd_parcel_send(int sock, const void *data, size_t len, const int *fds, unsigned int nr_fds);

/**
 * hostd_parcel_recv - receive one
 * @sock: either end
 * @data: gets the bytes
 * @len: their number
 * @fds: gets the descriptors, close-on-exec; room for HOSTD_PARCEL_FDS
 * @nr_fds: gets their number
 *
 * Never waits.
 *
 * Return: 0; -EAGAIN if there is none; -EPIPE if there will be none; -EBADMSG for one of another
 * length, which is gone; another -errno.
 */
int hostd_parcel_recv(int sock, void *data, size_t len, int *fds, unsigned int *nr_fds);

/**
 * hostd_parcel_take - take the only descriptor out of a socket, and close that
 * @sock: the socket
 *
 * Return: the descriptor or -errno.
 */
int hostd_parcel_take(int sock);

#endif /* HOSTD_PARCEL_H */

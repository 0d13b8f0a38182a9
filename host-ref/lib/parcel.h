/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Parcels: bytes and descriptors through a UNIX socket, as one message.
 */
#ifndef HOSTD_PARCEL_H
#define HOSTD_PARCEL_H

#include <stdbool.h>
#include <stddef.h>

/* Most descriptors of one: the kernel's limit. */
#define HOSTD_PARCEL_FDS	253

/**
 * struct hostd_parcel - room for a parcel, and then what came
 * @data: room for the bytes
 * @len: that room, then their number
 * @fds: room for the descriptors, close-on-exec
 * @nr_fds: that room, then their number; without room none ever is this process'
 * @lost: descriptors came that this process may not have (RLIMIT_NOFILE), or for which there was no
 *	room: all were closed
 */
struct hostd_parcel {
	void *data;
	size_t len;
	int *fds;
	unsigned int nr_fds;
	bool lost;
};

/**
 * hostd_parcel_pair - make the two ends of a connection that keeps parcels apart
 * @pair: gets them, close-on-exec; to receive from the second one waits, from the first one not
 *
 * Return: 0 or -errno.
 */
int hostd_parcel_pair(int pair[2]);

/**
 * hostd_parcel_refuse_fds - have the kernel refuse descriptors that others send to a socket
 * @sock: the socket, before anybody can send to it; one that is not of UNIX never takes any
 *
 * Else whoever reads bytes only, or closes what was not read, closes them, and may wait in that. Linux knows how since
 * 6.16; before, nothing happens.
 */
void hostd_parcel_refuse_fds(int sock);

/**
 * hostd_parcel_send - send one
 * @sock: a socket
 * @data: the bytes, at least one
 * @len: their number
 * @fds: descriptors, which stay the caller's
 * @nr_fds: their number, at most HOSTD_PARCEL_FDS
 *
 * Never waits.
 *
 * Return: 0; -EAGAIN if the peer does not read; -EPIPE if it is gone, or took only a part (of a
 * stream); -EMSGSIZE for one that is too large; another -errno.
 */
int hostd_parcel_send(int sock, const void *data, size_t len, const int *fds, unsigned int nr_fds);

/**
 * hostd_parcel_recv - receive one
 * @sock: a socket
 * @parcel: room for it, then what came; with an error no descriptor stays open
 *
 * Return: 0; -EAGAIN if @sock does not wait and there is none; -EPIPE if there will be none;
 * -EMSGSIZE for one with more bytes than there is room for, which is gone; another -errno.
 */
int hostd_parcel_recv(int sock, struct hostd_parcel *parcel);

/**
 * hostd_parcel_peek - receive one that stays where it is, and its descriptors too
 * @sock: a socket
 * @parcel: room for it, then what came; without room for descriptors @lost says whether some come along
 *
 * Return: as hostd_parcel_recv().
 */
int hostd_parcel_peek(int sock, struct hostd_parcel *parcel);

/**
 * hostd_parcel_wrap - put a descriptor into a socket of its own, from which it can be taken
 * @fd: the descriptor, which stays the caller's
 *
 * Who passes that socket on has not got the descriptor, and never has to close it.
 *
 * Return: the socket or -errno.
 */
int hostd_parcel_wrap(int fd);

/**
 * hostd_parcel_take - take the descriptor out of such a socket, and close that
 * @sock: the socket
 *
 * Return: the descriptor or -errno.
 */
int hostd_parcel_take(int sock);

#endif /* HOSTD_PARCEL_H */

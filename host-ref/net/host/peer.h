/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Peers that a NIC is connected to by a UNIX socket, as QEMU's -netdev stream and dgram speak it.
 *
 * The worker gets a *line*: a socket in which it finds a connected one, now or later, and in which it says
 * that it has lost that. Each worker, and each new peer, gets a new connection: the last one may have ended
 * within a frame.
 */
#ifndef HOSTD_NET_HOST_PEER_H
#define HOSTD_NET_HOST_PEER_H

#include <stdbool.h>
#include <sys/un.h>

#include "lib/loop.h"
#include "lib/util.h"

struct hostd_broker;

/* Longest path of a socket. */
#define NET_PEER_PATH_MAX	(sizeof(((struct sockaddr_un *)0)->sun_path) - 1)

/**
 * struct net_peer_spec - a peer
 * @path: of its socket
 * @local: of the socket that this side makes, of datagrams; NULL: none
 * @is_dgram: a datagram is a frame; else frames are in a stream
 * @is_ours: it is started by pvhostd, and need not be there at once
 */
struct net_peer_spec {
	const char *path;
	const char *local;
	bool is_dgram;
	bool is_ours;
};

/**
 * struct net_peer - a peer, and what connects the worker with it
 * @b: the broker
 * @id: name of the device, for messages
 * @spec: as given
 * @line: this end of the line
 * @retry: due when to try again
 * @pause_ms: before the next attempt
 * @connected_ms: when the last connection was made
 * @told: called with the result of the first attempt; NULL: nobody waits
 * @owner: for @told
 * @is_missed: the log says that it is not there
 */
struct net_peer {
	struct hostd_broker *b;
	const char *id;
	struct net_peer_spec spec;
	struct hostd_source line;
	struct hostd_timer retry;
	unsigned int pause_ms;
	uint64_t connected_ms;
	void (*told)(void *owner, const char *error);
	void *owner;
	bool is_missed;
};

/**
 * net_peer_init - prepare
 * @peer: the peer
 * @b: the broker
 * @id: name of the device, which lives as long
 * @spec: whom to connect to; its texts live as long
 */
void net_peer_init(struct net_peer *peer, struct hostd_broker *b, const char *id, const struct net_peer_spec *spec);

/**
 * net_peer_exit - end all that was begun
 * @peer: the peer; also one that is all zero
 */
void net_peer_exit(struct net_peer *peer);

/**
 * net_peer_open - make a line for the next worker, and begin to connect
 * @peer: the peer
 * @told: gets the reason why the first attempt failed, in one line, or NULL, from the loop; else
 *	it is tried until it succeeds. NULL: nobody wants to know
 * @owner: for @told
 * @err: gets one line of HOSTD_ERROR_MAX when that fails
 *
 * Return: the worker's end of the line, or -errno.
 */
int net_peer_open(struct net_peer *peer, void (*told)(void *owner, const char *error), void *owner, char *err);

/**
 * net_peer_close - hang up: there is no worker
 * @peer: the peer
 */
void net_peer_close(struct net_peer *peer);

#endif /* HOSTD_NET_HOST_PEER_H */

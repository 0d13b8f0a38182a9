/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Peers that a NIC is connected to by a UNIX socket, as QEMU's -netdev stream and dgram speak it.
 *
 * The worker gets a line (broker/line.h). Each worker, and each new peer, gets a new connection: the last
 * one may have ended within a frame. A socket of datagrams stays the same, and is connected anew: what comes
 * between two workers waits in it, and whoever is connected to it has to do nothing.
 */
#ifndef HOSTD_NET_HOST_PEER_H
#define HOSTD_NET_HOST_PEER_H

#include <stdbool.h>
#include <sys/un.h>

#include "broker/line.h"

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
 * @line: the line of the worker
 * @spec: as given; what its errands need to know
 */
struct net_peer {
	struct hostd_line line;
	struct net_peer_spec spec;
};

/**
 * net_peer_init - prepare
 * @peer: the peer
 * @b: the broker
 * @id: name of the device, which lives as long
 * @spec: whom to connect to; its texts live as long
 */
void net_peer_init(struct net_peer *peer, struct hostd_broker *b, const char *id, const struct net_peer_spec *spec);

#endif /* HOSTD_NET_HOST_PEER_H */

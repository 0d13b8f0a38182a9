/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Capture: a copy of each frame that the back end gives or takes, as pcapng, for whoever is at the other end
 * of a socket.
 *
 * Nobody waits for that: frames for which there is no room in the capture's own memory are dropped from it,
 * and counted. They are as the back end has them: whole segments, unfinished checksums.
 */
#ifndef HOSTD_NET_CAPTURE_H
#define HOSTD_NET_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>

struct net;
struct net_capture;

/**
 * net_capture_start - begin, with the next frame
 * @net: the NIC, of which there is no capture
 * @fd: a stream socket; the capture's, if this works. When its other end is closed for writing the capture
 *	ends, with what is left, and statistics
 * @snaplen: bytes of each frame that are copied at most
 * @error: gets the reason of a failure, HDEV_ERROR_LEN bytes
 *
 * Return: 0 or -errno.
 */
int net_capture_start(struct net *net, int fd, uint32_t snaplen, char *error);

/**
 * net_capture_end - end it, with what the socket has room for
 * @net: the NIC; also one that has none
 */
void net_capture_end(struct net *net);

/**
 * net_capture_put - a frame goes through
 * @net: the NIC, of which there is a capture
 * @data: the frame, maybe changing meanwhile
 * @len: bytes
 * @inbound: it goes to the guest
 */
void net_capture_put(struct net *net, const uint8_t *data, uint32_t len, bool inbound);

#endif /* HOSTD_NET_CAPTURE_H */

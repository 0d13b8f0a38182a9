/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What back ends share whose peers know no offloads.
 */
#ifndef HOSTD_NET_PARTS_H
#define HOSTD_NET_PARTS_H

#include "net/backend/backend.h"

/* Most parts of a frame: its length, and what is before, at, and after its checksum. */
#define NET_PARTS_MAX	4

/**
 * struct net_parts - a frame as it is sent
 * @iov: its parts: room for NET_PARTS_MAX
 * @nr: their number
 * @len: bytes of all
 * @be_len: its length, in network order
 * @csum: its checksum
 */
struct net_parts {
	struct iovec *iov;
	unsigned int nr;
	size_t len;
	uint32_t be_len;
	uint16_t csum;
};

/**
 * net_parts_make - make the parts of a frame, with its checksum complete
 * @parts: gets them; stays where it is until they are sent
 * @out: the frame
 * @with_len: begin with its length
 */
void net_parts_make(struct net_parts *parts, const struct net_out *out, bool with_len);

/* PVNET_F_* of what is cut for them. */
#define NET_CUT_FEATURES	(1 << PVNET_F_TSO4 | 1 << PVNET_F_TSO6 | 1 << PVNET_F_TSO_ECN | 1 << PVNET_F_USO)

/* Frames that are cut at once. */
#define NET_CHUNK_MAX	64

/**
 * struct net_chunk - frames that a segment was cut into
 * @nr: their number
 * @parts: of each, with its length
 * @iov: of all
 * @heads: headers
 */
struct net_chunk {
	unsigned int nr;
	struct net_parts parts[NET_CHUNK_MAX];
	struct iovec iov[NET_CHUNK_MAX * NET_PARTS_MAX];
	uint8_t heads[NET_CHUNK_MAX][NET_CUT_HEAD];
};

/**
 * net_chunk_make - cut as much as there is room for
 * @chunk: gets it; stays where it is until it is sent
 * @cut: the segment
 *
 * Return: true if there is something.
 */
bool net_chunk_make(struct net_chunk *chunk, struct net_cut *cut);

/**
 * struct net_rest - what counts as sent, and is not yet: frames, each with its length before it
 * @at: how much has been sent
 * @len: bytes
 * @data: room for a segment in as many frames as there may be
 */
struct net_rest {
	size_t at;
	size_t len;
	uint8_t data[PVNET_FRAME_MAX + NET_CUT_MAX * (NET_CUT_HEAD + sizeof(uint32_t))];
};

/**
 * net_rest_add - keep a frame, or what has not been sent of it
 * @rest: gets it; all of a segment has room
 * @parts: the frame
 * @skip: how much has been sent
 */
void net_rest_add(struct net_rest *rest, const struct net_parts *parts, size_t skip);

/**
 * net_parts_copy - copy a frame into @iov
 * @iov: room
 * @nr_iov: parts of that
 * @frame: the frame
 * @len: its length
 *
 * Return: bytes copied: less than @len if there is no room.
 */
size_t net_parts_copy(const struct iovec *iov, unsigned int nr_iov, const uint8_t *frame, size_t len);

/**
 * net_arrival_check - find out what can be said of a frame that came
 * @be: the back end
 * @frame: a private copy
 * @len: its length
 * @offload: gets whether its checksum is right, if the driver wants to know
 */
void net_arrival_check(const struct net_backend *be, const uint8_t *frame, size_t len, struct net_offload *offload);

#endif /* HOSTD_NET_PARTS_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frames, as far as the device side has to look at them: offloads, addresses, hashes, checksums.
 *
 * Whatever is looked at is a private copy. Lengths and offsets are bytes from the start of the frame.
 */
#ifndef HOSTD_NET_FRAME_H
#define HOSTD_NET_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pv/net.h>

/* Bytes of a frame that filters and hashes look at: two VLAN tags, an IPv6 header, ports. */
#define NET_PEEK_LEN	128

/* Features that are named for transmission, from those of reception. */
#define NET_RX_SHIFT	PVNET_F_RX_CSUM

/**
 * struct net_offload - what is left to be done on a frame, as struct pvnet_offload, in the host's order
 * @flags: PVNET_O_*
 * @gso_type: PVNET_GSO_*
 * @gso_size: payload of each segment
 * @hdr_len: a hint
 * @csum_start: where the sum starts
 * @csum_offset: place of the checksum from there
 */
struct net_offload {
	uint8_t flags;
	uint8_t gso_type;
	uint16_t gso_size;
	uint16_t hdr_len;
	uint16_t csum_start;
	uint16_t csum_offset;
};

/* offload.c */

/**
 * net_offload_load - take an offload from the wire
 * @to: gets it
 * @from: a private copy
 */
void net_offload_load(struct net_offload *to, const struct pvnet_offload *from);

/**
 * net_offload_store - put an offload on the wire
 * @to: a private copy, which the caller writes out
 * @from: the offload
 */
void net_offload_store(struct pvnet_offload *to, const struct net_offload *from);

/**
 * net_offload_is_sound - does an offload make sense, and was it agreed (NET-G2)
 * @o: the offload; PVNET_O_CSUM_VALID in it is not looked at
 * @len: of the frame
 * @features: agreed ones, as bits, those of transmission
 *
 * Return: true if so.
 */
bool net_offload_is_sound(const struct net_offload *o, uint32_t len, uint64_t features);

/* csum.c */

/**
 * net_csum_add - add bytes to a ones' complement sum
 * @sum: the sum so far
 * @data: the bytes; the first is at an even place of what is summed
 * @len: their number
 *
 * Return: the sum.
 */
uint64_t net_csum_add(uint64_t sum, const void *data, size_t len);

/**
 * net_csum_fold - make a sum the checksum of what was added
 * @sum: the sum
 *
 * Return: the checksum, in the order of the bytes that were added.
 */
uint16_t net_csum_fold(uint64_t sum);

/**
 * net_csum_complete - complete a partial checksum
 * @frame: the frame, maybe changing meanwhile
 * @len: its length
 * @o: its offload, sound
 *
 * Return: the checksum to be stored at csum_start + csum_offset.
 */
uint16_t net_csum_complete(const uint8_t *frame, uint32_t len, const struct net_offload *o);

/**
 * net_csum_is_right - has a frame a TCP or UDP checksum over all of it, and is that right
 * @frame: a private copy of the whole frame
 * @len: its length
 *
 * Return: true if so; false also for what is no TCP or UDP, a fragment, or has no checksum.
 */
bool net_csum_is_right(const uint8_t *frame, uint32_t len);

/* parse.c */

/**
 * struct net_headers - where things are in a frame
 * @l3: offset of the IP header
 * @l4: offset of the TCP or UDP header; 0: there is none, or in another fragment
 * @proto: IPPROTO_TCP or IPPROTO_UDP with @l4
 * @is_ipv4: it is IPv4
 * @is_ipv6: it is IPv6
 * @l3_len: bytes from @l3 on to the end of the IP packet, as its header says
 * @vlan: VLAN of the outermost tag, 802.1Q; 0: none
 */
struct net_headers {
	uint16_t l3;
	uint16_t l4;
	uint8_t proto;
	bool is_ipv4;
	bool is_ipv6;
	uint32_t l3_len;
	uint16_t vlan;
};

/**
 * net_headers_find - look for the headers of a frame
 * @h: gets what there is
 * @peek: a private copy of its start
 * @len: bytes of that, at least PVNET_FRAME_MIN
 */
void net_headers_find(struct net_headers *h, const uint8_t *peek, uint32_t len);

/**
 * net_csum_pseudo - sum of the pseudo header (csum.c)
 * @h: the headers of a frame with TCP or UDP
 * @frame: a private copy of them
 * @l4_len: bytes from the transport's header on
 *
 * Return: the sum.
 */
uint64_t net_csum_pseudo(const struct net_headers *h, const uint8_t *frame, uint32_t l4_len);

/* cut.c */

/* The longest headers of a segment that is cut, and most frames that it becomes: so it can be kept. */
#define NET_CUT_HEAD	192U
#define NET_CUT_MAX	256U

/**
 * struct net_cut - a segment that is being cut
 * @h: where its headers are
 * @head_len: bytes of them
 * @size: payload of each frame but the last
 * @payload: what is left of it
 * @left: bytes of that
 * @nr: frames that were cut so far
 * @head: a private copy of its start
 */
struct net_cut {
	struct net_headers h;
	uint32_t head_len;
	uint32_t size;
	const uint8_t *payload;
	uint32_t left;
	unsigned int nr;
	uint8_t head[NET_CUT_HEAD];
};

/**
 * net_cut_begin - begin to cut a segment
 * @cut: what is known of it
 * @frame: the segment, maybe changing meanwhile: its headers are copied, and then checked; stays until it is cut
 * @len: its length
 * @o: its offload, sound, with a gso_type
 *
 * Return: 0; -EINVAL: its headers are not what its offload says; -EMSGSIZE: it would be too many frames, or too
 * long ones.
 */
int net_cut_begin(struct net_cut *cut, const uint8_t *frame, uint32_t len, const struct net_offload *o);

/**
 * net_cut_next - make the next frame
 * @cut: the segment
 * @head: gets its headers, @cut->head_len bytes
 * @payload: gets the place of what follows them, in the segment
 * @size: gets the length of that
 *
 * Checksums are complete.
 *
 * Return: true if there is one.
 */
bool net_cut_next(struct net_cut *cut, uint8_t *head, const uint8_t **payload, uint32_t *size);

/* filter.c */

/**
 * net_filter_wants - does the driver want a frame (NET-D10)
 * @set: the settings, checked
 * @peek: a private copy of the frame's start, at least PVNET_FRAME_MIN bytes
 * @vlan: VLAN of its outermost tag; 0: none
 *
 * Return: true if so.
 */
bool net_filter_wants(const struct pvnet_settings *set, const uint8_t *peek, uint16_t vlan);

/* rss.c */

/**
 * net_toeplitz - the Toeplitz hash
 * @key: 40 bytes
 * @data: what is hashed
 * @len: bytes, at most 36
 *
 * Return: the hash.
 */
uint32_t net_toeplitz(const uint8_t *key, const uint8_t *data, size_t len);

/**
 * net_hash - hash a frame (NET-D11)
 * @set: the settings, checked
 * @h: its headers
 * @peek: a private copy of its start, which has them
 * @hash: gets the hash, or 0
 *
 * Return: its type, one of PVNET_HASH_*; 0: it has none.
 */
uint32_t net_hash(const struct pvnet_settings *set, const struct net_headers *h, const uint8_t *peek,
		  uint32_t *hash);

#endif /* HOSTD_NET_FRAME_H */

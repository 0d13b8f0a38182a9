// SPDX-License-Identifier: GPL-2.0-only
/*
 * Checksums of the Internet (RFC 1071): for back ends that take and give frames only with complete ones.
 */
#include "net/frame/frame.h"

#include <endian.h>
#include <netinet/in.h>
#include <string.h>

/* Offset of the checksum in its header. */
#define TCP_CSUM	16
#define UDP_CSUM	6

uint64_t net_csum_add(uint64_t sum, const void *data, size_t len)
{
	const uint8_t *at = data;
	uint64_t tail = 0;
	uint32_t word;

	/* Sums of 32-bit words fold to the same: 2^32 is 1 modulo 2^16 - 1. */
	for (; len >= sizeof(word); len -= sizeof(word), at += sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		sum += word;
	}
	memcpy(&tail, at, len);
	/* The bytes of the tail are the first ones of a word. */
	return sum + (htole64(1) == 1 ? tail : tail >> 32);
}

uint16_t net_csum_fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

uint16_t net_csum_complete(const uint8_t *frame, uint32_t len, const struct net_offload *o)
{
	uint16_t csum = net_csum_fold(net_csum_add(0, frame + o->csum_start, len - o->csum_start));

	/* For UDP 0 says that there is none; for others both zeroes are the same. */
	return csum ? csum : 0xffff;
}

uint64_t net_csum_pseudo(const struct net_headers *h, const uint8_t *frame, uint32_t l4_len)
{
	const uint8_t *ip = frame + h->l3;
	uint64_t sum = h->is_ipv4 ? net_csum_add(0, ip + 12, 8) : net_csum_add(0, ip + 8, 32);

	return sum + htobe16(h->proto) + htobe16(l4_len & 0xffff) + htobe16(l4_len >> 16);
}

/* UDP has a length of its own, and may have no checksum. */
static bool udp_is_whole(const uint8_t *udp, uint32_t l4_len)
{
	return (udp[4] << 8 | udp[5]) == (int)l4_len && (udp[UDP_CSUM] || udp[UDP_CSUM + 1]);
}

bool net_csum_is_right(const uint8_t *frame, uint32_t len)
{
	struct net_headers h;
	uint32_t l4_len;
	unsigned int at;

	net_headers_find(&h, frame, len);
	if (!h.l4 || h.l3_len > len - h.l3 || h.l4 >= h.l3 + h.l3_len)
		return false;
	l4_len = h.l3 + h.l3_len - h.l4;
	at = h.proto == IPPROTO_TCP ? TCP_CSUM : UDP_CSUM;
	if (l4_len < at + 2 || (h.proto == IPPROTO_UDP && !udp_is_whole(frame + h.l4, l4_len)))
		return false;
	return !net_csum_fold(net_csum_add(net_csum_pseudo(&h, frame, l4_len), frame + h.l4, l4_len));
}

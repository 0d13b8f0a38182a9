// SPDX-License-Identifier: GPL-2.0-only
/*
 * Segments cut into frames, as a network card does, and Linux where there is none that can: for back ends whose
 * peers know no long frames.
 */
#include "net/frame/frame.h"

#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#define IPV4_LEN	20
#define IPV6_LEN	40
#define IP_MAX		65535U	/* what a length in an IP header can say */

#define TCP_LEN		20
#define TCP_SEQ		4
#define TCP_DOFF	12
#define TCP_FLAGS	13
#define TCP_CSUM	16
#define TCP_ONLY_LAST	(0x01 | 0x08)	/* FIN, PSH */
#define TCP_ONLY_FIRST	0x80		/* CWR */

#define UDP_LEN		8
#define UDP_LENGTH	4
#define UDP_CSUM	6

static unsigned int get16(const uint8_t *at)
{
	return at[0] << 8 | at[1];
}

static void put16(uint8_t *at, unsigned int value)
{
	at[0] = value >> 8;
	at[1] = value;
}

/* Does the IP header end where the transport's begins? One of IPv6 may have more behind it. */
static bool ip_is_sound(const struct net_cut *cut, const struct net_offload *o)
{
	const struct net_headers *h = &cut->h;

	if (h->is_ipv4)
		return (o->gso_type & ~PVNET_GSO_ECN) != PVNET_GSO_TCPV6 &&
		       o->csum_start == h->l3 + (cut->head[h->l3] & 15) * 4 && o->csum_start >= h->l3 + IPV4_LEN;
	return h->is_ipv6 && (o->gso_type & ~PVNET_GSO_ECN) != PVNET_GSO_TCPV4 && o->csum_start >= h->l3 + IPV6_LEN;
}

/* Where the payload begins; 0: the transport's header is none. */
static uint32_t find_payload(const struct net_cut *cut, const struct net_offload *o, uint32_t copied)
{
	uint32_t at = o->csum_start, end;

	if (cut->h.proto == IPPROTO_UDP)
		return o->csum_offset == UDP_CSUM && at + UDP_LEN <= copied ? at + UDP_LEN : 0;
	if (o->csum_offset != TCP_CSUM || at + TCP_LEN > copied)
		return 0;
	end = at + (cut->head[at + TCP_DOFF] >> 4) * 4;
	return end >= at + TCP_LEN && end <= copied ? end : 0;
}

int net_cut_begin(struct net_cut *cut, const uint8_t *frame, uint32_t len, const struct net_offload *o)
{
	uint32_t copied = len < NET_CUT_HEAD ? len : NET_CUT_HEAD, longest;

	memcpy(cut->head, frame, copied);
	net_headers_find(&cut->h, cut->head, copied);
	cut->h.l4 = o->csum_start;
	cut->h.proto = o->gso_type == PVNET_GSO_UDP ? IPPROTO_UDP : IPPROTO_TCP;
	cut->nr = 0;
	cut->size = o->gso_size;
	if (!ip_is_sound(cut, o))
		return -EINVAL;
	cut->head_len = find_payload(cut, o, copied);
	if (!cut->head_len || cut->head_len >= len)
		return -EINVAL;
	cut->payload = frame + cut->head_len;
	cut->left = len - cut->head_len;
	longest = cut->left < cut->size ? cut->left : cut->size;
	if (cut->head_len - cut->h.l3 + longest > IP_MAX || cut->left > NET_CUT_MAX * cut->size)
		return -EMSGSIZE;
	return 0;
}

static void set_ip(const struct net_cut *cut, uint8_t *head, uint32_t size)
{
	uint8_t *ip = head + cut->h.l3;
	uint32_t len = cut->head_len - cut->h.l3 + size;
	uint16_t csum;

	if (cut->h.is_ipv6) {
		put16(ip + 4, len - IPV6_LEN);
		return;
	}
	put16(ip + 2, len);
	put16(ip + 4, get16(ip + 4) + cut->nr);
	put16(ip + 10, 0);
	csum = net_csum_fold(net_csum_add(0, ip, cut->h.l4 - cut->h.l3));
	memcpy(ip + 10, &csum, sizeof(csum));
}

static void set_tcp(const struct net_cut *cut, uint8_t *tcp, uint32_t size)
{
	uint32_t seq;

	memcpy(&seq, tcp + TCP_SEQ, sizeof(seq));
	seq = htobe32(be32toh(seq) + cut->nr * cut->size);
	memcpy(tcp + TCP_SEQ, &seq, sizeof(seq));
	if (size < cut->left)
		tcp[TCP_FLAGS] &= ~TCP_ONLY_LAST;
	if (cut->nr)
		tcp[TCP_FLAGS] &= ~TCP_ONLY_FIRST;
}

/* Complete, of the addresses and bytes that there are, whatever sum the frame came with. */
static void set_csum(const struct net_cut *cut, uint8_t *head, uint32_t size)
{
	uint32_t l4_len = cut->head_len - cut->h.l4;
	uint8_t *at = head + cut->h.l4 + (cut->h.proto == IPPROTO_TCP ? TCP_CSUM : UDP_CSUM);
	uint16_t csum;
	uint64_t sum;

	put16(at, 0);
	sum = net_csum_pseudo(&cut->h, head, l4_len + size);
	sum = net_csum_add(sum, head + cut->h.l4, l4_len);
	csum = net_csum_fold(net_csum_add(sum, cut->payload, size));
	if (!csum && cut->h.proto == IPPROTO_UDP)
		csum = 0xffff;
	memcpy(at, &csum, sizeof(csum));
}

bool net_cut_next(struct net_cut *cut, uint8_t *head, const uint8_t **payload, uint32_t *size)
{
	if (!cut->left)
		return false;
	*size = cut->left < cut->size ? cut->left : cut->size;
	*payload = cut->payload;
	memcpy(head, cut->head, cut->head_len);
	set_ip(cut, head, *size);
	if (cut->h.proto == IPPROTO_TCP)
		set_tcp(cut, head + cut->h.l4, *size);
	else
		put16(head + cut->h.l4 + UDP_LENGTH, UDP_LEN + *size);
	set_csum(cut, head, *size);
	cut->payload += *size;
	cut->left -= *size;
	cut->nr++;
	return true;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the headers of a frame are.
 */
#include "net/frame/frame.h"

#include <netinet/in.h>

#define TYPE_IPV4	0x0800
#define TYPE_IPV6	0x86dd
#define TYPE_VLAN	0x8100	/* 802.1Q */
#define TYPE_QINQ	0x88a8	/* 802.1ad */

#define IPV4_LEN	20
#define IPV6_LEN	40
#define PORTS_LEN	4U

static unsigned int get16(const uint8_t *at)
{
	return at[0] << 8 | at[1];
}

static void find_ipv4(struct net_headers *h, const uint8_t *peek, uint32_t len)
{
	const uint8_t *ip = peek + h->l3;
	unsigned int ip_len;

	if (len - h->l3 < IPV4_LEN || ip[0] >> 4 != 4)
		return;
	ip_len = (ip[0] & 15) * 4;
	h->is_ipv4 = true;
	h->l3_len = get16(ip + 2);
	h->proto = ip[9];
	/* A fragment, the first one too, has no checksum of its own, and may have no ports. */
	if (ip_len >= IPV4_LEN && !(get16(ip + 6) & 0x3fff))
		h->l4 = h->l3 + ip_len;
}

static void find_ipv6(struct net_headers *h, const uint8_t *peek, uint32_t len)
{
	const uint8_t *ip = peek + h->l3;

	if (len - h->l3 < IPV6_LEN || ip[0] >> 4 != 6)
		return;
	h->is_ipv6 = true;
	h->l3_len = IPV6_LEN + get16(ip + 4);
	/* One with extension headers is hashed by its addresses only. */
	h->proto = ip[6];
	h->l4 = h->l3 + IPV6_LEN;
}

void net_headers_find(struct net_headers *h, const uint8_t *peek, uint32_t len)
{
	unsigned int at = 12, type = get16(peek + at), nr_tags;

	*h = (struct net_headers) { 0 };
	for (nr_tags = 0; nr_tags < 2 && (type == TYPE_VLAN || type == TYPE_QINQ); nr_tags++) {
		if (len < at + 6)
			return;
		if (!nr_tags && type == TYPE_VLAN)
			h->vlan = get16(peek + at + 2) & 0xfff;
		at += 4;
		type = get16(peek + at);
	}
	h->l3 = at + 2;
	if (type == TYPE_IPV4)
		find_ipv4(h, peek, len);
	else if (type == TYPE_IPV6)
		find_ipv6(h, peek, len);
	if ((h->proto != IPPROTO_TCP && h->proto != IPPROTO_UDP) || h->l4 + PORTS_LEN > len)
		h->l4 = 0;
}

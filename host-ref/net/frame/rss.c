// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hash by which frames are spread over the pairs.
 */
#include "net/frame/frame.h"

#include <endian.h>
#include <netinet/in.h>
#include <string.h>

/* Two addresses of IPv6, and ports. */
#define INPUT_MAX	36

uint32_t net_toeplitz(const uint8_t *key, const uint8_t *data, size_t len)
{
	uint32_t window = (uint32_t)key[0] << 24 | key[1] << 16 | key[2] << 8 | key[3], hash = 0;
	unsigned int bit;
	size_t i;

	for (i = 0; i < len; i++) {
		for (bit = 0; bit < 8; bit++) {
			if (data[i] << bit & 0x80)
				hash ^= window;
			window = window << 1 | (key[i + 4] << bit >> 7 & 1);
		}
	}
	return hash;
}

/* The type that a frame has among those that are hashed; 0: none. */
static uint32_t type_of(const struct net_headers *h, uint32_t types)
{
	uint32_t with_ports = 0, without = 0;

	if (h->is_ipv4) {
		without = PVNET_HASH_IPV4;
		with_ports = h->proto == IPPROTO_TCP ? PVNET_HASH_TCPV4 : PVNET_HASH_UDPV4;
	} else if (h->is_ipv6) {
		without = PVNET_HASH_IPV6;
		with_ports = h->proto == IPPROTO_TCP ? PVNET_HASH_TCPV6 : PVNET_HASH_UDPV6;
	}
	if (h->l4 && types & with_ports)
		return with_ports;
	return types & without;
}

uint32_t net_hash(const struct pvnet_settings *set, const struct net_headers *h, const uint8_t *peek,
		  uint32_t *hash)
{
	uint32_t type = type_of(h, le32toh(set->hash_types));
	size_t len = h->is_ipv4 ? 8 : 32;
	uint8_t input[INPUT_MAX];

	*hash = 0;
	if (!type)
		return 0;
	memcpy(input, peek + h->l3 + (h->is_ipv4 ? 12 : 8), len);
	if (type & ~(PVNET_HASH_IPV4 | PVNET_HASH_IPV6)) {
		memcpy(input + len, peek + h->l4, 4);
		len += 4;
	}
	*hash = net_toeplitz(set->rss_key, input, len);
	return type;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hashes are those of Microsoft's published vectors, of the type that is asked for and fits; fragments and
 * headers that lie have no ports and no checksum; a checksum is right only if it is.
 */
#include <arpa/inet.h>

#include "ktap.h"
#include "net/class.h"
#include "net/frame/frame.h"

#include <string.h>

static const uint8_t key[PVNET_RSS_KEY_LEN] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
	0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

static const struct {
	const char *src;
	const char *dst;
	uint16_t sport;
	uint16_t dport;
	uint32_t by_address;
	uint32_t by_port;
} vectors[] = {
	{ "66.9.149.187", "161.142.100.80", 2794, 1766, 0x323e8fc2, 0x51ccc178 },
	{ "199.92.111.2", "65.69.140.83", 14230, 4739, 0xd718262a, 0xc626b0ea },
	{ "24.19.198.95", "12.22.207.184", 12898, 38024, 0xd2d0a5de, 0x5c2b394a },
	{ "38.27.205.30", "209.142.163.6", 48228, 2217, 0x82989176, 0xafc7327f },
	{ "153.39.163.191", "202.188.127.2", 44251, 1303, 0x5d1809c5, 0x10e828a2 },
	{ "3ffe:2501:200:1fff::7", "3ffe:2501:200:3::1", 2794, 1766, 0x2cc18cd5, 0x40207d3d },
	{ "3ffe:501:8::260:97ff:fe40:efab", "ff02::1", 14230, 4739, 0x0f0c461c, 0xdde51bbf },
	{ "3ffe:1900:4545:3:200:f8ff:fe21:67cf", "fe80::200:f8ff:fe21:67cf", 44251, 38024, 0x4b61e985, 0x02d1feef },
};

#define NR	(sizeof(vectors) / sizeof(vectors[0]))
#define LEN	200U

/* A frame of LEN bytes with so many tags; gives the place of its IP header. */
static unsigned int make(uint8_t *f, unsigned int i, uint8_t proto, unsigned int nr_tags)
{
	static const uint8_t tags[] = { 0x88, 0xa8, 0, 5, 0x81, 0, 0, 7 };
	bool v6 = strchr(vectors[i].src, ':');
	unsigned int at = 12, l3, l4;

	memset(f, 0x42, LEN);
	memcpy(f + at, tags + 8 - nr_tags * 4, nr_tags * 4);
	at += nr_tags * 4;
	memcpy(f + at, v6 ? "\x86\xdd" : "\x08\x00", 2);
	l3 = at + 2;
	l4 = l3 + (v6 ? 40 : 20);
	memset(f + l3, 0, l4 - l3);
	f[l3] = v6 ? 0x60 : 0x45;
	f[l3 + (v6 ? 6 : 9)] = proto;
	f[l3 + (v6 ? 5 : 3)] = LEN - (v6 ? l4 : l3);
	inet_pton(v6 ? AF_INET6 : AF_INET, vectors[i].src, f + l3 + (v6 ? 8 : 12));
	inet_pton(v6 ? AF_INET6 : AF_INET, vectors[i].dst, f + l3 + (v6 ? 24 : 16));
	f[l4] = vectors[i].sport >> 8;
	f[l4 + 1] = vectors[i].sport;
	f[l4 + 2] = vectors[i].dport >> 8;
	f[l4 + 3] = vectors[i].dport;
	f[l4 + 4] = 0;
	f[l4 + 5] = LEN - l4;
	return l3;
}

static uint32_t type_of(const uint8_t *f, uint32_t types, uint32_t *hash)
{
	struct pvnet_settings set = { .hash_types = htole32(types) };
	struct net_headers h;

	memcpy(set.rss_key, key, sizeof(key));
	net_headers_find(&h, f, NET_PEEK_LEN);
	return net_hash(&set, &h, f, hash);
}

static bool hashes(unsigned int i, uint8_t proto, uint32_t types, uint32_t type, uint32_t expected, unsigned int nr_tags)
{
	uint8_t f[LEN];
	uint32_t hash;

	make(f, i, proto, nr_tags);
	return type_of(f, types, &hash) == type && hash == expected;
}

static void check_vectors(void)
{
	unsigned int i, ok = 0;

	for (i = 0; i < NR; i++) {
		uint32_t v6 = strchr(vectors[i].src, ':') ? 1 : 0;	/* the types of IPv6 are the next bits */

		ok += hashes(i, 6, 0x3f, PVNET_HASH_TCPV4 << v6, vectors[i].by_port, i % 3) &&
		      hashes(i, 17, 0x3f, PVNET_HASH_UDPV4 << v6, vectors[i].by_port, i % 3) &&
		      hashes(i, 6, PVNET_HASH_IPV4 | PVNET_HASH_IPV6 | PVNET_HASH_UDPV4 | PVNET_HASH_UDPV6, PVNET_HASH_IPV4 << v6,
			     vectors[i].by_address, 0) &&
		      hashes(i, 1, 0x3f, PVNET_HASH_IPV4 << v6, vectors[i].by_address, 2) &&
		      hashes(i, 6, PVNET_HASH_UDPV4 | PVNET_HASH_UDPV6, 0, 0, 0);
	}
	ktap_ok(ok == NR, "the published vectors, by ports and by addresses, behind tags, and what was not asked for");
}

static void check_fragments(void)
{
	uint32_t hash;
	uint8_t f[LEN];
	unsigned int l3 = make(f, 0, 17, 0);

	f[l3 + 6] = 0x20;
	ktap_ok(type_of(f, 0x3f, &hash) == PVNET_HASH_IPV4 && hash == vectors[0].by_address, "the first fragment has no ports");
	f[l3 + 6] = 0;
	f[l3 + 7] = 1;
	ktap_ok(type_of(f, 0x3f, &hash) == PVNET_HASH_IPV4, "nor has a later one");
	f[l3 + 7] = 0;
	f[l3] = 0x44;
	ktap_ok(type_of(f, 0x3f, &hash) == PVNET_HASH_IPV4, "nor one whose header is too short to be one");
	f[l3] = 0x55;
	ktap_ok(!type_of(f, 0x3f, &hash) && !hash, "what is no IPv4 has no hash");
}

/* Any bytes, any length: nothing beyond the end is read (by ASan). */
static void check_lengths(void)
{
	unsigned int len, i, nr_tags, wrong = 0;
	struct net_headers h;
	uint8_t f[LEN];

	for (i = 0; i < NR; i++) {
		for (nr_tags = 0; nr_tags < 3; nr_tags++) {
			make(f, i, 6, nr_tags);
			for (len = PVNET_FRAME_MIN; len < NET_PEEK_LEN; len++) {
				uint8_t *copy = malloc(len);

				memcpy(copy, f, len);
				net_headers_find(&h, copy, len);
				wrong += h.l4 + (h.l4 ? 4U : 0) > len || (h.is_ipv6 && h.l3 + 40U > len);
				wrong += net_csum_is_right(copy, len);
				free(copy);
			}
		}
	}
	ktap_ok(!wrong, "frames that end early have what is in them");
}

static void check_checksums(void)
{
	struct net_offload o = { .flags = PVNET_O_CSUM_PARTIAL, .csum_offset = 6 };
	unsigned int i, l3, l4, right = 0, wrong = 0;
	uint16_t csum, sum;
	uint8_t f[LEN];

	for (i = 0; i < NR; i++) {
		bool v6 = strchr(vectors[i].src, ':');

		l3 = make(f, i, 17, i % 3);
		l4 = l3 + (v6 ? 40 : 20);
		f[l4 + 6] = f[l4 + 7] = 0;
		wrong += net_csum_is_right(f, LEN);
		sum = ~net_csum_fold(net_csum_add(net_csum_add(0, f + l3 + (v6 ? 8 : 12), v6 ? 32 : 8), f + l4 + 4, 2) + htons(17));
		memcpy(f + l4 + 6, &sum, 2);
		o.csum_start = l4;
		csum = net_csum_complete(f, LEN, &o);
		memcpy(f + l4 + 6, &csum, 2);
		right += net_csum_is_right(f, LEN);
		f[LEN - 1] ^= 1;
		wrong += net_csum_is_right(f, LEN);
		f[LEN - 1] ^= 1;
		f[l4 + 5]--;
		wrong += net_csum_is_right(f, LEN);
		f[l4 + 5]++;
		f[l3 + (v6 ? 5 : 3)]++;
		wrong += net_csum_is_right(f, LEN);
	}
	ktap_ok(right == NR && !wrong, "a checksum is right, or it is not: a bit, a length, none");
	for (i = 0, wrong = 0; i < 1000; i++) {
		uint32_t slow = 0, at, len = 1 + i % 67;

		for (at = 0; at < len; at++)
			f[at] = i * 31 + at * at;
		for (at = 0; at < len; at++)
			slow += at % 2 ? f[at] : f[at] << 8;
		while (slow >> 16)
			slow = (slow & 0xffff) + (slow >> 16);
		wrong += net_csum_fold(net_csum_add(0, f, len)) != htons(~slow & 0xffff);
	}
	ktap_ok(!wrong, "sums of any length are those of the book");
}

static void check_addresses(void)
{
	static const uint8_t a[16] = { 1 }, b[16] = { [15] = 1 };
	char text_a[NET_MAC_TEXT], text_b[NET_MAC_TEXT], again[NET_MAC_TEXT];
	uint8_t mac[6];

	net_mac_make(a, text_a);
	net_mac_make(b, text_b);
	net_mac_make(a, again);
	ktap_ok(!net_mac_parse(text_a, mac) && (mac[0] & 3) == 2 && strcmp(text_a, text_b) && !strcmp(text_a, again),
		"an address made of the identity is local, stable, and no other's");
	ktap_ok(net_mac_parse("01:00:5e:00:00:01", mac) && net_mac_parse("00:00:00:00:00:00", mac) && net_mac_parse("52:54:00:12:34", mac) &&
		net_mac_parse("52:54:00:12:34:5g", mac) && net_mac_parse("52-54-00-12-34-56", mac) && net_mac_parse(NULL, mac) &&
		!net_mac_parse("52:54:00:12:34:56", mac) && mac[5] == 0x56, "no group, no zeroes, no other text is one");
}

int main(void)
{
	ktap_plan(1 + 4 + 1 + 2 + 2);
	check_vectors();
	check_fragments();
	check_lengths();
	check_checksums();
	check_addresses();
	return ktap_finish();
}

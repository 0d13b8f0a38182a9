// SPDX-License-Identifier: GPL-2.0-only
/*
 * A segment that is cut for a peer which knows none becomes the frames that Linux makes of it, byte for byte: TCP
 * and UDP, IPv4 and IPv6, with options, flags and tags, however it is to be cut. The kernel is asked by way of a tap
 * without offloads. What is no segment, whatever it says, is not cut, and nothing beyond it is read.
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <endian.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include "ktap.h"
#include "net/backend/tun.h"
#include "net/frame/frame.h"

#define TAP	"pvtap0"

/**
 * struct kind - a segment
 * @name: what it shows
 * @type: PVNET_GSO_*
 * @is_ipv6: UDP may be either
 * @tagged: it has a VLAN tag
 * @ip_options: bytes of options in the IP header
 * @options: bytes of options in the TCP header
 * @flags: of TCP
 * @payload: bytes
 * @size: bytes of each frame
 */
struct kind {
	const char *name;
	uint8_t type;
	bool is_ipv6;
	bool tagged;
	unsigned int ip_options;
	unsigned int options;
	uint8_t flags;
	unsigned int payload;
	unsigned int size;
};

static const struct kind kinds[] = {
	{ "TCP over IPv4", PVNET_GSO_TCPV4, .flags = 0x10, .payload = 64000, .size = 1460 },
	{ "with options, FIN and PSH", PVNET_GSO_TCPV4, .options = 12, .flags = 0x19, .payload = 30001, .size = 1448 },
	{ "with ECN", PVNET_GSO_TCPV4 | PVNET_GSO_ECN, .flags = 0x90, .payload = 4001, .size = 999 },
	{ "with options of IP's", PVNET_GSO_TCPV4, .ip_options = 8, .options = 40, .flags = 0x18, .payload = 5000, .size = 536 },
	{ "in a VLAN", PVNET_GSO_TCPV4, .tagged = true, .flags = 0x18, .payload = 20000, .size = 1460 },
	{ "TCP over IPv6", PVNET_GSO_TCPV6, .is_ipv6 = true, .options = 12, .flags = 0x18, .payload = 63000, .size = 1428 },
	{ "as many frames as there may be", PVNET_GSO_TCPV6, .is_ipv6 = true, .flags = 0x18, .payload = 256 * 101, .size = 101 },
	{ "one frame and a byte", PVNET_GSO_TCPV4, .flags = 0x18, .payload = 1461, .size = 1460 },
	{ "UDP over IPv4", PVNET_GSO_UDP, .payload = 20001, .size = 1200 },
	{ "and IPv6", PVNET_GSO_UDP, .is_ipv6 = true, .payload = 9001, .size = 1000 },
};

static uint8_t segment[70000], theirs[70000], ours[70000];
static int tap, packets;

static void put16(uint8_t *at, unsigned int value)
{
	at[0] = value >> 8;
	at[1] = value;
}

/* Make a segment; its length. */
static uint32_t build(const struct kind *k, struct net_offload *o)
{
	unsigned int l3 = 14 + 4 * k->tagged, l4 = l3 + (k->is_ipv6 ? 40 : 20 + k->ip_options), i;
	unsigned int l4_len = k->type == PVNET_GSO_UDP ? 8 : 20 + k->options, rest = l4_len + k->payload;
	struct net_headers h = { .l3 = l3, .l4 = l4, .is_ipv4 = !k->is_ipv6, .is_ipv6 = k->is_ipv6,
				 .proto = k->type == PVNET_GSO_UDP ? 17 : 6 };
	uint8_t *ip = segment + l3, *at = segment + l4;
	uint16_t csum;

	for (i = 0; i < sizeof(segment); i++)
		segment[i] = rand();
	memcpy(segment, "\x52\x54\0\x12\x34\x56\2\0\0\0\0\1", 12);
	put16(segment + 12, k->tagged ? 0x8100 : 0x800);
	put16(segment + 14, 5);
	put16(ip - 2, k->is_ipv6 ? 0x86dd : 0x800);
	if (k->is_ipv6) {
		memcpy(ip, "\x60\0\0\0", 4);
		put16(ip + 4, rest);
		ip[6] = h.proto;
	} else {
		ip[0] = 0x45 + k->ip_options / 4;
		put16(ip + 2, l4 - l3 + rest);
		put16(ip + 4, 0xfffe);
		put16(ip + 6, 0x4000);
		ip[9] = h.proto;
		memset(ip + 20, 1, k->ip_options);
		put16(ip + 10, 0);
		csum = net_csum_fold(net_csum_add(0, ip, l4 - l3));
		memcpy(ip + 10, &csum, 2);
	}
	if (h.proto == 6) {
		memcpy(at + 4, "\xff\xff\xf0\0", 4);
		at[12] = l4_len / 4 << 4;
		at[13] = k->flags;
		memset(at + 20, 1, k->options);
	} else {
		put16(at + 4, rest);
	}
	*o = (struct net_offload) {
		.flags = PVNET_O_CSUM_PARTIAL, .gso_type = k->type, .gso_size = k->size, .csum_start = l4,
		.csum_offset = h.proto == 6 ? 16 : 6, .hdr_len = l4 + l4_len,
	};
	csum = ~net_csum_fold(net_csum_pseudo(&h, segment, rest));
	memcpy(at + o->csum_offset, &csum, 2);
	return l4 + rest;
}

/* The kernel's, from the tap: each frame behind its length. Bytes; 0: it does not take it. */
static size_t cut_by_kernel(const struct net_offload *o, uint32_t len, uint32_t payload)
{
	static uint8_t all[70000];
	struct virtio_net_hdr *hdr = (void *)all;
	unsigned int left = (payload + o->gso_size - 1) / o->gso_size, tries = 0;
	size_t at = 0;

	*hdr = (struct virtio_net_hdr) {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = o->csum_start, .csum_offset = o->csum_offset,
		.gso_size = o->gso_size, .hdr_len = o->hdr_len,
		.gso_type = o->gso_type == PVNET_GSO_UDP ? VIRTIO_NET_HDR_GSO_UDP_L4 :
			    (o->gso_type & ~PVNET_GSO_ECN) == PVNET_GSO_TCPV6 ? VIRTIO_NET_HDR_GSO_TCPV6 :
			    VIRTIO_NET_HDR_GSO_TCPV4,
	};
	if (o->gso_type & PVNET_GSO_ECN)
		hdr->gso_type |= VIRTIO_NET_HDR_GSO_ECN;
	memcpy(all + sizeof(*hdr), segment, len);
	if (send(packets, all, sizeof(*hdr) + len, 0) < 0)
		return 0;
	while (left && tries++ < 5000) {
		ssize_t got = read(tap, theirs + at + 4, sizeof(theirs) - at - 4);

		if (got < 0) {
			usleep(1000);
			continue;
		}
		*(uint32_t *)memcpy(theirs + at, &(uint32_t){ got }, 4) = got;
		at += 4 + got;
		left--;
	}
	return at;
}

static size_t cut_here(const struct net_offload *o, uint32_t len)
{
	uint8_t *exact = malloc(len), head[NET_CUT_HEAD];
	const uint8_t *payload;
	struct net_cut cut;
	uint32_t size;
	size_t at = 0;

	/* Of its own length, for the sanitizer to see what is read beyond. */
	memcpy(exact, segment, len);
	if (!net_cut_begin(&cut, exact, len, o)) {
		while (net_cut_next(&cut, head, &payload, &size)) {
			memcpy(ours + at, &(uint32_t){ cut.head_len + size }, 4);
			memcpy(ours + at + 4, head, cut.head_len);
			memcpy(ours + at + 4 + cut.head_len, payload, size);
			at += 4 + cut.head_len + size;
		}
	}
	free(exact);
	return at;
}

static void check_kind(const struct kind *k)
{
	struct net_offload o;
	uint32_t len = build(k, &o);
	size_t kernel = cut_by_kernel(&o, len, k->payload), here = cut_here(&o, len);

	if (!kernel)
		ktap_skip(k->name, "the kernel takes none (Linux 6.2 for UDP)");
	else
		ktap_ok(kernel == here && !memcmp(ours, theirs, here), "%s", k->name);
}

static void check_lies(void)
{
	unsigned int i, cut = 0;
	struct net_offload o;
	uint32_t len;

	len = build(&kinds[0], &o);
	o.csum_offset = 6;
	ktap_ok(!cut_here(&o, len), "a checksum that is elsewhere");
	len = build(&kinds[0], &o);
	o.csum_start += 4;
	ktap_ok(!cut_here(&o, len), "an IP header that ends elsewhere");
	build(&kinds[0], &o);
	ktap_ok(!cut_here(&o, 54) && cut_here(&o, 55), "headers, and nothing else");
	len = build(&kinds[0], &o);
	segment[14 + 20 + 12] = 0xf0;
	ktap_ok(!cut_here(&o, 14 + 20 + 59) && !cut_here(&o, 14 + 20 + 60), "options that are not there");
	len = build(&kinds[5], &o);
	o.gso_type = PVNET_GSO_TCPV4;
	ktap_ok(!cut_here(&o, len), "another version of IP");
	len = build(&kinds[0], &o);
	o.gso_size = 64000 / NET_CUT_MAX - 1;
	ktap_ok(!cut_here(&o, len), "too many frames");
	for (i = 0; i < 300000; i++) {
		const struct kind *k = &kinds[rand() % (sizeof(kinds) / sizeof(kinds[0]))];
		unsigned int at;

		if (!(i % 300))
			build(k, &o);
		len = 14 + rand() % 300;
		for (at = rand() % 3; at; at--)
			segment[12 + rand() % 60] = rand();
		o = (struct net_offload) {
			.flags = PVNET_O_CSUM_PARTIAL, .gso_type = k->type, .gso_size = 1 + rand() % 100,
			.csum_start = rand() % 2 ? o.csum_start : 14 + rand() % 80, .csum_offset = k->type == PVNET_GSO_UDP ? 6 : 16,
		};
		if (o.csum_start + o.csum_offset + 2U <= len)
			cut += cut_here(&o, len) != 0;
	}
	ktap_ok(cut, "what dice make, of which %u were cut", cut);
}

/* A namespace of its own, with a tap in it, and nothing else that would send. */
static bool make_tap(void)
{
	struct sockaddr_ll addr = { .sll_family = AF_PACKET, .sll_protocol = htobe16(ETH_P_ALL) };
	struct ifreq ifr = { .ifr_name = TAP, .ifr_flags = IFF_TAP | IFF_NO_PI };
	int one = 1, off, control;

	if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET))
		return false;
	off = open("/proc/sys/net/ipv6/conf/default/disable_ipv6", O_WRONLY | O_CLOEXEC);
	if (off >= 0 && write(off, "1", 1) != 1)
		ktap_note("the kernel may send on the tap");
	close(off);
	tap = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (tap < 0 || ioctl(tap, TUNSETIFF, &ifr))
		return false;
	control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ifr.ifr_flags = IFF_UP;
	if (ioctl(control, SIOCSIFFLAGS, &ifr))
		ktap_bail("cannot set the tap up");
	/* The largest header is added to the longest frame. */
	ifr.ifr_mtu = 65521;
	if (ioctl(control, SIOCSIFMTU, &ifr))
		ktap_bail("cannot set the MTU of the tap");
	close(control);
	addr.sll_ifindex = if_nametoindex(TAP);
	packets = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (packets < 0 || setsockopt(packets, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)) ||
	    bind(packets, (struct sockaddr *)&addr, sizeof(addr)))
		ktap_bail("AF_PACKET");
	return true;
}

int main(void)
{
	unsigned int i, nr = sizeof(kinds) / sizeof(kinds[0]);

	if (!make_tap()) {
		puts("1..0 # SKIP no tap in a namespace of its own: needs root, or user namespaces, and /dev/net/tun");
		return 4;
	}
	ktap_plan(nr + 7);
	for (i = 0; i < nr; i++)
		check_kind(&kinds[i]);
	check_lies();
	return ktap_finish();
}

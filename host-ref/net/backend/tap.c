// SPDX-License-Identifier: GPL-2.0-only
/*
 * A tap of the kernel's: takes and gives whole segments and partial checksums, by a virtio_net_hdr.
 *
 * A source is a queue of the tap. What the kernel does not take is lost, as on any wire.
 */
#include "net/backend/backend.h"

#include <endian.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>

#include "net/backend/tun.h"

_Static_assert(sizeof(struct virtio_net_hdr_v1) == TUN_HDR_LEN, "TUNSETVNETHDRSZ");

static const struct {
	uint8_t gso;
	uint8_t vnet;
} types[] = {
	{ PVNET_GSO_NONE, VIRTIO_NET_HDR_GSO_NONE },
	{ PVNET_GSO_TCPV4, VIRTIO_NET_HDR_GSO_TCPV4 },
	{ PVNET_GSO_TCPV6, VIRTIO_NET_HDR_GSO_TCPV6 },
	{ PVNET_GSO_UDP, VIRTIO_NET_HDR_GSO_UDP_L4 },
};

#define NR_TYPES	(sizeof(types) / sizeof(types[0]))

#define TCP_HEADER_MAX	60	/* that of UDP is shorter */

/* The broker has seen to it that there is a header, and to what the kernel can do. */
static int tap_open(struct net_backend *be)
{
	be->features &= be->ops->features;
	return 0;
}

static void tap_close(struct net_backend *be)
{
	(void)be;
}

/*
 * So much the kernel keeps in one piece, which holds all headers: by where the transport's begins, and not by
 * what the guest says. No card of the host's gets a frame whose headers the guest has taken apart.
 */
static uint16_t headers_len(const struct net_offload *o, uint32_t frame_len)
{
	uint32_t len = o->csum_start + TCP_HEADER_MAX;

	if (len > frame_len)
		len = frame_len;
	return len < UINT16_MAX ? len : UINT16_MAX;
}

/* NET-D2: made from what was checked, and never says that a checksum is right. */
static void make_header(struct virtio_net_hdr_v1 *hdr, const struct net_out *out)
{
	const struct net_offload *o = &out->offload;
	unsigned int i;

	memset(hdr, 0, sizeof(*hdr));
	if (o->flags & PVNET_O_CSUM_PARTIAL) {
		hdr->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		hdr->csum_start = htole16(o->csum_start);
		hdr->csum_offset = htole16(o->csum_offset);
	}
	if (o->gso_type == PVNET_GSO_NONE)
		return;
	for (i = 0; i < NR_TYPES; i++)
		if (types[i].gso == (o->gso_type & ~PVNET_GSO_ECN))
			hdr->gso_type = types[i].vnet;
	if (o->gso_type & PVNET_GSO_ECN)
		hdr->gso_type |= VIRTIO_NET_HDR_GSO_ECN;
	hdr->gso_size = htole16(o->gso_size);
	hdr->hdr_len = htole16(headers_len(o, out->len));
}

static int send_one(int fd, const struct net_out *out)
{
	struct virtio_net_hdr_v1 hdr;
	struct iovec iov[2] = {
		{ &hdr, sizeof(hdr) },
		{ (void *)out->data, out->len },
	};

	make_header(&hdr, out);
	return writev(fd, iov, 2) < 0 ? -errno : 0;
}

static unsigned int tap_send(struct net_backend *be, unsigned int source, const struct net_out *out,
			     unsigned int nr, int *errors)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		errors[i] = send_one(be->fds[source], &out[i]);
	return nr;
}

/* False: of a type that nobody has asked for. */
static bool take_header(const struct virtio_net_hdr_v1 *hdr, struct net_offload *o)
{
	unsigned int i;

	*o = (struct net_offload) { 0 };
	if (hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		o->flags = PVNET_O_CSUM_PARTIAL;
		o->csum_start = le16toh(hdr->csum_start);
		o->csum_offset = le16toh(hdr->csum_offset);
	} else if (hdr->flags & VIRTIO_NET_HDR_F_DATA_VALID) {
		o->flags = PVNET_O_CSUM_VALID;
	}
	for (i = 0; i < NR_TYPES; i++)
		if (types[i].vnet == (hdr->gso_type & ~VIRTIO_NET_HDR_GSO_ECN))
			break;
	if (i == NR_TYPES)
		return false;
	o->gso_type = types[i].gso;
	if (!o->gso_type)
		return true;
	if (hdr->gso_type & VIRTIO_NET_HDR_GSO_ECN)
		o->gso_type |= PVNET_GSO_ECN;
	o->gso_size = le16toh(hdr->gso_size);
	o->hdr_len = le16toh(hdr->hdr_len);
	return true;
}

static ssize_t tap_receive(struct net_backend *be, unsigned int source, const struct iovec *iov,
			   unsigned int nr_iov, struct net_offload *offload)
{
	struct virtio_net_hdr_v1 hdr;
	struct iovec all[3] = { { &hdr, sizeof(hdr) } };
	ssize_t len;

	memcpy(all + 1, iov, nr_iov * sizeof(*iov));
	len = readv(be->fds[source], all, 1 + nr_iov);
	if (len < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	if (len < TUN_HDR_LEN || !take_header(&hdr, offload))
		return -EBADMSG;
	return len - TUN_HDR_LEN;
}

static int tap_set_offloads(struct net_backend *be)
{
	static const struct {
		uint8_t feature;
		uint8_t flags;
	} flags[] = {
		{ PVNET_F_RX_CSUM, TUN_F_CSUM },
		{ PVNET_F_RX_TSO4, TUN_F_TSO4 },
		{ PVNET_F_RX_TSO6, TUN_F_TSO6 },
		{ PVNET_F_RX_TSO_ECN, TUN_F_TSO_ECN },
		{ PVNET_F_RX_USO, TUN_F_USO4 | TUN_F_USO6 },
	};
	unsigned long wanted = 0;
	unsigned int i;

	for (i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (be->offloads >> flags[i].feature & 1)
			wanted |= flags[i].flags;
	/* Without checksums the kernel takes no other. */
	if (!(wanted & TUN_F_CSUM))
		wanted = 0;
	if (!(wanted & (TUN_F_TSO4 | TUN_F_TSO6)))
		wanted &= ~TUN_F_TSO_ECN;
	return ioctl(be->fds[0], TUNSETOFFLOAD, wanted) < 0 ? -errno : 0;
}

/* One that is detached gets no frames. That it is already is no error. */
static void tap_set_sources(struct net_backend *be)
{
	struct ifreq ifr = { 0 };
	unsigned int i;

	for (i = 1; i < be->nr_sources; i++) {
		ifr.ifr_flags = i < be->nr_used ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE;
		ioctl(be->fds[i], TUNSETQUEUE, &ifr);
	}
}

const struct net_backend_ops net_backend_tap = {
	.name = "tap",
	.features = 1 << PVNET_F_CSUM | 1 << PVNET_F_TSO4 | 1 << PVNET_F_TSO6 | 1 << PVNET_F_TSO_ECN |
		    1 << PVNET_F_USO | 1 << PVNET_F_RX_CSUM | 1 << PVNET_F_RX_TSO4 | 1 << PVNET_F_RX_TSO6 |
		    1 << PVNET_F_RX_TSO_ECN | 1 << PVNET_F_RX_USO,
	.open = tap_open,
	.close = tap_close,
	.send = tap_send,
	.receive = tap_receive,
	.set_offloads = tap_set_offloads,
	.set_sources = tap_set_sources,
};

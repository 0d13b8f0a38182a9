// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is left to be done on a frame: taken from the wire, checked, put on it.
 */
#include "net/frame/frame.h"

#include <endian.h>

void net_offload_load(struct net_offload *to, const struct pvnet_offload *from)
{
	*to = (struct net_offload) {
		.flags = from->flags,
		.gso_type = from->gso_type,
		.gso_size = le16toh(from->gso_size),
		.hdr_len = le16toh(from->hdr_len),
		.csum_start = le16toh(from->csum_start),
		.csum_offset = le16toh(from->csum_offset),
	};
}

void net_offload_store(struct pvnet_offload *to, const struct net_offload *from)
{
	*to = (struct pvnet_offload) {
		.flags = from->flags,
		.gso_type = from->gso_type,
		.gso_size = htole16(from->gso_size),
		.hdr_len = htole16(from->hdr_len),
		.csum_start = htole16(from->csum_start),
		.csum_offset = htole16(from->csum_offset),
	};
}

/* The feature of a type of segmentation; -1: there is no such type. */
static int feature_of(uint8_t gso_type)
{
	switch (gso_type & ~PVNET_GSO_ECN) {
	case PVNET_GSO_TCPV4:
		return PVNET_F_TSO4;
	case PVNET_GSO_TCPV6:
		return PVNET_F_TSO6;
	case PVNET_GSO_UDP:
		return gso_type & PVNET_GSO_ECN ? -1 : PVNET_F_USO;
	default:
		return -1;
	}
}

static bool segments_are_sound(const struct net_offload *o, uint64_t features)
{
	int feature = feature_of(o->gso_type);

	if (feature < 0 || !(features >> feature & 1))
		return false;
	if (o->gso_type & PVNET_GSO_ECN && !(features >> PVNET_F_TSO_ECN & 1))
		return false;
	return o->gso_size && o->flags & PVNET_O_CSUM_PARTIAL;
}

bool net_offload_is_sound(const struct net_offload *o, uint32_t len, uint64_t features)
{
	if (o->flags & ~(PVNET_O_CSUM_PARTIAL | PVNET_O_CSUM_VALID))
		return false;
	if (o->flags & PVNET_O_CSUM_PARTIAL) {
		if (!(features >> PVNET_F_CSUM & 1) || o->csum_start < PVNET_FRAME_MIN ||
		    o->csum_start + o->csum_offset + 2U > len)
			return false;
	}
	return o->gso_type == PVNET_GSO_NONE || segments_are_sound(o, features);
}

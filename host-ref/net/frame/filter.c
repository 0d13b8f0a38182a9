// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whom a frame is for.
 */
#include "net/frame/frame.h"

#include <endian.h>
#include <string.h>

#define GROUP_BIT	1

static bool is_listed(const struct pvnet_settings *set, const uint8_t *addr)
{
	unsigned int i, nr = le16toh(set->nr_macs);

	for (i = 0; i < nr; i++)
		if (!memcmp(set->macs[i], addr, sizeof(set->macs[i])))
			return true;
	return false;
}

bool net_filter_wants(const struct pvnet_settings *set, const uint8_t *peek, uint16_t vlan)
{
	static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	unsigned int mode = le16toh(set->mode);

	if (mode & PVNET_M_PROMISC)
		return true;
	if (mode & PVNET_M_VLANS && vlan && !(set->vlans[vlan / 8] >> vlan % 8 & 1))
		return false;
	if (!memcmp(peek, set->mac, sizeof(set->mac)) || !memcmp(peek, broadcast, sizeof(broadcast)))
		return true;
	if (peek[0] & GROUP_BIT && mode & PVNET_M_ALLMULTI)
		return true;
	return is_listed(set, peek);
}

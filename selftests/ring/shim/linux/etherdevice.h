/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_ETHERDEVICE_H
#define SHIM_LINUX_ETHERDEVICE_H

#include <linux/netdevice.h>

static inline bool is_valid_ether_addr(const u8 *addr)
{
	return !(addr[0] & 1) && memcmp(addr, "\0\0\0\0\0\0", 6);
}

#endif

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Addresses of NICs: read, and made from the identity of the device.
 */
#include "net/class.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAC_LEN		6
#define GROUP_BIT	1
#define LOCAL_BIT	2

int net_mac_parse(const char *text, uint8_t mac[6])
{
	static const uint8_t zero[MAC_LEN];
	unsigned int i;

	if (!text || strlen(text) != NET_MAC_TEXT - 1)
		return -EINVAL;
	for (i = 0; i < MAC_LEN; i++, text += 3) {
		if (!isxdigit((unsigned char)text[0]) || !isxdigit((unsigned char)text[1]) ||
		    (i < MAC_LEN - 1 && text[2] != ':'))
			return -EINVAL;
		mac[i] = strtoul(text, NULL, 16);
	}
	return mac[0] & GROUP_BIT || !memcmp(mac, zero, MAC_LEN) ? -EINVAL : 0;
}

/* FNV-1a: UUIDs that differ in one digit have addresses that differ. */
void net_mac_make(const uint8_t uuid[16], char text[NET_MAC_TEXT])
{
	uint64_t hash = 0xcbf29ce484222325;
	uint8_t mac[MAC_LEN];
	unsigned int i;

	for (i = 0; i < 16; i++)
		hash = (hash ^ uuid[i]) * 0x100000001b3;
	for (i = 0; i < MAC_LEN; i++)
		mac[i] = hash >> 8 * i;
	mac[0] = (mac[0] & ~GROUP_BIT) | LOCAL_BIT;
	snprintf(text, NET_MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
		 mac[4], mac[5]);
}

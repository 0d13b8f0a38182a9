/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The NIC as a class: what both halves and the keys know of it.
 */
#ifndef HOSTD_NET_CLASS_H
#define HOSTD_NET_CLASS_H

#include <stdint.h>

#include "keys/class.h"

struct pvdev_ops;

/* So much may come at once of a limit, as time. */
#define NET_RATE_BURST_NS	20000000ULL
/* Least limit: then the longest frame takes a second. */
#define NET_RATE_MIN		(64U << 10)

extern const struct hostd_key hostd_net_keys[];
extern const struct hostd_column hostd_net_columns[];
extern const struct hostd_counter hostd_net_counters[];
extern const struct pvdev_ops hdev_net_ops;

/* mac.c */

/* Text of an address with its NUL. */
#define NET_MAC_TEXT	18

/**
 * net_mac_parse - read an address
 * @text: six pairs of hexadecimal digits with colons between them; NULL: none
 * @mac: gets it
 *
 * Return: 0; -EINVAL if it is none, or not that of a single station.
 */
int net_mac_parse(const char *text, uint8_t mac[6]);

/**
 * net_mac_make - make the text of an address from an identity
 * @uuid: the identity
 * @text: gets the address, which is locally administered, and always the same for the same identity
 */
void net_mac_make(const uint8_t uuid[16], char text[NET_MAC_TEXT]);

#endif /* HOSTD_NET_CLASS_H */

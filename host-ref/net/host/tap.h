/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Taps, as the broker opens them.
 */
#ifndef HOSTD_NET_HOST_TAP_H
#define HOSTD_NET_HOST_TAP_H

#include <stdint.h>

#include <pv/net.h>

/**
 * struct net_tap - a tap
 * @nr: queues; 0: it is not open
 * @fds: a descriptor of each, which stays open over lives of the worker
 * @offloads: PVNET_F_* of what the kernel can take and give, as bits
 */
struct net_tap {
	unsigned int nr;
	int fds[PVNET_MAX_PAIRS];
	uint64_t offloads;
};

/**
 * net_tap_open - open a tap by its name
 * @tap: gets it; not open
 * @name: the name
 * @nr: most queues; a tap that has one is opened with one
 * @err: gets one line of HOSTD_ERROR_MAX when that fails
 *
 * Return: 0 or -errno.
 */
int net_tap_open(struct net_tap *tap, const char *name, unsigned int nr, char *err);

/**
 * net_tap_parse - read the numbers of descriptors
 * @text: as "5:6"
 * @numbers: gets them
 * @err: gets one line of HOSTD_ERROR_MAX when that fails
 *
 * Return: how many, or -EINVAL.
 */
int net_tap_parse(const char *text, int numbers[PVNET_MAX_PAIRS], char *err);

/**
 * net_tap_take - take a tap that somebody else has opened
 * @tap: gets copies of its descriptors; not open
 * @fds: they
 * @numbers: what the operator calls them
 * @nr: their number, at most PVNET_MAX_PAIRS
 * @err: gets one line of HOSTD_ERROR_MAX when that fails
 *
 * Return: 0 or -errno.
 */
int net_tap_take(struct net_tap *tap, const int *fds, const int *numbers, unsigned int nr, char *err);

/* Room for the name of a tap. */
#define NET_TAP_NAME	16

/**
 * net_tap_name - what the tap is called at the moment
 * @tap: the tap
 * @name: gets that, or "" if it is not open, or not there any more
 *
 * Return: @name.
 */
char *net_tap_name(const struct net_tap *tap, char name[NET_TAP_NAME]);

/**
 * net_tap_dup - make copies of its descriptors
 * @tap: the tap
 * @fds: gets them
 * @err: gets one line of HOSTD_ERROR_MAX when that fails
 *
 * Return: 0 or -EMFILE.
 */
int net_tap_dup(const struct net_tap *tap, int *fds, char *err);

/**
 * net_tap_close - close it
 * @tap: the tap, open or not
 */
void net_tap_close(struct net_tap *tap);

/**
 * net_tap_probe - find out what the kernel can do for it
 * @tap: the tap, with its descriptors
 */
void net_tap_probe(struct net_tap *tap);

#endif /* HOSTD_NET_HOST_TAP_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A passt of a NIC's own: a network without privileges, by the sockets of a user of the host's.
 *
 * It runs for as long as the device is there, so connections through it outlive workers. Its socket is in a
 * directory of its own in /tmp, where the profiles of distributions (AppArmor) let it make one; where pvhostd
 * is root, passt is not, and the directory is the user's that it becomes.
 */
#ifndef HOSTD_NET_HOST_PASST_H
#define HOSTD_NET_HOST_PASST_H

#include <stdint.h>

#include "lib/loop.h"

struct hostd_broker;
struct hostd_daemon;
struct json_object;

#define NET_PASST_DIR_LEN	40
#define NET_PASST_PATH_LEN	(NET_PASST_DIR_LEN + 2)

/**
 * struct net_passt - a passt
 * @b: the broker
 * @id: name of the device, for messages
 * @options: further words of its command line, or NULL
 * @mtu: that it tells the guest
 * @dir: its directory
 * @path: of its socket
 * @daemon: its process; NULL: there is none
 * @restart: due when to start it again
 * @pause_ms: before that
 * @start_ms: when it was started
 * @started: it shall run
 */
struct net_passt {
	struct hostd_broker *b;
	const char *id;
	const char *options;
	unsigned int mtu;
	char dir[NET_PASST_DIR_LEN];
	char path[NET_PASST_PATH_LEN];
	struct hostd_daemon *daemon;
	struct hostd_timer restart;
	unsigned int pause_ms;
	uint64_t start_ms;
	bool started;
};

/**
 * net_passt_init - prepare
 * @p: the passt, all zero
 * @b: the broker
 * @id: name of the device, which lives as long
 *
 * Return: 0 or -EIO: the host has no random numbers.
 */
int net_passt_init(struct net_passt *p, struct hostd_broker *b, const char *id);

/**
 * net_passt_exit - end it
 * @p: the passt; also one that is all zero
 */
void net_passt_exit(struct net_passt *p);

/**
 * net_passt_start - have it run, from now on
 * @p: the passt
 */
void net_passt_start(struct net_passt *p);

/**
 * net_passt_stop - have it not run
 * @p: the passt
 */
void net_passt_stop(struct net_passt *p);

/**
 * net_passt_save - for hostd_device_ops.save
 * @p: the passt
 * @kept: gets what the next broker must know
 * @fds: gets what goes along
 */
void net_passt_save(const struct net_passt *p, struct json_object *kept, struct json_object *fds);

/**
 * net_passt_restore - for hostd_device_ops.restore: go on with it, or remove what is left of it
 * @p: the passt, initialized
 * @kept: what was noted
 * @fds: what came along
 */
void net_passt_restore(struct net_passt *p, struct json_object *kept, struct json_object *fds);

#endif /* HOSTD_NET_HOST_PASST_H */

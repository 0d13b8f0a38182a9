/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whoever has started pvhostd: a service manager, a script that waits for a descriptor or a pid file.
 */
#ifndef HOSTD_MANAGER_H
#define HOSTD_MANAGER_H

struct hostd_broker;

/**
 * hostd_manager_init - tell the service manager from now on, as often as it wants, that the broker is alive
 * @b: the broker, with its loop
 * @parcel: from a broker before this one: what tells of readiness, as in hostd_broker; -1: none
 *
 * Return: 0 or -errno.
 */
int hostd_manager_init(struct hostd_broker *b, int parcel);

/**
 * hostd_manager_exit - take back what was made for it
 * @b: the broker, with its loop
 */
void hostd_manager_exit(struct hostd_broker *b);

/**
 * hostd_manager_tell_ready - tell whoever waits for it that all is served, or waits as it may
 * @b: the broker; only the first time counts
 */
void hostd_manager_tell_ready(struct hostd_broker *b);

#endif /* HOSTD_MANAGER_H */

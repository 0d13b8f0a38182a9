/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a service manager (systemd) is told, and what it keeps while this process is away.
 */
#ifndef HOSTD_NOTIFY_H
#define HOSTD_NOTIFY_H

#include <stdint.h>

/* Most descriptors of one message. */
#define HOSTD_NOTIFY_FDS	130

/**
 * hostd_notify - tell the service manager something
 * @text: assignments, one a line, as "READY=1"
 * @fds: descriptors to go with it, as for "FDSTORE=1"; stay the caller's
 * @nr_fds: their number, at most HOSTD_NOTIFY_FDS
 *
 * Never waits.
 *
 * Return: 0, also if there is none; -errno.
 */
int hostd_notify(const char *text, const int *fds, unsigned int nr_fds);

/**
 * hostd_notify_fds - take what the service manager has kept
 * @name: the name that it was given with
 * @fds: gets the descriptors, close-on-exec
 * @nr_fds: room in @fds
 *
 * The environment says what there is, to the first who asks.
 *
 * Return: their number.
 */
unsigned int hostd_notify_fds(const char *name, int *fds, unsigned int nr_fds);

/**
 * hostd_notify_interval_ms - how long may the service manager hear no "WATCHDOG=1"
 *
 * Return: milliseconds; 0: for ever.
 */
uint64_t hostd_notify_interval_ms(void);

#endif /* HOSTD_NOTIFY_H */

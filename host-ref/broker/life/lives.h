/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lives of the worker: one after the other, each when the last has been reaped.
 */
#ifndef HOSTD_LIVES_H
#define HOSTD_LIVES_H

struct hostd_broker;

/**
 * hostd_lives_init - prepare for workers
 * @b: the broker
 *
 * Return: 0 or -errno.
 */
int hostd_lives_init(struct hostd_broker *b);

/**
 * hostd_lives_start - start a worker; the one before has been reaped
 * @b: the broker
 *
 * A failure is logged and tried again later.
 */
void hostd_lives_start(struct hostd_broker *b);

/**
 * hostd_lives_release - have the worker finish, and start no other
 * @b: the broker
 *
 * Its reaping answers hostd_broker.release_calls.
 */
void hostd_lives_release(struct hostd_broker *b);

/**
 * hostd_lives_reap - reap a worker and helpers that have died, on SIGCHLD
 * @b: the broker
 */
void hostd_lives_reap(struct hostd_broker *b);

#endif /* HOSTD_LIVES_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Helpers: processes beside the worker, of its program and with its life.
 */
#ifndef HOSTD_HELPERS_H
#define HOSTD_HELPERS_H

#include <stdbool.h>

struct hostd_broker;

/**
 * hostd_helpers_start - start the helpers of devices that are served, if QEMU is there
 * @b: the broker
 */
void hostd_helpers_start(struct hostd_broker *b);

/**
 * hostd_helpers_kill - kill all helpers; @b->helpers is NULL when they have been reaped
 * @b: the broker
 */
void hostd_helpers_kill(struct hostd_broker *b);

/**
 * hostd_helpers_reap - reap those that have died
 * @b: the broker
 * @faulty: gets true if one died of something wrong with it
 *
 * Return: true if one died that the worker cannot do without.
 */
bool hostd_helpers_reap(struct hostd_broker *b, bool *faulty);

/**
 * hostd_helpers_free - kill and forget them, at the end of the broker
 * @b: the broker
 */
void hostd_helpers_free(struct hostd_broker *b);

#endif /* HOSTD_HELPERS_H */

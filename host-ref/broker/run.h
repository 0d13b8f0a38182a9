/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Being the broker: its parts are started, and ended, in their order.
 */
#ifndef HOSTD_RUN_H
#define HOSTD_RUN_H

struct hostd_broker;
struct hostd_options;
struct json_object;

/**
 * hostd_broker_run - be the broker until a signal ends it
 * @opt: command line
 * @devices: to start with: array of the commands that add them, as the control socket takes
 *	them, checked
 *
 * Return: exit code.
 */
int hostd_broker_run(const struct hostd_options *opt, struct json_object *devices);

/**
 * hostd_broker_alloc - begin to be the broker: all that hostd_broker_run() does before its loop
 * @opt: command line
 * @devices: to start with
 *
 * Return: the broker, or NULL; the log says why.
 */
struct hostd_broker *hostd_broker_alloc(const struct hostd_options *opt,
					struct json_object *devices);

/**
 * hostd_broker_free - be the broker no longer: what it does after its loop
 * @b: the broker
 *
 * Return: exit code.
 */
int hostd_broker_free(struct hostd_broker *b);

#endif /* HOSTD_RUN_H */

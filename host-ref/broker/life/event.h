/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the worker reports unasked.
 */
#ifndef HOSTD_EVENT_H
#define HOSTD_EVENT_H

struct hostd_broker;
struct json_object;

/**
 * hostd_event_take - the worker reports something unasked
 * @b: the broker
 * @msg: {"event":...}, as hostd_event_fits() wants it
 *
 * Return: NULL, or what shows that the report is a lie.
 */
const char *hostd_event_take(struct hostd_broker *b, struct json_object *msg);

#endif /* HOSTD_EVENT_H */

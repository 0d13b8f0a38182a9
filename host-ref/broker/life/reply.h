/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a worker says, checked.
 */
#ifndef HOSTD_REPLY_H
#define HOSTD_REPLY_H

#include <stdbool.h>

struct json_object;

/**
 * hostd_reply_fits - is this an answer to that request
 * @req: the request
 * @reply: the worker's answer; its text is made printable
 *
 * Return: false if a type or a range is wrong, or something is missing.
 */
bool hostd_reply_fits(struct json_object *req, struct json_object *reply);

/**
 * hostd_event_fits - is this a report
 * @msg: the worker's message; its text is made printable
 *
 * Return: false if a type or a range is wrong, or something is missing.
 */
bool hostd_event_fits(struct json_object *msg);

#endif /* HOSTD_REPLY_H */

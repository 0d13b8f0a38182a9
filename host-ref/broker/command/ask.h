/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What commands share: they ask the worker, and find a device.
 */
#ifndef HOSTD_ASK_H
#define HOSTD_ASK_H

#include "broker/life/request.h"

struct hostd_call;
struct hostd_device;
struct json_object;

#define HOSTD_STATUS_MS		500	/* of what is answered without the worker, too */
#define HOSTD_ANSWER_MS		10000

/**
 * hostd_ask_new - make a request
 * @op: what the worker shall do
 *
 * Return: {"op":@op}.
 */
struct json_object *hostd_ask_new(const char *op);

/**
 * hostd_ask_worker - ask the worker for a command
 * @call: the command; descriptors that came with it go along
 * @msg: the request; the reference is taken over
 * @timeout_ms: when @done is called without an answer
 * @done: answers the command
 */
void hostd_ask_worker(struct hostd_call *call, struct json_object *msg, unsigned int timeout_ms,
		      hostd_request_done done);

/**
 * hostd_ask_device - the device that a command names
 * @call: the command; it is answered, and gone, if there is none
 *
 * Return: the device or NULL.
 */
struct hostd_device *hostd_ask_device(struct hostd_call *call);

/**
 * hostd_ask_slot - what a worker says of one slot
 * @reply: its answer, or NULL
 * @slot: the slot
 *
 * Return: the member of "devices" with that slot, or NULL.
 */
struct json_object *hostd_ask_slot(struct json_object *reply, unsigned int slot);

#endif /* HOSTD_ASK_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Requests to the worker and their answers.
 */
#ifndef HOSTD_REQUEST_H
#define HOSTD_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

struct hostd_broker;
struct json_object;

/**
 * typedef hostd_request_done - the end of a request, called exactly once
 * @b: the broker
 * @ctx: as given with the request
 * @reply: the answer, or NULL
 * @error: without an answer: why, in one line
 */
typedef void (*hostd_request_done)(struct hostd_broker *b, void *ctx, struct json_object *reply,
				   const char *error);

/**
 * struct hostd_request_op - a request to be sent
 * @msg: {"op":...}; the reference is taken over
 * @fds: descriptors, which stay the caller's
 * @nr_fds: their number
 * @timeout_ms: when @done is called without an answer; 0: not before the worker's end
 * @patient: the worker may take as long as it likes; else it is killed when it is silent
 * @done: called at the end, never before hostd_request_send() returns
 * @ctx: for @done
 */
struct hostd_request_op {
	struct json_object *msg;
	const int *fds;
	unsigned int nr_fds;
	unsigned int timeout_ms;
	bool patient;
	hostd_request_done done;
	void *ctx;
};

/**
 * typedef hostd_request_event - the worker reports something unasked
 * @b: the broker
 * @msg: {"event":...}, as hostd_event_fits() wants it
 *
 * Return: NULL, or what shows that the report is a lie.
 */
typedef const char *(*hostd_request_event)(struct hostd_broker *b, struct json_object *msg);

/**
 * hostd_request_init - prepare for requests
 * @b: the broker
 * @event: takes reports
 */
void hostd_request_init(struct hostd_broker *b, hostd_request_event event);

/**
 * hostd_request_send - send a request to the worker
 * @b: the broker
 * @op: the request
 *
 * Return: 0, or -errno and @op->done is not called: -ENOTCONN if there is no worker.
 */
int hostd_request_send(struct hostd_broker *b, const struct hostd_request_op *op);

/**
 * hostd_request_forget - somebody does not wait for answers any more
 * @b: the broker
 * @ctx: the context of that requests; @done is not called
 */
void hostd_request_forget(struct hostd_broker *b, const void *ctx);

/**
 * hostd_request_fail_all - end all requests: the worker is gone
 * @b: the broker
 */
void hostd_request_fail_all(struct hostd_broker *b);

/**
 * hostd_request_drain - take what a worker that has died said before
 * @b: the broker; the worker has not been reaped
 */
void hostd_request_drain(struct hostd_broker *b);

#endif /* HOSTD_REQUEST_H */

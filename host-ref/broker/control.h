/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The control socket, and the commands that have come by it.
 */
#ifndef HOSTD_CONTROL_H
#define HOSTD_CONTROL_H

#include <stdint.h>

#include "broker/errand/gift.h"

struct hostd_broker;
struct hostd_client;
struct json_object;

/* Most descriptors that come with a command. */
#define HOSTD_CALL_FDS	HOSTD_GIFTS_MAX

/**
 * struct hostd_call - a command that has not been answered yet
 * @b: the broker
 * @client: who gave it; may have left
 * @request: the command as it came
 * @args: its arguments, or NULL
 * @fds: descriptors that came with it; closed when it is answered
 * @nr_fds: their number
 * @partial: what is there of the answer, or NULL
 * @due_ms: when the client hears that it takes too long
 * @next: for lists of those who wait for the same
 */
struct hostd_call {
	struct hostd_broker *b;
	struct hostd_client *client;
	struct json_object *request;
	struct json_object *args;
	int fds[HOSTD_CALL_FDS];
	unsigned int nr_fds;
	struct json_object *partial;
	uint64_t due_ms;
	struct hostd_call *next;
};

/**
 * typedef hostd_control_run - execute a command
 * @call: answered at once or later
 * @name: the command
 */
typedef void (*hostd_control_run)(struct hostd_call *call, const char *name);

/**
 * hostd_control_start - listen for pvctl
 * @b: the broker
 * @fd: listening socket that a broker before this one had; -1: none
 * @run: executes what comes
 *
 * Return: 0 or -errno.
 */
int hostd_control_start(struct hostd_broker *b, int fd, hostd_control_run run);

/**
 * hostd_control_stop - close listener and connections
 * @b: the broker
 */
void hostd_control_stop(struct hostd_broker *b);

/**
 * hostd_control_adopt - go on with a command that a broker before this one was given
 * @b: the broker
 * @fd: the client's connection; the client's, if this works
 * @request: the command
 * @ms: how long the client may wait
 *
 * Return: the command, to be answered, or NULL.
 */
struct hostd_call *hostd_control_adopt(struct hostd_broker *b, int fd, struct json_object *request,
				       unsigned int ms);

/**
 * hostd_control_end_others - before the next program: let no command wait any longer but one
 * @b: the broker
 * @call: that one; NULL: there is none
 * @error: what the others hear
 *
 * A connection from which something has not been read is closed, so that the kernel has not to wait for that.
 */
void hostd_control_end_others(struct hostd_broker *b, const struct hostd_call *call,
			      const char *error);

/**
 * hostd_call_fd - the connection of who gave a command
 * @call: the command
 *
 * Return: a descriptor, which stays the client's, or -1.
 */
int hostd_call_fd(const struct hostd_call *call);

/**
 * hostd_call_return - answer a command and free it
 * @call: the command
 * @value: the result; the reference is taken over; NULL: an empty object
 */
void hostd_call_return(struct hostd_call *call, struct json_object *value);

/**
 * hostd_call_error - refuse a command and free it
 * @call: the command
 * @fmt: printf format of one line: what is wrong and what to do
 */
void hostd_call_error(struct hostd_call *call, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * hostd_call_extend - let a command take longer than others
 * @call: the command
 * @ms: from now
 */
void hostd_call_extend(struct hostd_call *call, unsigned int ms);

#endif /* HOSTD_CONTROL_H */

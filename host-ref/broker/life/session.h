/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the broker tells a worker: the window, the devices, go.
 */
#ifndef HOSTD_SESSION_H
#define HOSTD_SESSION_H

struct hostd_broker;
struct hostd_call;
struct hostd_device;
struct json_object;

/**
 * hostd_session_init - prepare for workers
 * @b: the broker
 */
void hostd_session_init(struct hostd_broker *b);

/**
 * hostd_session_start - give a new worker the window, and then the devices
 * @b: the broker
 */
void hostd_session_start(struct hostd_broker *b);

/**
 * hostd_session_add - hand a device to the worker, now or when there is one
 * @b: the broker
 * @dev: a device that is WAITING or NOT_READY
 */
void hostd_session_add(struct hostd_broker *b, struct hostd_device *dev);

/**
 * hostd_session_opened - go on with a device that is OPENING
 * @b: the broker
 * @dev: the device
 * @fds: descriptors that the worker gets with it; closed here
 * @nr_fds: their number
 * @error: why it could not be opened, in one line, or NULL
 */
void hostd_session_opened(struct hostd_broker *b, struct hostd_device *dev, const int *fds,
			  unsigned int nr_fds, const char *error);

/**
 * hostd_session_waits - what a device needs is in use, and it may wait for that
 * @b: the broker
 * @dev: the device
 */
void hostd_session_waits(struct hostd_broker *b, struct hostd_device *dev);

/**
 * hostd_session_remove - ask the worker to let a served device go
 * @b: the broker
 * @dev: a device with @removing set
 */
void hostd_session_remove(struct hostd_broker *b, struct hostd_device *dev);

/**
 * hostd_session_forget - drop a device that is not served, here and in the worker
 * @b: the broker
 * @dev: a device that is neither ADDING nor SERVED
 */
void hostd_session_forget(struct hostd_broker *b, struct hostd_device *dev);

/**
 * hostd_session_wait_start - answer a command when the next life serves
 * @call: the command; answered at once if the operator wants no life
 */
void hostd_session_wait_start(struct hostd_call *call);

/**
 * hostd_session_released - answer those who wait for the release
 * @b: the broker
 * @error: what went wrong, in one line, or NULL
 */
void hostd_session_released(struct hostd_broker *b, const char *error);

/**
 * hostd_session_end_calls - answer all who wait for the same
 * @list: the calls; empty afterwards
 * @error: what went wrong, in one line; NULL: nothing
 */
void hostd_session_end_calls(struct hostd_call **list, const char *error);

#endif /* HOSTD_SESSION_H */

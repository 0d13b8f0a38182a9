/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices of the broker: what all of them have, and what a device class provides.
 *
 * A class is a struct pv_class (keys/class.h), of which this is one half. What the worker makes of a
 * device is worker/bus/device.h's.
 */
#ifndef HOSTD_DEVICES_H
#define HOSTD_DEVICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "keys/class.h"
#include "lib/util.h"

#define HOSTD_SLOTS	64

struct hostd_broker;
struct hostd_call;
struct hostd_device;
struct json_object;

/**
 * struct hostd_device_ops - the broker's half of a device class
 * @size: bytes of its device, which begins with a struct hostd_device
 * @without_helper: what becomes of a device without its helper, for a message
 * @init: take @args, which are complete and checked by the keys: see what they mean together; may
 *	change them; 0 or -errno with one line in @err
 * @exit: free what @init made, also when that failed or was not called
 * @take_fds: after @init: take copies of @nr descriptors that came with the command that adds it; NULL: it has
 *	no use for any; 0 or -errno with one line in @err
 * @open: open the descriptors that the worker gets with the device: at most HOSTD_DEVICE_FDS_MAX;
 *	0, -EINPROGRESS if hostd_session_opened() is called later, or another -errno with one line
 *	in @err
 * @added: the worker has it, with this reply
 * @released: the operator wants the device let go, until the next worker
 * @helper: what follows on the command line of a helper that has the other end of that descriptor,
 *	@helper_fd, and is started when QEMU is there; gets room for HOSTD_HELPER_ARGS
 *	texts, freed later; returns their number
 * @configure: add to @config, which has the arguments, what else the worker is told
 * @describe: fill what the operator is told
 * @summarize: add lines of text to @lines, from what @describe and the worker have said in @obj
 * @set: see what a change in @args, checked by the keys, means, and prepare for it; may change them;
 *	0, -EINPROGRESS if hostd_command_prepared() is called later, or another -errno with one line
 *	in @err
 * @changed: the arguments have changed: @args of them are new
 * @save: note for the next broker what is not in the arguments: values in @kept, and in @fds the
 *	numbers of descriptors that go along if this process becomes it
 * @restore: take that again, after @init; @fds as hostd_kept_fd() has them; 0 or -errno with one
 *	line in @err
 *
 * Room of each @err is HOSTD_ERROR_MAX. An op that has nothing to do is NULL, as is the whole half.
 */
struct hostd_device_ops {
	size_t size;
	const char *without_helper;
	int (*init)(struct hostd_device *dev, struct json_object *args, char *err);
	void (*exit)(struct hostd_device *dev);
	int (*take_fds)(struct hostd_device *dev, const int *fds, unsigned int nr, char *err);
	int (*open)(struct hostd_device *dev, int *fds, unsigned int *nr_fds, char *err);
	void (*added)(struct hostd_device *dev, struct json_object *reply);
	void (*released)(struct hostd_device *dev);
	unsigned int (*helper)(const struct hostd_broker *b, const struct hostd_device *dev,
			       char **argv);
	void (*configure)(const struct hostd_device *dev, struct json_object *config);
	void (*describe)(const struct hostd_device *dev, struct json_object *obj);
	void (*summarize)(struct json_object *obj, struct json_object *lines);
	int (*set)(struct hostd_device *dev, struct json_object *args, char *err);
	void (*changed)(struct hostd_device *dev, struct json_object *args);
	void (*save)(const struct hostd_device *dev, struct json_object *kept,
		     struct json_object *fds);
	int (*restore)(struct hostd_device *dev, struct json_object *kept, struct json_object *fds,
		       char *err);
};

/* Most descriptors that a worker gets with a device. */
#define HOSTD_DEVICE_FDS_MAX	64

/* Most words of a helper's command line. */
#define HOSTD_HELPER_ARGS	8

/* State of a device. */
enum hostd_device_state {
	HOSTD_DEVICE_WAITING,	/* for a worker */
	HOSTD_DEVICE_OPENING,	/* its class opens what the worker gets with it */
	HOSTD_DEVICE_ADDING,	/* handed over, no answer yet */
	HOSTD_DEVICE_SERVED,
	HOSTD_DEVICE_NOT_READY,	/* could not be handed over; tried again */
};

/**
 * struct hostd_device - what all devices have
 * @class: its class
 * @ops: the broker's half of that, or one that does nothing
 * @b: its broker
 * @args: the arguments that make such a device, complete, as it is now
 * @id: the operator's name of it
 * @uuid: identity, stable over workers
 * @slot: place in the device table
 * @generation: of the slot
 * @needs: what it needs that others may have, for messages, the class's; NULL: nothing
 * @waiting: it waits until they let that go
 * @state: of the hand-over
 * @fresh: never served yet: a failure drops it; the guest keeps one that was (BUS-D18)
 * @removing: the operator wants it gone
 * @force: without asking the guest
 * @helper_fd: the helper's end of a connection, until it is started; -1: none
 * @helper: process of the helper; 0: it does not run
 * @error: why it is not ready; "" if it is
 * @retry_ms: pause before the attempt after the next
 * @retry_at_ms: time of the next attempt to hand it over
 * @call: the command that adds it and waits for that, or NULL
 * @set_call: the command that changes it and waits until that is prepared, or NULL
 */
struct hostd_device {
	const struct pv_class *class;
	const struct hostd_device_ops *ops;
	struct hostd_broker *b;
	struct json_object *args;
	char id[32];
	uint8_t uuid[16];
	unsigned int slot;
	uint32_t generation;
	const char *needs;
	bool waiting;
	enum hostd_device_state state;
	bool fresh;
	bool removing;
	bool force;
	int helper_fd;
	pid_t helper;
	char error[HOSTD_ERROR_MAX];
	uint64_t retry_ms;
	uint64_t retry_at_ms;
	struct hostd_call *call;
	struct hostd_call *set_call;
};

/**
 * hostd_device_find - look a device up
 * @b: the broker
 * @id: its name
 *
 * Return: the device or NULL.
 */
struct hostd_device *hostd_device_find(struct hostd_broker *b, const char *id);

/**
 * hostd_device_find_class - the first device of a class
 * @b: the broker
 * @class: the class
 *
 * Return: the device or NULL.
 */
struct hostd_device *hostd_device_find_class(const struct hostd_broker *b,
					     const struct pv_class *class);

/**
 * hostd_device_add - make a device and take a slot
 * @b: the broker
 * @class: its class
 * @args: its arguments, as the operator gave them; stay the caller's
 * @err: gets one line of HOSTD_ERROR_MAX when that fails
 *
 * Return: the device, fresh and WAITING, or NULL.
 */
struct hostd_device *hostd_device_add(struct hostd_broker *b, const struct pv_class *class,
				      struct json_object *args, char *err);

/**
 * hostd_device_restore - make a device again that a broker before this one had
 * @b: the broker
 * @class: its class
 * @args: its arguments, as the state has them
 * @slot: the slot that it had, free
 * @err: gets one line of HOSTD_ERROR_MAX when that fails
 *
 * Its generation is the slot's last.
 *
 * Return: the device, fresh and WAITING, or NULL.
 */
struct hostd_device *hostd_device_restore(struct hostd_broker *b, const struct pv_class *class,
					  struct json_object *args, unsigned int slot, char *err);

/**
 * hostd_device_note - its arguments change
 * @dev: the device
 * @args: what is new of them, allowed and prepared
 */
void hostd_device_note(struct hostd_device *dev, struct json_object *args);

/**
 * hostd_device_select - of arguments those that a worker gets: no name, no path
 * @dev: the device
 * @args: arguments
 *
 * Return: an object.
 */
struct json_object *hostd_device_select(const struct hostd_device *dev, struct json_object *args);

/**
 * hostd_device_drop - forget a device and free its slot
 * @b: the broker
 * @dev: the device; a command that waits for it fails
 */
void hostd_device_drop(struct hostd_broker *b, struct hostd_device *dev);

/**
 * hostd_device_identity - what the worker is told of a device that it cannot serve yet
 * @dev: the device
 * @op: "hold" or "add"
 *
 * Return: {"op":@op,...}.
 */
struct json_object *hostd_device_identity(const struct hostd_device *dev, const char *op);

/**
 * hostd_device_config - what the worker is told of a device
 * @dev: the device
 *
 * Return: {"op":"add",...}.
 */
struct json_object *hostd_device_config(const struct hostd_device *dev);

/**
 * hostd_device_describe - what the operator is told of a device
 * @dev: the device
 *
 * Return: an object.
 */
struct json_object *hostd_device_describe(const struct hostd_device *dev);

#endif /* HOSTD_DEVICES_H */

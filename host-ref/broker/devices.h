/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices of the broker: what all of them have, and what a device class provides.
 *
 * A class is one const struct hostd_class, in a file of its own, and one line
 * in devices.c. What the worker makes of a device is worker/bus/device.h's.
 */
#ifndef HOSTD_DEVICES_H
#define HOSTD_DEVICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/spec.h"
#include "lib/util.h"

#define HOSTD_SLOTS	64

struct hostd_broker;
struct hostd_call;
struct hostd_device;
struct json_object;

/**
 * struct hostd_class - a device class
 * @name: as the worker knows it
 * @spec: its arguments
 * @size: bytes of its device, which begins with a struct hostd_device
 * @only_one: a VM has no more than one
 * @init: take the arguments, which spec.h has checked; id and uuid are there; 0 or
 *	-errno with one line in @err
 * @exit: free what @init made, also when that failed or was not called
 * @open: open the descriptor that the worker gets with the device; @fd stays as it is if
 *	this one needs none; 0, -EINPROGRESS if hostd_session_opened() is called later, or
 *	another -errno with one line in @err
 * @added: the worker has it, with this reply
 * @released: the operator wants the media let go, until the next worker
 * @helper: start of the command line of a helper that has the other end of that descriptor,
 *	@helper_fd, and is started when QEMU is there; gets room for HOSTD_HELPER_ARGS
 *	texts, freed later; returns their number
 * @configure: fill the options that the worker gets
 * @describe: fill what the operator is told
 * @resize: check a new size, in bytes, which may be smaller with @shrink, and make room for
 *	it; 0, -EINPROGRESS if hostd_command_room() is called later, or another -errno with one
 *	line in @err
 * @resized: note a new size: the worker has it
 * @set: note options that change, of those in @args; 0 or -errno with one line in @err
 * @save: note for the next broker what is not in the arguments: values in @kept, and in @fds the
 *	numbers of descriptors that go along if this process becomes it
 * @restore: take that again, after @init; @fds as hostd_kept_fd() has them; 0 or -errno with one
 *	line in @err
 *
 * Room of each @err is HOSTD_ERROR_MAX. An op that has nothing to do is NULL; a device
 * without @resize and @resized has no size.
 */
struct hostd_class {
	const char *name;
	const struct hostd_spec *spec;
	size_t size;
	bool only_one;
	int (*init)(struct hostd_device *dev, struct json_object *args, char *err);
	void (*exit)(struct hostd_device *dev);
	int (*open)(struct hostd_device *dev, int *fd, char *err);
	void (*added)(struct hostd_device *dev, struct json_object *reply);
	void (*released)(struct hostd_device *dev);
	unsigned int (*helper)(const struct hostd_broker *b, const struct hostd_device *dev,
			       char **argv);
	void (*configure)(const struct hostd_device *dev, struct json_object *config);
	void (*describe)(const struct hostd_device *dev, struct json_object *obj);
	int (*resize)(struct hostd_device *dev, uint64_t size, bool shrink, char *err);
	void (*resized)(struct hostd_device *dev, uint64_t size);
	int (*set)(struct hostd_device *dev, struct json_object *args, char *err);
	void (*save)(const struct hostd_device *dev, struct json_object *kept,
		     struct json_object *fds);
	int (*restore)(struct hostd_device *dev, struct json_object *kept, struct json_object *fds,
		       char *err);
};

/* Most words of a helper's command line. */
#define HOSTD_HELPER_ARGS	8

extern const struct hostd_class hostd_blk_class;
extern const struct hostd_class hostd_clock_class;
extern const struct hostd_class hostd_balloon_class;

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
 * @b: its broker
 * @args: the arguments that make such a device, as it is now
 * @id: the operator's name of it
 * @uuid: identity, stable over workers
 * @slot: place in the device table
 * @generation: of the slot
 * @medium: path of what the worker locks, the class's; NULL: nothing
 * @wait: as long as somebody else has the medium locked, wait
 * @waiting: it does
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
 * @resize_call: the command that waits for room in its medium, or NULL
 */
struct hostd_device {
	const struct hostd_class *class;
	struct hostd_broker *b;
	struct json_object *args;
	char id[32];
	uint8_t uuid[16];
	unsigned int slot;
	uint32_t generation;
	const char *medium;
	bool wait;
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
	struct hostd_call *resize_call;
};

/**
 * hostd_class_find - the class of a command
 * @command: name of a command, as "add-disk"
 *
 * Return: the class whose devices it adds, or NULL.
 */
const struct hostd_class *hostd_class_find(const char *command);

/**
 * hostd_class_find_name - the class of a name
 * @name: as the worker knows it, or NULL
 *
 * Return: the class or NULL.
 */
const struct hostd_class *hostd_class_find_name(const char *name);

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
					     const struct hostd_class *class);

/**
 * hostd_device_add - make a device and take a slot
 * @b: the broker
 * @class: its class
 * @args: arguments of the class's command, with the right keys and types
 * @err: gets one line of HOSTD_ERROR_MAX when that fails
 *
 * Return: the device, fresh and WAITING, or NULL.
 */
struct hostd_device *hostd_device_add(struct hostd_broker *b, const struct hostd_class *class,
				      struct json_object *args, char *err);

/**
 * hostd_device_restore - make a device again that a broker before this one had
 * @b: the broker
 * @class: its class
 * @args: arguments of the class's command, with the right keys and types
 * @slot: the slot that it had, free
 * @err: gets one line of HOSTD_ERROR_MAX when that fails
 *
 * Its generation is the slot's last.
 *
 * Return: the device, fresh and WAITING, or NULL.
 */
struct hostd_device *hostd_device_restore(struct hostd_broker *b, const struct hostd_class *class,
					  struct json_object *args, unsigned int slot, char *err);

/**
 * hostd_device_set - change options of a device
 * @dev: the device, whose class has @set
 * @args: the options, with the right keys and types
 * @err: gets one line of HOSTD_ERROR_MAX when that fails
 *
 * Return: 0 or -errno.
 */
int hostd_device_set(struct hostd_device *dev, struct json_object *args, char *err);

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

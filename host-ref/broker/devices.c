// SPDX-License-Identifier: GPL-2.0-only
/*
 * Configuration of the devices: what the operator asked for, checked, by slot.
 */
#include "broker/devices.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/broker.h"
#include "broker/control.h"
#include "broker/life/request.h"
#include "lib/json.h"
#include "lib/util.h"

/* Descriptors that a device may need, and those who look after it. */
#define DEVICE_FDS	16

static const struct hostd_class * const classes[] = {
	&hostd_blk_class,
	&hostd_clock_class,
	&hostd_balloon_class,
};

const struct hostd_class *hostd_class_find(const char *command)
{
	unsigned int i;

	for (i = 0; i < HOSTD_ARRAY_SIZE(classes); i++)
		if (!strcmp(classes[i]->spec->command, command))
			return classes[i];
	return NULL;
}

const struct hostd_class *hostd_class_find_name(const char *name)
{
	unsigned int i;

	for (i = 0; name && i < HOSTD_ARRAY_SIZE(classes); i++)
		if (!strcmp(classes[i]->name, name))
			return classes[i];
	return NULL;
}

struct hostd_device *hostd_device_find(struct hostd_broker *b, const char *id)
{
	unsigned int slot;

	for (slot = 0; slot < HOSTD_SLOTS; slot++)
		if (b->slots[slot] && !strcmp(b->slots[slot]->id, id))
			return b->slots[slot];
	return NULL;
}

static bool is_id(const char *text)
{
	size_t i;

	for (i = 0; text[i]; i++)
		if (!isalnum((unsigned char)text[i]) && (!i || !strchr("._-", text[i])))
			return false;
	return i > 0 && i < sizeof(((struct hostd_device *)0)->id);
}

/* Id and uuid. Returns the complaint. */
static const char *take_identity(struct hostd_device *dev, struct json_object *args)
{
	const char *id = hostd_json_str(args, "id"), *uuid = hostd_json_str(args, "uuid");

	if (!id)
		return "the id is missing: give id=NAME";
	if (!is_id(id))
		return "an id is 1 to 31 letters, digits, '.', '_', '-', and starts with a letter or digit";
	strcpy(dev->id, id);
	if (uuid ? hostd_uuid_parse(uuid, dev->uuid) : hostd_uuid_make(dev->uuid))
		return "uuid= is 8-4-4-4-12 hexadecimal digits";
	return NULL;
}

static void add_uuid(struct json_object *obj, const struct hostd_device *dev)
{
	char uuid[HOSTD_UUID_TEXT];

	hostd_uuid_format(dev->uuid, uuid);
	hostd_json_add_str(obj, "uuid", uuid);
}

static void device_free(struct hostd_device *dev)
{
	if (dev->class->exit)
		dev->class->exit(dev);
	json_object_put(dev->args);
	if (dev->helper_fd >= 0)
		close(dev->helper_fd);
	free(dev);
}

static struct hostd_device *device_alloc(struct hostd_broker *b, const struct hostd_class *class,
					 struct json_object *args, char *err)
{
	struct hostd_device *dev = calloc(1, class->size);
	const char *complaint;

	if (!dev) {
		snprintf(err, HOSTD_ERROR_MAX, "out of memory");
		return NULL;
	}
	dev->class = class;
	dev->b = b;
	dev->helper_fd = -1;
	complaint = take_identity(dev, args);
	if (!complaint && json_object_deep_copy(args, &dev->args, NULL))
		complaint = "out of memory";
	if (complaint)
		snprintf(err, HOSTD_ERROR_MAX, "%s", complaint);
	else if (!class->init || !class->init(dev, args, err))
		return dev;
	device_free(dev);
	return NULL;
}

static bool uuid_taken(const struct hostd_broker *b, const uint8_t uuid[16])
{
	unsigned int slot;

	for (slot = 0; slot < HOSTD_SLOTS; slot++)
		if (b->slots[slot] && !memcmp(b->slots[slot]->uuid, uuid, 16))
			return true;
	return false;
}

struct hostd_device *hostd_device_find_class(const struct hostd_broker *b,
					     const struct hostd_class *class)
{
	unsigned int slot;

	for (slot = 0; slot < HOSTD_SLOTS; slot++)
		if (b->slots[slot] && b->slots[slot]->class == class)
			return b->slots[slot];
	return NULL;
}

/* Whether @dev may have a slot; @err says why not. */
static bool has_place(struct hostd_broker *b, const struct hostd_device *dev, unsigned int slot,
		      char *err)
{
	const struct hostd_class *class = dev->class;

	if (class->only_one && hostd_device_find_class(b, class))
		snprintf(err, HOSTD_ERROR_MAX, "this VM has a %s already, '%s': remove that first",
			 class->name, hostd_device_find_class(b, class)->id);
	else if (hostd_device_find(b, dev->id))
		snprintf(err, HOSTD_ERROR_MAX, "there is a device of this name already: use another id");
	else if (uuid_taken(b, dev->uuid))
		snprintf(err, HOSTD_ERROR_MAX, "there is a device of this uuid already: use another one");
	else if (slot == HOSTD_SLOTS)
		snprintf(err, HOSTD_ERROR_MAX, "all %d slots are taken: remove a device first",
			 HOSTD_SLOTS);
	else if (hostd_broker_is_tight(b, DEVICE_FDS))
		snprintf(err, HOSTD_ERROR_MAX, "the limit of descriptors is reached: raise it for pvhostd (ulimit -n, LimitNOFILE=)");
	else
		return true;
	return false;
}

struct hostd_device *hostd_device_restore(struct hostd_broker *b, const struct hostd_class *class,
					  struct json_object *args, unsigned int slot, char *err)
{
	struct hostd_device *dev = device_alloc(b, class, args, err);

	if (!dev)
		return NULL;
	if (!has_place(b, dev, slot, err)) {
		device_free(dev);
		return NULL;
	}
	add_uuid(dev->args, dev);
	dev->slot = slot;
	dev->generation = b->generations[slot];
	dev->fresh = true;
	b->slots[slot] = dev;
	return dev;
}

struct hostd_device *hostd_device_add(struct hostd_broker *b, const struct hostd_class *class,
				      struct json_object *args, char *err)
{
	struct hostd_device *dev;
	unsigned int slot = 0;

	while (slot < HOSTD_SLOTS && b->slots[slot])
		slot++;
	dev = hostd_device_restore(b, class, args, slot, err);
	if (dev)
		dev->generation = ++b->generations[slot];
	return dev;
}

int hostd_device_set(struct hostd_device *dev, struct json_object *args, char *err)
{
	int ret = dev->class->set(dev, args, err);

	if (ret)
		return ret;
	json_object_object_foreach(args, key, val)
		if (strcmp(key, "id"))
			json_object_object_add(dev->args, key, json_object_get(val));
	return 0;
}

void hostd_device_drop(struct hostd_broker *b, struct hostd_device *dev)
{
	struct hostd_call *call = dev->call;

	dev->call = NULL;
	if (call)
		hostd_call_error(call, "%s was removed before it was served", dev->id);
	hostd_request_forget(b, dev);
	/* The worker has let go of it: there is nothing more for it to do. */
	if (dev->helper)
		kill(dev->helper, SIGKILL);
	b->slots[dev->slot] = NULL;
	if (dev->resize_call)
		hostd_call_error(dev->resize_call, "%s was removed meanwhile", dev->id);
	dev->resize_call = NULL;
	device_free(dev);
}

struct json_object *hostd_device_identity(const struct hostd_device *dev, const char *op)
{
	struct json_object *msg = json_object_new_object();

	hostd_json_add_str(msg, "op", op);
	hostd_json_add_u64(msg, "slot", dev->slot);
	hostd_json_add_u64(msg, "generation", dev->generation);
	hostd_json_add_str(msg, "type", dev->class->name);
	hostd_json_add_str(msg, "name", dev->id);
	add_uuid(msg, dev);
	return msg;
}

struct json_object *hostd_device_config(const struct hostd_device *dev)
{
	struct json_object *msg = hostd_device_identity(dev, "add");
	struct json_object *config = json_object_new_object();

	hostd_json_add_bool(msg, "wait", dev->wait && dev->fresh);
	if (dev->class->configure)
		dev->class->configure(dev, config);
	json_object_object_add(msg, "config", config);
	return msg;
}

/* Why a device is not served; NULL: for want of a worker, or it is. */
static const char *reason_of(const struct hostd_device *dev)
{
	if (dev->error[0])
		return dev->error;
	if (dev->waiting)
		return "its image is in use by another process";
	if (!dev->fresh && dev->state < HOSTD_DEVICE_SERVED && dev->b->life.state >= HOSTD_LIFE_GOING)
		return "its image is not there yet, or in use by another process";
	return NULL;
}

static const char *state_name(const struct hostd_device *dev)
{
	if (dev->removing)
		return "removing";
	if (dev->state == HOSTD_DEVICE_SERVED)
		return "served";
	return dev->fresh || !reason_of(dev) ? "waiting" : "not ready";
}

struct json_object *hostd_device_describe(const struct hostd_device *dev)
{
	struct json_object *obj = json_object_new_object();

	hostd_json_add_str(obj, "id", dev->id);
	hostd_json_add_u64(obj, "slot", dev->slot);
	hostd_json_add_str(obj, "type", dev->class->name);
	hostd_json_add_str(obj, "state", state_name(dev));
	if (dev->class->describe)
		dev->class->describe(dev, obj);
	add_uuid(obj, dev);
	if (reason_of(dev))
		hostd_json_add_str(obj, "error", reason_of(dev));
	return obj;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Configuration of the devices: what the operator asked for, checked, by slot.
 */
#include "broker/devices.h"

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
#include "lib/proc/memory.h"
#include "lib/util.h"

/* Descriptors that a device may need, and those who look after it. */
#define DEVICE_FDS	16

struct hostd_device *hostd_device_find(struct hostd_broker *b, const char *id)
{
	unsigned int slot;

	for (slot = 0; slot < HOSTD_SLOTS; slot++)
		if (b->slots[slot] && !strcmp(b->slots[slot]->id, id))
			return b->slots[slot];
	return NULL;
}

static const struct hostd_device_ops no_ops = { .size = sizeof(struct hostd_device) };

static const struct hostd_device_ops *ops_of(const struct pv_class *class)
{
	return class->broker ? class->broker : &no_ops;
}

static void add_uuid(struct json_object *obj, const struct hostd_device *dev)
{
	char uuid[HOSTD_UUID_TEXT];

	hostd_uuid_format(dev->uuid, uuid);
	hostd_json_add_str(obj, "uuid", uuid);
}

/* Id and uuid: the keys have seen to what they look like. */
static int take_identity(struct hostd_device *dev, char *err)
{
	const char *uuid = hostd_json_str(dev->args, "uuid");

	snprintf(dev->id, sizeof(dev->id), "%s", hostd_json_str(dev->args, "id"));
	if (uuid ? hostd_uuid_parse(uuid, dev->uuid) : hostd_uuid_make(dev->uuid)) {
		snprintf(err, HOSTD_ERROR_MAX, "the host has no random numbers: give a uuid");
		return -EIO;
	}
	add_uuid(dev->args, dev);
	return 0;
}

static void device_free(struct hostd_device *dev)
{
	if (dev->ops->exit)
		dev->ops->exit(dev);
	json_object_put(dev->args);
	if (dev->helper_fd >= 0)
		close(dev->helper_fd);
	free(dev);
}

static struct hostd_device *device_alloc(struct hostd_broker *b, const struct pv_class *class,
					 struct json_object *args, char *err)
{
	struct hostd_device *dev = calloc(1, ops_of(class)->size);

	if (!dev) {
		snprintf(err, HOSTD_ERROR_MAX, "out of memory");
		return NULL;
	}
	dev->class = class;
	dev->ops = ops_of(class);
	dev->b = b;
	dev->helper_fd = -1;
	if (json_object_deep_copy(args, &dev->args, NULL))
		snprintf(err, HOSTD_ERROR_MAX, "out of memory");
	else if (!hostd_class_complete(class, dev->args, err, HOSTD_ERROR_MAX) &&
		 !take_identity(dev, err) &&
		 (!dev->ops->init || !dev->ops->init(dev, dev->args, err)))
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
					     const struct pv_class *class)
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
	const struct pv_class *class = dev->class;

	if (class->only_one && hostd_device_find_class(b, class))
		snprintf(err, HOSTD_ERROR_MAX, "this VM has %s already, '%s': remove that first",
			 class->title, hostd_device_find_class(b, class)->id);
	else if (hostd_device_find(b, dev->id))
		snprintf(err, HOSTD_ERROR_MAX, "there is a device of this name already: use another id");
	else if (uuid_taken(b, dev->uuid))
		snprintf(err, HOSTD_ERROR_MAX, "there is a device of this uuid already: use another one");
	else if (slot == HOSTD_SLOTS)
		snprintf(err, HOSTD_ERROR_MAX, "all %d slots are taken: remove a device first",
			 HOSTD_SLOTS);
	else if (hostd_memory_is_short())
		snprintf(err, HOSTD_ERROR_MAX, HOSTD_NO_MEMORY_LEFT);
	else if (hostd_broker_is_tight(b, DEVICE_FDS))
		snprintf(err, HOSTD_ERROR_MAX, "the limit of descriptors is reached: raise it for pvhostd (ulimit -n, LimitNOFILE=)");
	else
		return true;
	return false;
}

struct hostd_device *hostd_device_restore(struct hostd_broker *b, const struct pv_class *class,
					  struct json_object *args, unsigned int slot, char *err)
{
	struct hostd_device *dev = device_alloc(b, class, args, err);

	if (!dev)
		return NULL;
	if (!has_place(b, dev, slot, err)) {
		device_free(dev);
		return NULL;
	}
	dev->slot = slot;
	dev->generation = b->generations[slot];
	dev->fresh = true;
	b->slots[slot] = dev;
	return dev;
}

struct hostd_device *hostd_device_add(struct hostd_broker *b, const struct pv_class *class,
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
	if (dev->set_call)
		hostd_call_error(dev->set_call, "%s was removed meanwhile", dev->id);
	dev->set_call = NULL;
	device_free(dev);
}

struct json_object *hostd_device_identity(const struct hostd_device *dev, const char *op)
{
	const char *replaces = hostd_json_str(dev->args, "replaces");
	struct json_object *msg = json_object_new_object();

	hostd_json_add_str(msg, "op", op);
	hostd_json_add_u64(msg, "slot", dev->slot);
	hostd_json_add_u64(msg, "generation", dev->generation);
	hostd_json_add_str(msg, "type", dev->class->name);
	hostd_json_add_str(msg, "name", dev->id);
	add_uuid(msg, dev);
	if (replaces)
		hostd_json_add_str(msg, "replaces", replaces);
	return msg;
}

struct json_object *hostd_device_select(const struct hostd_device *dev, struct json_object *args)
{
	struct json_object *selected = json_object_new_object();
	const struct hostd_key *key;

	json_object_object_foreach(args, name, val) {
		key = hostd_key_find(dev->class->keys, name);
		if (key && key->kind != HOSTD_KEY_NAME && key->kind != HOSTD_KEY_UUID &&
		    key->kind != HOSTD_KEY_PATH)
			json_object_object_add(selected, name, json_object_get(val));
	}
	return selected;
}

void hostd_device_note(struct hostd_device *dev, struct json_object *args)
{
	const struct hostd_key *key;

	json_object_object_foreach(args, name, val) {
		key = hostd_key_find(dev->class->keys, name);
		if (key && key->live && !key->only_live)
			json_object_object_add(dev->args, name, json_object_get(val));
	}
	if (dev->ops->changed)
		dev->ops->changed(dev, args);
}

struct json_object *hostd_device_config(const struct hostd_device *dev)
{
	struct json_object *msg = hostd_device_identity(dev, "add");
	struct json_object *config = hostd_device_select(dev, dev->args);

	if (dev->ops->configure)
		dev->ops->configure(dev, config);
	json_object_object_add(msg, "config", config);
	return msg;
}

/* Why a device is not served; "": for want of a worker, or it is. */
static char *reason_of(const struct hostd_device *dev, char *buf, size_t len)
{
	const char *needs = dev->needs ? dev->needs : "what it needs";

	buf[0] = 0;
	if (dev->error[0])
		snprintf(buf, len, "%s", dev->error);
	else if (dev->waiting)
		snprintf(buf, len, "%s is in use by another process", needs);
	else if (!dev->fresh && dev->state < HOSTD_DEVICE_SERVED && dev->b->life.state >= HOSTD_LIFE_GOING)
		snprintf(buf, len, "%s is not there yet, or in use by another process", needs);
	return buf;
}

static const char *state_name(const struct hostd_device *dev, bool has_reason)
{
	if (dev->removing)
		return "removing";
	if (dev->state == HOSTD_DEVICE_SERVED)
		return "served";
	return dev->fresh || !has_reason ? "waiting" : "not ready";
}

/* What is listed, and was said of it, need not be described. */
static void add_columns(struct json_object *obj, const struct hostd_device *dev)
{
	const struct hostd_column *column;
	struct json_object *val;

	for (column = dev->class->columns; column && column->member; column++) {
		val = hostd_json_get(dev->args, column->member);
		if (val && !hostd_json_get(obj, column->member))
			json_object_object_add(obj, column->member, json_object_get(val));
	}
}

struct json_object *hostd_device_describe(const struct hostd_device *dev)
{
	struct json_object *obj = json_object_new_object();
	char reason[HOSTD_ERROR_MAX + HOSTD_SHOWN_MAX];

	reason_of(dev, reason, sizeof(reason));
	hostd_json_add_str(obj, "id", dev->id);
	hostd_json_add_u64(obj, "slot", dev->slot);
	hostd_json_add_str(obj, "type", dev->class->name);
	hostd_json_add_str(obj, "state", state_name(dev, reason[0]));
	if (dev->ops->describe)
		dev->ops->describe(dev, obj);
	add_columns(obj, dev);
	add_uuid(obj, dev);
	if (reason[0])
		hostd_json_add_str(obj, "error", reason);
	return obj;
}

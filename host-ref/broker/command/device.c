// SPDX-License-Identifier: GPL-2.0-only
/*
 * The commands about devices. What may be said of one is in the keys of its class.
 */
#include "broker/command/device.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "broker/broker.h"
#include "broker/command/ask.h"
#include "broker/control.h"
#include "broker/devices.h"
#include "broker/heir/state.h"
#include "broker/life/session.h"
#include "lib/json.h"
#include "lib/util.h"

/* What the worker says of a device that it serves: its status, and what the host does to it. */
static void add_part(struct json_object *obj, struct json_object *part)
{
	struct json_object *guest = hostd_json_get(part, "status");
	struct json_object *errors = hostd_json_get(part, "host_errors");
	const char *stopped = hostd_json_str(part, "stopped");

	if (guest)
		json_object_object_add(obj, "guest", json_object_get(guest));
	if (errors)
		json_object_object_add(obj, "host_errors", json_object_get(errors));
	if (!stopped || strcmp(hostd_json_str(obj, "state") ?: "", "served"))
		return;
	hostd_json_add_str(obj, "state", "stopped");
	hostd_json_add_str(obj, "error", stopped);
	hostd_json_add_u64(obj, "held", hostd_json_u64(part, "held", 0));
}

static void list_done(struct hostd_broker *b, void *ctx, struct json_object *reply,
		      const char *error)
{
	struct json_object *list = json_object_new_array(), *obj;
	unsigned int slot;

	(void)error;
	for (slot = 0; slot < HOSTD_SLOTS; slot++) {
		if (!b->slots[slot])
			continue;
		obj = hostd_device_describe(b->slots[slot]);
		if (b->life.released)
			hostd_json_add_str(obj, "state", "released");
		add_part(obj, hostd_ask_slot(reply, slot));
		json_object_array_add(list, obj);
	}
	hostd_call_return(ctx, list);
}

void hostd_device_cmd_list(struct hostd_call *call)
{
	hostd_ask_worker(call, hostd_ask_new("status"), HOSTD_STATUS_MS, list_done);
}

/* The broker's word, the worker's beside it, and what both come to. */
static struct json_object *describe(struct hostd_device *dev, struct json_object *part)
{
	struct json_object *obj = hostd_device_describe(dev), *lines;

	if (json_object_is_type(part, json_type_object)) {
		json_object_object_foreach(part, key, val)
			if (!hostd_json_get(obj, key))
				json_object_object_add(obj, key, json_object_get(val));
	}
	if (dev->ops->summarize) {
		lines = json_object_new_array();
		dev->ops->summarize(obj, lines);
		json_object_object_add(obj, "text", lines);
	}
	return obj;
}

/* How it is; "show" also says what was said of it. */
static void show(struct hostd_call *call, struct json_object *reply, bool config)
{
	/* An error ends the call, and with it what is in it. */
	struct hostd_broker *b = call->b;
	struct hostd_device *dev = hostd_ask_device(call);
	struct json_object *obj, *part;

	if (!dev)
		return;
	part = hostd_ask_slot(reply, dev->slot);
	obj = describe(dev, part);
	if (b->life.released)
		hostd_json_add_str(obj, "state", "released");
	add_part(obj, part);
	if (config)
		json_object_object_add(obj, "config", json_object_get(dev->args));
	hostd_call_return(call, obj);
}

static void show_done(struct hostd_broker *b, void *ctx, struct json_object *reply,
		      const char *error)
{
	(void)b;
	(void)error;
	show(ctx, reply, true);
}

static void look_done(struct hostd_broker *b, void *ctx, struct json_object *reply,
		      const char *error)
{
	(void)b;
	(void)error;
	show(ctx, reply, false);
}

void hostd_device_cmd_show(struct hostd_call *call)
{
	if (hostd_ask_device(call))
		hostd_ask_worker(call, hostd_ask_new("status"), HOSTD_STATUS_MS, show_done);
}

/* The arguments of a command that may come without. */
static struct json_object *args_of(struct hostd_call *call)
{
	if (!call->args) {
		call->args = json_object_new_object();
		json_object_object_add(call->request, "arguments", call->args);
	}
	return call->args;
}

/* Do its arguments name descriptors? */
static bool names_fds(const struct hostd_device *dev)
{
	const struct hostd_key *key;

	for (key = dev->class->keys; key && key->name; key++)
		if (key->is_fds && hostd_json_get(dev->args, key->name))
			return true;
	return false;
}

/* The numbers in a command are its giver's, and name nothing here. 0 or -errno with text in @err. */
static int take_fds(struct hostd_call *call, struct hostd_device *dev, char *err)
{
	if (!call->nr_fds && !names_fds(dev))
		return 0;
	if (call->nr_fds && dev->ops->take_fds)
		return dev->ops->take_fds(dev, call->fds, call->nr_fds, err);
	snprintf(err, HOSTD_ERROR_MAX, call->nr_fds ? "descriptors came along, and it takes none" :
		 "its descriptors did not come along: send them with the command (SCM_RIGHTS), as pvctl does");
	return -EINVAL;
}

static void add_device(struct hostd_call *call, const struct pv_class *class)
{
	struct json_object *args = args_of(call), *obj;
	const char *id = hostd_json_str(args, "id");
	char err[HOSTD_ERROR_MAX];
	struct hostd_device *dev;

	dev = hostd_device_add(call->b, class, args, err);
	if (dev && take_fds(call, dev, err)) {
		hostd_device_drop(call->b, dev);
		dev = NULL;
	}
	if (!dev) {
		hostd_call_error(call, "%.31s%s%s", id ? id : "", id ? ": " : "", err);
		return;
	}
	if (call->b->life.released) {
		obj = hostd_device_describe(dev);
		hostd_json_add_str(obj, "state", "released");
		hostd_state_save(call->b);
		hostd_call_return(call, obj);
		return;
	}
	dev->call = call;
	hostd_session_add(call->b, dev);
}

void hostd_device_cmd_add(struct hostd_call *call)
{
	const char *type = hostd_json_str(call->args, "type");
	const struct pv_class *class = hostd_class_find(call->b->opt.classes, type);

	if (!class) {
		hostd_call_error(call, "add: %s%.31s%s: 'query-classes' has them", type ? "there is no type '" : "the type is missing",
				 type ? type : "", type ? "'" : "");
		return;
	}
	json_object_object_del(call->args, "type");
	add_device(call, class);
}

static void set_done(struct hostd_broker *b, void *ctx, struct json_object *reply,
		     const char *error)
{
	struct hostd_call *call = ctx;
	struct hostd_device *dev = hostd_ask_device(call);

	if (!dev)
		return;
	/* When the worker has died meanwhile it is done, too. */
	if (!reply && b->life.state == HOSTD_LIFE_SERVING && dev->state == HOSTD_DEVICE_SERVED)
		hostd_call_error(call, "%s: %s", dev->id, error);
	else
		hostd_call_return(call, describe(dev, hostd_json_get(reply, "device")));
}

void hostd_command_prepared(struct hostd_device *dev, const char *error)
{
	struct hostd_call *call = dev->set_call;
	struct hostd_request_op op = {
		.timeout_ms = HOSTD_ANSWER_MS, .done = set_done, .ctx = call,
	};
	int err;

	dev->set_call = NULL;
	if (error) {
		hostd_call_error(call, "%s: %s", dev->id, error);
		return;
	}
	hostd_device_note(dev, call->args);
	hostd_state_save(call->b);
	op.msg = hostd_ask_new("set");
	hostd_json_add_u64(op.msg, "slot", dev->slot);
	json_object_object_add(op.msg, "config", hostd_device_select(dev, call->args));
	err = hostd_request_send(call->b, &op);
	/* Without a worker, or with one that has just died, it is done: the next one has it. */
	if (err == -ENOTCONN || err == -EPIPE || err == -ECONNRESET)
		hostd_call_return(call, describe(dev, NULL));
	else if (err)
		hostd_call_error(call, "%s: the worker takes no requests (%s): try again", dev->id, strerror(-err));
}

/* The command's arguments, without those that name the device, are what changes. */
static void set_device(struct hostd_call *call, struct hostd_device *dev)
{
	char err[HOSTD_ERROR_MAX], help[64];
	int ret;

	snprintf(help, sizeof(help), "add-%s", dev->class->word);
	hostd_json_add_str(call->args, "id", dev->id);
	if (hostd_keys_check(dev->class->keys, HOSTD_USE_SET, call->args, help, err, sizeof(err))) {
		hostd_call_error(call, "%s: %s", dev->id, err);
		return;
	}
	if (dev->set_call) {
		hostd_call_error(call, "%s is being changed: try again", dev->id);
		return;
	}
	ret = dev->ops->set ? dev->ops->set(dev, call->args, err) : 0;
	if (ret && ret != -EINPROGRESS) {
		hostd_call_error(call, "%s: %s", dev->id, err);
		return;
	}
	dev->set_call = call;
	if (!ret)
		hostd_command_prepared(dev, NULL);
}

void hostd_device_cmd_set(struct hostd_call *call)
{
	struct hostd_device *dev = hostd_ask_device(call);

	if (!dev)
		return;
	if (json_object_object_length(call->args) < 2)
		hostd_call_error(call, "%s: what is to change is missing: give \"KEY\":VALUE", dev->id);
	else
		set_device(call, dev);
}

void hostd_device_cmd_resize(struct hostd_call *call)
{
	struct hostd_device *dev = hostd_ask_device(call);

	if (!dev)
		return;
	if (!hostd_key_find(dev->class->keys, "size"))
		hostd_call_error(call, "%s: this device has no size", dev->id);
	else if (!hostd_json_get(call->args, "size"))
		hostd_call_error(call, "%s: the size is missing: give \"size\":BYTES", dev->id);
	else
		set_device(call, dev);
}

/* The word of a class of which a VM has one: that device, changed or shown. */
static void run_word(struct hostd_call *call, const struct pv_class *class)
{
	const struct hostd_device *dev = hostd_device_find_class(call->b, class);
	const char *id = hostd_json_str(call->args, "id");

	if (!dev) {
		hostd_call_error(call, "this VM has no %s: 'pvctl add-%s' adds one", class->word, class->word);
		return;
	}
	if (id && strcmp(id, dev->id)) {
		hostd_call_error(call, "the %s of this VM is '%s'", class->word, dev->id);
		return;
	}
	hostd_json_add_str(args_of(call), "id", dev->id);
	if (json_object_object_length(call->args) > 1)
		hostd_device_cmd_set(call);
	else
		hostd_ask_worker(call, hostd_ask_new("status"), HOSTD_STATUS_MS, look_done);
}

bool hostd_device_cmd_run(struct hostd_call *call, const char *name)
{
	const struct pv_class *class = hostd_class_find_add(call->b->opt.classes, name);

	if (class) {
		add_device(call, class);
		return true;
	}
	class = hostd_class_find(call->b->opt.classes, name);
	if (!class || !class->only_one)
		return false;
	run_word(call, class);
	return true;
}

void hostd_device_cmd_remove(struct hostd_call *call)
{
	struct hostd_device *dev = hostd_ask_device(call);
	bool later;
	struct json_object *obj;

	if (!dev)
		return;
	/* One that is just being handed over is removed when that is over. */
	later = dev->state == HOSTD_DEVICE_SERVED || dev->state == HOSTD_DEVICE_ADDING;
	obj = json_object_new_object();
	hostd_json_add_str(obj, "id", dev->id);
	hostd_json_add_str(obj, "state", later ? "removing" : "removed");
	dev->removing = true;
	dev->force = hostd_json_bool(call->args, "force", false);
	hostd_state_save(call->b);
	if (!later)
		hostd_session_forget(call->b, dev);
	else if (dev->state == HOSTD_DEVICE_SERVED && call->b->life.state == HOSTD_LIFE_SERVING)
		hostd_session_remove(call->b, dev);
	hostd_call_return(call, obj);
}

static void continue_done(struct hostd_broker *b, void *ctx, struct json_object *reply,
			  const char *error)
{
	struct hostd_call *call = ctx;
	struct json_object *obj;

	(void)b;
	if (!reply) {
		hostd_call_error(call, "%s: %s", hostd_json_str(call->args, "id"), error);
		return;
	}
	obj = json_object_new_object();
	hostd_json_add_str(obj, "id", hostd_json_str(call->args, "id"));
	hostd_json_add_u64(obj, "held", hostd_json_u64(reply, "held", 0));
	hostd_call_return(call, obj);
}

void hostd_device_cmd_continue(struct hostd_call *call)
{
	struct hostd_device *dev = hostd_ask_device(call);
	struct json_object *msg;

	if (!dev)
		return;
	msg = hostd_ask_new("continue");
	hostd_json_add_u64(msg, "slot", dev->slot);
	hostd_ask_worker(call, msg, HOSTD_ANSWER_MS, continue_done);
}

static void pcap_done(struct hostd_broker *b, void *ctx, struct json_object *reply, const char *error)
{
	struct hostd_call *call = ctx;

	(void)b;
	if (reply)
		hostd_call_return(call, NULL);
	else
		hostd_call_error(call, "%s: %s", hostd_json_str(call->args, "id"), error);
}

/* Of these it is known that neither writing nor closing ever waits. */
static bool is_stream_socket(int fd)
{
	int domain = 0, type = 0;
	socklen_t len = sizeof(int);

	return !getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) && !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) &&
	       domain == AF_UNIX && type == SOCK_STREAM;
}

/* The frames go from the worker straight to who asks. */
void hostd_device_cmd_pcap(struct hostd_call *call)
{
	struct hostd_device *dev = hostd_ask_device(call);
	struct json_object *msg;

	if (!dev)
		return;
	if (call->nr_fds != 1 || !is_stream_socket(call->fds[0])) {
		hostd_call_error(call, "%s: send one end of a UNIX stream socket along (SCM_RIGHTS), by which the frames come",
				 dev->id);
		return;
	}
	msg = hostd_ask_new("pcap");
	hostd_json_add_u64(msg, "slot", dev->slot);
	hostd_json_add_u64(msg, "snaplen", hostd_json_u64(call->args, "snaplen", UINT32_MAX));
	hostd_ask_worker(call, msg, HOSTD_ANSWER_MS, pcap_done);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The commands of the control socket.
 */
#include "broker/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "broker/broker.h"
#include "broker/control.h"
#include "broker/devices.h"
#include "broker/life/life.h"
#include "broker/life/lives.h"
#include "broker/life/request.h"
#include "broker/life/session.h"
#include "broker/state.h"
#include "broker/upgrade.h"
#include "lib/json.h"
#include "lib/util.h"

#define STATUS_TIMEOUT_MS	500
#define ANSWER_TIMEOUT_MS	10000
#define RELEASE_MS		590000	/* what was written goes to the media; less than pvctl waits */

static struct json_object *new_op(const char *op)
{
	struct json_object *msg = json_object_new_object();

	hostd_json_add_str(msg, "op", op);
	return msg;
}

/* Ask the worker; @done answers the call. */
static void ask_worker(struct hostd_call *call, struct json_object *msg, unsigned int timeout_ms,
		       hostd_request_done done)
{
	struct hostd_request_op op = {
		.msg = msg, .timeout_ms = timeout_ms, .done = done, .ctx = call,
	};

	if (hostd_request_send(call->b, &op))
		done(call->b, call, NULL, call->b->life.released ?
		     "the images are released: 'pvctl restart-worker' takes them back" :
		     "the worker is being started: try again");
}

static struct hostd_device *find_device(struct hostd_call *call)
{
	const char *id = hostd_json_str(call->args, "id");
	struct hostd_device *dev = id ? hostd_device_find(call->b, id) : NULL;

	if (!id)
		hostd_call_error(call, "the id is missing: give \"id\":NAME");
	else if (!dev)
		hostd_call_error(call, "there is no device '%s': 'pvctl list' shows them", id);
	return dev;
}

/* The worker's part about a slot: the member of @reply's "devices" with that slot. */
static struct json_object *find_slot(struct json_object *reply, unsigned int slot)
{
	struct json_object *list = hostd_json_get(reply, "devices"), *item;
	size_t i;

	if (!json_object_is_type(list, json_type_array))
		return NULL;
	for (i = 0; i < json_object_array_length(list); i++) {
		item = json_object_array_get_idx(list, i);
		if (hostd_json_u64(item, "slot", HOSTD_SLOTS) == slot)
			return item;
	}
	return NULL;
}

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
		add_part(obj, find_slot(reply, slot));
		json_object_array_add(list, obj);
	}
	hostd_call_return(ctx, list);
}

static void cmd_list(struct hostd_call *call)
{
	ask_worker(call, new_op("status"), STATUS_TIMEOUT_MS, list_done);
}

static struct json_object *describe_worker(const struct hostd_broker *b)
{
	static const char * const names[] = {
		[HOSTD_LIFE_DOWN] = "down",
		[HOSTD_LIFE_STARTING] = "starting",
		[HOSTD_LIFE_FILLING] = "starting",
		[HOSTD_LIFE_GOING] = "starting",
		[HOSTD_LIFE_SERVING] = "serving",
	};
	struct json_object *obj = json_object_new_object();
	const struct hostd_life *life = &b->life;

	hostd_json_add_str(obj, "state", life->released && !life->pid ? "released" : names[life->state]);
	hostd_json_add_u64(obj, "pid", life->pid);
	hostd_json_add_u64(obj, "epoch", life->epoch);
	hostd_json_add_u64(obj, "restarts", life->restarts);
	if (life->pid)
		hostd_json_add_u64(obj, "uptime_ms", hostd_now_ms() - life->start_ms);
	hostd_json_add_u64(obj, "start_ms", life->ready_ms);
	return obj;
}

static struct json_object *describe_broker(const struct hostd_broker *b)
{
	struct json_object *obj = json_object_new_object(), *qemu = json_object_new_object();

	hostd_json_add_str(obj, "name", b->opt.name);
	hostd_json_add_str(obj, "version", PVKIT_VERSION);
	hostd_json_add_u64(obj, "pid", getpid());
	hostd_json_add_u64(obj, "uptime_ms", hostd_now_ms() - b->start_ms);
	hostd_json_add_u64(obj, "window_len", b->window.len);
	hostd_json_add_u64(obj, "nr_vectors", b->window.nr_vectors);
	hostd_json_add_bool(qemu, "connected", b->qemu.conn.fd >= 0);
	if (b->qemu.conn.fd >= 0)
		hostd_json_add_u64(qemu, "pid", b->qemu.pid);
	json_object_object_add(obj, "qemu", qemu);
	json_object_object_add(obj, "worker", describe_worker(b));
	return obj;
}

static void status_done(struct hostd_broker *b, void *ctx, struct json_object *reply,
			const char *error)
{
	struct json_object *obj = describe_broker(b);
	struct json_object *worker = hostd_json_get(obj, "worker"), *member;
	static const char * const members[] = { "epoch", "driver", "devices" };
	unsigned int i;

	for (i = 0; i < HOSTD_ARRAY_SIZE(members); i++) {
		member = hostd_json_get(reply, members[i]);
		if (member)
			json_object_object_add(i ? obj : worker, members[i],
					       json_object_get(member));
	}
	if (error && b->life.state == HOSTD_LIFE_SERVING)
		hostd_json_add_str(worker, "state", "silent");
	hostd_call_return(ctx, obj);
}

static void cmd_status(struct hostd_call *call)
{
	ask_worker(call, new_op("status"), STATUS_TIMEOUT_MS, status_done);
}

/* @reply without what is only for the broker. */
static struct json_object *payload(struct json_object *reply)
{
	json_object_object_del(reply, "re");
	json_object_object_del(reply, "ok");
	return json_object_get(reply);
}

static void ask_stats(struct hostd_call *call, const char *key, uint64_t slot);

/* All devices: what came before, and this page. */
static void add_page(struct hostd_call *call, struct json_object *reply)
{
	struct json_object *all = hostd_json_get(call->partial, "devices"), *list;
	size_t i;

	if (!all) {
		call->partial = payload(reply);
		json_object_object_del(call->partial, "next");
		return;
	}
	list = hostd_json_get(reply, "devices");
	for (i = 0; i < json_object_array_length(list); i++)
		json_object_array_add(all, json_object_get(json_object_array_get_idx(list, i)));
}

static void stats_done(struct hostd_broker *b, void *ctx, struct json_object *reply,
		       const char *error)
{
	struct hostd_call *call = ctx;
	const char *id = hostd_json_str(call->args, "id");
	struct hostd_device *dev = id ? hostd_device_find(b, id) : NULL;
	uint64_t next = hostd_json_u64(reply, "next", 0);
	struct json_object *one;

	if (!reply) {
		hostd_call_error(call, "%s", error);
	} else if (id) {
		one = dev ? find_slot(reply, dev->slot) : NULL;
		if (one)
			hostd_call_return(call, json_object_get(one));
		else
			hostd_call_error(call, "there are no statistics of '%s' yet: try again", id);
	} else {
		add_page(call, reply);
		if (next)
			ask_stats(call, "from", next);
		else
			hostd_call_return(call, json_object_get(call->partial));
	}
}

static void ask_stats(struct hostd_call *call, const char *key, uint64_t slot)
{
	struct json_object *msg = new_op("stats");

	hostd_json_add_u64(msg, key, slot);
	ask_worker(call, msg, ANSWER_TIMEOUT_MS, stats_done);
}

static void cmd_stats(struct hostd_call *call)
{
	struct hostd_device *dev = NULL;

	if (hostd_json_get(call->args, "id")) {
		dev = find_device(call);
		if (!dev)
			return;
	}
	ask_stats(call, dev ? "slot" : "from", dev ? dev->slot : 0);
}

static void add_device(struct hostd_call *call, const struct hostd_class *class)
{
	char err[HOSTD_ERROR_MAX];
	struct hostd_device *dev;
	struct json_object *obj;

	if (hostd_spec_check(class->spec, call->args, err, sizeof(err))) {
		hostd_call_error(call, "%s", err);
		return;
	}
	dev = hostd_device_add(call->b, class, call->args, err);
	if (!dev) {
		hostd_call_error(call, "%.31s: %s", hostd_json_str(call->args, "id") ?: "", err);
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

static void cmd_remove(struct hostd_call *call)
{
	struct hostd_device *dev = find_device(call);
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

/* A device whose size can be changed. */
static struct hostd_device *find_sized(struct hostd_call *call)
{
	struct hostd_device *dev = find_device(call);

	if (!dev || dev->class->resize)
		return dev;
	hostd_call_error(call, "%s: this device has no size", dev->id);
	return NULL;
}

static void resize_done(struct hostd_broker *b, void *ctx, struct json_object *reply,
			const char *error)
{
	struct hostd_call *call = ctx;
	struct hostd_device *dev = find_sized(call);

	if (!dev)
		return;
	if (!reply) {
		hostd_call_error(call, "%s: %s", dev->id, error);
		return;
	}
	dev->class->resized(dev, hostd_json_u64(call->args, "size", 0));
	hostd_state_save(b);
	hostd_call_return(call, hostd_device_describe(dev));
}

void hostd_command_room(struct hostd_device *dev, const char *error)
{
	struct hostd_call *call = dev->resize_call;
	struct json_object *msg;

	dev->resize_call = NULL;
	if (error) {
		hostd_call_error(call, "%s: %s", dev->id, error);
		return;
	}
	msg = new_op("resize");
	hostd_json_add_u64(msg, "slot", dev->slot);
	hostd_json_add_u64(msg, "size", hostd_json_u64(call->args, "size", 0));
	ask_worker(call, msg, ANSWER_TIMEOUT_MS, resize_done);
}

static void cmd_resize(struct hostd_call *call)
{
	struct hostd_device *dev = find_sized(call);
	char err[HOSTD_ERROR_MAX];
	int ret;

	if (!dev)
		return;		/* and the call is answered: it is gone */
	if (dev->state != HOSTD_DEVICE_SERVED) {
		hostd_call_error(call, "%s is not served at the moment: see 'pvctl list'", dev->id);
		return;
	}
	if (dev->resize_call) {
		hostd_call_error(call, "%s is being resized: try again", dev->id);
		return;
	}
	ret = dev->class->resize(dev, hostd_json_u64(call->args, "size", 0),
				 hostd_json_bool(call->args, "shrink", false), err);
	if (ret && ret != -EINPROGRESS) {
		hostd_call_error(call, "%s: %s", dev->id, err);
		return;
	}
	dev->resize_call = call;
	if (!ret)
		hostd_command_room(dev, NULL);
}

/* The broker's part, and the worker's if it has one. */
static void balloon_done(struct hostd_broker *b, void *ctx, struct json_object *reply,
			 const char *error)
{
	struct hostd_device *dev = hostd_device_find_class(b, &hostd_balloon_class);
	struct json_object *obj, *guest = hostd_json_get(reply, "device");

	if (!dev) {
		hostd_call_error(ctx, "the balloon was removed meanwhile");
		return;
	}
	(void)error;
	obj = hostd_device_describe(dev);
	if (guest) {
		json_object_object_foreach(guest, key, val)
			if (!hostd_json_get(obj, key))
				json_object_object_add(obj, key, json_object_get(val));
	}
	hostd_call_return(ctx, obj);
}

static struct hostd_device *find_balloon(struct hostd_call *call)
{
	const char *id = hostd_json_str(call->args, "id");
	struct hostd_device *dev = hostd_device_find_class(call->b, &hostd_balloon_class);

	if (!dev)
		hostd_call_error(call, "this VM has no balloon: 'pvctl add-balloon' adds one");
	else if (id && strcmp(id, dev->id))
		hostd_call_error(call, "the balloon of this VM is '%s'", dev->id);
	else
		return dev;
	return NULL;
}

static void cmd_balloon(struct hostd_call *call)
{
	struct hostd_device *dev = find_balloon(call);
	struct json_object *msg, *config;
	char err[HOSTD_ERROR_MAX];

	if (!dev)
		return;
	if (call->args && hostd_device_set(dev, call->args, err)) {
		hostd_call_error(call, "%s: %s", dev->id, err);
		return;
	}
	hostd_state_save(call->b);
	msg = new_op("set");
	config = json_object_new_object();
	dev->class->configure(dev, config);
	hostd_json_add_u64(msg, "slot", dev->slot);
	json_object_object_add(msg, "config", config);
	ask_worker(call, msg, STATUS_TIMEOUT_MS, balloon_done);
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

static void cmd_continue(struct hostd_call *call)
{
	struct hostd_device *dev = find_device(call);
	struct json_object *msg;

	if (!dev)
		return;
	msg = new_op("continue");
	hostd_json_add_u64(msg, "slot", dev->slot);
	ask_worker(call, msg, ANSWER_TIMEOUT_MS, continue_done);
}

/* Whoever asks for it twice gets it, though a release may not have come to an end. */
static void cmd_restart_worker(struct hostd_call *call)
{
	struct hostd_broker *b = call->b;

	hostd_session_end_calls(&b->release_calls, "the worker was restarted meanwhile");
	b->life.released = false;
	hostd_state_save(b);
	b->exe.refused = (struct hostd_exe_id){ 0 };
	hostd_session_wait_start(call);
	hostd_life_kill(b, NULL);
}

static void cmd_upgrade(struct hostd_call *call)
{
	hostd_upgrade_start(call);
}

static void cmd_release(struct hostd_call *call)
{
	struct hostd_broker *b = call->b;
	bool begun = b->release_calls;

	hostd_call_extend(call, RELEASE_MS);
	call->next = b->release_calls;
	b->release_calls = call;
	if (!begun)
		hostd_lives_release(b);
}

static void cmd_qemu_args(struct hostd_call *call)
{
	struct json_object *obj = json_object_new_object();
	struct sockaddr_un addr = { 0 };
	socklen_t len = sizeof(addr);
	char path[512];

	snprintf(path, sizeof(path), "%s/" HOSTD_IVSHMEM_SOCK, call->b->opt.run_dir);
	/* One that was inherited has the name that its maker gave it. */
	if (!getsockname(call->b->qemu.listener.src.fd, (struct sockaddr *)&addr, &len) &&
	    strncmp(addr.sun_path, HOSTD_IVSHMEM_SOCK, sizeof(addr.sun_path)))
		snprintf(path, sizeof(path), "%.*s", (int)sizeof(addr.sun_path), addr.sun_path);
	hostd_json_add_str(obj, "name", call->b->opt.name);
	hostd_json_add_str(obj, "path", path);
	hostd_json_add_u64(obj, "nr_vectors", call->b->opt.nr_vectors);
	hostd_call_return(call, obj);
}

static void cmd_quit(struct hostd_call *call)
{
	struct hostd_broker *b = call->b;

	hostd_call_return(call, NULL);
	hostd_broker_stop(b, EXIT_SUCCESS);
}

/* Those that add a device are of its class. */
static const struct command {
	const char *name;
	void (*run)(struct hostd_call *call);
	const struct hostd_spec *spec;
} commands[] = {
	{ "list", cmd_list, &hostd_spec_none },
	{ "status", cmd_status, &hostd_spec_none },
	{ "stats", cmd_stats, &hostd_spec_id },
	{ "remove", cmd_remove, &hostd_spec_remove },
	{ "resize", cmd_resize, &hostd_spec_resize },
	{ "continue", cmd_continue, &hostd_spec_id },
	{ "balloon", cmd_balloon, &hostd_spec_balloon_change },
	{ "restart-worker", cmd_restart_worker, &hostd_spec_none },
	{ "release", cmd_release, &hostd_spec_none },
	{ "upgrade", cmd_upgrade, &hostd_spec_none },
	{ "qemu-args", cmd_qemu_args, &hostd_spec_none },
	{ "quit", cmd_quit, &hostd_spec_none },
};

void hostd_command_run(struct hostd_call *call, const char *name)
{
	const struct hostd_class *class = hostd_class_find(name);
	char err[HOSTD_ERROR_MAX];
	unsigned int i;

	if (class) {
		add_device(call, class);
		return;
	}
	for (i = 0; i < HOSTD_ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i].name, name))
			continue;
		if (call->args && hostd_spec_check(commands[i].spec, call->args, err, sizeof(err)))
			hostd_call_error(call, "%s: %s", name, err);
		else
			commands[i].run(call);
		return;
	}
	hostd_call_error(call, "unknown command '%.64s': this pvhostd is version %s", name,
			 PVKIT_VERSION);
}

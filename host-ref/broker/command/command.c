// SPDX-License-Identifier: GPL-2.0-only
/*
 * The commands of the control socket.
 */
#include "broker/command/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "broker/broker.h"
#include "broker/command/ask.h"
#include "broker/command/device.h"
#include "broker/control.h"
#include "broker/devices.h"
#include "broker/heir/state.h"
#include "broker/heir/upgrade.h"
#include "broker/life/life.h"
#include "broker/life/lives.h"
#include "broker/life/request.h"
#include "broker/life/session.h"
#include "lib/json.h"
#include "lib/util.h"

#define RELEASE_MS		590000	/* what was written goes to the media; less than pvctl waits */

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
	hostd_ask_worker(call, hostd_ask_new("status"), HOSTD_STATUS_MS, status_done);
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
		one = dev ? hostd_ask_slot(reply, dev->slot) : NULL;
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
	struct json_object *msg = hostd_ask_new("stats");

	hostd_json_add_u64(msg, key, slot);
	hostd_ask_worker(call, msg, HOSTD_ANSWER_MS, stats_done);
}

static void cmd_stats(struct hostd_call *call)
{
	struct hostd_device *dev = NULL;

	if (hostd_json_get(call->args, "id")) {
		dev = hostd_ask_device(call);
		if (!dev)
			return;
	}
	ask_stats(call, dev ? "slot" : "from", dev ? dev->slot : 0);
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

static void cmd_query_classes(struct hostd_call *call)
{
	hostd_call_return(call, hostd_classes_describe(call->b->opt.classes));
}

static const struct hostd_key no_keys[] = {
	{ 0 },
};

static const struct hostd_key id_keys[] = {
	{ "id", HOSTD_KEY_NAME, .needed = true },
	{ 0 },
};

static const struct hostd_key stats_keys[] = {
	{ "id", HOSTD_KEY_NAME },
	{ 0 },
};

static const struct hostd_key remove_keys[] = {
	{ "id", HOSTD_KEY_NAME, .needed = true },
	{ "force", HOSTD_KEY_SWITCH },
	{ 0 },
};

static const struct hostd_key pcap_keys[] = {
	{ "id", HOSTD_KEY_NAME, .needed = true },
	{ "snaplen", HOSTD_KEY_NUMBER, .min = 1, .max = UINT32_MAX },
	{ 0 },
};

/* Without @keys: those of the class, which is found later. */
static const struct command {
	const char *name;
	void (*run)(struct hostd_call *call);
	const struct hostd_key *keys;
	bool takes_fds;
} commands[] = {
	{ "list", hostd_device_cmd_list, no_keys },
	{ "status", cmd_status, no_keys },
	{ "stats", cmd_stats, stats_keys },
	{ "show", hostd_device_cmd_show, id_keys },
	{ "add", hostd_device_cmd_add, .takes_fds = true },
	{ "set", hostd_device_cmd_set },
	{ "resize", hostd_device_cmd_resize },
	{ "remove", hostd_device_cmd_remove, remove_keys },
	{ "continue", hostd_device_cmd_continue, id_keys },
	{ "pcap", hostd_device_cmd_pcap, pcap_keys, true },
	{ "query-classes", cmd_query_classes, no_keys },
	{ "restart-worker", cmd_restart_worker, no_keys },
	{ "release", cmd_release, no_keys },
	{ "upgrade", cmd_upgrade, no_keys },
	{ "qemu-args", cmd_qemu_args, no_keys },
	{ "quit", cmd_quit, no_keys },
};

static void run(struct hostd_call *call, const struct command *command)
{
	char err[HOSTD_ERROR_MAX];

	if (command->keys && hostd_keys_check(command->keys, HOSTD_USE_ADD, call->args, command->name,
					      err, sizeof(err)))
		hostd_call_error(call, "%s: %s", command->name, err);
	else if (call->nr_fds && !command->takes_fds)
		hostd_call_error(call, "%s: descriptors came along, and it takes none", command->name);
	else
		command->run(call);
}

void hostd_command_run(struct hostd_call *call, const char *name)
{
	unsigned int i;

	if (call->args && !json_object_is_type(call->args, json_type_object)) {
		hostd_call_error(call, "the arguments are no object: give \"arguments\":{...}");
		return;
	}
	for (i = 0; i < HOSTD_ARRAY_SIZE(commands); i++) {
		if (!strcmp(commands[i].name, name)) {
			run(call, &commands[i]);
			return;
		}
	}
	if (!hostd_device_cmd_run(call, name))
		hostd_call_error(call, "unknown command '%.64s': this pvhostd is version %s", name,
				 PVKIT_VERSION);
}

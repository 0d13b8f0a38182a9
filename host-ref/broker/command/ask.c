// SPDX-License-Identifier: GPL-2.0-only
/*
 * What commands share: they ask the worker, and find a device.
 */
#include "broker/command/ask.h"

#include "broker/broker.h"
#include "broker/control.h"
#include "broker/devices.h"
#include "lib/json.h"

struct json_object *hostd_ask_new(const char *op)
{
	struct json_object *msg = json_object_new_object();

	hostd_json_add_str(msg, "op", op);
	return msg;
}

void hostd_ask_worker(struct hostd_call *call, struct json_object *msg, unsigned int timeout_ms,
		      hostd_request_done done)
{
	struct hostd_request_op op = {
		.msg = msg, .fds = call->fds, .nr_fds = call->nr_fds, .timeout_ms = timeout_ms, .done = done, .ctx = call,
	};

	if (hostd_request_send(call->b, &op))
		done(call->b, call, NULL, call->b->life.released ?
		     "the devices are released: 'pvctl restart-worker' takes them back" :
		     "the worker is being started: try again");
}

struct hostd_device *hostd_ask_device(struct hostd_call *call)
{
	const char *id = hostd_json_str(call->args, "id");
	struct hostd_device *dev = id ? hostd_device_find(call->b, id) : NULL;

	if (!id)
		hostd_call_error(call, "the id is missing: give \"id\":NAME");
	else if (!dev)
		hostd_call_error(call, "there is no device '%s': 'pvctl list' shows them", id);
	return dev;
}

struct json_object *hostd_ask_slot(struct json_object *reply, unsigned int slot)
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

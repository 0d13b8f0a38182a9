// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a worker says, checked: types and ranges of all its answers and reports, in this one place.
 *
 * Whoever gets a message afterwards may rely on the members named here. What it says of its own in
 * statistics may be any JSON, but its text can be printed.
 */
#include "broker/life/reply.h"

#include <string.h>

#include "broker/devices.h"
#include "lib/ipc.h"
#include "lib/json.h"
#include "lib/util.h"

enum kind { NUMBER, TEXT, BOOLEAN, OBJECT, LIST };

/**
 * struct member - a member of a message
 * @name: its key
 * @kind: its type
 * @needed: it must be there
 * @min: least NUMBER
 * @max: largest NUMBER
 * @inside: members of the OBJECT, or of each object in the LIST
 */
struct member {
	const char *name;
	enum kind kind;
	bool needed;
	uint64_t min;
	uint64_t max;
	const struct member *inside;
};

/**
 * struct shape - the members of a kind of message
 * @name: the operation that it answers, or the event
 * @members: those that are known; NULL: none
 */
struct shape {
	const char *name;
	const struct member *members;
};

static const struct member init_members[] = {
	{ "protocol", NUMBER, .max = UINT32_MAX },
	{ "poll_us", NUMBER, .max = HOSTD_POLL_US_MAX },
	{ "engine", TEXT },
	{ 0 },
};

static const struct member epoch_members[] = {
	{ "epoch", NUMBER, true, 1, UINT64_MAX },
	{ 0 },
};

static const struct member add_members[] = {
	{ "device", OBJECT },
	{ 0 },
};

static const struct member set_members[] = {
	{ "device", OBJECT, true },
	{ 0 },
};

static const struct member device_members[] = {
	{ "slot", NUMBER, true, 0, HOSTD_SLOTS - 1 },
	{ "name", TEXT },
	{ "type", TEXT },
	{ "status", TEXT },
	{ "stopped", TEXT },
	{ "held", NUMBER, .max = UINT32_MAX },
	{ "host_errors", OBJECT },
	{ 0 },
};

static const struct member stats_members[] = {
	{ "devices", LIST, true, .inside = device_members },
	{ "next", NUMBER, .min = 1, .max = HOSTD_SLOTS - 1 },
	{ 0 },
};

static const struct member driver_members[] = {
	{ "ident", TEXT },
	{ "kernel", TEXT },
	{ "refused", BOOLEAN },
	{ 0 },
};

static const struct member continue_members[] = {
	{ "held", NUMBER, .max = UINT32_MAX },
	{ 0 },
};

static const struct member status_members[] = {
	{ "epoch", NUMBER, true, 0, UINT64_MAX },
	{ "driver", OBJECT, .inside = driver_members },
	{ "devices", LIST, true, .inside = device_members },
	{ 0 },
};

static const struct member log_members[] = {
	{ "level", NUMBER, true, 0, HOSTD_LOG_DEBUG },
	{ "text", TEXT, true },
	{ 0 },
};

static const struct member slot_members[] = {
	{ "slot", NUMBER, true, 0, HOSTD_SLOTS - 1 },
	{ "generation", NUMBER, true, 1, UINT32_MAX },
	{ 0 },
};

static const struct member error_members[] = {
	{ "error", TEXT, true },
	{ 0 },
};

static const struct shape replies[] = {
	{ "init", init_members },
	{ "hold" },
	{ "add", add_members },
	{ "go", epoch_members },
	{ "remove" },
	{ "set", set_members },
	{ "continue", continue_members },
	{ "pcap" },
	{ "stats", stats_members },
	{ "status", status_members },
	{ "quit" },
};

static const struct shape events[] = {
	{ "log", log_members },
	{ "removed", slot_members },
	{ "epoch", epoch_members },
};

static const struct shape *find_shape(const struct shape *shapes, size_t nr, const char *name)
{
	size_t i;

	for (i = 0; name && i < nr; i++)
		if (!strcmp(shapes[i].name, name))
			return &shapes[i];
	return NULL;
}

static bool members_fit(const struct member *m, struct json_object *obj);

/* Objects, one for each slot, in their order. */
static bool list_fits(const struct member *m, struct json_object *list)
{
	uint64_t slot, next = 0;
	size_t i;

	if (!json_object_is_type(list, json_type_array))
		return false;
	for (i = 0; i < json_object_array_length(list); i++) {
		struct json_object *item = json_object_array_get_idx(list, i);

		if (!members_fit(m->inside, item))
			return false;
		slot = hostd_json_u64(item, "slot", 0);
		if (slot < next)
			return false;
		next = slot + 1;
	}
	return true;
}

static bool value_fits(const struct member *m, struct json_object *val)
{
	switch (m->kind) {
	case NUMBER:
		return json_object_is_type(val, json_type_int) && json_object_get_int64(val) >= 0 &&
		       json_object_get_uint64(val) >= m->min && json_object_get_uint64(val) <= m->max;
	case TEXT:
		return json_object_is_type(val, json_type_string);
	case BOOLEAN:
		return json_object_is_type(val, json_type_boolean);
	case OBJECT:
		return members_fit(m->inside, val);
	case LIST:
		return list_fits(m, val);
	}
	return false;
}

static bool members_fit(const struct member *m, struct json_object *obj)
{
	struct json_object *val;

	if (!json_object_is_type(obj, json_type_object))
		return false;
	for (; m && m->name; m++) {
		if (!json_object_object_get_ex(obj, m->name, &val) ? m->needed : !value_fits(m, val))
			return false;
	}
	return true;
}

/* A page of statistics begins and ends where it should. */
static bool page_fits(struct json_object *req, struct json_object *reply)
{
	struct json_object *list = hostd_json_get(reply, "devices");
	uint64_t from = hostd_json_u64(req, "from", 0), next = hostd_json_u64(reply, "next", 0);
	size_t nr = json_object_array_length(list);
	uint64_t first, last;

	if (hostd_json_get(reply, "next") && (hostd_json_get(req, "slot") || next <= from))
		return false;
	if (!nr)
		return true;
	first = hostd_json_u64(json_object_array_get_idx(list, 0), "slot", 0);
	last = hostd_json_u64(json_object_array_get_idx(list, nr - 1), "slot", 0);
	if (hostd_json_get(req, "slot"))
		return nr == 1 && first == hostd_json_u64(req, "slot", 0);
	return first >= from && (!next || last < next);
}

bool hostd_reply_fits(struct json_object *req, struct json_object *reply)
{
	const char *op = hostd_json_str(req, "op");
	const struct shape *shape = find_shape(replies, HOSTD_ARRAY_SIZE(replies), op);
	struct json_object *ok = hostd_json_get(reply, "ok");

	if (!shape || !json_object_is_type(ok, json_type_boolean) || !hostd_json_clean(reply))
		return false;
	if (!json_object_get_boolean(ok))
		return members_fit(error_members, reply);
	return members_fit(shape->members, reply) &&
	       (shape->members != stats_members || page_fits(req, reply));
}

bool hostd_event_fits(struct json_object *msg)
{
	const struct shape *shape = find_shape(events, HOSTD_ARRAY_SIZE(events),
					       hostd_json_str(msg, "event"));

	return shape && members_fit(shape->members, msg) && hostd_json_clean(msg);
}

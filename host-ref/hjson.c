// SPDX-License-Identifier: GPL-2.0-only
/*
 * Members of JSON objects, with defaults.
 */
#include "hjson.h"

struct json_object *hostd_json_get(struct json_object *obj, const char *key)
{
	struct json_object *val;

	if (!obj || !json_object_is_type(obj, json_type_object))
		return NULL;
	return json_object_object_get_ex(obj, key, &val) ? val : NULL;
}

const char *hostd_json_str(struct json_object *obj, const char *key)
{
	struct json_object *val = hostd_json_get(obj, key);

	return json_object_is_type(val, json_type_string) ? json_object_get_string(val) : NULL;
}

uint64_t hostd_json_u64(struct json_object *obj, const char *key, uint64_t def)
{
	struct json_object *val = hostd_json_get(obj, key);

	if (!json_object_is_type(val, json_type_int) || json_object_get_int64(val) < 0)
		return def;
	return json_object_get_uint64(val);
}

bool hostd_json_bool(struct json_object *obj, const char *key, bool def)
{
	struct json_object *val = hostd_json_get(obj, key);

	return json_object_is_type(val, json_type_boolean) ? json_object_get_boolean(val) : def;
}

void hostd_json_add_str(struct json_object *obj, const char *key, const char *val)
{
	json_object_object_add(obj, key, val ? json_object_new_string(val) : NULL);
}

void hostd_json_add_u64(struct json_object *obj, const char *key, uint64_t val)
{
	json_object_object_add(obj, key, json_object_new_uint64(val));
}

void hostd_json_add_bool(struct json_object *obj, const char *key, bool val)
{
	json_object_object_add(obj, key, json_object_new_boolean(val));
}

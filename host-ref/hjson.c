// SPDX-License-Identifier: GPL-2.0-only
/*
 * Members of JSON objects, with defaults.
 */
#include "hjson.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

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

static bool is_key(const char *key)
{
	size_t i;

	for (i = 0; key[i]; i++) {
		if (!isalnum((unsigned char)key[i]) && key[i] != '_')
			return false;
	}
	return i;
}

static void clean_text(struct json_object *val)
{
	/* What comes after a NUL is no text. */
	char *text = strdup(json_object_get_string(val));

	if (text)
		hostd_text_clean(text);
	json_object_set_string(val, text ? text : "");
	free(text);
}

bool hostd_json_clean(struct json_object *val)
{
	bool ok = true;
	size_t i;

	if (json_object_is_type(val, json_type_string)) {
		clean_text(val);
	} else if (json_object_is_type(val, json_type_array)) {
		for (i = 0; i < json_object_array_length(val); i++)
			ok &= hostd_json_clean(json_object_array_get_idx(val, i));
	} else if (json_object_is_type(val, json_type_object)) {
		json_object_object_foreach(val, key, member)
			ok &= is_key(key) && hostd_json_clean(member);
	}
	return ok;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * JSON from outside, and members of objects, with defaults.
 */
#include "lib/json.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/util.h"

/*
 * Members of all objects in a text that is JSON: each has a colon outside of a string. The
 * complaint otherwise: of a NUL in a string, which ends it for whoever reads it as a C string; of
 * a string in quotes that json-c takes, and JSON does not have.
 */
static const char *count_colons(const char *text, size_t len, size_t *nr)
{
	bool in_string = false;
	size_t i;

	*nr = 0;
	for (i = 0; i < len; i++) {
		if (text[i] == '"')
			in_string = !in_string;
		else if (!in_string && text[i] == '\'')
			return "a string in single quotes";
		else if (!in_string)
			*nr += text[i] == ':';
		else if (text[i] == '\\' && ++i < len && text[i] == 'u' && len - i > 4 &&
			 !memcmp(text + i + 1, "0000", 4))
			return "a NUL in it";
	}
	return memchr(text, 0, len) ? "a NUL in it" : NULL;
}

/*
 * Members that became of them: fewer, if a key was there twice. False if a number is none, or one
 * of those that json-c puts in the place of what does not fit.
 */
static bool count_members(struct json_object *val, size_t *nr)
{
	size_t i;

	if (json_object_is_type(val, json_type_double))
		return isfinite(json_object_get_double(val));
	if (json_object_is_type(val, json_type_int))
		return json_object_get_int64(val) != INT64_MIN &&
		       json_object_get_uint64(val) != UINT64_MAX;
	if (json_object_is_type(val, json_type_array)) {
		for (i = 0; i < json_object_array_length(val); i++)
			if (!count_members(json_object_array_get_idx(val, i), nr))
				return false;
	} else if (json_object_is_type(val, json_type_object)) {
		json_object_object_foreach(val, key, member) {
			(void)key;
			++*nr;
			if (!count_members(member, nr))
				return false;
		}
	}
	return true;
}

static const char *complain(enum json_tokener_error error)
{
	switch (error) {
	case json_tokener_error_depth:
		return "nested too deeply";
	case json_tokener_error_parse_utf8_string:
		return "text that is not UTF-8";
	case json_tokener_error_parse_number:
		return "a number that does not fit, or is none";
	case json_tokener_continue:
		return "cut off";
	default:
		return "no JSON object, or not one alone";
	}
}

static struct json_object *parse(const char *text, size_t len, bool utf8, const char **complaint)
{
	struct json_tokener *tok = json_tokener_new_ex(HOSTD_JSON_DEPTH);
	struct json_object *obj = NULL;
	enum json_tokener_error error;

	*complaint = "out of memory";
	if (!tok)
		return NULL;
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT | (utf8 ? JSON_TOKENER_VALIDATE_UTF8 : 0));
	obj = json_tokener_parse_ex(tok, text, len);
	error = json_tokener_get_error(tok);
	*complaint = complain(error);
	if (error != json_tokener_success || json_tokener_get_parse_end(tok) != len ||
	    !json_object_is_type(obj, json_type_object)) {
		json_object_put(obj);
		obj = NULL;
	}
	json_tokener_free(tok);
	return obj;
}

struct json_object *hostd_json_parse(const char *text, size_t len, bool utf8,
				     const char **complaint)
{
	size_t nr_written, nr_read = 0;
	struct json_object *obj;
	const char *dummy;

	if (!complaint)
		complaint = &dummy;
	while (len && strchr(" \t\r\n", text[len - 1]) && text[len - 1])
		len--;
	*complaint = count_colons(text, len, &nr_written);
	if (*complaint)
		return NULL;
	obj = parse(text, len, utf8, complaint);
	if (!obj)
		return NULL;
	if (!count_members(obj, &nr_read))
		*complaint = "a number that does not fit, or is none";
	else if (nr_read != nr_written)
		*complaint = "a key that is there twice";
	else
		return obj;
	json_object_put(obj);
	return NULL;
}

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

struct json_object *hostd_json_error(const char *text)
{
	struct json_object *obj = json_object_new_object();

	hostd_json_add_str(obj, "desc", text);
	return obj;
}

struct json_object *hostd_json_parse_command(const char *line, size_t len, const char **complaint)
{
	struct json_object *request = hostd_json_parse(line, len, true, complaint), *args;

	if (!request)
		return NULL;
	args = hostd_json_get(request, "arguments");
	*complaint = "no command";
	if (!hostd_json_str(request, "execute"))
		goto put_request;
	*complaint = "arguments that are no object";
	if (args && !json_object_is_type(args, json_type_object))
		goto put_request;
	*complaint = "a member that is neither execute, nor arguments, nor id";
	json_object_object_foreach(request, key, val) {
		(void)val;
		if (strcmp(key, "execute") && strcmp(key, "arguments") && strcmp(key, "id"))
			goto put_request;
	}
	return request;

put_request:
	json_object_put(request);
	return NULL;
}

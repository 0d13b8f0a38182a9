// SPDX-License-Identifier: GPL-2.0-only
/*
 * The arguments of a device, and their text form: "id=d0,file=disk.img,ro=on".
 */
#include "lib/spec.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/json.h"
#include "lib/util.h"

/* AMOUNT: a size or "auto"; PLACE: a path, "auto" or "off". */
enum kind { TEXT, PATH, SWITCH, SIZE, AMOUNT, PLACE };

struct hostd_spec_key {
	const char *name;
	enum kind kind;
};

static const struct hostd_spec_key disk_keys[] = {
	{ "id", TEXT },
	{ "file", PATH },
	{ "null", SIZE },
	{ "ro", SWITCH },
	{ "serial", TEXT },
	{ "engine", TEXT },
	{ "cache", TEXT },
	{ "format", TEXT },
	{ "discard", SWITCH },
	{ "on-error", TEXT },
	{ "werror", TEXT },
	{ "rerror", TEXT },
	{ "logical-block", SIZE },
	{ "physical-block", SIZE },
	{ "queues", SIZE },
	{ "queue-size", SIZE },
	{ "max-io", SIZE },
	{ "uuid", TEXT },
	{ "wait", SWITCH },
	{ 0 },
};

const struct hostd_spec hostd_spec_disk = {
	.command = "add-disk",
	.option = "--disk",
	.least = "an id and a file",
	.keys = disk_keys,
};

static const struct hostd_spec_key clock_keys[] = {
	{ "id", TEXT },
	{ "uuid", TEXT },
	{ 0 },
};

const struct hostd_spec hostd_spec_clock = {
	.command = "add-clock",
	.option = "--clock",
	.least = "an id",
	.id = "clock",
	.keys = clock_keys,
};

static const struct hostd_spec_key balloon_keys[] = {
	{ "id", TEXT },
	{ "target", AMOUNT },
	{ "rate", SIZE },
	{ "ram", PLACE },
	{ "report", SWITCH },
	{ "granule", SIZE },
	{ "stats", SIZE },
	{ "uuid", TEXT },
	{ 0 },
};

const struct hostd_spec hostd_spec_balloon = {
	.command = "add-balloon",
	.option = "--balloon",
	.least = "an id",
	.id = "balloon",
	.keys = balloon_keys,
};

static const struct hostd_spec_key no_keys[] = {
	{ 0 },
};

static const struct hostd_spec_key id_keys[] = {
	{ "id", TEXT },
	{ 0 },
};

static const struct hostd_spec_key remove_keys[] = {
	{ "id", TEXT },
	{ "force", SWITCH },
	{ 0 },
};

static const struct hostd_spec_key resize_keys[] = {
	{ "id", TEXT },
	{ "size", SIZE },
	{ "shrink", SWITCH },
	{ 0 },
};

const struct hostd_spec hostd_spec_none = { .least = "none", .keys = no_keys };
const struct hostd_spec hostd_spec_id = { .command = "stats", .least = "an id", .keys = id_keys };
const struct hostd_spec hostd_spec_remove = {
	.command = "remove", .least = "an id", .keys = remove_keys,
};
const struct hostd_spec hostd_spec_resize = {
	.command = "resize", .least = "an id and a size", .keys = resize_keys,
};

static const struct hostd_spec_key balloon_change_keys[] = {
	{ "id", TEXT },
	{ "target", AMOUNT },
	{ "rate", SIZE },
	{ 0 },
};

const struct hostd_spec hostd_spec_balloon_change = {
	.command = "balloon",
	.least = "a target",
	.keys = balloon_change_keys,
};

/* Complains when there is no such key. */
static const struct hostd_spec_key *find_key(const struct hostd_spec *spec, const char *name,
					     char *err, size_t len)
{
	const struct hostd_spec_key *key;

	for (key = spec->keys; key->name; key++)
		if (!strcmp(key->name, name))
			return key;
	if (!spec->keys->name)
		snprintf(err, len, "this command has no arguments");
	else
		snprintf(err, len, "unknown key '%.64s': 'pvctl help %s' lists the keys", name,
			 spec->command);
	return NULL;
}

static struct json_object *absolute_path(const char *path)
{
	struct json_object *val;
	char *cwd, *text;

	if (path[0] == '/' || !path[0])
		return json_object_new_string(path);
	cwd = getcwd(NULL, 0);
	if (!cwd || asprintf(&text, "%s/%s", cwd, path) < 0) {
		free(cwd);
		return NULL;
	}
	val = json_object_new_string(text);
	free(cwd);
	free(text);
	return val;
}

static struct json_object *make_value(const struct hostd_spec_key *key, const char *text, char *err,
				      size_t len)
{
	uint64_t size;
	int error;

	switch (key->kind) {
	case TEXT:
		return json_object_new_string(text);
	case PATH:
		return absolute_path(text);
	case SWITCH:
		if (!strcmp(text, "on") || !strcmp(text, "off"))
			return json_object_new_boolean(!strcmp(text, "on"));
		snprintf(err, len, "%s=%s: use %s=on or %s=off", key->name, text, key->name,
			 key->name);
		return NULL;
	case SIZE:
		error = hostd_parse_size(text, &size);
		if (!error)
			return json_object_new_uint64(size);
		snprintf(err, len, "%s=%s is %s: " HOSTD_SIZE_ADVICE, key->name, text,
			 hostd_size_fault(text, error) ?: "not a number");
		return NULL;
	case AMOUNT:
		if (!strcmp(text, "auto"))
			return json_object_new_string(text);
		error = hostd_parse_size(text, &size);
		if (!error)
			return json_object_new_uint64(size);
		snprintf(err, len, "%s=%s is %s: " HOSTD_SIZE_ADVICE, key->name, text,
			 hostd_size_fault(text, error) ?: "neither a size nor auto");
		return NULL;
	case PLACE:
		if (!strcmp(text, "auto") || !strcmp(text, "off"))
			return json_object_new_string(text);
		return absolute_path(text);
	}
	return NULL;
}

/* Cut the next KEY=VALUE off; a double comma stands for one. Changes the text. */
static char *next_item(char **rest)
{
	char *item = *rest, *from = item, *to = item;

	if (!*item)
		return NULL;
	while (*from) {
		if (*from == ',' && *++from != ',')
			break;
		*to++ = *from++;
	}
	*rest = from;
	*to = 0;
	return item;
}

static int add_item(const struct hostd_spec *spec, struct json_object *args, char *item, char *err,
		    size_t len)
{
	char *value = strchr(item, '=');
	struct json_object *val;
	const struct hostd_spec_key *key;

	if (!value) {
		snprintf(err, len, "'%s' is not KEY=VALUE", item);
		return -1;
	}
	*value++ = 0;
	key = find_key(spec, item, err, len);
	if (!key)
		return -1;
	if (hostd_json_get(args, item)) {
		snprintf(err, len, "%s= is given twice", item);
		return -1;
	}
	val = make_value(key, value, err, len);
	if (!val)
		return -1;
	json_object_object_add(args, item, val);
	return 0;
}

struct json_object *hostd_spec_parse(const struct hostd_spec *spec, const char *id,
				     const char *text, char *err, size_t len)
{
	struct json_object *args = json_object_new_object();
	char *copy = strdup(text), *rest = copy, *item;

	snprintf(err, len, "out of memory");
	if (!args || !copy)
		goto failed;
	if (id)
		hostd_json_add_str(args, "id", id);
	while ((item = next_item(&rest)))
		if (add_item(spec, args, item, err, len))
			goto failed;
	if (spec->id && !hostd_json_get(args, "id"))
		hostd_json_add_str(args, "id", spec->id);
	free(copy);
	return args;

failed:
	free(copy);
	json_object_put(args);
	return NULL;
}

/* Whether a value has the type of its key. */
static bool fits(const struct hostd_spec_key *key, struct json_object *val)
{
	const char *text = json_object_is_type(val, json_type_string) ?
			   json_object_get_string(val) : NULL;
	/* One that is too large is for the class to refuse, or to take for all there is. */
	bool size = json_object_is_type(val, json_type_int) && json_object_get_int64(val) >= 0 &&
		    json_object_get_uint64(val) <= INT64_MAX;

	switch (key->kind) {
	case TEXT:
		return text;
	case PATH:
		return text && text[0] == '/';
	case SWITCH:
		return json_object_is_type(val, json_type_boolean);
	case SIZE:
		return size;
	case AMOUNT:
		return size || (text && !strcmp(text, "auto"));
	case PLACE:
		return text && (text[0] == '/' || !strcmp(text, "auto") || !strcmp(text, "off"));
	}
	return false;
}

int hostd_spec_check(const struct hostd_spec *spec, struct json_object *args, char *err, size_t len)
{
	static const char * const want[] = {
		[TEXT] = "text",
		[PATH] = "an absolute path",
		[SWITCH] = "true or false",
		[SIZE] = "a number",
		[AMOUNT] = "a number or \"auto\"",
		[PLACE] = "an absolute path, \"auto\" or \"off\"",
	};
	const struct hostd_spec_key *key;

	if (!json_object_is_type(args, json_type_object)) {
		snprintf(err, len, "the arguments are missing: give at least %s", spec->least);
		return -EINVAL;
	}
	json_object_object_foreach(args, name, val) {
		key = find_key(spec, name, err, len);
		if (!key)
			return -EINVAL;
		if (!fits(key, val)) {
			snprintf(err, len, "%s: give %s", name, want[key->kind]);
			return -EINVAL;
		}
	}
	return 0;
}

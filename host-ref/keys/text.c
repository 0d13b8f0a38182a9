// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keys as text: what an operator writes, "id=d0,file=disk.img,ro=on", and what he reads.
 */
#include "keys/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/json.h"
#include "lib/util.h"

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

static struct json_object *parse_switch(const struct hostd_key *key, const char *text, char *err,
					size_t len)
{
	if (!strcmp(text, "on") || !strcmp(text, "off"))
		return json_object_new_boolean(!strcmp(text, "on"));
	snprintf(err, len, "%s=%s: use %s=on or %s=off", key->name, text, key->name, key->name);
	return NULL;
}

static struct json_object *parse_number(const struct hostd_key *key, const char *text, char *err,
					size_t len)
{
	char other[80] = "not a number";
	uint64_t size;
	int error = hostd_parse_size(text, &size);

	if (!error)
		return json_object_new_uint64(size);
	if (key->words)
		snprintf(other, sizeof(other), "neither a size nor %s", key->words);
	snprintf(err, len, "%s=%s is %s: " HOSTD_SIZE_ADVICE, key->name, text,
		 hostd_size_fault(text, error) ?: other);
	return NULL;
}

struct json_object *hostd_key_parse(const struct hostd_key *key, const char *text, char *err, size_t len)
{
	if (hostd_key_has_word(key, text))
		return json_object_new_string(text);
	switch (key->kind) {
	case HOSTD_KEY_TEXT:
	case HOSTD_KEY_NAME:
	case HOSTD_KEY_UUID:
	case HOSTD_KEY_PCI:
		return json_object_new_string(text);
	case HOSTD_KEY_PATH:
		return absolute_path(text);
	case HOSTD_KEY_SWITCH:
		return parse_switch(key, text, err, len);
	case HOSTD_KEY_NUMBER:
	case HOSTD_KEY_SIZE:
		return parse_number(key, text, err, len);
	}
	return NULL;
}

void hostd_keys_fill(const struct hostd_key *keys, struct json_object *args)
{
	struct json_object *val;
	char err[8];

	for (; keys && keys->name; keys++) {
		if (!keys->def || hostd_json_get(args, keys->name))
			continue;
		val = hostd_key_parse(keys, keys->def, err, sizeof(err));
		json_object_object_add(args, keys->name, val);
	}
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

static int add_item(const struct hostd_key *keys, struct json_object *args, char *item,
		    const char *help, char *err, size_t len)
{
	char *value = strchr(item, '=');
	const struct hostd_key *key;
	struct json_object *val;

	if (!value) {
		snprintf(err, len, "'%s' is not KEY=VALUE", item);
		return -1;
	}
	*value++ = 0;
	key = hostd_key_find(keys, item);
	if (!key) {
		snprintf(err, len, "unknown key '%.64s': 'pvctl help %s' lists the keys", item, help);
		return -1;
	}
	if (hostd_json_get(args, item)) {
		snprintf(err, len, "%s= is given twice", item);
		return -1;
	}
	/* It would be in no answer, and in no state for the next pvhostd. */
	if (!hostd_text_is_utf8(value)) {
		snprintf(err, len, "%s= is not UTF-8: rename what it names", item);
		return -1;
	}
	val = hostd_key_parse(key, value, err, len);
	if (!val)
		return -1;
	json_object_object_add(args, item, val);
	return 0;
}

struct json_object *hostd_keys_parse(const struct hostd_key *keys, const char *id, const char *text,
				     const char *help, char *err, size_t len)
{
	struct json_object *args = json_object_new_object();
	char *copy = strdup(text), *rest = copy, *item;

	snprintf(err, len, "out of memory");
	if (!args || !copy)
		goto failed;
	if (id)
		hostd_json_add_str(args, "id", id);
	while ((item = next_item(&rest))) {
		if (add_item(keys, args, item, help, err, len))
			goto failed;
	}
	free(copy);
	return args;

failed:
	/* One line, whatever was in the text. */
	hostd_text_clean(err);
	free(copy);
	json_object_put(args);
	return NULL;
}

char *hostd_key_format(const struct hostd_key *key, struct json_object *val, char *buf, size_t len)
{
	if (!val)
		snprintf(buf, len, "-");
	else if (json_object_is_type(val, json_type_boolean))
		snprintf(buf, len, "%s", json_object_get_boolean(val) ? "on" : "off");
	else if (key->kind == HOSTD_KEY_SIZE && json_object_is_type(val, json_type_int))
		hostd_format_size(json_object_get_uint64(val), buf, len);
	else
		snprintf(buf, len, "%s", json_object_get_string(val));
	hostd_text_clean(buf);
	return buf;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device classes: looked up, and what a new device is told.
 */
#include "keys/class.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/json.h"

const struct pv_class *hostd_class_find(const struct pv_class *const *classes, const char *name)
{
	for (; name && *classes; classes++) {
		if (!strcmp((*classes)->name, name) || !strcmp((*classes)->word, name))
			return *classes;
	}
	return NULL;
}

const struct pv_class *hostd_class_find_add(const struct pv_class *const *classes, const char *command)
{
	return command && !strncmp(command, "add-", 4) ? hostd_class_find(classes, command + 4) : NULL;
}

/* The command whose help lists the keys. */
static const char *help_of(const struct pv_class *class, char *buf, size_t len)
{
	snprintf(buf, len, "add-%s", class->word);
	return buf;
}

struct json_object *hostd_class_parse(const struct pv_class *class, const char *id, const char *text,
				      char *err, size_t len)
{
	char help[64];

	return hostd_keys_parse(class->keys, id, text, help_of(class, help, sizeof(help)), err, len);
}

int hostd_class_complete(const struct pv_class *class, struct json_object *args, char *err, size_t len)
{
	char help[64];

	if (class->id && json_object_is_type(args, json_type_object) && !hostd_json_get(args, "id"))
		hostd_json_add_str(args, "id", class->id);
	if (hostd_keys_check(class->keys, HOSTD_USE_ADD, args, help_of(class, help, sizeof(help)), err, len))
		return -EINVAL;
	hostd_keys_fill(class->keys, args);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device classes: looked up, and what a new device is told.
 */
#include "keys/class.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* Those in the text of a key, as "5:6". */
static unsigned int take_fds(const char *text, int *fds, unsigned int max)
{
	unsigned int nr = 0;
	char *end;

	while (text && *text && nr < max) {
		fds[nr] = strtol(text, &end, 10);
		if (end == text)
			break;
		if (fds[nr] > STDERR_FILENO && !fcntl(fds[nr], F_SETFD, FD_CLOEXEC))
			nr++;
		text = *end ? end + 1 : end;
	}
	return nr;
}

static unsigned int fds_of(const struct pv_class *class, struct json_object *args, int *fds, unsigned int max)
{
	const struct hostd_key *key;
	unsigned int nr = 0;

	for (key = class->keys; key->name; key++)
		if (key->is_fds)
			nr += take_fds(hostd_json_str(args, key->name), fds + nr, max - nr);
	return nr;
}

unsigned int hostd_class_fds(const struct pv_class *const *classes, struct json_object *devices, int *fds,
			     unsigned int max)
{
	unsigned int nr = 0;
	size_t i;

	for (i = 0; i < json_object_array_length(devices); i++) {
		struct json_object *dev = json_object_array_get_idx(devices, i);

		nr += fds_of(hostd_class_find(classes, hostd_json_str(dev, "type")), hostd_json_get(dev, "arguments"),
			     fds + nr, max - nr);
	}
	return nr;
}

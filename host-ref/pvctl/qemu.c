// SPDX-License-Identifier: GPL-2.0-only
/*
 * pvctl: the window in QEMU's words.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pvctl/pvctl.h"

/* One window's among several of the same QEMU; an id has letters, digits and "-._". */
char *pvctl_make_id(const char *name)
{
	char *id, *p;

	if (asprintf(&id, "pvkit-%s", name) < 0)
		pvctl_fail(1, "out of memory");
	for (p = id; *p; p++) {
		if (!isalnum((unsigned char)*p) && !strchr("-._", *p))
			*p = '_';
	}
	return id;
}

/* A comma is written as two. */
char *pvctl_qemu_value(const char *text)
{
	char *value = malloc(2 * strlen(text) + 1), *to = value;

	if (!value)
		pvctl_fail(1, "out of memory");
	for (; *text; text++) {
		if (*text == ',')
			*to++ = ',';
		*to++ = *text;
	}
	*to = 0;
	return value;
}

void pvctl_qemu_args(const char *name, const char *path, unsigned int nr_vectors, char **chardev,
		     char **device)
{
	char *value = pvctl_qemu_value(path), *id = pvctl_make_id(name);

	if (asprintf(chardev, "socket,path=%s,id=%s", value, id) < 0 ||
	    asprintf(device, "ivshmem-doorbell,chardev=%s,vectors=%u,master=on", id,
		     nr_vectors) < 0)
		pvctl_fail(1, "out of memory");
	free(value);
	free(id);
}

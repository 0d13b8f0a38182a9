// SPDX-License-Identifier: GPL-2.0-only
/*
 * pvctl: what libvirt needs in the description of a domain.
 *
 * Written by https://libvirt.org/formatdomain.html: <shmem>, and "Overriding properties of QEMU devices".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pvctl/pvctl.h"

static void print_escaped(const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '&':
			fputs("&amp;", stdout);
			break;
		case '<':
			fputs("&lt;", stdout);
			break;
		case '\'':
			fputs("&apos;", stdout);
			break;
		default:
			putchar(*text);
		}
	}
}

/* An alias has no dots. */
static void print_alias(const char *id)
{
	fputs("ua-", stdout);
	for (; *id; id++)
		putchar(*id == '.' ? '_' : *id);
}

static void print_shmem(const char *id, const char *path, unsigned int nr_vectors)
{
	printf("<shmem name='%s' role='master'>\n"
	       "  <model type='ivshmem-doorbell'/>\n"
	       "  <server path='", id);
	print_escaped(path);
	printf("'/>\n"
	       "  <msi vectors='%u' ioeventfd='on'/>\n"
	       "  <alias name='", nr_vectors);
	print_alias(id);
	fputs("'/>\n"
	      "</shmem>\n", stdout);
}

/* Without it QEMU takes the window for another's, and neither migrates the domain nor saves it. */
static void print_override(const char *id)
{
	fputs("<qemu:override xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>\n"
	      "  <qemu:device alias='", stdout);
	print_alias(id);
	fputs("'>\n"
	      "    <qemu:frontend>\n"
	      "      <qemu:property name='master' type='string' value='on'/>\n"
	      "    </qemu:frontend>\n"
	      "  </qemu:device>\n"
	      "</qemu:override>\n", stdout);
}

int pvctl_cmd_libvirt_xml(const struct pvctl *ctl, int argc, char **argv)
{
	bool override = argc > 1 && !strcmp(argv[1], "--override");
	struct json_object *result;
	const char *path, *name;
	char *id;

	if (argc > 1 && !override)
		pvctl_fail(PVCTL_USAGE, "libvirt-xml: it takes --override or nothing");
	if (ctl->json)
		pvctl_fail(PVCTL_USAGE, "libvirt-xml: it is XML: 'pvctl --json qemu-args' has the same as JSON");
	result = pvctl_call(ctl, "qemu-args", NULL);
	path = hostd_json_str(result, "path");
	name = hostd_json_str(result, "name");
	id = pvctl_make_id(name ? name : "vm0");
	if (override)
		print_override(id);
	else
		print_shmem(id, path ? path : "", hostd_json_u64(result, "nr_vectors", 0));
	free(id);
	json_object_put(result);
	return 0;
}

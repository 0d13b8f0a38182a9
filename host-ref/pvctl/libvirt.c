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

#define QEMU_SCHEMA "xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'"

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
	fputs("<qemu:override " QEMU_SCHEMA ">\n"
	      "  <qemu:device alias='", stdout);
	print_alias(id);
	fputs("'>\n"
	      "    <qemu:frontend>\n"
	      "      <qemu:property name='master' type='string' value='on'/>\n"
	      "    </qemu:frontend>\n"
	      "  </qemu:device>\n"
	      "</qemu:override>\n", stdout);
}

/* Not as its own disks and NICs: a disk of libvirt's cannot do without QEMU's locks. */
static void print_twins(const struct pvctl *ctl, const char *name)
{
	struct pvctl_words twins = { 0 };
	char error[PVCTL_ERROR_MAX];
	unsigned int i;

	if (pvctl_twins(ctl, name, &twins, error))
		pvctl_fail(1, "libvirt-xml: %s", error);
	puts("<qemu:commandline " QEMU_SCHEMA ">");
	for (i = 0; i < twins.nr; i++) {
		fputs("  <qemu:arg value='", stdout);
		print_escaped(twins.word[i]);
		puts("'/>");
	}
	puts("</qemu:commandline>");
	pvctl_free_words(&twins);
}

int pvctl_cmd_libvirt_xml(const struct pvctl *ctl, int argc, char **argv)
{
	bool override = argc > 1 && !strcmp(argv[1], "--override");
	bool replace = argc > 1 && !strcmp(argv[1], "--replace");
	struct json_object *result;
	const char *path, *name;
	char *id;

	if (argc > 1 && !override && !replace)
		pvctl_fail(PVCTL_USAGE, "libvirt-xml: it takes --override, --replace or nothing");
	if (ctl->json)
		pvctl_fail(PVCTL_USAGE, "libvirt-xml: it is XML: 'pvctl --json qemu-args' has the same as JSON");
	result = pvctl_call(ctl, "qemu-args", NULL);
	path = hostd_json_str(result, "path");
	name = hostd_json_str(result, "name") ?: "vm0";
	id = pvctl_make_id(name);
	if (override)
		print_override(id);
	else if (replace)
		print_twins(ctl, name);
	else
		print_shmem(id, path ? path : "", hostd_json_u64(result, "nr_vectors", 0));
	free(id);
	json_object_put(result);
	return 0;
}

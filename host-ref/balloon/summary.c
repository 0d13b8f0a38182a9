// SPDX-License-Identifier: GPL-2.0-only
/*
 * The balloon in a few lines of text: what "pvctl balloon" prints.
 */
#include "balloon/class.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/json.h"
#include "lib/util.h"

/* A size to three digits or so. */
static const char *about(uint64_t size, char *buf, size_t len)
{
	static const char suffixes[] = "\0KMGT";
	double value = size;
	unsigned int i = 0;

	while (value >= 1000 && i < 4) {
		value /= 1024;
		i++;
	}
	snprintf(buf, len, value < 10 && i ? "%.2f%c" : value < 100 && i ? "%.1f%c" : "%.0f%c", value,
		 suffixes[i]);
	return buf;
}

static void print_size(FILE *f, const char *label, struct json_object *obj, const char *key)
{
	char buf[32];

	if (hostd_json_get(obj, key))
		fprintf(f, "%s%s", label, about(hostd_json_u64(obj, key, 0), buf, sizeof(buf)));
}

static void print_ms(FILE *f, const char *label, struct json_object *obj, const char *key)
{
	if (hostd_json_get(obj, key))
		fprintf(f, "%s%llu ms", label, (unsigned long long)hostd_json_u64(obj, key, 0) / 1000);
}

static void print_target(FILE *f, struct json_object *obj)
{
	char buf[32];

	fprintf(f, "target   %s", hostd_json_str(obj, "target") ?:
		hostd_format_size(hostd_json_u64(obj, "target", 0), buf, sizeof(buf)));
	if (hostd_json_u64(obj, "rate", 0))
		fprintf(f, ", at most %s in a second", about(hostd_json_u64(obj, "rate", 0), buf, sizeof(buf)));
}

static void print_given(FILE *f, struct json_object *obj)
{
	char buf[32];

	if (hostd_json_get(obj, "given"))
		fprintf(f, "given    %s",
			hostd_format_size(hostd_json_u64(obj, "given", 0), buf, sizeof(buf)));
	else
		fprintf(f, "given    not known: the worker does not answer, see 'pvctl status'");
}

static void print_memory(FILE *f, struct json_object *obj)
{
	const char *note = hostd_json_str(obj, "ram_note");

	if (hostd_json_u64(obj, "proven", 0)) {
		print_size(f, "memory   ", obj, "resident");
		print_size(f, " of ", obj, "ram_size");
		print_size(f, " occupied on the host, ", obj, "proven");
		fprintf(f, " of it returnable");
	} else if (hostd_json_get(obj, "given")) {
		fprintf(f, "memory   nothing is returned: %s",
			note && *note ? note : "the guest has not told where its memory is");
	}
}

static void print_guest(FILE *f, struct json_object *obj)
{
	struct json_object *guest = hostd_json_get(obj, "guest_stats");

	if (!guest)
		return;
	fprintf(f, "guest   ");
	print_size(f, " free ", guest, "free");
	print_size(f, ", available ", guest, "available");
	print_size(f, " of ", guest, "total");
	print_size(f, ", relieved ", guest, "relieved");
	print_ms(f, ", stalled ", guest, "psi_some_us");
	print_ms(f, ", fully ", guest, "psi_full_us");
}

void hostd_balloon_summarize(struct json_object *obj, struct json_object *lines)
{
	static void (*const print[])(FILE *f, struct json_object *obj) = {
		print_target, print_given, print_memory, print_guest,
	};
	unsigned int i;

	for (i = 0; i < HOSTD_ARRAY_SIZE(print); i++) {
		char *text = NULL;
		size_t len;
		FILE *f = open_memstream(&text, &len);

		if (!f)
			return;
		print[i](f, obj);
		fclose(f);
		if (len)
			json_object_array_add(lines, json_object_new_string(text));
		free(text);
	}
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * pvctl: what pvhostd answers, as text.
 */
#include "pvctl/pvctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/util.h"

#define COLUMNS	8

/* Text of a member; empty if there is none. */
static const char *text_of(struct json_object *obj, const char *key)
{
	struct json_object *val = hostd_json_get(obj, key);

	return val ? json_object_get_string(val) : "";
}

/* Text of a column; "-" if the device has nothing there. */
static const char *cell_of(struct json_object *obj, const char *key)
{
	return hostd_json_get(obj, key) ? text_of(obj, key) : "-";
}

/* A path may have anything in it. */
static void print_cell(const char *text, int width)
{
	char *clean = strdup(text);

	if (!clean)
		pvctl_fail(1, "out of memory");
	hostd_text_clean(clean);
	printf("%-*s", width, clean);
	free(clean);
}

static void print_row(const char *cells[COLUMNS], const size_t width[COLUMNS])
{
	unsigned int i, last = 0;

	for (i = 0; i < COLUMNS; i++)
		if (width[i])
			last = i;
	for (i = 0; i <= last; i++) {
		print_cell(cells[i], i < last ? (int)width[i] : 0);
		fputs(i < last ? "  " : "\n", stdout);
	}
}

static const char *format_size(struct json_object *obj, char *buf, size_t len)
{
	if (hostd_json_str(obj, "target"))
		return hostd_json_str(obj, "target");
	if (hostd_json_get(obj, "target"))
		return hostd_format_size(hostd_json_u64(obj, "target", 0), buf, len);
	return hostd_json_get(obj, "size") ?
	       hostd_format_size(hostd_json_u64(obj, "size", 0), buf, len) : "-";
}

static const char *mode_of(struct json_object *obj)
{
	if (!hostd_json_get(obj, "ro"))
		return "-";
	return hostd_json_bool(obj, "ro", false) ? "ro" : "rw";
}

/* What is wrong with a device, or where it is, and how often the host has failed it. Free it. */
static char *describe_place(struct json_object *obj)
{
	struct json_object *errors = hostd_json_get(obj, "host_errors");
	unsigned long long nr = hostd_json_u64(errors, "read", 0) + hostd_json_u64(errors, "write", 0);
	const char *place = hostd_json_str(obj, "error");
	char *text;
	int ret;

	if (!place)
		place = hostd_json_str(obj, "note");
	if (!place)
		place = cell_of(obj, hostd_json_get(obj, "ram") ? "ram" : "file");
	if (nr)
		ret = asprintf(&text, "%s (%llu host error%s)", place, nr, nr > 1 ? "s" : "");
	else
		ret = asprintf(&text, "%s", place);
	if (ret < 0)
		pvctl_fail(1, "out of memory");
	return text;
}

void pvctl_print_list(struct json_object *list)
{
	static const char *head[COLUMNS] = {
		"ID", "TYPE", "STATE", "GUEST", "SIZE", "MODE", "ENGINE", "FILE",
	};
	size_t nr = json_object_array_length(list), i, width[COLUMNS];
	const char *(*rows)[COLUMNS] = calloc(nr + 1, sizeof(*rows));
	char (*sizes)[24] = calloc(nr + 1, sizeof(*sizes));
	unsigned int c;

	if (!rows || !sizes)
		pvctl_fail(1, "out of memory");
	memcpy(rows[0], head, sizeof(head));
	for (i = 1; i <= nr; i++) {
		struct json_object *obj = json_object_array_get_idx(list, i - 1);

		rows[i][0] = text_of(obj, "id");
		rows[i][1] = text_of(obj, "type");
		rows[i][2] = text_of(obj, "state");
		rows[i][3] = text_of(obj, "guest");
		rows[i][4] = format_size(obj, sizes[i], sizeof(sizes[i]));
		rows[i][5] = mode_of(obj);
		rows[i][6] = cell_of(obj, "engine");
		rows[i][COLUMNS - 1] = describe_place(obj);
	}
	for (c = 0; c < COLUMNS; c++) {
		width[c] = 0;
		for (i = 0; i <= nr; i++)
			if (strlen(rows[i][c]) > width[c])
				width[c] = strlen(rows[i][c]);
	}
	for (i = 0; i <= nr; i++)
		print_row(rows[i], width);
	for (i = 1; i <= nr; i++)
		free((char *)rows[i][COLUMNS - 1]);
	free(rows);
	free(sizes);
}

static void print_uptime(uint64_t ms)
{
	uint64_t s = ms / 1000;

	if (s >= 86400)
		printf("%llud ", (unsigned long long)(s / 86400));
	printf("%llu:%02llu:%02llu", (unsigned long long)(s / 3600 % 24),
	       (unsigned long long)(s / 60 % 60), (unsigned long long)(s % 60));
}

static void print_driver(struct json_object *driver)
{
	const char *kernel = text_of(driver, "kernel");

	if (!driver) {
		printf("driver   none\n");
		return;
	}
	if (json_object_is_type(driver, json_type_string))
		printf("driver   %s\n", json_object_get_string(driver));
	else
		printf("driver   %s%s%s\n", text_of(driver, "ident"), *kernel ? ", kernel " : "",
		       kernel);
}

void pvctl_print_status(struct json_object *status)
{
	struct json_object *worker = hostd_json_get(status, "worker");
	struct json_object *qemu = hostd_json_get(status, "qemu");
	char size[32];

	printf("pvhostd  %s, version %s, pid %s, up ", text_of(status, "name"),
	       text_of(status, "version"), text_of(status, "pid"));
	print_uptime(hostd_json_u64(status, "uptime_ms", 0));
	printf("\nwindow   %s, %s vectors\n",
	       hostd_format_size(hostd_json_u64(status, "window_len", 0), size, sizeof(size)),
	       text_of(status, "nr_vectors"));
	printf("worker   %s, ", text_of(worker, "state"));
	if (hostd_json_u64(worker, "pid", 0)) {
		printf("pid %s, epoch %llx, up ", text_of(worker, "pid"),
		       (unsigned long long)hostd_json_u64(worker, "epoch", 0));
		print_uptime(hostd_json_u64(worker, "uptime_ms", 0));
		printf(", ");
	}
	printf("restarts %s", text_of(worker, "restarts"));
	if (hostd_json_bool(qemu, "connected", false))
		printf("\nqemu     connected, pid %s\n", text_of(qemu, "pid"));
	else
		printf("\nqemu     not connected\n");
	print_driver(hostd_json_get(status, "driver"));
}

/* Objects and arrays become "a.b.0 value" lines. */
static void print_tree(const char *path, struct json_object *val)
{
	char *deeper;
	size_t i;

	if (json_object_is_type(val, json_type_object)) {
		json_object_object_foreach(val, key, member) {
			if (asprintf(&deeper, "%s%s%s", path, *path ? "." : "", key) < 0)
				return;
			print_tree(deeper, member);
			free(deeper);
		}
	} else if (json_object_is_type(val, json_type_array)) {
		for (i = 0; i < json_object_array_length(val); i++) {
			struct json_object *item = json_object_array_get_idx(val, i);
			const char *name = hostd_json_str(item, "name");

			if (asprintf(&deeper, "%s.%zu", path, i) < 0)
				return;
			print_tree(name ? name : deeper, item);
			free(deeper);
		}
	} else if (!json_object_is_type(val, json_type_string) || strcmp(path, "name")) {
		printf("%-32s %s\n", path, val ? json_object_get_string(val) : "-");
	}
}

void pvctl_print_stats(struct json_object *stats)
{
	print_tree("", stats);
}

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

static void print_size(const char *label, struct json_object *obj, const char *key)
{
	char buf[32];

	if (hostd_json_get(obj, key))
		printf("%s%s", label, about(hostd_json_u64(obj, key, 0), buf, sizeof(buf)));
}

static void print_ms(const char *label, struct json_object *obj, const char *key)
{
	if (hostd_json_get(obj, key))
		printf("%s%llu ms", label, (unsigned long long)hostd_json_u64(obj, key, 0) / 1000);
}

static void print_memory(struct json_object *obj)
{
	const char *note = hostd_json_str(obj, "ram_note");

	if (hostd_json_u64(obj, "proven", 0)) {
		print_size("memory   ", obj, "resident");
		print_size(" of ", obj, "ram_size");
		print_size(" occupied on the host, ", obj, "proven");
		printf(" of it returnable\n");
	} else if (hostd_json_get(obj, "given")) {
		printf("memory   nothing is returned: %s\n",
		       note && *note ? note : "the guest has not told where its memory is");
	}
}

static void print_guest(struct json_object *guest)
{
	if (!guest)
		return;
	printf("guest   ");
	print_size(" free ", guest, "free");
	print_size(", available ", guest, "available");
	print_size(" of ", guest, "total");
	print_size(", relieved ", guest, "relieved");
	print_ms(", stalled ", guest, "psi_some_us");
	print_ms(", fully ", guest, "psi_full_us");
	putchar('\n');
}

void pvctl_print_balloon(struct json_object *obj)
{
	char buf[32];

	printf("target   %s", hostd_json_str(obj, "target") ?:
	       hostd_format_size(hostd_json_u64(obj, "target", 0), buf, sizeof(buf)));
	if (hostd_json_u64(obj, "rate", 0))
		printf(", at most %s in a second", about(hostd_json_u64(obj, "rate", 0), buf, sizeof(buf)));
	if (hostd_json_get(obj, "given"))
		printf("\ngiven    %s\n",
		       hostd_format_size(hostd_json_u64(obj, "given", 0), buf, sizeof(buf)));
	else
		printf("\ngiven    not known: the worker does not answer, see 'pvctl status'\n");
	print_memory(obj);
	print_guest(hostd_json_get(obj, "guest_stats"));
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * pvctl: what pvhostd answers, as text.
 */
#include "pvctl/pvctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/class.h"
#include "lib/histogram.h"
#include "lib/util.h"

#define COLUMNS	16

/* Text of a member; empty if there is none. */
static const char *text_of(struct json_object *obj, const char *key)
{
	struct json_object *val = hostd_json_get(obj, key);

	return val ? json_object_get_string(val) : "";
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

static void print_row(char *cells[COLUMNS], const size_t width[COLUMNS], unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		print_cell(cells[i] ? cells[i] : "", i + 1 < nr ? (int)width[i] : 0);
		fputs(i + 1 < nr ? "  " : "\n", stdout);
	}
}

/* What is wrong with a device, or where it is, and how often the host has failed it. Free it. */
static char *describe_place(struct json_object *obj, const char *place)
{
	struct json_object *errors = hostd_json_get(obj, "host_errors");
	unsigned long long nr = hostd_json_u64(errors, "read", 0) + hostd_json_u64(errors, "write", 0);
	char *text;
	int ret;

	if (hostd_json_str(obj, "error"))
		place = hostd_json_str(obj, "error");
	else if (hostd_json_str(obj, "note"))
		place = hostd_json_str(obj, "note");
	if (nr)
		ret = asprintf(&text, "%s (%llu host error%s)", place, nr, nr > 1 ? "s" : "");
	else
		ret = asprintf(&text, "%s", place);
	if (ret < 0)
		pvctl_fail(1, "out of memory");
	return text;
}

/* The heads of all columns, those that classes share once; their number. */
static unsigned int collect_heads(const struct pv_class *const *classes, const char *heads[COLUMNS])
{
	static const char *const common[] = { "ID", "TYPE", "STATE", "GUEST" };
	unsigned int nr = HOSTD_ARRAY_SIZE(common), i;
	const struct hostd_column *column;

	memcpy(heads, common, sizeof(common));
	for (; *classes; classes++) {
		for (column = (*classes)->columns; column && column->member; column++) {
			for (i = 0; i < nr && strcmp(heads[i], column->head); i++)
				;
			if (i == nr && nr < COLUMNS)
				heads[nr++] = column->head;
		}
	}
	return nr;
}

/* What a device has in the column of a head; to be freed. */
static char *cell_of(const struct pv_class *class, struct json_object *obj, const char *head)
{
	const struct hostd_column *column;
	struct json_object *val = NULL;
	char size[32], *text;

	for (column = class ? class->columns : NULL; column && column->member; column++) {
		if (strcmp(column->head, head))
			continue;
		val = hostd_json_get(obj, column->member);
		if (column->kind == HOSTD_KEY_SIZE && json_object_is_type(val, json_type_int)) {
			text = strdup(hostd_format_size(json_object_get_uint64(val), size, sizeof(size)));
			goto out;
		}
	}
	text = strdup(val ? json_object_get_string(val) : "-");
out:
	if (!text)
		pvctl_fail(1, "out of memory");
	return text;
}

/* @row: gets texts to be freed */
static void make_row(const struct pv_class *const *classes, struct json_object *obj,
		     const char *heads[COLUMNS], unsigned int nr, char *row[COLUMNS])
{
	static const char *const common[] = { "id", "type", "state", "guest" };
	const struct pv_class *class = hostd_class_find(classes, text_of(obj, "type"));
	char *place;
	unsigned int i;

	for (i = 0; i < nr; i++)
		row[i] = i < HOSTD_ARRAY_SIZE(common) ? strdup(text_of(obj, common[i])) :
			 cell_of(class, obj, heads[i]);
	place = row[nr - 1];
	row[nr - 1] = describe_place(obj, place ? place : "");
	free(place);
}

void pvctl_print_list(const struct pv_class *const *classes, struct json_object *list)
{
	size_t nr = json_object_array_length(list), i, width[COLUMNS] = { 0 };
	char *(*rows)[COLUMNS] = calloc(nr + 1, sizeof(*rows));
	const char *heads[COLUMNS];
	unsigned int c, nr_columns;

	if (!rows)
		pvctl_fail(1, "out of memory");
	nr_columns = collect_heads(classes, heads);
	for (c = 0; c < nr_columns; c++)
		rows[0][c] = strdup(heads[c]);
	for (i = 1; i <= nr; i++)
		make_row(classes, json_object_array_get_idx(list, i - 1), heads, nr_columns, rows[i]);
	for (i = 0; i <= nr; i++) {
		for (c = 0; c < nr_columns; c++)
			if (rows[i][c] && strlen(rows[i][c]) > width[c])
				width[c] = strlen(rows[i][c]);
	}
	for (i = 0; i <= nr; i++) {
		print_row(rows[i], width, nr_columns);
		for (c = 0; c < nr_columns; c++)
			free(rows[i][c]);
	}
	free(rows);
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
		printf("driver   %s%s%s%s\n", text_of(driver, "ident"), *kernel ? ", kernel " : "",
		       kernel, hostd_json_bool(driver, "refused", false) ? ", refused" : "");
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

char *pvctl_format_ns(uint64_t ns, char *buf, size_t len)
{
	static const struct { uint64_t ns; const char *unit; } units[] = {
		{ 1000000000, "s" }, { 1000000, "ms" }, { 1000, "us" },
	};
	unsigned int i = 0;

	while (i + 1 < HOSTD_ARRAY_SIZE(units) && ns < units[i].ns)
		i++;
	snprintf(buf, len, ns < 100 * units[i].ns ? "%.1f%s" : "%.0f%s", (double)ns / units[i].ns, units[i].unit);
	return buf;
}

/* A histogram: how many, how long on average, and below what half, 99 % and all of them are. */
static void print_histogram(const char *path, struct json_object *val)
{
	struct hostd_histogram h = { 0 };
	uint64_t nr = hostd_histogram_parse(val, &h);
	char mean[16], half[16], most[16], all[16];

	printf("%-32s %llu, mean %s, 50%% < %s, 99%% < %s, all < %s\n", path, (unsigned long long)nr,
	       pvctl_format_ns(nr ? h.sum_ns / nr : 0, mean, sizeof(mean)),
	       pvctl_format_ns(hostd_histogram_quantile(&h, 50), half, sizeof(half)),
	       pvctl_format_ns(hostd_histogram_quantile(&h, 99), most, sizeof(most)),
	       pvctl_format_ns(hostd_histogram_quantile(&h, 100), all, sizeof(all)));
}

/* Objects and arrays become "a.b.0 value" lines. */
static void print_tree(const char *path, struct json_object *val)
{
	char *deeper;
	size_t i;

	if (hostd_json_get(val, "log2")) {
		print_histogram(path, val);
	} else if (json_object_is_type(val, json_type_object)) {
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

/* Lines of text that pvhostd has made of it. */
static bool print_lines(struct json_object *lines)
{
	size_t i, nr = json_object_is_type(lines, json_type_array) ? json_object_array_length(lines) : 0;

	for (i = 0; i < nr; i++) {
		print_cell(json_object_get_string(json_object_array_get_idx(lines, i)) ?: "", 0);
		putchar('\n');
	}
	return nr;
}

static void print_field(const char *name, const char *text)
{
	printf("%-16s ", name);
	print_cell(text, 0);
	putchar('\n');
}

void pvctl_print_device(const struct pv_class *class, struct json_object *obj)
{
	static const char *const common[] = { "id", "type", "state", "guest", "error", "note", "size" };
	struct json_object *config = hostd_json_get(obj, "config");
	const struct hostd_counter *counter;
	const struct hostd_key *key;
	char text[4200];
	unsigned int i;

	for (i = 0; i < HOSTD_ARRAY_SIZE(common); i++)
		if (hostd_json_get(obj, common[i]))
			print_field(common[i], text_of(obj, common[i]));
	for (key = class ? class->keys : NULL; key && key->name; key++) {
		if (key->kind == HOSTD_KEY_NAME || !hostd_json_get(config, key->name))
			continue;
		print_field(key->name, hostd_key_format(key, hostd_json_get(config, key->name), text,
							sizeof(text)));
	}
	for (counter = class ? class->counters : NULL; counter && counter->name; counter++)
		if (hostd_json_get(obj, counter->name))
			print_field(counter->name, text_of(obj, counter->name));
}

void pvctl_print_summary(struct json_object *obj)
{
	if (!print_lines(hostd_json_get(obj, "text")))
		print_tree("", obj);
}

void pvctl_print_json(struct json_object *value)
{
	puts(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PRETTY |
					    JSON_C_TO_STRING_NOSLASHESCAPE));
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * pvctl: "metrics": all that is counted, as OpenMetrics text, which Prometheus and others take.
 */
#include <stdio.h>
#include <string.h>

#include "keys/class.h"
#include "lib/histogram.h"
#include "lib/util.h"
#include "pvctl/pvctl.h"

/* Counters of each queue. */
static const struct {
	const char *member, *name, *unit, *help;
} queue_counters[] = {
	{ "ops", "pvkit_requests", NULL, "Requests completed" },
	{ "errors", "pvkit_request_errors", NULL, "Requests completed with another status than OK" },
	{ "read_bytes", "pvkit_read_bytes", "bytes", "Data read by the guest" },
	{ "write_bytes", "pvkit_write_bytes", "bytes", "Data written by the guest" },
	{ "kicks", "pvkit_doorbells", NULL, "Doorbells received from the guest" },
	{ "irqs", "pvkit_interrupts", NULL, "Interrupts raised in the guest" },
	{ "polls", "pvkit_polls", NULL, "Batches found without a doorbell" },
	{ "sleeps", "pvkit_sleeps", NULL, "How often the queue was armed for a doorbell" },
};

static const char *vm;

static void print_family(const char *name, const char *type, const char *unit, const char *help)
{
	printf("# TYPE %s %s\n", name, type);
	if (unit)
		printf("# UNIT %s %s\n", name, unit);
	printf("# HELP %s ", name);
	for (; *help; help++)
		if (*help == '\\' || *help == '"')
			printf("\\%c", *help);
		else
			putchar(*help);
	putchar('\n');
}

static void print_label(const char *name, const char *value)
{
	printf("%s=\"", name);
	for (; *value; value++)
		if (*value == '\n')
			fputs("\\n", stdout);
		else if (*value == '\\' || *value == '"')
			printf("\\%c", *value);
		else
			putchar(*value);
	putchar('"');
}

static size_t length_of(struct json_object *list)
{
	return json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
}

/* The labels of a device, and of what else is known; the brace is left open. */
static void print_labels(struct json_object *dev, int queue, const char *op)
{
	char number[16];

	putchar('{');
	print_label("vm", vm);
	putchar(',');
	print_label("device", hostd_json_str(dev, "name") ?: hostd_json_str(dev, "id") ?: "");
	putchar(',');
	print_label("type", hostd_json_str(dev, "type") ?: "");
	if (queue >= 0) {
		snprintf(number, sizeof(number), "%d", queue);
		putchar(',');
		print_label("queue", number);
	}
	if (op) {
		putchar(',');
		print_label("op", op);
	}
}

static void print_queues(struct json_object *devices, unsigned int counter)
{
	size_t i, j;

	print_family(queue_counters[counter].name, "counter", queue_counters[counter].unit,
		     queue_counters[counter].help);
	for (i = 0; i < length_of(devices); i++) {
		struct json_object *dev = json_object_array_get_idx(devices, i);
		struct json_object *queues = hostd_json_get(dev, "queues");

		for (j = 0; j < length_of(queues); j++) {
			printf("%s_total", queue_counters[counter].name);
			print_labels(dev, j, NULL);
			printf("} %llu\n", (unsigned long long)hostd_json_u64(json_object_array_get_idx(queues, j),
									      queue_counters[counter].member, 0));
		}
	}
}

static void print_histogram(struct json_object *dev, int queue, const char *op, struct json_object *val)
{
	struct hostd_histogram h = { 0 };
	uint64_t all = hostd_histogram_parse(val, &h), nr = 0;
	unsigned int i;

	for (i = 0; i < HOSTD_HISTOGRAM_LEN; i++) {
		nr += h.count[i];
		fputs("pvkit_request_seconds_bucket", stdout);
		print_labels(dev, queue, op);
		if (i + 1 < HOSTD_HISTOGRAM_LEN)
			printf(",le=\"%.9g\"} %llu\n", (double)(1ULL << (HOSTD_HISTOGRAM_SHIFT + i)) / 1e9,
			       (unsigned long long)nr);
		else
			printf(",le=\"+Inf\"} %llu\n", (unsigned long long)nr);
	}
	fputs("pvkit_request_seconds_count", stdout);
	print_labels(dev, queue, op);
	printf("} %llu\npvkit_request_seconds_sum", (unsigned long long)all);
	print_labels(dev, queue, op);
	printf("} %.9f\n", h.sum_ns / 1e9);
}

static void print_latencies(struct json_object *devices)
{
	size_t i, j;

	print_family("pvkit_request_seconds", "histogram", "seconds",
		     "How long requests took, from when the worker took them until it completed them");
	for (i = 0; i < length_of(devices); i++) {
		struct json_object *dev = json_object_array_get_idx(devices, i);
		struct json_object *queues = hostd_json_get(dev, "queues");

		for (j = 0; j < length_of(queues); j++) {
			struct json_object *latency = hostd_json_get(json_object_array_get_idx(queues, j), "latency");

			if (!json_object_is_type(latency, json_type_object))
				continue;
			json_object_object_foreach(latency, op, val)
				print_histogram(dev, j, op, val);
		}
	}
}

static bool is_number(struct json_object *val)
{
	return json_object_is_type(val, json_type_int) || json_object_is_type(val, json_type_boolean);
}

/* What a class counts beside its queues: whether it may become less, nobody says. */
static void print_counter(const struct pv_class *class, const struct hostd_counter *counter,
			  struct json_object *devices)
{
	char name[128];
	bool first = true;
	size_t i;

	snprintf(name, sizeof(name), "pvkit_%s_%s", class->name, counter->name);
	for (i = 0; i < length_of(devices); i++) {
		struct json_object *dev = json_object_array_get_idx(devices, i);
		struct json_object *val = hostd_json_get(dev, counter->name);

		if (!is_number(val) || strcmp(hostd_json_str(dev, "type") ?: "", class->name))
			continue;
		if (first)
			print_family(name, "gauge", NULL, counter->help);
		first = false;
		fputs(name, stdout);
		print_labels(dev, -1, NULL);
		printf("} %lld\n", (long long)json_object_get_int64(val));
	}
}

static void print_devices(struct json_object *list)
{
	size_t i;

	print_family("pvkit_device_served", "gauge", NULL, "Is the device served");
	for (i = 0; i < length_of(list); i++) {
		struct json_object *dev = json_object_array_get_idx(list, i);

		fputs("pvkit_device_served", stdout);
		print_labels(dev, -1, NULL);
		printf("} %d\n", !strcmp(hostd_json_str(dev, "state") ?: "", "served"));
	}
}

static void print_one(const char *name, const char *suffix, const char *type, const char *unit, const char *help,
		      double value)
{
	print_family(name, type, unit, help);
	printf("%s%s{", name, suffix);
	print_label("vm", vm);
	printf("} %.15g\n", value);
}

static void print_pvhostd(struct json_object *status)
{
	struct json_object *worker = hostd_json_get(status, "worker");

	print_family("pvkit_version", "gauge", NULL, "The version of pvhostd");
	fputs("pvkit_version{", stdout);
	print_label("vm", vm);
	putchar(',');
	print_label("version", hostd_json_str(status, "version") ?: "");
	puts("} 1");
	print_one("pvkit_worker_serving", "", "gauge", NULL, "Does a worker serve the devices",
		  !strcmp(hostd_json_str(worker, "state") ?: "", "serving"));
	print_one("pvkit_worker_restarts", "_total", "counter", NULL, "Workers that were replaced",
		  hostd_json_u64(worker, "restarts", 0));
	print_one("pvkit_qemu_connected", "", "gauge", NULL, "Is a QEMU connected",
		  hostd_json_bool(hostd_json_get(status, "qemu"), "connected", false));
}

/* What a worker that is being replaced cannot tell is left out. */
int pvctl_cmd_metrics(const struct pvctl *ctl, int argc, char **argv)
{
	struct json_object *status = pvctl_call(ctl, "status", NULL), *list = pvctl_call(ctl, "list", NULL);
	const struct pv_class *const *classes = pvctl_classes(ctl);
	struct json_object *stats = pvctl_try(ctl, "stats"), *devices = hostd_json_get(stats, "devices");
	const struct hostd_counter *counter;
	unsigned int i;

	(void)argc;
	(void)argv;
	vm = hostd_json_str(status, "name") ?: "";
	print_pvhostd(status);
	print_devices(list);
	if (stats) {
		print_one("pvkit_worker_cpu_seconds", "_total", "counter", "seconds", "Processor time of the worker",
			  hostd_json_u64(stats, "cpu_us", 0) / 1e6);
		for (i = 0; i < HOSTD_ARRAY_SIZE(queue_counters); i++)
			print_queues(devices, i);
		print_latencies(devices);
	}
	for (; stats && *classes; classes++)
		for (counter = (*classes)->counters; counter && counter->name; counter++)
			print_counter(*classes, counter, devices);
	puts("# EOF");
	json_object_put(stats);
	json_object_put(list);
	json_object_put(status);
	return 0;
}

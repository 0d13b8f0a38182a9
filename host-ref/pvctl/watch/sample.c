// SPDX-License-Identifier: GPL-2.0-only
/*
 * pvctl: what devices have done so far, and between two looks.
 */
#include "pvctl/watch/sample.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/json.h"
#include "pvctl/pvctl.h"

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static void add_queue(struct json_object *queue, struct pvctl_counts *counts)
{
	struct json_object *latency = hostd_json_get(queue, "latency");

	counts->ops += hostd_json_u64(queue, "ops", 0);
	counts->read_bytes += hostd_json_u64(queue, "read_bytes", 0);
	counts->write_bytes += hostd_json_u64(queue, "write_bytes", 0);
	counts->kicks += hostd_json_u64(queue, "kicks", 0);
	counts->irqs += hostd_json_u64(queue, "irqs", 0);
	counts->errors += hostd_json_u64(queue, "errors", 0);
	if (!json_object_is_type(latency, json_type_object))
		return;
	json_object_object_foreach(latency, op, val) {
		(void)op;
		hostd_histogram_parse(val, &counts->latency);
	}
}

static void parse_device(struct json_object *obj, struct pvctl_device_sample *dev)
{
	struct json_object *queues = hostd_json_get(obj, "queues");
	size_t i, nr = json_object_is_type(queues, json_type_array) ? json_object_array_length(queues) : 0;

	snprintf(dev->id, sizeof(dev->id), "%s", hostd_json_str(obj, "name") ?: "");
	snprintf(dev->type, sizeof(dev->type), "%s", hostd_json_str(obj, "type") ?: "");
	for (i = 0; i < nr; i++)
		add_queue(json_object_array_get_idx(queues, i), &dev->counts);
}

void pvctl_sample_parse(struct json_object *stats, struct pvctl_sample *sample)
{
	struct json_object *devices = hostd_json_get(stats, "devices");
	unsigned int i;

	*sample = (struct pvctl_sample) { .at_ns = now_ns(), .cpu_us = hostd_json_u64(stats, "cpu_us", 0) };
	if (json_object_is_type(devices, json_type_array))
		sample->nr = json_object_array_length(devices);
	sample->devices = calloc(sample->nr + 1, sizeof(*sample->devices));
	if (!sample->devices)
		pvctl_fail(1, "out of memory");
	for (i = 0; i < sample->nr; i++)
		parse_device(json_object_array_get_idx(devices, i), &sample->devices[i]);
}

static const struct pvctl_device_sample *find(const struct pvctl_sample *sample, const char *id)
{
	unsigned int i;

	for (i = 0; i < sample->nr; i++)
		if (!strcmp(sample->devices[i].id, id))
			return &sample->devices[i];
	return NULL;
}

void pvctl_sample_diff(const struct pvctl_sample *old, const struct pvctl_device_sample *now,
		       struct pvctl_counts *diff)
{
	const struct pvctl_device_sample *before = find(old, now->id);
	const struct pvctl_counts *b = before ? &before->counts : NULL;
	unsigned int i;

	*diff = now->counts;
	if (!b || strcmp(before->type, now->type) || b->ops > diff->ops || b->latency.sum_ns > diff->latency.sum_ns)
		return;
	diff->ops -= b->ops;
	diff->read_bytes -= b->read_bytes;
	diff->write_bytes -= b->write_bytes;
	diff->kicks -= b->kicks;
	diff->irqs -= b->irqs;
	diff->errors -= b->errors;
	diff->latency.sum_ns -= b->latency.sum_ns;
	for (i = 0; i < HOSTD_HISTOGRAM_LEN; i++)
		diff->latency.count[i] -= b->latency.count[i];
}

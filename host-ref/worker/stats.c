// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a worker tells about itself: status and counters.
 */
#include "worker/runner.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "lib/ipc.h"
#include "lib/json.h"
#include "lib/util.h"

/* Of the devices in a message; the rest of it is small. */
#define PAGE_LEN	(HOSTD_IPC_MSG_MAX - 4096)

static const char *const status_names[] = {
	[PVBUS_S_ABSENT] = "absent",
	[PVBUS_S_RESET] = "reset",
	[PVBUS_S_FEATURES_OK] = "features-ok",
	[PVBUS_S_RUNNING] = "running",
	[PVBUS_S_BROKEN] = "broken",
};

static uint64_t time_us(const struct timeval *tv)
{
	return tv->tv_sec * 1000000ULL + tv->tv_usec;
}

static struct json_object *describe_queue(const struct hdev *dev, unsigned int index, bool brief)
{
	const struct hdev_stats *s = index < dev->nr_queues ? &dev->queues[index].stats : &dev->stats[index];
	struct json_object *obj = json_object_new_object();

	hostd_json_add_u64(obj, "ops", s->ops);
	hostd_json_add_u64(obj, "read_bytes", s->read_bytes);
	hostd_json_add_u64(obj, "write_bytes", s->write_bytes);
	hostd_json_add_u64(obj, "kicks", s->kicks);
	hostd_json_add_u64(obj, "irqs", s->irqs);
	hostd_json_add_u64(obj, "polls", s->polls);
	hostd_json_add_u64(obj, "sleeps", s->sleeps);
	hostd_json_add_u64(obj, "errors", s->errors);
	if (dev->ops->describe_queue && !brief)
		dev->ops->describe_queue(dev, index, obj);
	return obj;
}

static struct json_object *describe_device(const struct hdev *dev)
{
	struct json_object *obj = json_object_new_object();

	hostd_json_add_u64(obj, "slot", dev->slot);
	hostd_json_add_str(obj, "name", dev->name);
	hostd_json_add_str(obj, "type", dev->class->name);
	return obj;
}

/* Queues that run, and those that ran before: the counters outlive them. */
static struct json_object *list_queues(const struct hdev *dev, bool brief)
{
	static const struct hdev_stats none;
	struct json_object *list = json_object_new_array();
	unsigned int i, nr = dev->nr_queues;

	for (i = nr; i < dev->max_queues; i++) {
		if (memcmp(&dev->stats[i], &none, sizeof(none)))
			nr = i + 1;
	}
	for (i = 0; i < nr; i++)
		json_object_array_add(list, describe_queue(dev, i, brief));
	return list;
}

static struct json_object *describe_counters(const struct hdev *dev, bool brief)
{
	struct json_object *obj = describe_device(dev);

	if (dev->ops->describe)
		dev->ops->describe(dev, obj);
	json_object_object_add(obj, "queues", list_queues(dev, brief));
	return obj;
}

/* One that fits into a message, @len bytes of it: of many queues, that may be without what their class knows. */
static struct json_object *make_counters(const struct hdev *dev, size_t *len)
{
	struct json_object *obj = describe_counters(dev, false);

	json_object_to_json_string_length(obj, JSON_C_TO_STRING_PLAIN, len);
	if (*len <= PAGE_LEN)
		return obj;
	json_object_put(obj);
	obj = describe_counters(dev, true);
	json_object_to_json_string_length(obj, JSON_C_TO_STRING_PLAIN, len);
	return obj;
}

/* Devices from a slot on, as many as a message holds; the slot of the next one, or 0. */
static unsigned int list_counters(struct hostd_worker *w, unsigned int slot, unsigned int end,
				  struct json_object *list)
{
	size_t room = PAGE_LEN, len;
	struct json_object *obj;
	struct hdev *dev;

	while ((dev = hostd_bus_next(w->bus, w->bus->present, slot)) && dev->slot < end) {
		obj = make_counters(dev, &len);
		if (len > room && json_object_array_length(list)) {
			json_object_put(obj);
			return dev->slot;
		}
		slot = dev->slot + 1;
		room -= len < room ? len : room;
		json_object_array_add(list, obj);
	}
	return 0;
}

void hostd_worker_stats(struct hostd_worker *w, struct json_object *req, struct json_object *reply)
{
	uint64_t from = hostd_json_u64(req, "from", 0), slot = hostd_json_u64(req, "slot", UINT64_MAX);
	struct json_object *list = json_object_new_array();
	struct rusage usage = { 0 };
	unsigned int next;

	getrusage(RUSAGE_SELF, &usage);
	hostd_json_add_u64(reply, "cpu_us", time_us(&usage.ru_utime) + time_us(&usage.ru_stime));
	hostd_json_add_u64(reply, "poll_us", hostd_runner_is_crowded(&w->runner) ? 0 : w->runner.poll_ns / 1000);
	hostd_json_add_u64(reply, "bus_kicks", w->bus_kicks);
	hostd_json_add_u64(reply, "bus_irqs", w->bus->irqs[PVBUS_VECTOR_BUS]);
	if (slot < HOSTD_WINDOW_SLOTS)
		next = list_counters(w, slot, slot + 1, list);
	else
		next = list_counters(w, from < HOSTD_WINDOW_SLOTS ? from : 0, HOSTD_WINDOW_SLOTS, list);
	json_object_object_add(reply, "devices", list);
	if (next)
		hostd_json_add_u64(reply, "next", next);
}

static void add_features(struct json_object *obj, const char *key, const uint64_t *features)
{
	char text[36];

	if (features[1])
		snprintf(text, sizeof(text), "%#llx%016llx", (unsigned long long)features[1],
			 (unsigned long long)features[0]);
	else
		snprintf(text, sizeof(text), "%#llx", (unsigned long long)features[0]);
	hostd_json_add_str(obj, key, text);
}

static struct json_object *describe_status(const struct hdev *dev)
{
	struct json_object *obj = describe_device(dev);
	char uuid[HOSTD_UUID_TEXT];

	hostd_uuid_format(dev->uuid, uuid);
	hostd_json_add_str(obj, "status", dev->lonely ? "no driver" : status_names[dev->status]);
	hostd_json_add_str(obj, "uuid", uuid);
	hostd_json_add_u64(obj, "generation", dev->generation);
	add_features(obj, "offered", dev->features);
	add_features(obj, "taken", dev->taken);
	hostd_json_add_u64(obj, "nr_queues", dev->nr_queues);
	hostd_json_add_bool(obj, "draining", hdev_is_draining(dev));
	hostd_json_add_bool(obj, "removing", dev->removing);
	if (dev->ops->describe)
		dev->ops->describe(dev, obj);
	return obj;
}

void hostd_worker_status(struct hostd_worker *w, struct json_object *reply)
{
	struct json_object *list = json_object_new_array(), *driver;
	struct hostd_bus *bus = w->bus;
	struct hdev *dev;
	bool refused;

	hostd_json_add_u64(reply, "epoch", bus->win.epoch);
	refused = bus->ident[0] && bus->cmd_result == PVBUS_R_REFUSED;
	if (bus->greeted || refused) {
		driver = json_object_new_object();
		hostd_json_add_str(driver, "ident", bus->ident);
		hostd_json_add_str(driver, "kernel", bus->kernel);
		if (refused)
			hostd_json_add_bool(driver, "refused", true);
		json_object_object_add(reply, "driver", driver);
	}
	hostd_bus_for_each(bus, dev, present)
		json_object_array_add(list, describe_status(dev));
	json_object_object_add(reply, "devices", list);
}

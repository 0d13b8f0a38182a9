// SPDX-License-Identifier: GPL-2.0-only
/*
 * Life of a device: hold, add, features, drain, vanish.
 */
#include "worker/bus/device.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/json.h"
#include "lib/util.h"
#include "worker/bus/bus.h"

/* May the slot become this device? It is free, or held for it. */
static bool is_for(const struct hdev *dev, const struct hdev_spec *spec)
{
	if (dev->not_ready)
		return dev->generation == spec->generation &&
		       !memcmp(dev->uuid, spec->uuid, sizeof(dev->uuid));
	return !dev->ops;
}

static void close_all(const struct hdev_spec *spec)
{
	unsigned int i;

	for (i = 0; i < spec->nr_fds; i++)
		close(spec->fds[i]);
}

/*
 * The one with the fewest devices of the class, and then the fewest at all. What nobody waits awake for needs no
 * other than the first.
 */
static struct hdev_loop *choose_loop(struct hostd_bus *bus, const struct pv_class *class)
{
	unsigned int i, nr[HOSTD_LOOPS_MAX] = { 0 }, least = 0;
	const struct hdev *dev;

	if (bus->nr_loops == 1 || class->worker->is_patient)
		return &bus->loop;
	hostd_bus_for_each(bus, dev, present)
		nr[dev->loop->index] += dev->class == class ? HOSTD_WINDOW_SLOTS : 1;
	for (i = 1; i < bus->nr_loops; i++) {
		if (nr[i] <= nr[least])
			least = i;
	}
	return bus->loops[least];
}

/* A device without queues, and without its class. */
static void make_bare(struct hostd_bus *bus, const struct hdev_spec *spec)
{
	struct hdev *dev = &bus->devices[spec->slot];

	*dev = (struct hdev) {
		.bus = bus,
		.loop = choose_loop(bus, spec->class),
		.slot = spec->slot,
		.class = spec->class,
		.generation = spec->generation,
		.status = PVBUS_S_RESET,
		.replaces = spec->replaces,
		.replaced = spec->replaced,
	};
	memcpy(dev->uuid, spec->uuid, sizeof(dev->uuid));
	snprintf(dev->name, sizeof(dev->name), "%s", spec->name);
}

int hdev_hold(struct hostd_bus *bus, const struct hdev_spec *spec)
{
	struct hdev *dev = &bus->devices[spec->slot];

	if (dev->ops || dev->not_ready)
		return -EBUSY;
	make_bare(bus, spec);
	dev->not_ready = true;
	hdev_publish(dev);
	return 0;
}

/* What was said, and the defaults. */
static struct json_object *complete(const struct hdev_spec *spec)
{
	struct json_object *config = json_object_new_object();

	if (spec->config) {
		json_object_object_foreach(spec->config, name, val)
			json_object_object_add(config, name, json_object_get(val));
	}
	hostd_keys_fill(spec->class->keys, config);
	return config;
}

static int create(struct hdev *dev, const struct hdev_spec *spec, struct json_object *config,
		  char *error)
{
	const struct pvdev_ops *ops = spec->class->worker;

	if (hostd_keys_check(spec->class->keys, HOSTD_USE_WORKER, config, spec->class->word, error,
			     HDEV_ERROR_LEN))
		return -EINVAL;
	if (spec->nr_fds > ops->max_fds) {
		snprintf(error, HDEV_ERROR_LEN, "it takes %u descriptors, not %u", ops->max_fds,
			 spec->nr_fds);
		return -EINVAL;
	}
	return ops->create(dev, config, spec->fds, spec->nr_fds, error);
}

int hdev_add(struct hostd_bus *bus, const struct hdev_spec *spec, char *error)
{
	struct hdev *dev = &bus->devices[spec->slot], old = *dev;
	struct json_object *config;
	int ret;

	if (!is_for(dev, spec)) {
		snprintf(error, HDEV_ERROR_LEN, "slot %u has a device", spec->slot);
		close_all(spec);
		return -EBUSY;
	}
	make_bare(bus, spec);
	config = complete(spec);
	ret = create(dev, spec, config, error);
	json_object_put(config);
	if (ret) {
		hdev_forget_waits(dev);
		hdev_set_busy(dev, false);
		close_all(spec);
		*dev = old;
		return ret;
	}
	dev->ops = spec->class->worker;
	bus->present |= hdev_bit(dev);
	hdev_publish(dev);
	return 0;
}

void hdev_set_busy(struct hdev *dev, bool busy)
{
	if (busy)
		dev->loop->busy |= hdev_bit(dev);
	else
		dev->loop->busy &= ~hdev_bit(dev);
}

void hdev_vanish(struct hdev *dev)
{
	struct hostd_bus *bus = dev->bus;

	hdev_forget_waits(dev);
	if (dev->ops)
		dev->ops->destroy(dev);
	hdev_set_busy(dev, false);
	bus->present &= ~hdev_bit(dev);
	dev->ops = NULL;
	dev->not_ready = false;
	dev->removing = false;
	dev->status = PVBUS_S_ABSENT;
	hostd_window_remove(&bus->win, dev->slot);
	if (bus->win.epoch)
		hostd_bus_raise(bus, PVBUS_VECTOR_BUS);
	if (bus->removed)
		bus->removed(bus, dev->slot);
}

uint32_t hdev_take_features(struct hdev *dev, const struct pvbus_driver_slot *slot)
{
	uint64_t want[2] = { le64toh(slot->features[0]), le64toh(slot->features[1]) };

	if (dev->status != PVBUS_S_RESET && dev->status != PVBUS_S_FEATURES_OK)
		return PVBUS_R_STATE;
	/* BUS-D20: this driver would use both. */
	if (dev->replaces && !dev->bus->knows_replaces)
		return PVBUS_R_FEATURES;
	if (want[0] & ~dev->features[0] || want[1] & ~dev->features[1])
		return PVBUS_R_FEATURES;
	dev->taken[0] = want[0];
	dev->taken[1] = want[1];
	hdev_set_status(dev, PVBUS_S_FEATURES_OK);
	return PVBUS_R_OK;
}

void hdev_stop(struct hdev *dev)
{
	unsigned int i;

	for (i = 0; i < dev->nr_queues; i++)
		hdev_queue_stop(&dev->queues[i]);
	dev->bus->draining |= hdev_bit(dev);
}

bool hdev_is_idle(const struct hdev *dev)
{
	unsigned int i;

	for (i = 0; i < dev->nr_queues; i++) {
		if (dev->queues[i].in_flight)
			return false;
	}
	return true;
}

bool hdev_try_reset(struct hdev *dev)
{
	if (!hdev_is_idle(dev))
		return false;
	dev->bus->draining &= ~hdev_bit(dev);
	hdev_queues_free(dev);
	dev->taken[0] = 0;
	dev->taken[1] = 0;
	hdev_set_status(dev, PVBUS_S_RESET);
	return true;
}

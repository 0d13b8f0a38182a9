// SPDX-License-Identifier: GPL-2.0-only
/*
 * What serves queues: made, worked, told of heartbeats, freed.
 */
#include "worker/bus/loop.h"

#include <stdlib.h>

#include "lib/log/log.h"
#include "lib/log/report.h"
#include "worker/bus/bus.h"

/* A guest that boots takes its time. */
#define LONELY_NS	10000000000ULL

int hdev_loop_init(struct hdev_loop *loop, struct hostd_bus *bus)
{
	*loop = (struct hdev_loop) { .bus = bus, .index = bus->nr_loops };
	return hostd_engines_init(&loop->engines);
}

void hdev_loop_exit(struct hdev_loop *loop)
{
	free(loop->watches);
	hostd_engines_exit(&loop->engines);
	free(loop->running);
}

bool hdev_loop_work(struct hdev_loop *loop)
{
	bool worked = false;
	struct hdev *dev;

	for (dev = hostd_bus_next(loop->bus, loop->busy, 0); dev;
	     dev = hostd_bus_next(loop->bus, loop->busy, dev->slot + 1))
		worked |= dev->ops->work(dev);
	return worked;
}

static bool has_running_peer(const struct hdev *dev)
{
	struct hdev *other;

	hostd_bus_for_each(dev->bus, other, present) {
		/* Partner: publish.c:hdev_set_status(), of another loop. */
		if (other->ops == dev->ops &&
		    __atomic_load_n(&other->status, __ATOMIC_RELAXED) == PVBUS_S_RUNNING)
			return true;
	}
	return false;
}

/* A driver that finds no room for a device's queues can say so in the guest only. */
static void look_for_driver(struct hdev *dev)
{
	struct hostd_bus *bus = dev->bus;

	if (!bus->greeted || dev->status != PVBUS_S_RESET || dev->removing) {
		dev->lonely_ns = 0;
		dev->lonely = false;
		return;
	}
	if (!dev->lonely_ns)
		dev->lonely_ns = dev->loop->now_ns;
	if (dev->lonely || dev->loop->now_ns - dev->lonely_ns < LONELY_NS)
		return;
	dev->lonely = true;
	if (has_running_peer(dev))
		hostd_report(HOSTD_LOG_WARN, "%s: no driver takes it, though others of its kind have one: if the guest's log says 'no room', give pvhostd a larger --window or the devices fewer queues",
			     dev->name);
}

void hdev_loop_beat(struct hdev_loop *loop)
{
	struct hdev *dev;

	hostd_bus_for_each(loop->bus, dev, present) {
		if (dev->loop != loop)
			continue;
		look_for_driver(dev);
		if (dev->ops->beat)
			dev->ops->beat(dev);
	}
}

bool hdev_loop_is_drained(struct hdev_loop *loop)
{
	struct hdev *dev;

	hostd_bus_for_each(loop->bus, dev, draining) {
		if (dev->loop == loop && hdev_is_idle(dev))
			return true;
	}
	return false;
}

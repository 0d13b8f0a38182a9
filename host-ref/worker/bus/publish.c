// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the driver is shown of the bus and its devices, and the interrupts that say so.
 */
#include "worker/bus/publish.h"

#include <string.h>
#include <unistd.h>

#include "worker/bus/bus.h"

void hostd_bus_raise(struct hostd_bus *bus, unsigned int vector)
{
	static const uint64_t one = 1;

	/* A full counter is as good as one more: the interrupt is pending. */
	if (write(bus->irq_fds[vector], &one, sizeof(one)) == sizeof(one))
		__atomic_add_fetch(&bus->irqs[vector], 1, __ATOMIC_RELAXED);
}

bool hostd_bus_is_ours(struct hostd_bus *bus, const struct pvbus_ack *ack)
{
	if (!bus->overwritten && hostd_window_is_ours(&bus->win, ack))
		return true;
	bus->overwritten = true;
	return false;
}

void hdev_publish(struct hdev *dev)
{
	struct pvbus_device_entry entry = dev->bus->win.shadow.table[dev->slot];

	memcpy(entry.uuid, dev->uuid, sizeof(entry.uuid));
	entry.type = htole32(dev->class->type);
	entry.status = htole32(PVBUS_S_RESET);
	entry.generation = htole32(dev->generation);
	entry.flags = htole32((dev->not_ready ? PVBUS_DEV_NOT_READY : 0) |
			      (dev->replaces ? PVBUS_DEV_REPLACES : 0));
	entry.replaces = htole32(dev->replaces ? dev->replaced : 0);
	entry.features[0] = htole64(dev->features[0]);
	entry.features[1] = htole64(dev->features[1]);
	entry.max_queues = htole32(dev->max_queues);
	entry.max_queue_size = htole32(dev->max_queue_size);
	memset(entry.name, 0, sizeof(entry.name));
	memcpy(entry.name, dev->name, strlen(dev->name));
	hostd_window_set_entry(&dev->bus->win, dev->slot, &entry);
	if (dev->bus->win.epoch)
		hostd_bus_raise(dev->bus, PVBUS_VECTOR_BUS);
}

void hdev_set_status(struct hdev *dev, uint32_t status)
{
	/* Partner: bus.c:has_running_peer(), of another loop. */
	__atomic_store_n(&dev->status, status, __ATOMIC_RELAXED);
	hostd_window_set_status(&dev->bus->win, dev->slot, status);
}

void hdev_set_config(struct hdev *dev, const void *config, size_t len)
{
	hostd_window_set_config(&dev->bus->win, dev->slot, config, len);
	if (dev->ops && dev->bus->win.epoch)
		hostd_bus_raise(dev->bus, PVBUS_VECTOR_BUS);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Life of a device: add, features, queues, drain, remove.
 */
#include "hdev.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bus.h"
#include "report.h"
#include "shmem.h"
#include "util.h"

static const struct pvdev_ops *const classes[] = {
	&hdev_blk_ops,
};

const struct pvdev_ops *hdev_find_ops(const char *name)
{
	unsigned int i;

	for (i = 0; i < HOSTD_ARRAY_SIZE(classes); i++) {
		if (!strcmp(classes[i]->name, name))
			return classes[i];
	}
	return NULL;
}

static void set_status(struct hdev *dev, uint32_t status)
{
	dev->status = status;
	hostd_window_set_status(&dev->bus->win, dev->slot, status);
}

static void fill_entry(struct hdev *dev)
{
	struct pvbus_device_entry *entry = &dev->bus->win.table[dev->slot];

	memcpy(entry->uuid, dev->uuid, sizeof(entry->uuid));
	entry->type = htole32(dev->ops->type);
	entry->status = htole32(PVBUS_S_RESET);
	entry->generation = htole32(dev->generation);
	entry->flags = 0;
	entry->features[0] = htole64(dev->features[0]);
	entry->features[1] = htole64(dev->features[1]);
	entry->max_queues = htole32(dev->max_queues);
	entry->max_queue_size = htole32(dev->max_queue_size);
	memset(entry->name, 0, sizeof(entry->name));
	memcpy(entry->name, dev->name, strlen(dev->name));
}

int hdev_add(struct hostd_bus *bus, const struct hdev_spec *spec, char *error)
{
	struct hdev *dev = &bus->devices[spec->slot];
	int ret;

	if (dev->ops) {
		snprintf(error, HDEV_ERROR_LEN, "slot %u has a device", spec->slot);
		if (spec->fd >= 0)
			close(spec->fd);
		return -EBUSY;
	}
	*dev = (struct hdev) {
		.bus = bus,
		.slot = spec->slot,
		.generation = dev->generation,
		.status = PVBUS_S_RESET,
	};
	memcpy(dev->uuid, spec->uuid, sizeof(dev->uuid));
	snprintf(dev->name, sizeof(dev->name), "%s", spec->name);

	ret = spec->ops->create(dev, spec->config, spec->fd, error);
	if (ret)
		return ret;
	dev->ops = spec->ops;
	dev->generation = spec->generation;
	fill_entry(dev);
	hostd_window_add(&bus->win, dev->slot);
	if (bus->win.epoch)
		hostd_bus_raise(bus, PVBUS_VECTOR_BUS);
	return 0;
}

void hdev_set_config(struct hdev *dev, const void *config, size_t len)
{
	hostd_window_set_config(&dev->bus->win, dev->slot, config, len);
	if (dev->ops && dev->bus->win.epoch)
		hostd_bus_raise(dev->bus, PVBUS_VECTOR_BUS);
}

void hdev_remove(struct hdev *dev, bool force)
{
	dev->removing = true;
	if (force && !dev->draining)
		hdev_stop(dev);
	if ((force || dev->status == PVBUS_S_RESET) && hdev_try_reset(dev)) {
		hdev_vanish(dev);
		return;
	}
	hostd_window_set_flags(&dev->bus->win, dev->slot, PVBUS_DEV_REMOVE);
	hostd_bus_raise(dev->bus, PVBUS_VECTOR_BUS);
}

void hdev_vanish(struct hdev *dev)
{
	struct hostd_bus *bus = dev->bus;

	dev->ops->destroy(dev);
	dev->ops = NULL;
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
	if (want[0] & ~dev->features[0] || want[1] & ~dev->features[1])
		return PVBUS_R_FEATURES;
	dev->taken[0] = want[0];
	dev->taken[1] = want[1];
	set_status(dev, PVBUS_S_FEATURES_OK);
	return PVBUS_R_OK;
}

static void forget_queues(struct hdev *dev)
{
	while (dev->nr_queues) {
		struct hdev_queue *q = &dev->queues[--dev->nr_queues];

		dev->stats[q->index] = q->stats;
		dev->ops->stop(q);
		hring_exit(&q->ring);
	}
	free(dev->queues);
	dev->queues = NULL;
}

/* Check one descriptor, already a private copy, and make the queue (BUS-D10). */
static int make_queue(struct hdev *dev, unsigned int index, const struct pvbus_queue_desc *desc)
{
	const struct hostd_window *win = &dev->bus->win;
	const struct pvdev_ops *ops = dev->ops;
	struct hdev_queue *q = &dev->queues[index];
	uint32_t size = le32toh(desc->size);
	void *drv, *dva;
	int ret;

	if (size < PVRING_SIZE_MIN || size > dev->max_queue_size || (size & (size - 1)))
		return -EPROTO;
	if (desc->sqe_shift != ops->sqe_shift || desc->cqe_shift != ops->cqe_shift)
		return -EPROTO;
	if (le16toh(desc->irq_vector) >= win->nr_vectors ||
	    le16toh(desc->kick_vector) >= win->nr_vectors)
		return -EPROTO;
	drv = hostd_window_at(&win->space, le64toh(desc->drv_off),
			      hring_area_len(size, ops->sqe_shift), PV_PAGE_SIZE);
	dva = hostd_window_at(&win->space, le64toh(desc->dev_off),
			      hring_area_len(size, ops->cqe_shift), PV_PAGE_SIZE);
	*q = (struct hdev_queue) {
		.dev = dev,
		.index = index,
		.irq_vector = le16toh(desc->irq_vector),
		.kick_vector = le16toh(desc->kick_vector),
		.stats = dev->stats[index],
		.work_ns = dev->bus->now_ns,
		.data.off = le64toh(desc->data_off),
		.data.len = le64toh(desc->data_len),
	};
	q->data.base = hostd_window_at(&win->space, q->data.off, q->data.len, 1);
	if (!drv || !dva || (q->data.len && !q->data.base))
		return -EPROTO;

	ret = hring_init(&q->ring, drv, dva, size, ops->sqe_shift, ops->cqe_shift);
	if (ret)
		return ret;
	ret = ops->start(q);
	if (ret)
		hring_exit(&q->ring);
	return ret;
}

static int add_running(struct hdev *dev)
{
	struct hostd_bus *bus = dev->bus;
	unsigned int i, nr = bus->nr_running + dev->nr_queues;
	struct hdev_queue **list = realloc(bus->running, nr * sizeof(*list));

	if (!list)
		return -ENOMEM;
	bus->running = list;
	for (i = 0; i < dev->nr_queues; i++) {
		dev->queues[i].running = true;
		list[bus->nr_running++] = &dev->queues[i];
	}
	return 0;
}

static int make_queues(struct hdev *dev, unsigned int nr, const uint8_t *descs)
{
	struct pvbus_queue_desc desc;
	unsigned int i;
	int ret;

	dev->queues = calloc(nr, sizeof(*dev->queues));
	if (!dev->queues)
		return -ENOMEM;
	for (i = 0; i < nr; i++) {
		hostd_copy_in(&desc, descs + i * sizeof(desc), sizeof(desc));
		ret = make_queue(dev, i, &desc);
		if (ret)
			return ret;
		dev->nr_queues = i + 1;
	}
	return add_running(dev);
}

uint32_t hdev_start(struct hdev *dev, const struct pvbus_driver_slot *slot)
{
	uint32_t nr = le32toh(slot->nr_queues);
	const uint8_t *descs;
	int ret = -EPROTO;

	if (dev->status != PVBUS_S_FEATURES_OK)
		return PVBUS_R_STATE;
	descs = hostd_window_at(&dev->bus->win.space, le64toh(slot->queues_off),
				(uint64_t)nr * sizeof(struct pvbus_queue_desc), sizeof(uint64_t));
	if (descs && nr && nr <= dev->max_queues)
		ret = make_queues(dev, nr, descs);
	if (ret) {
		forget_queues(dev);
		if (ret != -EPROTO)
			hostd_report(HOSTD_LOG_ERR, "%s: cannot start %u queues: %s", dev->name, nr,
				     strerror(-ret));
		return PVBUS_R_QUEUES;
	}
	set_status(dev, PVBUS_S_RUNNING);
	return PVBUS_R_OK;
}

static void stop_queue(struct hdev_queue *q)
{
	struct hostd_bus *bus = q->dev->bus;
	unsigned int i;

	if (!q->running)
		return;
	q->running = false;
	for (i = 0; bus->running[i] != q; i++)
		;
	bus->running[i] = bus->running[--bus->nr_running];
}

void hdev_stop(struct hdev *dev)
{
	unsigned int i;

	for (i = 0; i < dev->nr_queues; i++)
		stop_queue(&dev->queues[i]);
	if (!dev->draining)
		dev->bus->nr_draining++;
	dev->draining = true;
}

bool hdev_try_reset(struct hdev *dev)
{
	unsigned int i;

	for (i = 0; i < dev->nr_queues; i++) {
		if (dev->queues[i].in_flight)
			return false;
	}
	if (dev->draining)
		dev->bus->nr_draining--;
	dev->draining = false;
	forget_queues(dev);
	dev->taken[0] = 0;
	dev->taken[1] = 0;
	set_status(dev, PVBUS_S_RESET);
	return true;
}

void hdev_queue_break(struct hdev_queue *q, uint32_t error, const char *why)
{
	struct hdev *dev = q->dev;

	hostd_report(HOSTD_LOG_WARN, "%s: queue %u stopped, the driver broke the ABI: %s",
		     dev->name, q->index, why);
	stop_queue(q);
	hring_stop(&q->ring, error);
	set_status(dev, PVBUS_S_BROKEN);
	hostd_bus_raise(dev->bus, q->irq_vector);
	if (q->irq_vector != PVBUS_VECTOR_BUS)
		hostd_bus_raise(dev->bus, PVBUS_VECTOR_BUS);
}

static void raise_irq(struct hdev_queue *q)
{
	q->stats.irqs++;
	hostd_bus_raise(q->dev->bus, q->irq_vector);
}

void hdev_queue_signal(struct hdev_queue *q)
{
	if (hring_need_irq(&q->ring, q->dev->bus->now_ns))
		raise_irq(q);
}

void hdev_queue_signal_late(struct hdev_queue *q)
{
	if (hring_irq_due(&q->ring, q->dev->bus->now_ns))
		raise_irq(q);
}

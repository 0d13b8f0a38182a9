// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queues of a device: made from descriptors of the driver's, run, used, broken, interrupted.
 */
#include "worker/bus/device.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log/report.h"
#include "lib/proc/memory.h"
#include "lib/util.h"
#include "worker/bus/bus.h"
#include "worker/bus/shmem.h"

void hdev_queues_free(struct hdev *dev)
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
	struct hdev_shape shape = { dev->ops->sqe_shift, dev->ops->cqe_shift };
	struct hdev_queue *q = &dev->queues[index];
	uint32_t size = le32toh(desc->size);
	void *drv, *dva;
	int ret;

	if (dev->ops->shape)
		dev->ops->shape(dev, index, &shape);
	if (size < PVRING_SIZE_MIN || size > dev->max_queue_size || (size & (size - 1)))
		return -EPROTO;
	if (desc->sqe_shift != shape.sqe_shift || desc->cqe_shift != shape.cqe_shift)
		return -EPROTO;
	if (le16toh(desc->irq_vector) >= win->nr_vectors ||
	    le16toh(desc->kick_vector) >= win->nr_vectors)
		return -EPROTO;
	drv = hostd_window_at(&win->space, le64toh(desc->drv_off),
			      hring_area_len(size, shape.sqe_shift), PV_PAGE_SIZE);
	dva = hostd_window_at(&win->space, le64toh(desc->dev_off),
			      hring_area_len(size, shape.cqe_shift), PV_PAGE_SIZE);
	*q = (struct hdev_queue) {
		.dev = dev,
		.index = index,
		.irq_vector = le16toh(desc->irq_vector),
		.kick_vector = le16toh(desc->kick_vector),
		.stats = dev->stats[index],
		.work_ns = dev->loop->now_ns,
		.data.off = le64toh(desc->data_off),
		.data.len = le64toh(desc->data_len),
	};
	q->data.base = hostd_window_at(&win->space, q->data.off, q->data.len, 1);
	if (!drv || !dva || (q->data.len && !q->data.base))
		return -EPROTO;

	ret = hring_init(&q->ring, drv, dva, size, shape.sqe_shift, shape.cqe_shift);
	if (ret)
		return ret;
	ret = dev->ops->start(q);
	if (ret)
		hring_exit(&q->ring);
	return ret;
}

static int add_running(struct hdev *dev)
{
	struct hdev_loop *loop = dev->loop;
	unsigned int i, nr = loop->nr_running + dev->nr_queues;
	struct hdev_queue **list = realloc(loop->running, nr * sizeof(*list));

	if (!list)
		return -ENOMEM;
	loop->running = list;
	for (i = 0; i < dev->nr_queues; i++) {
		dev->queues[i].running = true;
		list[loop->nr_running++] = &dev->queues[i];
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
	return hostd_memory_is_short() ? -ENOMEM : add_running(dev);
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
		hdev_queues_free(dev);
		if (ret != -EPROTO)
			hostd_report(HOSTD_LOG_ERR, "%s: cannot start %u queues: %s", dev->name, nr,
				     strerror(-ret));
		return PVBUS_R_QUEUES;
	}
	hdev_set_status(dev, PVBUS_S_RUNNING);
	return PVBUS_R_OK;
}

void hdev_queue_stop(struct hdev_queue *q)
{
	struct hdev_loop *loop = q->dev->loop;
	unsigned int i;

	if (!q->running)
		return;
	q->running = false;
	for (i = 0; loop->running[i] != q; i++)
		;
	loop->running[i] = loop->running[--loop->nr_running];
}

void hdev_queue_break(struct hdev_queue *q, uint32_t error, const char *why)
{
	struct hdev *dev = q->dev;

	hostd_report(HOSTD_LOG_WARN, "%s: queue %u stopped, the driver broke the ABI: %s",
		     dev->name, q->index, why);
	hdev_queue_stop(q);
	hring_stop(&q->ring, error);
	hdev_set_status(dev, PVBUS_S_BROKEN);
	hostd_bus_raise(dev->bus, q->irq_vector);
	if (q->irq_vector != PVBUS_VECTOR_BUS)
		hostd_bus_raise(dev->bus, PVBUS_VECTOR_BUS);
}

/*
 * A snapshot brings requests of the past, and memory in which those of today are not true. True: the window
 * is this life's, and locked.
 */
static inline bool enter(struct hdev_queue *q)
{
	struct hostd_bus *bus = q->dev->bus;

	hostd_window_lock(&bus->win);
	if (hostd_bus_is_ours(bus, &bus->win.shadow.table[q->dev->slot].ack))
		return true;
	hostd_window_unlock(&bus->win);
	hdev_queue_stop(q);
	return false;
}

/* Something was taken or posted. */
static inline void leave(struct hdev_queue *q)
{
	struct hostd_window *win = &q->dev->bus->win;

	hostd_window_count(win);
	hostd_window_unlock(win);
}

bool hdev_queue_pop(struct hdev_queue *q, void *sqe)
{
	int ret = q->running ? hring_pop(&q->ring, sqe) : 0;

	if (!ret || !enter(q))
		return false;
	leave(q);
	if (ret < 0)
		hdev_queue_break(q, PVRING_E_OVERRUN, "more requests than entries");
	return ret > 0;
}

void hdev_queue_push(struct hdev_queue *q, const void *cqe, bool ok)
{
	if (!q->running || !enter(q))
		return;
	q->stats.ops++;
	q->stats.errors += !ok;
	hring_push(&q->ring, cqe, q->dev->loop->now_ns);
	leave(q);
}

bool hdev_queue_arm(struct hdev_queue *q)
{
	if (!enter(q))
		return true;
	hostd_window_unlock(&q->dev->bus->win);
	q->armed = hring_arm(&q->ring);
	q->stats.sleeps += q->armed;
	return q->armed;
}

static void raise_irq(struct hdev_queue *q)
{
	q->stats.irqs++;
	hostd_bus_raise(q->dev->bus, q->irq_vector);
}

void hdev_queue_signal(struct hdev_queue *q)
{
	if (hring_need_irq(&q->ring, q->dev->loop->now_ns))
		raise_irq(q);
}

void hdev_queue_signal_late(struct hdev_queue *q)
{
	if (hring_irq_due(&q->ring, q->dev->loop->now_ns))
		raise_irq(q);
}

void hdev_note_stream(struct hdev *dev)
{
	dev->loop->stream = dev;
	dev->loop->stream_ns = dev->loop->now_ns;
}

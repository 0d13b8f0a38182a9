// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queues of a device: their place in the window, their vectors, kicks and interrupts.
 */
#include <linux/export.h>
#include <linux/interrupt.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include "pvbus.h"
#include "trace.h"

/* What a small disk needs, or another device. */
#define SHARE_MIN	SZ_128K

static u64 desc_len(const struct pvbus_device *pdev)
{
	return pdev->nr_queues * sizeof(struct pvbus_queue_desc);
}

static irqreturn_t queue_interrupt(int irq, void *data)
{
	struct pvbus_queue *queue = data;

	WRITE_ONCE(queue->interrupts, queue->interrupts + 1);
	trace_pvbus_interrupt(queue->pdev->bus->id, queue->pdev->slot, queue->index);
	queue->callback(queue);
	return IRQ_HANDLED;
}

/* Vector 0 is the bus's, as long as there are others. */
static u16 choose_vector(const struct pvbus_queue *queue, const struct pvbus_queue_params *params)
{
	struct pvbus *bus = queue->pdev->bus;
	/* A new epoch may bring another number meanwhile. */
	unsigned int nr = READ_ONCE(bus->nr_vectors);

	if (params->same_vector && queue->index)
		return queue->pdev->queues[queue->index - 1]->vector;
	if (nr == 1)
		return PVBUS_VECTOR_BUS;
	return 1 + bus->next_vector++ % (nr - 1);
}

/**
 * struct reserved - an extent that its queue has left (BUS-G6)
 * @node: in pvbus.reserved
 * @off: where it starts
 * @len: its length in bytes
 */
struct reserved {
	struct list_head	node;
	pvshm_off_t		off;
	u64			len;
};

/* Once nobody writes there any more. What cannot be noted, for want of memory, stays taken. */
static void free_extent(struct pvbus_device *pdev, pvshm_off_t off, u64 len)
{
	struct pvbus *bus = pdev->bus;
	struct reserved *r;

	if (off == PVSHM_NONE)
		return;
	r = kmalloc(sizeof(*r), GFP_KERNEL);
	pvbus_lock_briefly(&bus->lock);
	if (!READ_ONCE(pdev->shared)) {
		pvshm_free(&bus->shm, off, len);
	} else if (r) {
		*r = (struct reserved) { .off = off, .len = len };
		list_add(&r->node, &bus->reserved);
		r = NULL;
	}
	pvbus_unlock_briefly(&bus->lock);
	kfree(r);
}

/**
 * pvbus_free_reserved() - the device side has said that it touches no queue any more
 * @bus: the bus; its devices know that
 *
 * By an answer to HELLO. Context: process; allocates nothing.
 */
void pvbus_free_reserved(struct pvbus *bus)
{
	struct reserved *r, *next;

	mutex_lock(&bus->lock);
	list_for_each_entry_safe(r, next, &bus->reserved, node) {
		list_del(&r->node);
		pvshm_free(&bus->shm, r->off, r->len);
		kfree(r);
	}
	mutex_unlock(&bus->lock);
}

static void free_queue(struct pvbus_queue *queue)
{
	struct pvbus_device *pdev = queue->pdev;
	struct pvring *ring = &queue->ring;

	free_extent(pdev, queue->drv_off, pvring_drv_area_len(ring->size, ring->sqe_shift));
	free_extent(pdev, queue->dev_off, pvring_dev_area_len(ring->size, ring->cqe_shift));
	free_extent(pdev, queue->data_off, queue->data_len);
	kfree(queue);
}

static int place_queue(struct pvbus_queue *queue, const struct pvbus_queue_params *params)
{
	struct pvshm *shm = &queue->pdev->bus->shm;
	size_t drv_len = pvring_drv_area_len(params->size, params->sqe_shift);
	size_t dev_len = pvring_dev_area_len(params->size, params->cqe_shift);

	queue->drv_off = pvshm_alloc(shm, drv_len);
	queue->dev_off = pvshm_alloc(shm, dev_len);
	if (params->data_len) {
		queue->data_off = pvshm_alloc(shm, params->data_len);
		queue->data_len = params->data_len;
	}
	if (queue->drv_off == PVSHM_NONE || queue->dev_off == PVSHM_NONE ||
	    (params->data_len && queue->data_off == PVSHM_NONE))
		return -ENOSPC;

	queue->data = pvshm_at(shm, queue->data_off, queue->data_len);
	pvring_init(&queue->ring, pvshm_at(shm, queue->drv_off, drv_len),
		    pvshm_at(shm, queue->dev_off, dev_len),
		    params->size, params->sqe_shift, params->cqe_shift);
	return 0;
}

static struct pvbus_queue *alloc_queue(struct pvbus_device *pdev, unsigned int index,
				       const struct pvbus_queue_params *params)
{
	struct pvbus_queue *queue;
	int err;

	if (params->size > pdev->max_queue_size || !is_power_of_2(params->size))
		return ERR_PTR(-EINVAL);
	queue = kzalloc(sizeof(*queue), GFP_KERNEL);
	if (!queue)
		return ERR_PTR(-ENOMEM);

	queue->pdev = pdev;
	queue->index = index;
	queue->callback = params->callback;
	queue->ring.size = params->size;
	queue->ring.sqe_shift = params->sqe_shift;
	queue->ring.cqe_shift = params->cqe_shift;
	snprintf(queue->irq_name, sizeof(queue->irq_name), "%s-%s.%u",
		 dev_name(&pdev->dev), params->name, index);
	err = place_queue(queue, params);
	if (err) {
		free_queue(queue);
		return ERR_PTR(err);
	}
	queue->vector = choose_vector(queue, params);
	return queue;
}

/**
 * pvbus_space_share() - how much of the window's space a device may take
 * @pdev: the device; it has no queues yet
 *
 * What is left is divided among the devices that are there and have no queues, and one more.
 * Before that something is set aside for each slot of the table, so that a window takes as many
 * small devices as its table, in whichever order they come. Context: process. Return: bytes.
 */
u64 pvbus_space_share(struct pvbus_device *pdev)
{
	struct pvbus *bus = pdev->bus;
	u32 slot, nr = min_t(u32, le32_to_cpu(bus->hdr.table_nr), PVBUS_MAX_DEVICES);
	u32 waiting = 0, empty = 0;
	u64 avail, aside;

	pvbus_lock_briefly(&bus->lock);
	for (slot = 0; slot < nr; slot++) {
		if (bus->devices[slot] && bus->devices[slot]->nr_queues)
			continue;
		empty++;
		waiting += pvbus_slot_taken(bus, slot);
	}
	avail = pvshm_avail(&bus->shm);
	pvbus_unlock_briefly(&bus->lock);

	aside = min((u64)empty * SHARE_MIN, avail / 2);
	return max(div_u64(avail - aside, waiting + 1), min_t(u64, avail, SHARE_MIN));
}
EXPORT_SYMBOL_GPL(pvbus_space_share);

/* Queue i is as params[i * @step] says. */
static int alloc_queues(struct pvbus_device *pdev, unsigned int nr,
			const struct pvbus_queue_params *params, unsigned int step)
{
	struct pvbus_queue *queue;
	unsigned int i;
	int err;

	if (!nr || nr > pdev->max_queues)
		return -EINVAL;

	pdev->desc_off = pvshm_alloc(&pdev->bus->shm, nr * sizeof(struct pvbus_queue_desc));
	if (pdev->desc_off == PVSHM_NONE)
		return -ENOSPC;
	pdev->nr_queues = nr;

	pdev->queues = kcalloc(nr, sizeof(*pdev->queues), GFP_KERNEL);
	if (!pdev->queues) {
		err = -ENOMEM;
		goto free;
	}
	for (i = 0; i < nr; i++) {
		queue = alloc_queue(pdev, i, &params[i * step]);
		if (IS_ERR(queue)) {
			err = PTR_ERR(queue);
			goto free;
		}
		pdev->queues[i] = queue;
	}
	err = pvbus_queues_sysfs_add(pdev);
	if (err)
		goto free;
	return 0;

free:
	pvbus_free_queues(pdev);
	return err;
}

/**
 * pvbus_alloc_queues() - take memory of the window and vectors for queues
 * @pdev: the device
 * @nr: how many, at most pvbus_device.max_queues
 * @params: what each of them is like
 *
 * Context: process, from probe. Return: 0; -ENOSPC: the window is used up; -EINVAL:
 * more or larger queues than the device serves; other -errno.
 */
int pvbus_alloc_queues(struct pvbus_device *pdev, unsigned int nr,
		       const struct pvbus_queue_params *params)
{
	return alloc_queues(pdev, nr, params, 0);
}
EXPORT_SYMBOL_GPL(pvbus_alloc_queues);

/**
 * pvbus_alloc_queues_each() - the same where queues differ
 * @pdev: the device
 * @nr: how many
 * @params: an array: what the queue of the same index is like
 *
 * Context and return: as pvbus_alloc_queues().
 */
int pvbus_alloc_queues_each(struct pvbus_device *pdev, unsigned int nr,
			    const struct pvbus_queue_params *params)
{
	return alloc_queues(pdev, nr, params, 1);
}
EXPORT_SYMBOL_GPL(pvbus_alloc_queues_each);

/**
 * pvbus_free_queues() - give memory and vectors back
 * @pdev: the device, never started or stopped
 *
 * No callback of a queue runs any more when it returns.
 */
void pvbus_free_queues(struct pvbus_device *pdev)
{
	unsigned int i;

	pvbus_queues_sysfs_del(pdev);
	pvbus_silence_queues(pdev);
	for (i = 0; pdev->queues && i < pdev->nr_queues; i++)
		if (pdev->queues[i])
			free_queue(pdev->queues[i]);
	free_extent(pdev, pdev->desc_off, desc_len(pdev));
	kfree(pdev->queues);
	pdev->queues = NULL;
	pdev->nr_queues = 0;
	pdev->desc_off = PVSHM_NONE;
}
EXPORT_SYMBOL_GPL(pvbus_free_queues);

static void write_desc(const struct pvbus_queue *queue, struct pvbus_queue_desc *shared)
{
	const struct pvring *ring = &queue->ring;
	struct pvbus_queue_desc desc = {
		.drv_off	= cpu_to_le64(pvshm_raw(queue->drv_off)),
		.dev_off	= cpu_to_le64(pvshm_raw(queue->dev_off)),
		.data_off	= cpu_to_le64(pvshm_raw(queue->data_off)),
		.data_len	= cpu_to_le64(queue->data_len),
		.size		= cpu_to_le32(ring->size),
		.irq_vector	= cpu_to_le16(queue->vector),
		.kick_vector	= cpu_to_le16(queue->vector),
		.sqe_shift	= ring->sqe_shift,
		.cqe_shift	= ring->cqe_shift,
	};

	memcpy(shared, &desc, sizeof(desc));
}

/**
 * pvbus_write_queues() - zero the queues and describe them to the device side
 * @pdev: the device; it does not run, and its lock is held
 *
 * Return: 0, or -ENODEV without queues.
 */
int pvbus_write_queues(struct pvbus_device *pdev)
{
	struct pvbus_queue_desc *descs;
	unsigned int i;

	descs = pvshm_at(&pdev->bus->shm, pdev->desc_off, desc_len(pdev));
	if (!pdev->nr_queues || !descs)
		return -ENODEV;

	for (i = 0; i < pdev->nr_queues; i++) {
		struct pvring *ring = &pdev->queues[i]->ring;

		pvring_init(ring, ring->drv, (void *)ring->dev, ring->size,
			    ring->sqe_shift, ring->cqe_shift);
		write_desc(pdev->queues[i], &descs[i]);
	}
	return 0;
}

static int listen(struct pvbus_queue *queue)
{
	struct pvbus_transport *transport = queue->pdev->bus->transport;
	int irq = transport->ops->irq(transport, queue->vector), err;

	if (queue->irq || !queue->callback)
		return 0;
	err = request_irq(irq, queue_interrupt, IRQF_SHARED, queue->irq_name, queue);
	if (!err)
		queue->irq = irq;
	return err;
}

/**
 * pvbus_listen_queues() - from now on interrupts call the driver
 * @pdev: the device, about to be started; its lock is held
 *
 * Not before: vectors are shared, and raised for nothing. Context: process; allocates memory when a
 * device is first started. Return: 0 or -errno; then too pvbus_silence_queues() undoes it.
 */
int pvbus_listen_queues(struct pvbus_device *pdev)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < pdev->nr_queues && !err; i++)
		err = listen(pdev->queues[i]);
	return err;
}

/**
 * pvbus_silence_queues() - no callback of a queue runs any more, nor will
 * @pdev: the device; stopped, or never started
 *
 * Context: process.
 */
void pvbus_silence_queues(struct pvbus_device *pdev)
{
	struct pvbus_queue *queue;
	unsigned int i;

	for (i = 0; pdev->queues && i < pdev->nr_queues; i++) {
		queue = pdev->queues[i];
		if (!queue || !queue->irq)
			continue;
		irq_set_affinity_and_hint(queue->irq, NULL);
		free_irq(queue->irq, queue);
		queue->irq = 0;
	}
}

/**
 * pvbus_kick() - ring the doorbell of a queue
 * @queue: the queue; the caller is its submitter
 *
 * An exit: only when pvring_need_kick() asks for it. Any context.
 */
void pvbus_kick(struct pvbus_queue *queue)
{
	struct pvbus *bus = queue->pdev->bus;

	WRITE_ONCE(queue->kicks, queue->kicks + 1);
	trace_pvbus_kick(bus->id, queue->pdev->slot, queue->index);
	bus->transport->ops->kick(bus->transport, le32_to_cpu(READ_ONCE(bus->hdr.peer)), queue->vector);
}
EXPORT_SYMBOL_GPL(pvbus_kick);

/**
 * pvbus_queue_set_affinity() - let a queue interrupt the CPUs that use it
 * @queue: the queue; its device has been started
 * @mask: the CPUs; lives as long as the queue
 */
void pvbus_queue_set_affinity(struct pvbus_queue *queue, const struct cpumask *mask)
{
	irq_set_affinity_and_hint(queue->irq, mask);
}
EXPORT_SYMBOL_GPL(pvbus_queue_set_affinity);

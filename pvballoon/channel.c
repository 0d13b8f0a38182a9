// SPDX-License-Identifier: GPL-2.0-only
/*
 * A queue with its requests: submitted, completed, and forgotten with their epoch (balloon.md). What a
 * request is about is not known here.
 */
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/processor.h>
#include <linux/slab.h>
#include <asm/barrier.h>
#include "pvballoon.h"

#define SLOT_SHIFT	ilog2(PVBALLOON_SLOTS)
#define SLOT_BYTES	(PVBALLOON_RANGES_MAX * sizeof(struct pvballoon_range))

/**
 * pvballoon_channel_init() - prepare a channel
 * @balloon: the balloon
 * @channel: zeroed; its queue is set
 *
 * Return: 0 or -ENOMEM.
 */
int pvballoon_channel_init(struct pvballoon *balloon, struct pvballoon_channel *channel)
{
	unsigned int i;

	channel->balloon = balloon;
	mutex_init(&channel->lock);
	init_waitqueue_head(&channel->wait);
	for (i = 0; i < PVBALLOON_SLOTS; i++)
		INIT_LIST_HEAD(&channel->slots[i].blocks);
	channel->copy = kmalloc(SLOT_BYTES, GFP_KERNEL);
	return channel->copy ? 0 : -ENOMEM;
}

/**
 * pvballoon_channel_start() - the queue may be used, unless the driver has left it
 * @channel: the channel; its device has been started
 */
void pvballoon_channel_start(struct pvballoon_channel *channel)
{
	mutex_lock(&channel->lock);
	pvring_disarm(&channel->queue->ring);
	WRITE_ONCE(channel->running, !READ_ONCE(channel->balloon->stopped));
	mutex_unlock(&channel->lock);
}

/**
 * pvballoon_channel_stop() - the queue is not used any more on return
 * @channel: the channel
 */
void pvballoon_channel_stop(struct pvballoon_channel *channel)
{
	WRITE_ONCE(channel->running, false);
	wake_up_all(&channel->wait);
	/* Whoever has it leaves. The driver's remove comes here, too, and the bus may want to at the same time. */
	pvbus_lock_briefly(&channel->lock);
	pvbus_unlock_briefly(&channel->lock);
}

/**
 * pvballoon_channel_forget() - requests in flight will have no effect any more (BALLOON-D3)
 * @channel: the channel, stopped
 */
void pvballoon_channel_forget(struct pvballoon_channel *channel)
{
	unsigned int i;

	mutex_lock(&channel->lock);
	for (i = 0; i < PVBALLOON_SLOTS; i++) {
		struct pvballoon_slot *slot = &channel->slots[i];

		if (!slot->busy)
			continue;
		if (slot->request->forgotten)
			slot->request->forgotten(channel->balloon, slot);
		slot->status = PVBALLOON_S_UNSUPP;
		WRITE_ONCE(slot->busy, false);
	}
	mutex_unlock(&channel->lock);
	wake_up_all(&channel->wait);
}

/**
 * pvballoon_get_slot() - a request that is not in flight
 * @channel: the channel, locked
 * @reserved: slots that are left to others
 *
 * Return: the request, or NULL.
 */
struct pvballoon_slot *pvballoon_get_slot(struct pvballoon_channel *channel, unsigned int reserved)
{
	unsigned int i;

	for (i = reserved; i < PVBALLOON_SLOTS; i++)
		if (!channel->slots[i].busy)
			return &channel->slots[i];
	return NULL;
}

/**
 * pvballoon_is_idle() - is nothing in flight
 * @channel: the channel; a hint for a caller that has not locked it
 */
bool pvballoon_is_idle(struct pvballoon_channel *channel)
{
	unsigned int i;

	for (i = 0; i < PVBALLOON_SLOTS; i++)
		if (READ_ONCE(channel->slots[i].busy))
			return false;
	return true;
}

/**
 * pvballoon_is_asked() - is an operation in flight
 * @channel: the channel; a hint for a caller that has not locked it
 * @op: PVBALLOON_OP_*
 */
bool pvballoon_is_asked(struct pvballoon_channel *channel, u8 op)
{
	unsigned int i;

	for (i = 0; i < PVBALLOON_SLOTS; i++)
		if (READ_ONCE(channel->slots[i].busy) &&
		    READ_ONCE(channel->slots[i].request)->op == op)
			return true;
	return false;
}

/**
 * pvballoon_slot_data() - where the data of a request is, in the window
 * @channel: the channel
 * @slot: the request
 */
void *pvballoon_slot_data(struct pvballoon_channel *channel, const struct pvballoon_slot *slot)
{
	return channel->queue->data + (slot - channel->slots) * SLOT_BYTES;
}

/**
 * pvballoon_submit() - submit a request, whose data has been written
 * @channel: the channel, locked and running
 * @slot: the request
 * @request: what it is about
 * @nr: elements of its data
 */
void pvballoon_submit(struct pvballoon_channel *channel, struct pvballoon_slot *slot,
		      const struct pvballoon_request *request, unsigned int nr)
{
	struct pvbus_queue *queue = channel->queue;
	unsigned int index = slot - channel->slots;
	struct pvballoon_sqe sqe = {
		.op		= request->op,
		.nr		= cpu_to_le16(nr),
		.data_off	= cpu_to_le64(pvshm_raw(queue->data_off) + index * SLOT_BYTES),
	};

	slot->id = (slot->id & ~(PVBALLOON_SLOTS - 1)) + PVBALLOON_SLOTS + index;
	WRITE_ONCE(slot->request, request);
	slot->nr = nr;
	WRITE_ONCE(slot->busy, true);
	sqe.id = cpu_to_le32(slot->id);
	if (!pvring_put(&queue->ring, &sqe))
		pvbus_device_broken(queue->pdev, "it completed more than it was given");
	else if (pvring_need_kick(&queue->ring))
		pvbus_kick(queue);
}

/* The completed request; NULL: the device lies. */
static struct pvballoon_slot *check_cqe(struct pvballoon_channel *channel,
					const struct pvballoon_cqe *cqe)
{
	u32 id = le32_to_cpu(cqe->id), status = le32_to_cpu(cqe->status);
	struct pvballoon_slot *slot = &channel->slots[id & (PVBALLOON_SLOTS - 1)];

	if (!slot->busy || slot->id != id || status > PVBALLOON_S_UNSUPP)
		return NULL;
	if (status == PVBALLOON_S_UNSUPP && !slot->request->optional)
		return NULL;
	return slot;
}

/* The statuses of the device, and for the rest what the driver wrote (BALLOON-G7). */
static const void *copy_data(struct pvballoon_channel *channel, const struct pvballoon_slot *slot)
{
	pvshm_copy(channel->copy, pvballoon_slot_data(channel, slot), slot->nr * slot->request->size);
	return channel->copy;
}

static void end_slot(struct pvballoon_channel *channel, struct pvballoon_slot *slot, u32 status)
{
	const struct pvballoon_request *request = slot->request;
	const void *data = NULL;

	if (status == PVBALLOON_S_SOME && request->size)
		data = copy_data(channel, slot);
	/* What was copied may be of the next epoch; the request is forgotten with its own. */
	if (pvbus_epoch_over(channel->queue->pdev))
		return;
	if (request->done)
		request->done(channel->balloon, slot, data);
	slot->status = status;
	WRITE_ONCE(channel->queue->ops, channel->queue->ops + 1);
	WRITE_ONCE(slot->busy, false);
}

/**
 * pvballoon_reap() - take all completions that are there
 * @channel: the channel, locked and running
 */
void pvballoon_reap(struct pvballoon_channel *channel)
{
	struct pvring *ring = &channel->queue->ring;
	struct pvballoon_slot *slot;
	struct pvballoon_cqe cqe;

	pvring_disarm(ring);
	while (pvring_get(ring, &cqe)) {
		slot = check_cqe(channel, &cqe);
		if (pvbus_epoch_over(channel->queue->pdev))
			break;
		if (!slot) {
			pvbus_device_broken(channel->queue->pdev,
					    "it completed what is not in flight, or in a way that makes no sense");
			break;
		}
		end_slot(channel, slot, le32_to_cpu(cqe.status));
	}
	pvring_set_head(ring);
	wake_up_all(&channel->wait);
}

/**
 * pvballoon_nudge() - whoever waits for an answer has something else to look at
 * @channel: the channel; any context
 */
void pvballoon_nudge(struct pvballoon_channel *channel)
{
	/* Pairs with the xchg() in pvballoon_balance(), which looks at what was written before. */
	smp_store_release(&channel->nudged, true);
	wake_up_all(&channel->wait);
}

/**
 * pvballoon_wait() - wait until there is something to reap
 * @channel: the channel, locked and running
 * @timeout: jiffies
 *
 * Returns early when the channel is to be stopped, or was nudged. Context: process.
 */
void pvballoon_wait(struct pvballoon_channel *channel, unsigned long timeout)
{
	struct pvring *ring = &channel->queue->ring;
	u64 end = ktime_get_ns() + pvbus_sleep_ns(channel->queue->pdev);

	while (!pvring_pending(ring) && ktime_get_ns() < end && !need_resched())
		cpu_relax();
	if (pvring_pending(ring)) {
		WRITE_ONCE(channel->queue->spins, channel->queue->spins + 1);
		return;
	}
	if (!pvring_arm(ring, ring->cq_next, 0))
		wait_event_timeout(channel->wait,
				   pvring_pending(ring) || !READ_ONCE(channel->running) ||
				   READ_ONCE(channel->nudged), timeout);
}

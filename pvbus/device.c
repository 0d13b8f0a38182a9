// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a device is told: features, START, RESET.
 */
#include <linux/delay.h>
#include <linux/export.h>
#include <linux/jiffies.h>
#include "pvbus.h"

/*
 * A RESET drains, so its answer may take long. So long a device's work waits for it, then looks
 * after who waits for the device, and comes back.
 */
#define DRAIN_TIMEOUT	HZ

static struct pvbus_driver_slot *driver_slot(const struct pvbus_device *pdev)
{
	u64 off = le64_to_cpu(pdev->bus->hdr.drv_off) + sizeof(struct pvbus_driver_header) +
		  pdev->slot * sizeof(struct pvbus_driver_slot);

	return pvshm_at(&pdev->bus->shm, pvshm_off(off), sizeof(struct pvbus_driver_slot));
}

/* Take the place of a command; pdev->lock is held. */
static int begin(struct pvbus_device *pdev, u64 epoch, unsigned long timeout)
{
	const struct pvbus_device_entry *entry = pvbus_entry(pdev->bus, pdev->slot);
	struct pvbus_driver_slot *slot = driver_slot(pdev);
	int err;

	if (!entry || !slot)
		return -ENODEV;

	pdev->channel.cmd = &slot->cmd;
	pdev->channel.ack = &entry->ack;
	err = pvbus_command_begin(pdev->bus, &pdev->channel, epoch, timeout);
	if (!err)
		slot->generation = cpu_to_le32(pdev->generation);
	return err;
}

/* pdev->lock is held. Any answer means that the device side touches nothing any more (BUS-D8). */
static int reset(struct pvbus_device *pdev, u64 epoch, unsigned long timeout)
{
	int err;

	err = begin(pdev, epoch, timeout);
	if (!err)
		err = pvbus_command(pdev->bus, &pdev->channel, PVBUS_CMD_RESET, epoch);
	if (err != -ESTALE && err != -ETIMEDOUT) {
		WRITE_ONCE(pdev->agreed, false);
		WRITE_ONCE(pdev->shared, false);
	}
	return err;
}

static void known_features(const struct pvbus_device *pdev, u64 known[2])
{
	const struct pvbus_driver *drv = to_pvbus_driver(pdev->dev.driver);
	unsigned int i;

	known[0] = 0;
	known[1] = 0;
	for (i = 0; i < drv->nr_features; i++)
		known[drv->features[i] / 64] |= BIT_ULL(drv->features[i] % 64);
}

/* Agree on features in @epoch, when drained within @timeout; pdev->lock is held. */
static int negotiate(struct pvbus_device *pdev, u64 epoch, unsigned long timeout)
{
	struct pvbus_device_entry *shared = pvbus_entry(pdev->bus, pdev->slot);
	struct pvbus_driver_slot *slot = driver_slot(pdev);
	struct pvbus_device_entry entry;
	u64 known[2];
	int i, err;

	if (!shared || !slot)
		return -ENODEV;
	pvshm_copy(&entry, shared, sizeof(entry));
	pdev->max_queues = clamp(le32_to_cpu(entry.max_queues), 1, PVBUS_MAX_QUEUES);
	pdev->max_queue_size = le32_to_cpu(entry.max_queue_size);
	pdev->config_off = pvshm_off(le64_to_cpu(entry.config_off));
	pdev->config_len = le32_to_cpu(entry.config_len);

	err = reset(pdev, epoch, timeout);
	if (!err)
		err = begin(pdev, epoch, PVBUS_ANSWER_TIMEOUT);
	if (err)
		return err;

	known_features(pdev, known);
	for (i = 0; i < 2; i++) {
		/* Who submits to a device that is frozen looks at them, and sysfs does. */
		WRITE_ONCE(pdev->offered[i], le64_to_cpu(entry.features[i]));
		WRITE_ONCE(pdev->features[i], le64_to_cpu(entry.features[i]) & known[i]);
		slot->features[i] = cpu_to_le64(pdev->features[i]);
	}
	/* Whatever the answer is, and whether there is one. */
	WRITE_ONCE(pdev->agreed, true);
	err = pvbus_command(pdev->bus, &pdev->channel, PVBUS_CMD_FEATURES, epoch);
	if (err)
		return err;

	WRITE_ONCE(pdev->epoch, epoch);
	return 0;
}

/* The bus says HELLO from its work; wait for it, outside any lock that the work takes. */
static u64 wait_for_epoch(struct pvbus *bus)
{
	wait_event_timeout(bus->wait, READ_ONCE(bus->epoch), PVBUS_ANSWER_TIMEOUT);
	return pvbus_current_epoch(bus);
}

/**
 * pvbus_device_negotiate() - agree on features before a probe
 * @pdev: the device
 *
 * Return: 0 or -errno; -ETIMEDOUT when the device side doesn't answer.
 */
int pvbus_device_negotiate(struct pvbus_device *pdev)
{
	unsigned long end = jiffies + PVBUS_ANSWER_TIMEOUT;
	int err = -ETIMEDOUT;
	u64 epoch;

	mutex_lock(&pdev->lock);
	do {
		epoch = wait_for_epoch(pdev->bus);
		if (!epoch)
			break;
		err = negotiate(pdev, epoch, PVBUS_ANSWER_TIMEOUT);
		if (err == -ESTALE)
			msleep(20);
	} while (err == -ESTALE && time_before(jiffies, end));
	mutex_unlock(&pdev->lock);

	if (err == -ESTALE)
		return -ETIMEDOUT;
	if (err && err != -ETIMEDOUT)
		dev_err(&pdev->dev, "the device side did not agree on features (%d)\n", err);
	return err;
}

/**
 * pvbus_device_renegotiate() - agree on features in a new epoch, or anew
 * @pdev: the device; its driver uses nothing of it
 * @epoch: the epoch
 *
 * Context: process, from the device's work. Return: 0; -ESTALE, -ETIMEDOUT: not now; other -errno:
 * refused.
 */
int pvbus_device_renegotiate(struct pvbus_device *pdev, u64 epoch)
{
	int err;

	mutex_lock(&pdev->lock);
	err = negotiate(pdev, epoch, DRAIN_TIMEOUT);
	mutex_unlock(&pdev->lock);
	return err;
}

/**
 * pvbus_device_abandon() - let no write land after its user was told that it failed
 * @pdev: the device; its driver uses nothing of it
 * @epoch: the epoch; 0: none
 *
 * If that can be had: the device side may not answer. Context: process, from the device's work.
 */
void pvbus_device_abandon(struct pvbus_device *pdev, u64 epoch)
{
	mutex_lock(&pdev->lock);
	if (epoch && READ_ONCE(pdev->epoch) == epoch && READ_ONCE(pdev->shared))
		reset(pdev, epoch, DRAIN_TIMEOUT);
	mutex_unlock(&pdev->lock);
}

static bool is_reset(const struct pvbus_device *pdev)
{
	return !READ_ONCE(pdev->agreed) && !READ_ONCE(pdev->shared);
}

/**
 * pvbus_device_reset() - stop the device, also one that was only negotiated with
 * @pdev: the device
 *
 * Context: process. Return: 0: the device side touches nothing of the device any more, because
 * it said so, to RESET or to a HELLO, or was never given anything; -ETIMEDOUT: it may.
 */
int pvbus_device_reset(struct pvbus_device *pdev)
{
	unsigned long end = jiffies + PVBUS_ANSWER_TIMEOUT;
	struct pvbus *bus = pdev->bus;
	bool shared;
	u64 epoch;

	mutex_lock(&pdev->lock);
	while (!is_reset(pdev) && time_before(jiffies, end)) {
		epoch = pvbus_current_epoch(bus);
		if (epoch && reset(pdev, epoch, end - jiffies) != -ESTALE)
			break;
		if (pvbus_silent(bus))
			break;
		wait_event_timeout(bus->wait, is_reset(pdev), max(HZ / 50, 1));
	}
	shared = READ_ONCE(pdev->shared);
	mutex_unlock(&pdev->lock);
	return shared ? -ETIMEDOUT : 0;
}

static int give_start(struct pvbus_device *pdev)
{
	struct pvbus_driver_slot *slot = driver_slot(pdev);
	u64 epoch = READ_ONCE(pdev->epoch);
	int err;

	err = epoch ? begin(pdev, epoch, PVBUS_ANSWER_TIMEOUT) : -ESTALE;
	if (err)
		return err;
	slot->nr_queues = cpu_to_le32(pdev->nr_queues);
	slot->queues_off = cpu_to_le64(pvshm_raw(pdev->desc_off));
	WRITE_ONCE(pdev->shared, true);
	err = pvbus_command(pdev->bus, &pdev->channel, PVBUS_CMD_START, epoch);
	/* Refused. */
	if (err && err != -ESTALE && err != -ETIMEDOUT)
		WRITE_ONCE(pdev->shared, false);
	return err;
}

/**
 * pvbus_device_start() - zero the queues and let the device run
 * @pdev: the device; features are agreed, queues allocated, and nobody uses them
 *
 * For probe and restore. Afterwards the driver may submit, and completions may come.
 * Context: process. Return: 0; -ESTALE, -ETIMEDOUT: not now, restore will be called once
 * more (a probe gets 0 then, and goes on: once it is ready, its device is restored like any
 * other); other -errno: refused. When a probe gets one, no callback of a queue runs, nor will:
 * what it undoes is what they use.
 */
int pvbus_device_start(struct pvbus_device *pdev)
{
	int err;

	mutex_lock(&pdev->lock);
	err = pvbus_write_queues(pdev);
	if (!err)
		err = pvbus_listen_queues(pdev);
	if (!err)
		err = give_start(pdev);
	if (err == -ESTALE || err == -ETIMEDOUT) {
		WRITE_ONCE(pdev->epoch, 0);
		if (!pvbus_is_live(pdev))
			err = 0;
	}
	/* The device side may raise any vector, whatever it has answered. */
	if (err && !pvbus_is_live(pdev))
		pvbus_silence_queues(pdev);
	mutex_unlock(&pdev->lock);
	return err;
}
EXPORT_SYMBOL_GPL(pvbus_device_start);

/**
 * pvbus_epoch_over() - has the epoch ended in which the device was started
 * @pdev: the device
 *
 * What was copied from the window before is void then (BUS-G4). Any context.
 */
bool pvbus_epoch_over(struct pvbus_device *pdev)
{
	if (likely(!pvbus_is_void(pdev)))
		return false;
	pvbus_poke(pdev->bus);
	return true;
}
EXPORT_SYMBOL_GPL(pvbus_epoch_over);

// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device: negotiation, start and stop, and its part of an epoch change.
 */
#include <linux/delay.h>
#include <linux/export.h>
#include <linux/jiffies.h>
#include <asm/barrier.h>
#include "pvbus.h"

#define HELLO_TIMEOUT		(30 * HZ)
#define CONFIG_TRIES		1000

static struct pvbus_driver_slot *driver_slot(const struct pvbus_device *pdev)
{
	u64 off = le64_to_cpu(pdev->bus->hdr.drv_off) + sizeof(struct pvbus_driver_header) +
		  pdev->slot * sizeof(struct pvbus_driver_slot);

	return pvshm_at(&pdev->bus->shm, pvshm_off(off), sizeof(struct pvbus_driver_slot));
}

static int device_command(struct pvbus_device *pdev, u32 op, u64 epoch)
{
	const struct pvbus_device_entry *entry = pvbus_entry(pdev->bus, pdev->slot);
	struct pvbus_driver_slot *slot = driver_slot(pdev);

	if (!entry || !slot)
		return -ENODEV;

	slot->generation = cpu_to_le32(pdev->generation);
	return pvbus_command(pdev->bus, &slot->cmd, &entry->ack, &pdev->cmd_seq, op, epoch);
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

/* Agree on features in @epoch; pdev->lock is held. */
static int negotiate(struct pvbus_device *pdev, u64 epoch)
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

	err = device_command(pdev, PVBUS_CMD_RESET, epoch);
	if (err)
		return err;

	known_features(pdev, known);
	for (i = 0; i < 2; i++) {
		pdev->offered[i] = le64_to_cpu(entry.features[i]);
		pdev->features[i] = pdev->offered[i] & known[i];
		slot->features[i] = cpu_to_le64(pdev->features[i]);
	}
	err = device_command(pdev, PVBUS_CMD_FEATURES, epoch);
	if (err)
		return err;

	pdev->status = PVBUS_S_FEATURES_OK;
	pdev->epoch = epoch;
	return 0;
}

/* The bus says HELLO from its work; wait for it, outside any lock that the work takes. */
static u64 wait_for_epoch(struct pvbus *bus)
{
	wait_event_timeout(bus->wait, READ_ONCE(bus->epoch), HELLO_TIMEOUT);
	return READ_ONCE(bus->epoch);
}

/**
 * pvbus_device_negotiate() - agree on features before a probe
 * @pdev: the device
 *
 * Return: 0 or -errno; -ETIMEDOUT when the device side doesn't answer.
 */
int pvbus_device_negotiate(struct pvbus_device *pdev)
{
	unsigned long end = jiffies + HELLO_TIMEOUT;
	int err = -ETIMEDOUT;
	u64 epoch;

	mutex_lock(&pdev->lock);
	do {
		epoch = wait_for_epoch(pdev->bus);
		if (!epoch)
			break;
		err = negotiate(pdev, epoch);
		if (err == -ESTALE)
			msleep(20);
	} while (err == -ESTALE && time_before(jiffies, end));
	mutex_unlock(&pdev->lock);

	if (err)
		dev_err(&pdev->dev, "the device side did not agree on features (%d)\n", err);
	return err;
}

/**
 * pvbus_device_reset() - stop the device without calling it live any more
 * @pdev: the device
 *
 * Return: 0 if the device side touches nothing of the device any more; -ETIMEDOUT if
 * it may.
 */
int pvbus_device_reset(struct pvbus_device *pdev)
{
	u64 epoch = READ_ONCE(pdev->bus->epoch);
	int err = 0;

	mutex_lock(&pdev->lock);
	if (epoch && pdev->epoch == epoch)
		err = device_command(pdev, PVBUS_CMD_RESET, epoch);
	pdev->status = PVBUS_S_RESET;
	mutex_unlock(&pdev->lock);
	return err == -ETIMEDOUT ? err : 0;
}

/**
 * pvbus_device_start() - zero the queues and let the device run
 * @pdev: the device; features are agreed, queues allocated, and nobody uses them
 *
 * For probe and restore. Afterwards the driver may submit, and completions may come.
 * Context: process. Return: 0; -ESTALE: the epoch has changed again, restore
 * will be called once more; other -errno: refused.
 */
int pvbus_device_start(struct pvbus_device *pdev)
{
	struct pvbus_driver_slot *slot;
	int err;

	mutex_lock(&pdev->lock);
	slot = driver_slot(pdev);
	err = slot ? pvbus_write_queues(pdev) : -ENODEV;
	if (err)
		goto unlock;

	/* Pairs with the acquire in queue_interrupt(): all that the driver prepared is there. */
	smp_mb__before_atomic();
	set_bit(PVBUS_DEV_STARTED, &pdev->flags);
	slot->nr_queues = cpu_to_le32(pdev->nr_queues);
	slot->queues_off = cpu_to_le64(pvshm_raw(pdev->desc_off));
	err = device_command(pdev, PVBUS_CMD_START, pdev->epoch);
	/* A probe goes on: once ready, it is restored in the new epoch like any other. */
	if (err == -ESTALE && !test_bit(PVBUS_DEV_LIVE, &pdev->flags))
		err = 0;
	if (!err)
		pdev->status = PVBUS_S_RUNNING;
unlock:
	mutex_unlock(&pdev->lock);
	return err;
}
EXPORT_SYMBOL_GPL(pvbus_device_start);

/**
 * pvbus_device_ready() - the driver is ready for freeze, restore and the like
 * @pdev: the device, started
 *
 * The bus calls it after a probe. A driver whose probe waits for I/O calls it before, as
 * otherwise that I/O would not outlive the epoch. What freeze stops must have been let go
 * before. Any context.
 */
void pvbus_device_ready(struct pvbus_device *pdev)
{
	set_bit(PVBUS_DEV_LIVE, &pdev->flags);
	/* The epoch may have changed meanwhile. */
	pvbus_poke(pdev->bus);
}
EXPORT_SYMBOL_GPL(pvbus_device_ready);

/**
 * pvbus_device_stop() - the driver leaves the device
 * @pdev: the device; the driver uses the queues no more
 *
 * Afterwards no callback comes, and the queues may be freed. Context: process. Return: 0;
 * -ETIMEDOUT: the device side did not answer, and may still be at work on what was submitted.
 */
int pvbus_device_stop(struct pvbus_device *pdev)
{
	int err;

	mutex_lock(&pdev->bus->lock);
	clear_bit(PVBUS_DEV_LIVE, &pdev->flags);
	mutex_unlock(&pdev->bus->lock);

	/* BUS-G6: what a silent device side may still write to stays reserved. */
	err = pvbus_device_reset(pdev);
	if (err) {
		dev_warn(&pdev->dev, "no answer to RESET; its part of the window stays reserved\n");
		pdev->desc_off = PVSHM_NONE;
	}
	pdev->flags = 0;
	return err;
}
EXPORT_SYMBOL_GPL(pvbus_device_stop);

/**
 * pvbus_device_broken() - the device side broke the ABI
 * @pdev: the device
 * @why: what it did; said once
 *
 * The driver's gone() follows from process context. A new epoch may mend it.
 * Any context.
 */
void pvbus_device_broken(struct pvbus_device *pdev, const char *why)
{
	if (test_and_set_bit(PVBUS_DEV_BROKEN, &pdev->flags))
		return;
	dev_err(&pdev->dev, "broken: %s. I/O fails until the device side starts anew and fits\n", why);
	pvbus_poke(pdev->bus);
}
EXPORT_SYMBOL_GPL(pvbus_device_broken);

/**
 * pvbus_epoch_over() - has the epoch ended in which the device was started
 * @pdev: the device
 *
 * What was copied from the window before is void then (BUS-G4). Any context.
 */
bool pvbus_epoch_over(struct pvbus_device *pdev)
{
	/* What the caller copied, before the look; pairs with the fence after the writer's epoch 0. */
	virt_rmb();
	if (likely(pvbus_window_epoch(pdev->bus) == READ_ONCE(pdev->epoch)))
		return false;
	pvbus_poke(pdev->bus);
	return true;
}
EXPORT_SYMBOL_GPL(pvbus_epoch_over);

/**
 * pvbus_device_check() - a request takes long: look at everything now
 * @pdev: the device; any context
 */
void pvbus_device_check(struct pvbus_device *pdev)
{
	pvbus_poke(pdev->bus);
}
EXPORT_SYMBOL_GPL(pvbus_device_check);

/**
 * pvbus_space_avail() - free bytes of the window's space
 * @pdev: the device
 */
u64 pvbus_space_avail(const struct pvbus_device *pdev)
{
	return pvshm_avail(&pdev->bus->shm);
}
EXPORT_SYMBOL_GPL(pvbus_space_avail);

/**
 * pvbus_sleep_ns() - what it costs to sleep for an answer of the device side
 * @pdev: the device
 *
 * Measured on commands: a doorbell, two wake-ups and an interrupt. Waiting awake for
 * up to this long never costs more than twice the best choice (competitive spinning;
 * Karlin et al., "Empirical studies of competitive spinning", SOSP 1991). Any context.
 */
u32 pvbus_sleep_ns(const struct pvbus_device *pdev)
{
	return READ_ONCE(pdev->bus->sleep_ns);
}
EXPORT_SYMBOL_GPL(pvbus_sleep_ns);

/**
 * pvbus_config_area() - the config area as it lies in the window
 * @pdev: the device
 * @len: bytes of it that are wanted
 *
 * For what changes there without a new config_seq; what is not such is read by
 * pvbus_read_config(). Valid until the epoch changes. Any context.
 * Return: its start; NULL if the area is shorter or misplaced (BUS-D1).
 */
const void *pvbus_config_area(struct pvbus_device *pdev, size_t len)
{
	u64 off = pvshm_raw(pdev->config_off), end = le64_to_cpu(pdev->bus->hdr.drv_off);

	if (off % PV_CACHE_LINE || pdev->config_len > PVBUS_CONFIG_MAX || len > pdev->config_len ||
	    off > end || pdev->config_len > end - off)
		return NULL;
	return pvshm_at(&pdev->bus->shm, pdev->config_off, len);
}
EXPORT_SYMBOL_GPL(pvbus_config_area);

/**
 * pvbus_read_config() - consistent copy of the config area (BUS-G9)
 * @pdev: the device
 * @config: private memory
 * @len: bytes; what the area is shorter reads as zeroes
 *
 * Context: process. Return: 0 or -EPROTO.
 */
int pvbus_read_config(struct pvbus_device *pdev, void *config, size_t len)
{
	const struct pvbus_device_entry *entry = pvbus_entry(pdev->bus, pdev->slot);
	size_t area = min_t(size_t, len, pdev->config_len);
	const void *shared = pvbus_config_area(pdev, area);
	unsigned int tries;
	u32 seq;

	if (!entry || !shared)
		return -EPROTO;

	for (tries = 0; tries < CONFIG_TRIES; tries++) {
		/* Pairs with the release in host-ref/window.c, after the area was written. */
		seq = le32_to_cpu(virt_load_acquire(&entry->config_seq));
		memset(config, 0, len);
		pvshm_copy(config, shared, area);
		/* The copy before the second look; pairs with the writer's fence. */
		virt_rmb();
		if (!(seq & 1) && seq == le32_to_cpu(READ_ONCE(entry->config_seq))) {
			pdev->config_seq = seq;
			return 0;
		}
		usleep_range(100, 1000);
	}
	return -EPROTO;
}
EXPORT_SYMBOL_GPL(pvbus_read_config);

/**
 * pvbus_device_freeze() - the epoch has ended for this device
 * @pdev: the device; the lock of the bus is held
 */
void pvbus_device_freeze(struct pvbus_device *pdev)
{
	if (!test_bit(PVBUS_DEV_LIVE, &pdev->flags) ||
	    test_and_set_bit(PVBUS_DEV_FROZEN, &pdev->flags))
		return;
	to_pvbus_driver(pdev->dev.driver)->freeze(pdev);
}

/* Tell the driver that the device has failed; it was frozen, and is no more. */
static void tell_gone(struct pvbus_device *pdev)
{
	set_bit(PVBUS_DEV_GONE, &pdev->flags);
	to_pvbus_driver(pdev->dev.driver)->gone(pdev);
	clear_bit(PVBUS_DEV_FROZEN, &pdev->flags);
}

/**
 * pvbus_device_restore() - bring a live device into the epoch of the bus
 * @pdev: the device; the lock of the bus is held
 *
 * The one path for crash, upgrade, migration, snapshot, suspend and hibernation.
 */
void pvbus_device_restore(struct pvbus_device *pdev)
{
	u64 epoch = pdev->bus->epoch;
	int err;

	pvbus_device_freeze(pdev);
	if (test_bit(PVBUS_DEV_VANISHED, &pdev->flags)) {
		tell_gone(pdev);
		pdev->epoch = epoch;
		return;
	}

	mutex_lock(&pdev->lock);
	err = negotiate(pdev, epoch);
	mutex_unlock(&pdev->lock);
	if (!err)
		err = to_pvbus_driver(pdev->dev.driver)->restore(pdev);
	if (err == -ESTALE)
		return;

	pdev->epoch = epoch;
	if (err) {
		if (!test_and_set_bit(PVBUS_DEV_BROKEN, &pdev->flags))
			dev_err(&pdev->dev,
				"cannot go on with this life of the device (%d); I/O fails until a later one fits\n",
				err);
		pvbus_device_reset(pdev);
		tell_gone(pdev);
		return;
	}
	clear_bit(PVBUS_DEV_GONE, &pdev->flags);
	clear_bit(PVBUS_DEV_BROKEN, &pdev->flags);
	clear_bit(PVBUS_DEV_FROZEN, &pdev->flags);
}

static bool stopped_by_device(const struct pvbus_device *pdev)
{
	unsigned int i;

	for (i = 0; i < pdev->nr_queues; i++)
		if (pvring_error(&pdev->queues[i]->ring))
			return true;
	return false;
}

static bool config_changed(const struct pvbus_device *pdev)
{
	const struct pvbus_device_entry *entry = pvbus_entry(pdev->bus, pdev->slot);
	u32 seq = entry ? le32_to_cpu(READ_ONCE(entry->config_seq)) : pdev->config_seq;

	return seq != pdev->config_seq && !(seq & 1);
}

/**
 * pvbus_device_poll() - look after a device: epoch, failure, config, lost interrupts
 * @pdev: the device; the lock of the bus is held
 */
void pvbus_device_poll(struct pvbus_device *pdev)
{
	const struct pvbus_driver *drv;

	if (!test_bit(PVBUS_DEV_LIVE, &pdev->flags))
		return;
	if (pdev->epoch != pdev->bus->epoch) {
		pvbus_device_restore(pdev);
		return;
	}

	drv = to_pvbus_driver(pdev->dev.driver);
	if (test_bit(PVBUS_DEV_GONE, &pdev->flags))
		return;
	/* Removed by force: what is in flight would wait for ever, and with it the removal. */
	if (test_bit(PVBUS_DEV_VANISHED, &pdev->flags)) {
		pvbus_device_freeze(pdev);
		tell_gone(pdev);
		return;
	}
	if (test_bit(PVBUS_DEV_BROKEN, &pdev->flags)) {
		pvbus_device_freeze(pdev);
		pvbus_device_reset(pdev);
		tell_gone(pdev);
		return;
	}
	if (stopped_by_device(pdev)) {
		pvbus_device_broken(pdev, "the device side refused a request as malformed");
		return;
	}
	if (config_changed(pdev) && drv->config_changed)
		drv->config_changed(pdev);
	if (drv->watchdog)
		drv->watchdog(pdev);
}

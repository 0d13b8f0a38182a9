// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device: negotiation, start and stop, and its part of an epoch change.
 */
#include <linux/delay.h>
#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/sched/mm.h>
#include <asm/barrier.h>
#include "pvbus.h"

#define CONFIG_TRIES		1000

/*
 * A RESET drains, so its answer may take long. So long a device's work waits for it, then looks
 * after who waits for the device, and comes back.
 */
#define DRAIN_TIMEOUT		HZ

/* So long a reboot waits for a probe or a removal that waits for I/O. */
#define REBOOT_TIMEOUT_S	5

/* So often in an epoch is a device started anew after it has stopped serving a queue. */
#define MENDS_MAX		3

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
		WRITE_ONCE(pdev->shared, false);
		pdev->status = PVBUS_S_RESET;
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
		pdev->offered[i] = le64_to_cpu(entry.features[i]);
		pdev->features[i] = pdev->offered[i] & known[i];
		slot->features[i] = cpu_to_le64(pdev->features[i]);
	}
	err = pvbus_command(pdev->bus, &pdev->channel, PVBUS_CMD_FEATURES, epoch);
	if (err)
		return err;

	pdev->status = PVBUS_S_FEATURES_OK;
	WRITE_ONCE(pdev->epoch, epoch);
	return 0;
}

/* The bus says HELLO from its work; wait for it, outside any lock that the work takes. */
static u64 wait_for_epoch(struct pvbus *bus)
{
	wait_event_timeout(bus->wait, READ_ONCE(bus->epoch), PVBUS_ANSWER_TIMEOUT);
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
 * pvbus_device_reset() - stop the device
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
	while (READ_ONCE(pdev->shared) && time_before(jiffies, end)) {
		epoch = READ_ONCE(bus->epoch);
		if (epoch && reset(pdev, epoch, end - jiffies) != -ESTALE)
			break;
		if (pvbus_silent(bus))
			break;
		wait_event_timeout(bus->wait, !READ_ONCE(pdev->shared), max(HZ / 50, 1));
	}
	shared = READ_ONCE(pdev->shared);
	pdev->status = PVBUS_S_RESET;
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
	return pvbus_command(pdev->bus, &pdev->channel, PVBUS_CMD_START, epoch);
}

/**
 * pvbus_device_start() - zero the queues and let the device run
 * @pdev: the device; features are agreed, queues allocated, and nobody uses them
 *
 * For probe and restore. Afterwards the driver may submit, and completions may come.
 * Context: process. Return: 0; -ESTALE, -ETIMEDOUT: not now, restore will be called once
 * more (a probe gets 0 then, and goes on: once it is ready, its device is restored like any
 * other); other -errno: refused.
 */
int pvbus_device_start(struct pvbus_device *pdev)
{
	int err;

	mutex_lock(&pdev->lock);
	err = pvbus_write_queues(pdev);
	if (err)
		goto unlock;

	/* Pairs with the acquire in queue_interrupt(): all that the driver prepared is there. */
	smp_mb__before_atomic();
	set_bit(PVBUS_DEV_STARTED, &pdev->flags);
	err = give_start(pdev);
	if (!err) {
		pdev->status = PVBUS_S_RUNNING;
	} else if (err == -ESTALE || err == -ETIMEDOUT) {
		WRITE_ONCE(pdev->epoch, 0);
		if (!test_bit(PVBUS_DEV_LIVE, &pdev->flags))
			err = 0;
	}
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
	static const unsigned int bits[] = {
		PVBUS_DEV_FROZEN, PVBUS_DEV_BROKEN, PVBUS_DEV_GONE, PVBUS_DEV_STARTED,
		PVBUS_DEV_RESTART,
	};
	unsigned int i;
	int err;

	mutex_lock(&pdev->call_lock);
	clear_bit(PVBUS_DEV_LIVE, &pdev->flags);
	mutex_unlock(&pdev->call_lock);

	/* BUS-G6: what a silent device side may still write to stays reserved. */
	err = pvbus_device_reset(pdev);
	if (err) {
		dev_warn(&pdev->dev, "no answer to RESET; its part of the window stays reserved\n");
		pdev->desc_off = PVSHM_NONE;
	}
	for (i = 0; i < ARRAY_SIZE(bits); i++)
		clear_bit(bits[i], &pdev->flags);
	return err;
}
EXPORT_SYMBOL_GPL(pvbus_device_stop);

/**
 * pvbus_device_broken() - the device side broke the ABI, or serves its users no more
 * @pdev: the device
 * @why: what it did; said once in an epoch
 *
 * The driver's gone() follows from process context. A new epoch may mend it.
 * Any context.
 */
void pvbus_device_broken(struct pvbus_device *pdev, const char *why)
{
	if (test_and_set_bit(PVBUS_DEV_BROKEN, &pdev->flags))
		return;
	dev_err_ratelimited(&pdev->dev,
			    "broken: %s. I/O fails until the device side starts anew and fits\n",
			    why);
	pvbus_poke(pdev->bus);
}
EXPORT_SYMBOL_GPL(pvbus_device_broken);

/**
 * pvbus_device_restart() - start the device anew, as in a new epoch
 * @pdev: the device
 *
 * For a driver that wants nothing to be in flight any more. freeze() and restore() follow from
 * the device's work. Any context.
 */
void pvbus_device_restart(struct pvbus_device *pdev)
{
	set_bit(PVBUS_DEV_RESTART, &pdev->flags);
	pvbus_poke(pdev->bus);
}
EXPORT_SYMBOL_GPL(pvbus_device_restart);

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
		/* Pairs with the release in host-ref/worker/bus/window.c:write_config(), after the area. */
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

/* pdev->call_lock is held here and below. */
static void freeze(struct pvbus_device *pdev)
{
	if (test_and_set_bit(PVBUS_DEV_FROZEN, &pdev->flags))
		return;
	pdev->held_at = jiffies;
	to_pvbus_driver(pdev->dev.driver)->freeze(pdev);
}

/**
 * pvbus_device_freeze() - the epoch has ended, or is about to
 * @pdev: the device; the lock of the bus is held
 *
 * One that has failed goes on failing. Its callbacks are over when it returns.
 */
void pvbus_device_freeze(struct pvbus_device *pdev)
{
	mutex_lock(&pdev->call_lock);
	if (test_bit(PVBUS_DEV_LIVE, &pdev->flags) && !test_bit(PVBUS_DEV_GONE, &pdev->flags))
		freeze(pdev);
	mutex_unlock(&pdev->call_lock);
}

/* Tell the driver that the device has failed. */
static void give_up(struct pvbus_device *pdev, u64 epoch)
{
	freeze(pdev);
	mutex_lock(&pdev->lock);
	/* So that no write lands after its user was told that it failed, if that can be had. */
	if (epoch && READ_ONCE(pdev->epoch) == epoch && READ_ONCE(pdev->shared))
		reset(pdev, epoch, DRAIN_TIMEOUT);
	mutex_unlock(&pdev->lock);
	set_bit(PVBUS_DEV_GONE, &pdev->flags);
	to_pvbus_driver(pdev->dev.driver)->gone(pdev);
	clear_bit(PVBUS_DEV_FROZEN, &pdev->flags);
}

/*
 * The one path for crash, upgrade, migration, snapshot, suspend and hibernation. Without an
 * answer the device stays as it was, frozen or failed, and is tried again.
 */
static void restore(struct pvbus_device *pdev, u64 epoch)
{
	int err;

	if (!test_bit(PVBUS_DEV_GONE, &pdev->flags))
		freeze(pdev);
	mutex_lock(&pdev->lock);
	err = negotiate(pdev, epoch, DRAIN_TIMEOUT);
	mutex_unlock(&pdev->lock);
	if (!err) {
		freeze(pdev);
		/* Before the restore: who finds it broken from now on means this life. */
		clear_bit(PVBUS_DEV_GONE, &pdev->flags);
		clear_bit(PVBUS_DEV_BROKEN, &pdev->flags);
		clear_bit(PVBUS_DEV_RESTART, &pdev->flags);
		err = to_pvbus_driver(pdev->dev.driver)->restore(pdev);
	}
	if (err == -ESTALE || err == -ETIMEDOUT) {
		WRITE_ONCE(pdev->epoch, 0);
		return;
	}

	WRITE_ONCE(pdev->epoch, epoch);
	if (!err) {
		clear_bit(PVBUS_DEV_FROZEN, &pdev->flags);
		return;
	}
	if (!test_and_set_bit(PVBUS_DEV_BROKEN, &pdev->flags))
		dev_err_ratelimited(&pdev->dev,
				    "cannot go on with this life of the device (%d); I/O fails until a later one fits\n",
				    err);
	give_up(pdev, epoch);
}

static bool stopped_by_device(const struct pvbus_device *pdev)
{
	const struct pvbus_device_entry *entry = pvbus_entry(pdev->bus, pdev->slot);
	unsigned int i;

	for (i = 0; i < pdev->nr_queues; i++)
		if (pvring_error(&pdev->queues[i]->ring))
			return true;
	return entry && le32_to_cpu(READ_ONCE(entry->status)) == PVBUS_S_BROKEN;
}

/* A reset recovers a device that has refused a request; one that goes on refusing has failed. */
static void mend(struct pvbus_device *pdev, u64 epoch)
{
	if (pdev->mends++ == MENDS_MAX) {
		pvbus_device_broken(pdev, "the device side refused a request as malformed");
		return;
	}
	dev_warn_ratelimited(&pdev->dev,
			     "the device side refused a request as malformed; it is started anew\n");
	restore(pdev, epoch);
}

static bool config_changed(const struct pvbus_device *pdev)
{
	const struct pvbus_device_entry *entry = pvbus_entry(pdev->bus, pdev->slot);
	u32 seq = entry ? le32_to_cpu(READ_ONCE(entry->config_seq)) : pdev->config_seq;

	return seq != pdev->config_seq && !(seq & 1);
}

/* A device that runs in this epoch: failure, config, lost interrupts. */
static void serve(struct pvbus_device *pdev, u64 epoch)
{
	const struct pvbus_driver *drv = to_pvbus_driver(pdev->dev.driver);

	if (test_and_clear_bit(PVBUS_DEV_RESTART, &pdev->flags)) {
		restore(pdev, epoch);
		return;
	}
	if (stopped_by_device(pdev)) {
		mend(pdev, epoch);
		return;
	}
	if (config_changed(pdev) && drv->config_changed)
		drv->config_changed(pdev);
	if (drv->watchdog)
		drv->watchdog(pdev);
}

/*
 * Somebody takes the device away, or shuts the machine down, and waits for what is in flight:
 * a driver's remove, or a lock that is held over a probe. Since when? Returns how long he
 * waits at most, in s; 0: nobody does, or for as long as it takes.
 */
static unsigned int somebody_waits(const struct pvbus_device *pdev, unsigned long *since)
{
	const struct pvbus_driver *drv = to_pvbus_driver(pdev->dev.driver);

	/* Pairs with the releases of who sets them, after the moment. */
	if (smp_load_acquire(&pvbus_rebooting)) {
		*since = pvbus_rebooting_at;
		return REBOOT_TIMEOUT_S;
	}
	if (test_bit_acquire(PVBUS_DEV_LEAVING, &pdev->flags))
		*since = pdev->leaving_at;
	else if (smp_load_acquire(&drv->leaving)) /* likewise */
		*since = drv->leaving_at;
	else if (smp_load_acquire(&pdev->bus->dying)) /* likewise */
		*since = pdev->bus->dying_at;
	else
		return 0;
	return READ_ONCE(pvbus_remove_timeout_s);
}

/* Has somebody waited for too long? Asked of a device in any state but failed. */
static void look_at_waiters(struct pvbus_device *pdev)
{
	const struct pvbus_driver *drv = to_pvbus_driver(pdev->dev.driver);
	unsigned long since, unserved = READ_ONCE(pdev->bus->alive_at);
	unsigned int limit;

	if (drv->expire)
		drv->expire(pdev);

	limit = somebody_waits(pdev, &since);
	if (!limit)
		return;
	if (test_bit(PVBUS_DEV_FROZEN, &pdev->flags))
		unserved = pdev->held_at;
	if (time_after(unserved, since))
		since = unserved;
	if (time_after(jiffies, since + (unsigned long)limit * HZ))
		pvbus_device_broken(pdev, "it is to be removed, and the device side is silent");
}

static void look_after(struct pvbus_device *pdev)
{
	u64 epoch = READ_ONCE(pdev->bus->epoch);
	bool served = epoch && READ_ONCE(pdev->epoch) == epoch;

	/* Removed by force: what is in flight would wait for ever, and with it the removal. */
	if (test_bit(PVBUS_DEV_VANISHED, &pdev->flags)) {
		if (!test_bit(PVBUS_DEV_GONE, &pdev->flags))
			give_up(pdev, epoch);
		return;
	}
	if (epoch && !served && !pvbus_not_ready(pdev))
		restore(pdev, epoch);
	else if (test_bit(PVBUS_DEV_GONE, &pdev->flags))
		return;
	else if (served)
		serve(pdev, epoch);
	else
		freeze(pdev);

	if (test_bit(PVBUS_DEV_GONE, &pdev->flags))
		return;
	look_at_waiters(pdev);
	if (test_bit(PVBUS_DEV_BROKEN, &pdev->flags))
		give_up(pdev, epoch);
}

/**
 * pvbus_device_work() - look after a device: epoch, failure, config, lost interrupts, waiters
 * @work: pvbus_device.work
 *
 * A work for each device, so that none waits for another's answer.
 */
void pvbus_device_work(struct work_struct *work)
{
	struct pvbus_device *pdev = container_of(work, struct pvbus_device, work);
	unsigned int noio = memalloc_noio_save();

	mutex_lock(&pdev->call_lock);
	if (test_bit(PVBUS_DEV_LIVE, &pdev->flags) && !READ_ONCE(pdev->bus->frozen))
		look_after(pdev);
	mutex_unlock(&pdev->call_lock);
	memalloc_noio_restore(noio);
}

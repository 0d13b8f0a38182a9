// SPDX-License-Identifier: GPL-2.0-only
/*
 * What becomes of a device while a driver has it, and the one path by which it comes back.
 */
#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/sched/mm.h>
#include "pvbus.h"
#include "trace.h"

/* So often in an epoch is a device started anew after it has stopped serving a queue. */
#define MENDS_MAX		3

static void set_state(struct pvbus_device *pdev, enum pvbus_state state)
{
	lockdep_assert_held(&pdev->call_lock);
	trace_pvbus_state(pdev->bus->id, pdev->slot, pdev->state, state);
	/* sysfs, and who starts or suspends the device, look without the lock. */
	WRITE_ONCE(pdev->state, state);
}

static void freeze(struct pvbus_device *pdev)
{
	if (pdev->state == PVBUS_FROZEN)
		return;
	set_state(pdev, PVBUS_FROZEN);
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
	unsigned int noio = memalloc_noio_save();

	mutex_lock(&pdev->call_lock);
	if (pdev->state == PVBUS_RUNNING)
		freeze(pdev);
	mutex_unlock(&pdev->call_lock);
	memalloc_noio_restore(noio);
}

/* Tell the driver that the device has failed. */
static void give_up(struct pvbus_device *pdev, u64 epoch)
{
	freeze(pdev);
	pvbus_device_abandon(pdev, epoch);
	to_pvbus_driver(pdev->dev.driver)->gone(pdev);
	set_state(pdev, PVBUS_FAILED);
}

/*
 * The one path for crash, upgrade, migration, snapshot, suspend and hibernation. Without an
 * answer the device stays as it was, frozen or failed, and is tried again.
 */
static void restore(struct pvbus_device *pdev, u64 epoch)
{
	int err;

	if (pdev->state == PVBUS_RUNNING)
		freeze(pdev);
	err = pvbus_device_renegotiate(pdev, epoch);
	if (!err) {
		freeze(pdev);
		/* Before the restore: who finds it broken from now on means this life. */
		clear_bit(PVBUS_MARK_BROKEN, &pdev->marks);
		clear_bit(PVBUS_MARK_RESTART, &pdev->marks);
		err = to_pvbus_driver(pdev->dev.driver)->restore(pdev);
	}
	if (err == -ESTALE || err == -ETIMEDOUT) {
		WRITE_ONCE(pdev->epoch, 0);
		return;
	}

	WRITE_ONCE(pdev->epoch, epoch);
	if (!err) {
		set_state(pdev, PVBUS_RUNNING);
		return;
	}
	if (!test_and_set_bit(PVBUS_MARK_BROKEN, &pdev->marks))
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

/* What cannot be read now has still another config_seq the next time. */
static void tell_config(struct pvbus_device *pdev)
{
	const struct pvbus_driver *drv = to_pvbus_driver(pdev->dev.driver);
	int err;

	if (!config_changed(pdev) || !drv->config_changed)
		return;
	err = drv->config_changed(pdev);
	if (err && err != -ESTALE && err != -ETIMEDOUT)
		pvbus_device_broken(pdev, "its config makes no sense");
}

/* A device that runs in this epoch: failure, config, lost interrupts. */
static void serve(struct pvbus_device *pdev, u64 epoch)
{
	const struct pvbus_driver *drv = to_pvbus_driver(pdev->dev.driver);

	if (test_and_clear_bit(PVBUS_MARK_RESTART, &pdev->marks)) {
		restore(pdev, epoch);
		return;
	}
	if (stopped_by_device(pdev)) {
		mend(pdev, epoch);
		return;
	}
	tell_config(pdev);
	if (drv->watchdog)
		drv->watchdog(pdev);
}

/* Has somebody waited for too long? Asked of a device in any state but failed. */
static void look_at_waiters(struct pvbus_device *pdev)
{
	const struct pvbus_driver *drv = to_pvbus_driver(pdev->dev.driver);
	unsigned long since, unserved = READ_ONCE(pdev->bus->alive_at);
	unsigned int limit;

	if (drv->expire)
		drv->expire(pdev);

	limit = pvbus_somebody_waits(pdev, &since);
	if (!limit)
		return;
	if (pdev->state == PVBUS_FROZEN)
		unserved = pdev->held_at;
	if (time_after(unserved, since) && !pvbus_holds_up_reboot(pdev))
		since = unserved;
	if (time_after(jiffies, since + (unsigned long)limit * HZ))
		pvbus_device_broken(pdev, "it is to be removed, and what is in flight does not end");
}

static void look_after(struct pvbus_device *pdev)
{
	u64 epoch = pvbus_current_epoch(pdev->bus);
	bool served = epoch && READ_ONCE(pdev->epoch) == epoch;

	/* Removed by force: what is in flight would wait for ever, and with it the removal. */
	if (test_bit(PVBUS_MARK_VANISHED, &pdev->marks)) {
		if (pdev->state != PVBUS_FAILED)
			give_up(pdev, epoch);
		return;
	}
	if (epoch && !served && !pvbus_not_ready(pdev))
		restore(pdev, epoch);
	else if (pdev->state == PVBUS_FAILED)
		return;
	else if (served)
		serve(pdev, epoch);
	else
		freeze(pdev);

	if (pdev->state == PVBUS_FAILED)
		return;
	look_at_waiters(pdev);
	if (test_bit(PVBUS_MARK_BROKEN, &pdev->marks))
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
	if (pvbus_is_live(pdev) && !READ_ONCE(pdev->bus->frozen))
		look_after(pdev);
	mutex_unlock(&pdev->call_lock);
	memalloc_noio_restore(noio);
}

/**
 * pvbus_device_ready() - the driver is ready for freeze, restore and the like
 * @pdev: the device, started
 *
 * The bus calls it after a probe. A driver whose probe waits for I/O calls it before, as
 * otherwise that I/O would not outlive the epoch. What freeze stops must have been let go
 * before. Context: process.
 */
void pvbus_device_ready(struct pvbus_device *pdev)
{
	pvbus_lock_briefly(&pdev->call_lock);
	/* Once: by now it may have been frozen, or have failed. */
	if (pdev->state == PVBUS_IDLE)
		set_state(pdev, PVBUS_RUNNING);
	pvbus_unlock_briefly(&pdev->call_lock);
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

	pvbus_lock_briefly(&pdev->call_lock);
	set_state(pdev, PVBUS_IDLE);
	pvbus_unlock_briefly(&pdev->call_lock);

	/* BUS-G6: what a silent device side may still write to stays reserved. */
	err = pvbus_device_reset(pdev);
	if (err)
		dev_warn(&pdev->dev, "no answer to RESET; its part of the window stays reserved until it starts anew\n");
	pvbus_silence_queues(pdev);
	clear_bit(PVBUS_MARK_BROKEN, &pdev->marks);
	clear_bit(PVBUS_MARK_RESTART, &pdev->marks);
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
	if (test_and_set_bit(PVBUS_MARK_BROKEN, &pdev->marks))
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
	set_bit(PVBUS_MARK_RESTART, &pdev->marks);
	pvbus_poke(pdev->bus);
}
EXPORT_SYMBOL_GPL(pvbus_device_restart);

/**
 * pvbus_device_unprobed() - a probe has failed
 * @pdev: the device, which is locked
 */
void pvbus_device_unprobed(struct pvbus_device *pdev)
{
	pvbus_lock_briefly(&pdev->call_lock);
	set_state(pdev, PVBUS_UNPROBED);
	pvbus_unlock_briefly(&pdev->call_lock);
}

/**
 * pvbus_device_probe_again() - is a probe to be tried again, since it failed
 * @pdev: the device
 *
 * Context: process. Return: true once for each failure.
 */
bool pvbus_device_probe_again(struct pvbus_device *pdev)
{
	bool again;

	pvbus_lock_briefly(&pdev->call_lock);
	again = pdev->state == PVBUS_UNPROBED;
	if (again)
		set_state(pdev, PVBUS_IDLE);
	pvbus_unlock_briefly(&pdev->call_lock);
	return again;
}

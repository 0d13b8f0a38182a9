// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device table: which devices come and which go (BUS-G7, BUS-G8).
 */
#include <linux/slab.h>
#include <asm/barrier.h>
#include "pvbus.h"

static bool wanted(const struct pvbus_device_entry *entry)
{
	return entry->status != cpu_to_le32(PVBUS_S_ABSENT) &&
	       !(entry->flags & cpu_to_le32(PVBUS_DEV_REMOVE));
}

static bool same_device(const struct pvbus_device *pdev, const struct pvbus_device_entry *entry)
{
	return entry->status != cpu_to_le32(PVBUS_S_ABSENT) &&
	       le32_to_cpu(entry->type) == pdev->type &&
	       !memcmp(entry->uuid, &pdev->uuid, sizeof(pdev->uuid));
}

static void free_device(struct device *dev)
{
	struct pvbus_device *pdev = to_pvbus_device(dev);

	mutex_destroy(&pdev->call_lock);
	mutex_destroy(&pdev->lock);
	kfree(pdev);
}

static void removal_work(struct work_struct *work)
{
	struct pvbus_device *pdev = container_of(work, struct pvbus_device, removal);

	pvbus_debugfs_del(pdev);
	device_del(&pdev->dev);
	/* Its driver has done that, if it had one; BUS-D13 waits for it in any case. */
	pvbus_device_reset(pdev);
	/* Pairs with the acquire in has_ended(). */
	smp_mb__before_atomic();
	set_bit(PVBUS_MARK_REMOVED, &pdev->marks);
	pvbus_scan_start(pdev->bus);
}

static struct pvbus_device *alloc_device(struct pvbus *bus, u32 slot,
					 const struct pvbus_device_entry *entry)
{
	struct pvbus_device *pdev = kzalloc(sizeof(*pdev), GFP_KERNEL);

	if (!pdev)
		return NULL;

	pdev->bus = bus;
	pdev->slot = slot;
	pdev->type = le32_to_cpu(entry->type);
	pdev->generation = le32_to_cpu(entry->generation);
	memcpy(&pdev->uuid, entry->uuid, sizeof(pdev->uuid));
	memcpy(pdev->name, entry->name, sizeof(pdev->name));
	mutex_init(&pdev->call_lock);
	mutex_init(&pdev->lock);
	INIT_WORK(&pdev->work, pvbus_device_work);
	INIT_WORK(&pdev->removal, removal_work);

	device_initialize(&pdev->dev);
	pdev->dev.bus = &pvbus_type;
	pdev->dev.parent = bus->transport->dev;
	pdev->dev.release = free_device;
	if (dev_set_name(&pdev->dev, "pvbus%d.%u", bus->id, slot)) {
		put_device(&pdev->dev);
		return NULL;
	}
	return pdev;
}

/* From a work of the device's own: its driver may wait for I/O, and other devices do not wait for that. */
static void start_removal(struct pvbus_device *pdev)
{
	if (pdev->removing)
		return;
	pdev->removing = true;
	pvbus_removal_start(pdev);
}

static bool has_ended(const struct pvbus_device *pdev)
{
	return pdev->removing && test_bit_acquire(PVBUS_MARK_REMOVED, &pdev->marks);
}

/* Waits for its removal, and leaves its slot to another. */
static void free_slot(struct pvbus *bus, u32 slot)
{
	struct pvbus_device *pdev = bus->devices[slot];

	flush_work(&pdev->removal);
	if (READ_ONCE(pdev->shared))
		pvbus_replaces_keep(bus, slot);

	pvbus_lock_briefly(&bus->lock);
	bus->devices[slot] = NULL;
	pvbus_unlock_briefly(&bus->lock);
	/* The bus sends it no more. */
	cancel_work_sync(&pdev->work);
	put_device(&pdev->dev);
}

static int add_device(struct pvbus *bus, u32 slot, const struct pvbus_device_entry *entry)
{
	struct pvbus_device *pdev = alloc_device(bus, slot, entry);
	int err;

	if (!pdev)
		return -ENOMEM;

	pvbus_lock_briefly(&bus->lock);
	bus->devices[slot] = pdev;
	pvbus_unlock_briefly(&bus->lock);

	pvbus_debugfs_add(pdev);
	err = device_add(&pdev->dev);
	if (err) {
		pvbus_lock_briefly(&bus->lock);
		bus->devices[slot] = NULL;
		pvbus_unlock_briefly(&bus->lock);
		cancel_work_sync(&pdev->work);
		pvbus_debugfs_del(pdev);
		put_device(&pdev->dev);
	}
	return err;
}

/* A device that nobody sees could not even be bound by hand, so it is tried again. */
static void try_to_add(struct pvbus *bus, u32 slot, const struct pvbus_device_entry *entry)
{
	int err = add_device(bus, slot, entry);

	if (!err)
		return;
	dev_err_ratelimited(bus->transport->dev, "device %u cannot be added (%d)\n", slot, err);
	if (err == -ENOMEM)
		WRITE_ONCE(bus->retry, true);
}

static void scan_slot(struct pvbus *bus, u32 slot)
{
	struct pvbus_device *pdev = bus->devices[slot];
	struct pvbus_device_entry entry;

	pvbus_read_entry(bus, slot, &entry);
	if (!pdev) {
		if (pvbus_replaces_hold(bus, slot, &entry) && wanted(&entry))
			try_to_add(bus, slot, &entry);
		return;
	}
	if (!wanted(&entry) || !same_device(pdev, &entry) || test_bit(PVBUS_MARK_VANISHED, &pdev->marks))
		start_removal(pdev);
	/* Its lock is held while it is removed. */
	if (!pdev->removing && pvbus_device_probe_again(pdev) && device_attach(&pdev->dev) < 0)
		dev_dbg(&pdev->dev, "cannot be attached\n");
}

/* The end of what is removed. What it replaced goes to the next device of the slot, or back (scan_slot()). */
static void end_removals(struct pvbus *bus)
{
	u32 slot;

	for (slot = 0; slot < PVBUS_MAX_DEVICES; slot++)
		if (bus->devices[slot] && has_ended(bus->devices[slot]))
			free_slot(bus, slot);
}

/*
 * Also without an epoch, which a device side that is dead does not begin. The last of those that replace a
 * function gives it back, so none of them may be there then.
 */
static void give_up(struct pvbus *bus)
{
	u32 slot;

	for (slot = 0; slot < PVBUS_MAX_DEVICES; slot++) {
		if (bus->devices[slot] && bus->devices[slot]->removing)
			continue;
		if (!pvbus_replaces_give_up(bus, slot))
			continue;
		if (bus->devices[slot])
			start_removal(bus->devices[slot]);
		else
			pvbus_replaces_free(bus, slot);
	}
}

/**
 * pvbus_scan_work() - make the devices agree with the device table
 * @work: pvbus.scan
 */
void pvbus_scan_work(struct work_struct *work)
{
	struct pvbus *bus = container_of(work, struct pvbus, scan);
	const struct pvbus_header *shared = bus->shm.base;
	u32 seq, slot;

	mutex_lock(&bus->scan_lock);
	end_removals(bus);
	if (!bus->dying)
		give_up(bus);
	if (!bus->dying && READ_ONCE(bus->epoch)) {
		/* Pairs with the release in host-ref/worker/bus/window.c:change_table_seq(): its entries are there. */
		seq = le32_to_cpu(virt_load_acquire(&shared->table_seq));
		for (slot = 0; slot < PVBUS_MAX_DEVICES && !READ_ONCE(bus->dying); slot++)
			scan_slot(bus, slot);
		WRITE_ONCE(bus->table_seq, seq);
	}
	mutex_unlock(&bus->scan_lock);
}

/**
 * pvbus_scan_mark() - with a new epoch or table, see which devices are still there
 * @bus: the bus; of its work
 * @new_epoch: a new life may count generations anew; within one, another generation is
 *	another device, and what was in flight on the old one is lost
 */
void pvbus_scan_mark(struct pvbus *bus, bool new_epoch)
{
	struct pvbus_device_entry entry;
	struct pvbus_device *pdev;
	u32 slot;

	mutex_lock(&bus->lock);
	for (slot = 0; slot < PVBUS_MAX_DEVICES; slot++) {
		pdev = bus->devices[slot];
		if (!pdev)
			continue;
		pvbus_read_entry(bus, slot, &entry);
		if (!same_device(pdev, &entry) ||
		    (!new_epoch && pdev->generation != le32_to_cpu(entry.generation)))
			set_bit(PVBUS_MARK_VANISHED, &pdev->marks);
		else
			pdev->generation = le32_to_cpu(entry.generation);
	}
	mutex_unlock(&bus->lock);
}

/**
 * pvbus_remove_devices() - remove all devices
 * @bus: the bus; dying, so that no scan adds any
 */
void pvbus_remove_devices(struct pvbus *bus)
{
	u32 slot;

	mutex_lock(&bus->scan_lock);
	for (slot = 0; slot < PVBUS_MAX_DEVICES; slot++)
		if (bus->devices[slot])
			start_removal(bus->devices[slot]);
	for (slot = 0; slot < PVBUS_MAX_DEVICES; slot++)
		if (bus->devices[slot])
			free_slot(bus, slot);
	for (slot = 0; slot < PVBUS_MAX_DEVICES; slot++)
		pvbus_replaces_free(bus, slot);
	mutex_unlock(&bus->scan_lock);
}

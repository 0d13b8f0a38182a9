// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the device side says of its devices: the device table, and a device's config (BUS-D1, BUS-G9).
 */
#include <linux/delay.h>
#include <linux/export.h>
#include <asm/barrier.h>
#include "pvbus.h"

/* Of a tenth of a millisecond to one; then whoever writes it stands still. */
#define CONFIG_TRIES		100

/**
 * pvbus_entry() - a slot of the device table
 * @bus: the bus; its header copy is valid
 * @slot: below PVBUS_MAX_DEVICES
 *
 * Return: the entry in the window, or NULL if the table is shorter.
 */
struct pvbus_device_entry *pvbus_entry(const struct pvbus *bus, u32 slot)
{
	u64 off = le64_to_cpu(bus->hdr.table_off);

	if (slot >= le32_to_cpu(bus->hdr.table_nr))
		return NULL;
	return pvshm_at(&bus->shm, pvshm_off(off + slot * sizeof(struct pvbus_device_entry)),
			sizeof(struct pvbus_device_entry));
}

/**
 * pvbus_read_entry() - private copy of an entry
 * @bus: the bus; its header copy is valid
 * @slot: below PVBUS_MAX_DEVICES
 * @entry: the copy; zeroes where there is no such slot
 */
void pvbus_read_entry(const struct pvbus *bus, u32 slot, struct pvbus_device_entry *entry)
{
	const struct pvbus_device_entry *shared = pvbus_entry(bus, slot);

	memset(entry, 0, sizeof(*entry));
	if (!shared)
		return;
	pvshm_copy(entry, shared, sizeof(*entry));
	pvbus_clean_text(entry->name, sizeof(entry->name));
}

/**
 * pvbus_not_ready() - is the device one that the device side cannot serve for now (BUS-G10)
 * @pdev: the device
 *
 * When it can, it says so by a new table_seq. Any context.
 */
bool pvbus_not_ready(const struct pvbus_device *pdev)
{
	const struct pvbus_device_entry *entry = pvbus_entry(pdev->bus, pdev->slot);

	/* Pairs with the release of table_seq, or of epoch: what the flag was cleared for is there. */
	return entry && (le32_to_cpu(virt_load_acquire(&entry->flags)) & PVBUS_DEV_NOT_READY);
}

/**
 * pvbus_slot_taken() - is there a device in a slot of the table
 * @bus: the bus; its header copy is valid
 * @slot: below PVBUS_MAX_DEVICES
 */
bool pvbus_slot_taken(const struct pvbus *bus, u32 slot)
{
	const struct pvbus_device_entry *entry = pvbus_entry(bus, slot);

	return entry && READ_ONCE(entry->status) != cpu_to_le32(PVBUS_S_ABSENT);
}

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
 * A device side that stands still while it writes the area, or is replaced, is no liar. Context: process. Return: 0;
 * -ESTALE, -ETIMEDOUT: not now; -EPROTO: the area lies where none may lie.
 */
int pvbus_read_config(struct pvbus_device *pdev, void *config, size_t len)
{
	const struct pvbus_device_entry *entry = pvbus_entry(pdev->bus, pdev->slot);
	size_t area = min_t(size_t, len, pdev->config_len);
	const void *shared = pvbus_config_area(pdev, area);
	unsigned int tries;
	bool whole;
	u32 seq;

	if (!entry || !shared)
		return pvbus_is_void(pdev) ? -ESTALE : -EPROTO;

	for (tries = 0; tries < CONFIG_TRIES; tries++) {
		/* Pairs with the release in host-ref/worker/bus/window.c:write_config(), after the area. */
		seq = le32_to_cpu(virt_load_acquire(&entry->config_seq));
		memset(config, 0, len);
		pvshm_copy(config, shared, area);
		/* The copy before the second look; pairs with the writer's fence. */
		virt_rmb();
		whole = !(seq & 1) && seq == le32_to_cpu(READ_ONCE(entry->config_seq));
		if (pvbus_is_void(pdev))
			return -ESTALE;
		if (whole) {
			pdev->config_seq = seq;
			return 0;
		}
		usleep_range(100, 1000);
	}
	return -ETIMEDOUT;
}
EXPORT_SYMBOL_GPL(pvbus_read_config);

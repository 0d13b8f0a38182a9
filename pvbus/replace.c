// SPDX-License-Identifier: GPL-2.0-only
/*
 * Emulated PCI functions that devices replace: kept from their drivers, and given back (BUS-G11 to G13).
 *
 * A driver of ours that does nothing holds the function. What a driver has already is left alone, because
 * nobody else can tell whether it is in use; then the device is not shown. The fields of struct
 * pvbus_replaces have one writer, the scan, but for driven; others see hold and since under the bus's lock.
 */
#include <linux/delay.h>
#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include "compat_pci.h"
#include "pvbus.h"

/* So long a function is held for devices that no driver has come for. */
#define UNDRIVEN_MAX		(15 * HZ)

/* So long a new bus waits for a table that is being written, which is a matter of microseconds. */
#define TABLE_WAIT		HZ
#define TABLE_POLL_MS		5

#define HOLDER			"pvbus-replaced"

/**
 * struct pvbus_hold - a function that is held
 * @node: in the list of all
 * @pci: the function
 * @users: devices that replace it
 */
struct pvbus_hold {
	struct list_head	node;
	struct pci_dev		*pci;
	unsigned int		users;
};

static LIST_HEAD(holds);
static DEFINE_MUTEX(holds_lock);

static int holder_probe(struct pci_dev *pci, const struct pci_device_id *id)
{
	return 0;
}

static struct pci_driver holder = {
	.name				= HOLDER,
	.probe				= holder_probe,
	.driver.suppress_bind_attrs	= true,
};

static bool is_held(struct pci_dev *pci)
{
	bool held;

	device_lock(&pci->dev);
	held = pci->dev.driver == &holder.driver;
	device_unlock(&pci->dev);
	return held;
}

/* The name first: whoever probes the function from now on finds that it is not his. */
static int hold_function(struct pci_dev *pci)
{
	int err;

	if (compat_has_driver_override(pci))
		return -EBUSY;
	err = compat_set_driver_override(pci, HOLDER);
	if (err)
		return err;
	err = device_attach(&pci->dev);
	if (is_held(pci))
		return 0;
	compat_set_driver_override(pci, "");
	return err < 0 ? err : -EBUSY;
}

static void give_function_back(struct pci_dev *pci)
{
	compat_set_driver_override(pci, "");
	if (is_held(pci))
		device_release_driver(&pci->dev);
	if (device_attach(&pci->dev) < 0)
		dev_warn_ratelimited(&pci->dev, "its own driver does not take it back\n");
	else
		dev_info_ratelimited(&pci->dev, "given back\n");
}

static struct pvbus_hold *add_hold(struct pci_dev *pci)
{
	struct pvbus_hold *hold = kzalloc(sizeof(*hold), GFP_KERNEL);
	int err;

	if (!hold)
		return ERR_PTR(-ENOMEM);
	err = hold_function(pci);
	if (err) {
		kfree(hold);
		return ERR_PTR(err);
	}
	hold->pci = pci_dev_get(pci);
	list_add(&hold->node, &holds);
	return hold;
}

static struct pvbus_hold *get_hold(struct pci_dev *pci)
{
	struct pvbus_hold *hold;

	mutex_lock(&holds_lock);
	list_for_each_entry(hold, &holds, node)
		if (hold->pci == pci)
			goto found;
	hold = add_hold(pci);
found:
	if (!IS_ERR(hold))
		hold->users++;
	mutex_unlock(&holds_lock);
	return hold;
}

static void put_hold(struct pvbus_hold *hold)
{
	mutex_lock(&holds_lock);
	if (!--hold->users) {
		list_del(&hold->node);
		give_function_back(hold->pci);
		pci_dev_put(hold->pci);
		kfree(hold);
	}
	mutex_unlock(&holds_lock);
}

static u32 function_of(const struct pvbus_device_entry *entry)
{
	return le32_to_cpu(entry->replaces);
}

static struct pci_dev *find_function(const struct pvbus_device_entry *entry)
{
	u32 at = function_of(entry);

	return pci_get_domain_bus_and_slot(at >> 16, at >> 8 & 0xff, at & 0xff);
}

/* A device side that is not to be trusted hides no more than a disk behind a disk. */
static bool is_of_kind(const struct pci_dev *pci, const struct pvbus_device_entry *entry)
{
	switch (le32_to_cpu(entry->type)) {
	case PVBUS_T_BLK:
		return pci->class >> 16 == PCI_BASE_CLASS_STORAGE;
	case PVBUS_T_NET:
		return pci->class >> 16 == PCI_BASE_CLASS_NETWORK;
	}
	return false;
}

static bool replaces(const struct pvbus_device_entry *entry)
{
	return entry->status != cpu_to_le32(PVBUS_S_ABSENT) &&
	       !(entry->flags & cpu_to_le32(PVBUS_DEV_REMOVE)) &&
	       entry->flags & cpu_to_le32(PVBUS_DEV_REPLACES);
}

/* BUS-G12: what hangs on a function goes at once, so all that replaces it has to be ready. */
static bool are_all_ready(struct pvbus *bus, u32 function)
{
	struct pvbus_device_entry entry;
	u32 slot;

	for (slot = 0; slot < PVBUS_MAX_DEVICES; slot++) {
		pvbus_read_entry(bus, slot, &entry);
		if (replaces(&entry) && function_of(&entry) == function &&
		    entry.flags & cpu_to_le32(PVBUS_DEV_NOT_READY))
			return false;
	}
	return true;
}

static bool is_held_for(const struct pvbus_hold *hold, const struct pvbus_device_entry *entry)
{
	const struct pci_dev *pci = hold->pci;

	return function_of(entry) == ((u32)pci_domain_nr(pci->bus) << 16 | pci_dev_id(hold->pci)) &&
	       is_of_kind(pci, entry);
}

static void leave(struct pvbus *bus, u32 slot, struct pci_dev *pci, const char *why)
{
	bus->replaces[slot].left = true;
	dev_warn_ratelimited(&pci->dev, "%s: it is used as it is, and device %u of pvbus%d is not\n",
			     why, slot, bus->id);
}

static void take(struct pvbus *bus, u32 slot, const struct pvbus_device_entry *entry,
		 struct pci_dev *pci)
{
	struct pvbus_replaces *r = &bus->replaces[slot];
	struct pvbus_hold *hold;

	if (!is_of_kind(pci, entry)) {
		leave(bus, slot, pci, "it is of another kind than what shall replace it");
		return;
	}
	hold = get_hold(pci);
	if (!IS_ERR(hold)) {
		pvbus_lock_briefly(&bus->lock);
		r->hold = hold;
		r->driven = false;
		r->since = jiffies;
		pvbus_unlock_briefly(&bus->lock);
		dev_info_ratelimited(&pci->dev, "replaced by device %u of pvbus%d, '%s'\n", slot, bus->id,
				     entry->name);
	} else if (hold == ERR_PTR(-EBUSY)) {
		leave(bus, slot, pci, "a driver has it already");
	} else {
		leave(bus, slot, pci, "it cannot be held");
	}
}

/**
 * pvbus_replaces_free() - a slot has no device any more
 * @bus: the bus; scan_lock is held, or it is not registered yet
 * @slot: the slot
 *
 * If it was the last one that replaces a function, that gets its own driver back.
 */
void pvbus_replaces_free(struct pvbus *bus, u32 slot)
{
	struct pvbus_hold *hold = bus->replaces[slot].hold;

	pvbus_lock_briefly(&bus->lock);
	bus->replaces[slot].hold = NULL;
	pvbus_unlock_briefly(&bus->lock);
	if (hold)
		put_hold(hold);
}

/**
 * pvbus_replaces_keep() - what a device replaces is not given back any more
 * @bus: the bus; scan_lock is held
 * @slot: its slot; the device side has not said that it has let go of the device
 *
 * Two would write to one medium.
 */
void pvbus_replaces_keep(struct pvbus *bus, u32 slot)
{
	struct pvbus_hold *hold = bus->replaces[slot].hold;

	if (!hold)
		return;
	mutex_lock(&holds_lock);
	hold->users++;
	mutex_unlock(&holds_lock);
	dev_warn_ratelimited(&hold->pci->dev,
			     "the device side may still write: it is not given back before a reboot\n");
}

/**
 * pvbus_replaces_hold() - hold what the device of a slot replaces, if it does
 * @bus: the bus; scan_lock is held, or it is not registered yet
 * @slot: the slot, in which no device is shown
 * @entry: what the table says of it
 *
 * Return: true if nothing forbids to show the device.
 */
bool pvbus_replaces_hold(struct pvbus *bus, u32 slot, const struct pvbus_device_entry *entry)
{
	struct pvbus_replaces *r = &bus->replaces[slot];
	struct pci_dev *pci;

	if (!replaces(entry))
		r->left = false;
	if (r->hold && !(replaces(entry) && is_held_for(r->hold, entry)))
		pvbus_replaces_free(bus, slot);
	if (!replaces(entry) || r->hold)
		return true;
	if (r->left || !are_all_ready(bus, function_of(entry)))
		return false;
	pci = find_function(entry);
	if (!pci)
		return true;
	take(bus, slot, entry, pci);
	pci_dev_put(pci);
	return r->hold;
}

/**
 * pvbus_replaces_begin() - hold what the devices of a new bus replace
 * @bus: the bus, whose work has not begun
 *
 * The table is there as soon as there is an epoch, so this asks nobody, and whoever loads pvbus before the
 * drivers of emulated devices finds the functions held. Whether the device side is alive and takes this driver
 * comes out later (pvbus_replaces_overdue()).
 */
void pvbus_replaces_begin(struct pvbus *bus)
{
	unsigned long end = jiffies + TABLE_WAIT;
	struct pvbus_device_entry entry;
	struct pvbus_header hdr;
	u32 slot;
	int err;

	while ((err = pvbus_read_header(bus, &hdr)) == -EAGAIN && time_before(jiffies, end))
		msleep(TABLE_POLL_MS);
	if (err)
		return;
	/* Only one that makes sense: others rely on it, such as the wait for signs of life. */
	bus->hdr = hdr;
	for (slot = 0; slot < PVBUS_MAX_DEVICES; slot++) {
		pvbus_read_entry(bus, slot, &entry);
		pvbus_replaces_hold(bus, slot, &entry);
	}
}

/* The lock of the bus is held. */
static bool is_overdue(const struct pvbus *bus, const struct pvbus_hold *hold)
{
	const struct pvbus_replaces *r;

	for (r = bus->replaces; hold && r < bus->replaces + PVBUS_MAX_DEVICES; r++)
		if (r->hold == hold &&
		    (READ_ONCE(r->driven) || time_before(jiffies, r->since + UNDRIVEN_MAX)))
			return false;
	return hold;
}

/**
 * pvbus_replaces_overdue() - is a function held for nothing (BUS-G13)
 * @bus: the bus
 *
 * Return: true if pvbus_replaces_give_up() has something to do.
 */
bool pvbus_replaces_overdue(struct pvbus *bus)
{
	bool overdue = false;
	u32 slot;

	mutex_lock(&bus->lock);
	for (slot = 0; slot < PVBUS_MAX_DEVICES; slot++)
		overdue |= is_overdue(bus, bus->replaces[slot].hold);
	mutex_unlock(&bus->lock);
	return overdue;
}

/**
 * pvbus_replaces_refused() - the device side does not take this driver
 * @bus: the bus
 *
 * What no driver has come for is given back without waiting any longer.
 */
void pvbus_replaces_refused(struct pvbus *bus)
{
	u32 slot;

	mutex_lock(&bus->lock);
	for (slot = 0; slot < PVBUS_MAX_DEVICES; slot++)
		bus->replaces[slot].since = jiffies - UNDRIVEN_MAX;
	mutex_unlock(&bus->lock);
}

/**
 * pvbus_replaces_give_up() - leave a function to its own driver, if no other has come for what replaces it
 * @bus: the bus; scan_lock is held
 * @slot: a slot
 *
 * Return: true if the slot is to be empty from now on, and pvbus_replaces_free() to be called then.
 */
bool pvbus_replaces_give_up(struct pvbus *bus, u32 slot)
{
	struct pvbus_hold *hold = bus->replaces[slot].hold;
	bool overdue;

	pvbus_lock_briefly(&bus->lock);
	overdue = is_overdue(bus, hold);
	pvbus_unlock_briefly(&bus->lock);
	if (overdue && !bus->replaces[slot].left)
		leave(bus, slot, hold->pci, "no driver has come for what shall replace it");
	return overdue;
}

/**
 * pvbus_replaced() - the PCI function that a device replaces
 * @pdev: the device, which is bound to a driver
 *
 * Return: the function, which stays as long as the device, or NULL.
 */
struct device *pvbus_replaced(const struct pvbus_device *pdev)
{
	const struct pvbus_hold *hold = pdev->bus->replaces[pdev->slot].hold;

	return hold ? &hold->pci->dev : NULL;
}
EXPORT_SYMBOL_GPL(pvbus_replaced);

int pvbus_replaces_init(void)
{
	return pci_register_driver(&holder);
}

/* What is held still, nobody is to have before a reboot: the name stays with the function. */
void pvbus_replaces_exit(void)
{
	struct pvbus_hold *hold, *next;

	list_for_each_entry_safe(hold, next, &holds, node) {
		list_del(&hold->node);
		pci_dev_put(hold->pci);
		kfree(hold);
	}
	pci_unregister_driver(&holder);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The works of buses and devices, and where they run.
 *
 * All are bound to no CPU, and so is whatever work takes a lock that a freeze or a restore wants: one that a real-time
 * task comes in between on its CPU goes on elsewhere, and does not hold up what all I/O waits for.
 */
#include <linux/jiffies.h>
#include <linux/workqueue.h>
#include "pvbus.h"

static struct workqueue_struct *bus_wq, *device_wq, *scan_wq;

/**
 * pvbus_poke() - let the bus look at epoch, devices and queues soon
 * @bus: the bus; any context
 */
void pvbus_poke(struct pvbus *bus)
{
	mod_delayed_work(bus_wq, &bus->work, 0);
}

/**
 * pvbus_poke_after() - the same after a while, unless something is due before
 * @bus: the bus; of its work
 * @ms: milliseconds
 */
void pvbus_poke_after(struct pvbus *bus, unsigned int ms)
{
	queue_delayed_work(bus_wq, &bus->work, msecs_to_jiffies(ms));
}

/**
 * pvbus_device_poke() - let a device be looked after
 * @pdev: the device; any context
 */
void pvbus_device_poke(struct pvbus_device *pdev)
{
	queue_work(device_wq, &pdev->work);
}

/**
 * pvbus_scan_start() - make the devices agree with the device table, soon
 * @bus: the bus; in an epoch, after pvbus_scan_mark()
 */
void pvbus_scan_start(struct pvbus *bus)
{
	queue_work(scan_wq, &bus->scan);
}

/**
 * pvbus_removal_start() - take a device away, soon
 * @pdev: the device; of the scan, once
 */
void pvbus_removal_start(struct pvbus_device *pdev)
{
	queue_work(scan_wq, &pdev->removal);
}

/**
 * pvbus_works_init() - make the places where works run
 *
 * Return: 0 or -ENOMEM.
 */
int __init pvbus_works_init(void)
{
	/* Completing I/O may depend on it, so it must make progress under memory pressure. */
	bus_wq = alloc_workqueue("pvbus", WQ_MEM_RECLAIM | WQ_UNBOUND | WQ_SYSFS, 0);
	if (!bus_wq)
		return -ENOMEM;
	/* One of its own, so that the bus's work is never behind devices that wait for answers. */
	device_wq = alloc_workqueue("pvbus_device", WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	if (!device_wq)
		goto destroy_bus_wq;
	/*
	 * Reclaim may not wait for this one: drivers wait for I/O when they come and when they leave. And not
	 * while the guest sleeps.
	 */
	scan_wq = alloc_workqueue("pvbus_scan", WQ_UNBOUND | WQ_FREEZABLE, 0);
	if (!scan_wq)
		goto destroy_device_wq;
	return 0;

destroy_device_wq:
	destroy_workqueue(device_wq);
destroy_bus_wq:
	destroy_workqueue(bus_wq);
	return -ENOMEM;
}

/** pvbus_works_exit() - the other end; no bus is left */
void pvbus_works_exit(void)
{
	destroy_workqueue(scan_wq);
	destroy_workqueue(device_wq);
	destroy_workqueue(bus_wq);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who waits until a device is gone: its removal, the unloading of its driver, a reboot.
 */
#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/moduleparam.h>
#include <linux/reboot.h>
#include "pvbus.h"

/* So long a reboot waits for a probe or a removal that waits for I/O. */
#define REBOOT_TIMEOUT_S	5

static unsigned int remove_timeout_s = 30;
module_param(remove_timeout_s, uint, 0644);
MODULE_PARM_DESC(remove_timeout_s, "fail what is in flight when a removal has waited this long, in s, for a device that nobody serves; 0: wait for ever (default 30)");

static bool rebooting;
static unsigned long rebooting_at;

/* Before any device is shut down, and for that locked: a probe may hold the lock. */
static int reboot_event(struct notifier_block *nb, unsigned long event, void *unused)
{
	rebooting_at = jiffies;
	/* Pairs with the acquire in pvbus_somebody_waits(). */
	smp_store_release(&rebooting, true);
	return NOTIFY_DONE;
}

static struct notifier_block reboot_notifier = {
	.notifier_call	= reboot_event,
};

/* Since when, in jiffies, and how long at most, in s? */
static bool somebody_waits(const struct pvbus_device *pdev, unsigned long *since,
			   unsigned int *limit)
{
	const struct pvbus_driver *drv = to_pvbus_driver(pdev->dev.driver);

	*limit = READ_ONCE(remove_timeout_s);
	/* Pairs with the releases of who sets them, after the moment. */
	if (smp_load_acquire(&rebooting)) {
		*since = rebooting_at;
		*limit = REBOOT_TIMEOUT_S;
		return true;
	}
	if (test_bit_acquire(PVBUS_MARK_LEAVING, &pdev->marks))
		*since = pdev->leaving_at;
	else if (smp_load_acquire(&drv->leaving)) /* likewise */
		*since = drv->leaving_at;
	else if (smp_load_acquire(&pdev->bus->dying)) /* likewise */
		*since = pdev->bus->dying_at;
	else
		return false;
	return true;
}

/**
 * pvbus_somebody_waits() - does somebody wait for what is in flight, to take the device away
 * @pdev: the device, which has a driver
 * @since: gets since when, in jiffies
 *
 * A driver's remove, or a lock that is held over a probe. Any context. Return: how long he waits at
 * most, in s; 0: nobody does, or for as long as it takes.
 */
unsigned int pvbus_somebody_waits(const struct pvbus_device *pdev, unsigned long *since)
{
	unsigned int limit;

	return somebody_waits(pdev, since, &limit) ? limit : 0;
}

/**
 * pvbus_holds_up_reboot() - does a reboot wait for the removal of a device
 * @pdev: the device, which has a driver
 *
 * It wants the lock that is held meanwhile, however well the device is served. Any context.
 */
bool pvbus_holds_up_reboot(const struct pvbus_device *pdev)
{
	return READ_ONCE(rebooting) && test_bit(PVBUS_MARK_LEAVING, &pdev->marks);
}

/**
 * pvbus_device_leaves() - is the device taken away, from whichever side
 * @pdev: the device, which has a driver
 *
 * For gone(): what fails then is no fault of the device's. Any context. Return: true if no later life is meant
 * to serve it.
 */
bool pvbus_device_leaves(const struct pvbus_device *pdev)
{
	unsigned int limit;
	unsigned long since;

	return test_bit(PVBUS_MARK_VANISHED, &pdev->marks) || somebody_waits(pdev, &since, &limit);
}
EXPORT_SYMBOL_GPL(pvbus_device_leaves);

/**
 * pvbus_waiters_init() - hear of reboots
 *
 * Return: 0 or -errno.
 */
int __init pvbus_waiters_init(void)
{
	return register_reboot_notifier(&reboot_notifier);
}

/** pvbus_waiters_exit() - the other end */
void pvbus_waiters_exit(void)
{
	unregister_reboot_notifier(&reboot_notifier);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The bus type: which driver a device gets, and how it comes and leaves.
 */
#include <linux/device.h>
#include <linux/export.h>
#include <linux/pm.h>
#include "pvbus.h"

static int pvbus_match(struct device *dev, compat_match_drv *drv)
{
	return to_pvbus_device(dev)->type == to_pvbus_driver(drv)->type;
}

static int pvbus_uevent(compat_uevent_dev *dev, struct kobj_uevent_env *env)
{
	return add_uevent_var(env, "MODALIAS=pvbus:t%u", to_pvbus_device(dev)->type);
}

/* It is tried again with each scan, and said once until there has been room. */
static void say_no_room(struct pvbus_device *pdev)
{
	if (!test_and_set_bit(PVBUS_MARK_CRAMPED, &pdev->marks))
		dev_err(&pdev->dev, "no room for the queues in the window; see pvhostd --window\n");
}

static int probe(struct pvbus_device *pdev)
{
	int err;

	if (pvbus_not_ready(pdev))
		return -ENODEV;
	err = pvbus_device_negotiate(pdev);
	if (err)
		return err;
	err = to_pvbus_driver(pdev->dev.driver)->probe(pdev);
	if (err == -ENOSPC)
		say_no_room(pdev);
	if (err) {
		pvbus_device_reset(pdev);
		return err;
	}
	clear_bit(PVBUS_MARK_CRAMPED, &pdev->marks);
	pvbus_device_ready(pdev);
	return 0;
}

/* The device side is silent, or is being replaced: once more when it speaks. */
static int probe_or_retry(struct pvbus_device *pdev)
{
	int err = probe(pdev);

	if (err != -ETIMEDOUT && err != -ESTALE)
		return err;
	WRITE_ONCE(pdev->bus->retry, true);
	return -ENODEV;
}

static int pvbus_probe(struct device *dev)
{
	struct pvbus_device *pdev = to_pvbus_device(dev);
	int err;

	clear_bit(PVBUS_MARK_LEAVING, &pdev->marks);
	err = probe_or_retry(pdev);
	if (err)
		pvbus_device_unprobed(pdev);
	else
		WRITE_ONCE(pdev->bus->replaces[pdev->slot].driven, true);
	return err;
}

static void pvbus_remove(struct device *dev)
{
	struct pvbus_device *pdev = to_pvbus_device(dev);

	pdev->leaving_at = jiffies;
	/* Pairs with the acquire in pvbus_somebody_waits(). */
	smp_mb__before_atomic();
	set_bit(PVBUS_MARK_LEAVING, &pdev->marks);
	to_pvbus_driver(dev->driver)->remove(pdev);
}

/* A device comes before the carrier, which takes leave of the device side, and wakes up after it. */
static int pvbus_suspend(struct device *dev)
{
	struct pvbus_device *pdev = to_pvbus_device(dev);
	const struct pvbus_driver *drv = dev->driver ? to_pvbus_driver(dev->driver) : NULL;

	if (!drv || !drv->suspend || !pvbus_is_live(pdev))
		return 0;
	return drv->suspend(pdev);
}

static int pvbus_resume(struct device *dev)
{
	struct pvbus_device *pdev = to_pvbus_device(dev);
	const struct pvbus_driver *drv = dev->driver ? to_pvbus_driver(dev->driver) : NULL;

	if (drv && drv->resume && pvbus_is_live(pdev))
		drv->resume(pdev);
	return 0;
}

static DEFINE_SIMPLE_DEV_PM_OPS(pvbus_pm_ops, pvbus_suspend, pvbus_resume);

COMPAT_BUS_CONST struct bus_type pvbus_type = {
	.name		= "pvbus",
	.match		= pvbus_match,
	.uevent		= pvbus_uevent,
	.probe		= pvbus_probe,
	.remove		= pvbus_remove,
	.pm		= pm_sleep_ptr(&pvbus_pm_ops),
	.dev_groups	= pvbus_dev_groups,
};

/**
 * __pvbus_register_driver() - register a driver; use pvbus_register_driver()
 * @drv: the driver
 * @owner: its module
 *
 * Context: process. Return: 0 or -errno.
 */
int __pvbus_register_driver(struct pvbus_driver *drv, struct module *owner)
{
	drv->leaving = false;
	drv->driver.bus = &pvbus_type;
	drv->driver.owner = owner;
	return driver_register(&drv->driver);
}
EXPORT_SYMBOL_GPL(__pvbus_register_driver);

/**
 * pvbus_unregister_driver() - unregister a driver; its devices are removed first
 * @drv: the driver
 */
void pvbus_unregister_driver(struct pvbus_driver *drv)
{
	drv->leaving_at = jiffies;
	/* Pairs with the acquire in pvbus_somebody_waits(): a probe may wait for I/O. */
	smp_store_release(&drv->leaving, true);
	driver_unregister(&drv->driver);
}
EXPORT_SYMBOL_GPL(pvbus_unregister_driver);

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The bus type, matching, and the init/exit ladder of the module.
 */
#define CREATE_TRACE_POINTS
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/pm.h>
#include <linux/reboot.h>
#include "compat.h"
#include "pvbus.h"
#include "trace.h"

struct workqueue_struct *pvbus_wq;
struct workqueue_struct *pvbus_device_wq;

unsigned int pvbus_remove_timeout_s = 30;
module_param_named(remove_timeout_s, pvbus_remove_timeout_s, uint, 0644);
MODULE_PARM_DESC(remove_timeout_s, "fail what is in flight when a removal has waited this long, in s, for a device that nobody serves; 0: wait for ever (default 30)");

bool pvbus_rebooting;
unsigned long pvbus_rebooting_at;

/* Before any device is shut down, and for that locked: a probe may hold the lock. */
static int reboot_event(struct notifier_block *nb, unsigned long event, void *unused)
{
	pvbus_rebooting_at = jiffies;
	/* Pairs with the acquire in somebody_waits(). */
	smp_store_release(&pvbus_rebooting, true);
	return NOTIFY_DONE;
}

static struct notifier_block reboot_notifier = {
	.notifier_call	= reboot_event,
};

static int pvbus_match(struct device *dev, compat_match_drv *drv)
{
	return to_pvbus_device(dev)->type == to_pvbus_driver(drv)->type;
}

static int pvbus_uevent(compat_uevent_dev *dev, struct kobj_uevent_env *env)
{
	return add_uevent_var(env, "MODALIAS=pvbus:t%u", to_pvbus_device(dev)->type);
}

static int probe(struct pvbus_device *pdev)
{
	int err;

	if (pvbus_not_ready(pdev))
		return -ENODEV;
	err = pvbus_device_negotiate(pdev);
	if (err == -ETIMEDOUT) {
		WRITE_ONCE(pdev->bus->retry, true);
		return -ENODEV;
	}
	if (err)
		return err;
	err = to_pvbus_driver(pdev->dev.driver)->probe(pdev);
	if (err)
		pvbus_device_reset(pdev);
	else
		pvbus_device_ready(pdev);
	return err;
}

static int pvbus_probe(struct device *dev)
{
	struct pvbus_device *pdev = to_pvbus_device(dev);
	int err;

	clear_bit(PVBUS_DEV_LEAVING, &pdev->flags);
	err = probe(pdev);
	if (err)
		set_bit(PVBUS_DEV_UNPROBED, &pdev->flags);
	return err;
}

static void pvbus_remove(struct device *dev)
{
	struct pvbus_device *pdev = to_pvbus_device(dev);

	pdev->leaving_at = jiffies;
	/* Pairs with the acquire in somebody_waits(). */
	smp_mb__before_atomic();
	set_bit(PVBUS_DEV_LEAVING, &pdev->flags);
	to_pvbus_driver(dev->driver)->remove(pdev);
}

/* A device comes before the carrier, which takes leave of the device side, and wakes up after it. */
static int pvbus_suspend(struct device *dev)
{
	struct pvbus_device *pdev = to_pvbus_device(dev);
	const struct pvbus_driver *drv = dev->driver ? to_pvbus_driver(dev->driver) : NULL;

	if (!drv || !drv->suspend || !test_bit(PVBUS_DEV_LIVE, &pdev->flags))
		return 0;
	return drv->suspend(pdev);
}

static int pvbus_resume(struct device *dev)
{
	struct pvbus_device *pdev = to_pvbus_device(dev);
	const struct pvbus_driver *drv = dev->driver ? to_pvbus_driver(dev->driver) : NULL;

	if (drv && drv->resume && test_bit(PVBUS_DEV_LIVE, &pdev->flags))
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
	/* Pairs with the acquire in somebody_waits(): a probe may wait for I/O. */
	smp_store_release(&drv->leaving, true);
	driver_unregister(&drv->driver);
}
EXPORT_SYMBOL_GPL(pvbus_unregister_driver);

static int __init pvbus_init(void)
{
	int err;

	/* Completing I/O may depend on it, so it must make progress under memory pressure. */
	pvbus_wq = alloc_workqueue("pvbus", WQ_MEM_RECLAIM | WQ_UNBOUND | WQ_SYSFS, 0);
	if (!pvbus_wq)
		return -ENOMEM;
	/* One of its own, so that the bus's work is never behind devices that wait for answers. */
	pvbus_device_wq = alloc_workqueue("pvbus_device", WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	if (!pvbus_device_wq) {
		err = -ENOMEM;
		goto destroy_wq;
	}

	pvbus_debugfs_init();

	err = bus_register(&pvbus_type);
	if (err)
		goto destroy_device_wq;

	err = register_reboot_notifier(&reboot_notifier);
	if (err)
		goto unregister_bus;
	err = pci_register_driver(&pvbus_ivshmem_driver);
	if (err)
		goto unregister_notifier;
	return 0;

unregister_notifier:
	unregister_reboot_notifier(&reboot_notifier);
unregister_bus:
	bus_unregister(&pvbus_type);
destroy_device_wq:
	pvbus_debugfs_exit();
	destroy_workqueue(pvbus_device_wq);
destroy_wq:
	destroy_workqueue(pvbus_wq);
	return err;
}
module_init(pvbus_init);

static void __exit pvbus_exit(void)
{
	pci_unregister_driver(&pvbus_ivshmem_driver);
	unregister_reboot_notifier(&reboot_notifier);
	bus_unregister(&pvbus_type);
	pvbus_debugfs_exit();
	destroy_workqueue(pvbus_device_wq);
	destroy_workqueue(pvbus_wq);
}
module_exit(pvbus_exit);

MODULE_DESCRIPTION("pvkit paravirtual bus over shared memory");
MODULE_LICENSE("GPL");
MODULE_VERSION(PVKIT_VERSION);

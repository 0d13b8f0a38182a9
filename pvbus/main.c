// SPDX-License-Identifier: GPL-2.0-only
/*
 * The bus type, matching, and the init/exit ladder of the module.
 */
#define CREATE_TRACE_POINTS
#include <linux/module.h>
#include <linux/pci.h>
#include "compat.h"
#include "pvbus.h"
#include "trace.h"

struct workqueue_struct *pvbus_wq;

static int pvbus_match(struct device *dev, compat_match_drv *drv)
{
	return to_pvbus_device(dev)->type == to_pvbus_driver(drv)->type;
}

static int pvbus_uevent(compat_uevent_dev *dev, struct kobj_uevent_env *env)
{
	return add_uevent_var(env, "MODALIAS=pvbus:t%u", to_pvbus_device(dev)->type);
}

static int pvbus_probe(struct device *dev)
{
	struct pvbus_device *pdev = to_pvbus_device(dev);
	int err;

	err = pvbus_device_negotiate(pdev);
	if (!err) {
		err = to_pvbus_driver(dev->driver)->probe(pdev);
		if (err)
			pvbus_device_reset(pdev);
		else
			pvbus_device_ready(pdev);
	}
	if (err)
		set_bit(PVBUS_DEV_UNPROBED, &pdev->flags);
	return err;
}

static void pvbus_remove(struct device *dev)
{
	to_pvbus_driver(dev->driver)->remove(to_pvbus_device(dev));
}

COMPAT_BUS_CONST struct bus_type pvbus_type = {
	.name		= "pvbus",
	.match		= pvbus_match,
	.uevent		= pvbus_uevent,
	.probe		= pvbus_probe,
	.remove		= pvbus_remove,
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

	pvbus_debugfs_init();

	err = bus_register(&pvbus_type);
	if (err)
		goto destroy_wq;

	err = pci_register_driver(&pvbus_ivshmem_driver);
	if (err)
		goto unregister_bus;
	return 0;

unregister_bus:
	bus_unregister(&pvbus_type);
destroy_wq:
	pvbus_debugfs_exit();
	destroy_workqueue(pvbus_wq);
	return err;
}
module_init(pvbus_init);

static void __exit pvbus_exit(void)
{
	pci_unregister_driver(&pvbus_ivshmem_driver);
	bus_unregister(&pvbus_type);
	pvbus_debugfs_exit();
	destroy_workqueue(pvbus_wq);
}
module_exit(pvbus_exit);

MODULE_DESCRIPTION("pvkit paravirtual bus over shared memory");
MODULE_LICENSE("GPL");
MODULE_VERSION(PVKIT_VERSION);

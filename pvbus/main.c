// SPDX-License-Identifier: GPL-2.0-only
/*
 * The init/exit ladder of the module.
 */
#include <linux/module.h>
#include <linux/pci.h>
#include "pvbus.h"

static int __init pvbus_init(void)
{
	int err;

	pvbus_off_init();
	err = pvbus_works_init();
	if (err)
		return err;
	pvbus_choose_copy();
	pvbus_debugfs_init();
	err = bus_register(&pvbus_type);
	if (err)
		goto exit_works;
	err = pvbus_waiters_init();
	if (err)
		goto unregister_bus;
	err = pvbus_replaces_init();
	if (err)
		goto exit_waiters;
	err = pci_register_driver(&pvbus_ivshmem_driver);
	if (err)
		goto exit_replaces;
	return 0;

exit_replaces:
	pvbus_replaces_exit();
exit_waiters:
	pvbus_waiters_exit();
unregister_bus:
	bus_unregister(&pvbus_type);
exit_works:
	pvbus_debugfs_exit();
	pvbus_works_exit();
	return err;
}
module_init(pvbus_init);

static void __exit pvbus_exit(void)
{
	pci_unregister_driver(&pvbus_ivshmem_driver);
	pvbus_replaces_exit();
	pvbus_waiters_exit();
	bus_unregister(&pvbus_type);
	pvbus_debugfs_exit();
	pvbus_works_exit();
}
module_exit(pvbus_exit);

MODULE_DESCRIPTION("pvkit paravirtual bus over shared memory");
MODULE_LICENSE("GPL");
MODULE_VERSION(PVKIT_VERSION);

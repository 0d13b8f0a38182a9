// SPDX-License-Identifier: GPL-2.0-only
/* driver_override is every bus's, no longer PCI's own. */
#include <linux/device.h>

static bool probe(struct device *dev, spinlock_t **lock)
{
	*lock = &dev->driver_override.lock;
	return !device_set_driver_override(dev, "") && dev->driver_override.name;
}

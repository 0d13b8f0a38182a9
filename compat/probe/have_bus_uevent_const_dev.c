// SPDX-License-Identifier: GPL-2.0-only
/* Linux 6.3, 2a81ada32f0e "driver core: make struct bus_type.uevent() take a const *" */
#include <linux/device.h>

static int uevent(const struct device *dev, struct kobj_uevent_env *env)
{
	return 0;
}

const struct bus_type probe = { .name = "probe", .uevent = uevent };

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_REBOOT_H
#define SHIM_LINUX_REBOOT_H

#include <stddef.h>
#include <linux/notifier.h>

#ifndef __init
#define __init
#endif

/* The last one, for the test to call. */
__attribute__((weak)) struct notifier_block *shim_reboot;

static inline int register_reboot_notifier(struct notifier_block *nb)
{
	shim_reboot = nb;
	return 0;
}

static inline int unregister_reboot_notifier(struct notifier_block *nb)
{
	(void)nb;
	shim_reboot = NULL;
	return 0;
}

#endif

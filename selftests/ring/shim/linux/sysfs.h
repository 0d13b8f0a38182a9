/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_SYSFS_H
#define SHIM_LINUX_SYSFS_H

struct kobject;

/* The test's. */
void sysfs_notify(struct kobject *kobj, const char *dir, const char *attr);

#endif

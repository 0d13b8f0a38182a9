/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_OOM_H
#define SHIM_LINUX_OOM_H

struct notifier_block;

/* The test's. */
int register_oom_notifier(struct notifier_block *nb);
int unregister_oom_notifier(struct notifier_block *nb);

#endif

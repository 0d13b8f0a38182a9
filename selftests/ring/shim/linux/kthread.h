/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Threads of the kernel's: they run where the test says.
 */
#ifndef SHIM_LINUX_KTHREAD_H
#define SHIM_LINUX_KTHREAD_H

#include <linux/sched.h>

bool kthread_should_stop(void);

#endif

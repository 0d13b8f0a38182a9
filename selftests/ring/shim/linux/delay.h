/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_DELAY_H
#define SHIM_LINUX_DELAY_H

#include <linux/jiffies.h>
#include <linux/wait.h>

#define msleep(ms)		shim_sleep(msecs_to_jiffies(ms))
#define schedule_timeout_idle(timeout) shim_sleep(timeout)
#define usleep_range(min, max)	shim_sleep(1)

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_JIFFIES_H
#define SHIM_LINUX_JIFFIES_H

#define HZ			250
#define time_after(a, b)	((long)((b) - (a)) < 0)
#define time_before(a, b)	time_after(b, a)
#define msecs_to_jiffies(ms)	((unsigned long)(ms) * HZ / 1000)
#define nsecs_to_jiffies(ns)	((unsigned long)((ns) / (1000000000 / HZ)))
#define jiffies_to_msecs(j)	((unsigned int)((j) * 1000 / HZ))
#define time_after_eq(a, b)	((long)((a) - (b)) >= 0)

/* 0, unless the test lets time pass. */
__attribute__((weak)) unsigned long shim_jiffies;
#define jiffies			shim_jiffies

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * In the place of the shim's: time is part of the state, so it is the test's.
 */
#ifndef INTERLEAVE_LINUX_SCHED_CLOCK_H
#define INTERLEAVE_LINUX_SCHED_CLOCK_H

#include <linux/types.h>

#define NSEC_PER_USEC	1000L

u64 local_clock(void);

static inline bool need_resched(void)
{
	return false;
}

static inline void cpu_relax(void)
{
}

#endif

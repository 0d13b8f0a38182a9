/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_SCHED_CLOCK_H
#define SHIM_LINUX_SCHED_CLOCK_H

#include <linux/types.h>

#define NSEC_PER_USEC	1000L

/* What a test has happen while its driver looks at the clock; others have none. */
void shim_tick(void);
#pragma weak shim_tick

static inline u64 local_clock(void)
{
	static u64 now_ns;

	if (shim_tick)
		shim_tick();
	return now_ns += 1000;
}

static inline bool need_resched(void)
{
	return false;
}

static inline void cpu_relax(void)
{
}

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_TIMEKEEPING_H
#define SHIM_LINUX_TIMEKEEPING_H

#include <linux/types.h>

#define NSEC_PER_USEC	1000L
#define NSEC_PER_MSEC	1000000L
#define NSEC_PER_SEC	1000000000L

struct timespec64 {
	s64	tv_sec;
	long	tv_nsec;
};

static inline struct timespec64 ns_to_timespec64(s64 ns)
{
	return (struct timespec64) { ns / NSEC_PER_SEC, ns % NSEC_PER_SEC };
}

/* The test's. */
u64 ktime_get_real_ns(void);
u64 ktime_get_raw_ns(void);
int do_settimeofday64(const struct timespec64 *ts);

static inline u64 ktime_get_resolution_ns(void)
{
	return 1;
}

#endif

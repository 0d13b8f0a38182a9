/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_PTP_CLOCK_KERNEL_H
#define SHIM_LINUX_PTP_CLOCK_KERNEL_H

#include <linux/types.h>

struct ptp_clock;
struct ptp_system_timestamp {
	u64 pre;
	u64 post;
};

/* Nobody here compares them. */
#define ptp_read_system_prets(sts)	((void)(sts))
#define ptp_read_system_postts(sts)	((void)(sts))

struct ptp_clock_info {
	const char *name;
};

struct system_counterval_t {
	u64			cycles;
	struct clocksource	*cs;
};

#endif

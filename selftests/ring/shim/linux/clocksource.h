/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_CLOCKSOURCE_H
#define SHIM_LINUX_CLOCKSOURCE_H

#include <linux/types.h>

/* The counter is that of x86, and the test's. */
#ifndef CONFIG_X86
#define CONFIG_X86	1
#endif

#define CLOCKSOURCE_MASK(bits)		(~0ULL >> (64 - (bits)))
#define CLOCK_SOURCE_IS_CONTINUOUS	0x01
#define CLOCK_SOURCE_MUST_VERIFY	0x02
#define CLOCK_SOURCE_VALID_FOR_HRES	0x20
#define CLOCK_SOURCE_UNSTABLE		0x40
#define VDSO_CLOCKMODE_TSC		1
#define CSID_GENERIC			0

struct clocksource {
	const char	*name;
	int		rating;
	u64		(*read)(struct clocksource *cs);
	u64		mask;
	unsigned long	flags;
	int		vdso_clock_mode;
	int		id;
	void		*owner;
};

/* The test's. */
int clocksource_register_hz(struct clocksource *cs, u32 hz);
int clocksource_register_khz(struct clocksource *cs, u32 khz);
int clocksource_unregister(struct clocksource *cs);

#endif

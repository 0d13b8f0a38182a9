/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The counter of this architecture: all that another one has to add.
 */
#ifndef _PVCLK_COUNTER_H
#define _PVCLK_COUNTER_H

#include <linux/clocksource.h>
#include <linux/types.h>
#include <uapi/pv/clock.h>

#ifdef CONFIG_X86

#include <asm/cpufeature.h>
#include <asm/tsc.h>

#define PVCLK_COUNTER_ID	PVCLOCK_COUNTER_X86_TSC
/* The raw cycles of our clocksource are the TSC: the vDSO knows how to read it. */
#define PVCLK_VDSO_MODE		VDSO_CLOCKMODE_TSC

#ifdef PVKIT_HAVE_CSID_X86_TSC
#define PVCLK_CSID		CSID_X86_TSC
#else
#define PVCLK_CSID		CSID_GENERIC
#endif

static inline bool pvclk_counter_exists(void)
{
	return boot_cpu_has(X86_FEATURE_TSC);
}

/*
 * Why the kernel does not take the counter for a clock, though it may be one: NULL if it does. Its
 * verdict may come at any time.
 */
static inline const char *pvclk_counter_distrust(void)
{
	if (!boot_cpu_has(X86_FEATURE_CONSTANT_TSC) || !boot_cpu_has(X86_FEATURE_NONSTOP_TSC))
		return "the CPU does not promise that its TSC always runs, at one rate (constant_tsc, nonstop_tsc)";
	if (check_tsc_unstable())
		return "the kernel has found its TSC to be unstable";
	return NULL;
}

/* Not before what came earlier in the program, nor after what comes later. */
static inline u64 pvclk_counter(void)
{
	return rdtsc_ordered();
}

/* As the kernel measured it at boot; 0 if it did not. */
static inline u64 pvclk_counter_hz(void)
{
	return (u64)tsc_khz * 1000;
}

#else
#error "pvclock knows no counter of this architecture: add it here"
#endif

#endif /* _PVCLK_COUNTER_H */

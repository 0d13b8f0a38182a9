/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_ASM_TSC_H
#define SHIM_ASM_TSC_H

#include <linux/types.h>

static const unsigned int tsc_khz = 1000000;

/* The test's. */
u64 rdtsc_ordered(void);
int check_tsc_unstable(void);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_ASM_CPUFEATURE_H
#define SHIM_ASM_CPUFEATURE_H

#include <stdbool.h>

#define X86_FEATURE_TSC			0
#define X86_FEATURE_CONSTANT_TSC	1
#define X86_FEATURE_NONSTOP_TSC		2

/* The test's. */
bool boot_cpu_has(int feature);

#endif

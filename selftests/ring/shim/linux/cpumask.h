/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_CPUMASK_H
#define SHIM_LINUX_CPUMASK_H

typedef struct cpumask {
	unsigned long bits;
} cpumask_t;

#endif

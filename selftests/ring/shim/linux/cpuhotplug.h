/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_CPUHOTPLUG_H
#define SHIM_LINUX_CPUHOTPLUG_H

#include <stddef.h>

#define CPUHP_AP_ONLINE_DYN	1

/* The test's, if CPUs come. */
void shim_set_cpu_up(int (*up)(unsigned int cpu)) __attribute__((weak));

static inline int cpuhp_setup_state_nocalls(int state, const char *name, int (*up)(unsigned int cpu),
					    int (*down)(unsigned int cpu))
{
	(void)name;
	if (shim_set_cpu_up)
		shim_set_cpu_up(up);
	(void)down;
	return state;
}

static inline void cpuhp_remove_state_nocalls(int state)
{
	(void)state;
}

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_CPU_H
#define SHIM_LINUX_CPU_H

/* One CPU. */
#define cpus_read_lock()		((void)0)
#define cpus_read_unlock()		((void)0)
#define num_online_cpus()		1
#define for_each_online_cpu(cpu)	for ((cpu) = 0; (cpu) < 1; (cpu)++)
#define for_each_possible_cpu(cpu)	for_each_online_cpu(cpu)

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_PERCPU_H
#define SHIM_LINUX_PERCPU_H

#define DEFINE_PER_CPU(type, name)	type name[1]
#define this_cpu_read(name)		((name)[0])
#define __this_cpu_write(name, v)	((void)((name)[0] = (v)))
#define per_cpu_ptr(name, cpu)		(&(*(name))[cpu])

#endif

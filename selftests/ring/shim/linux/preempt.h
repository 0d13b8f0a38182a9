/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_PREEMPT_H
#define SHIM_LINUX_PREEMPT_H

/* How often preemption has been switched off. */
__attribute__((weak)) int shim_preempt_off;

#define preempt_disable()	((void)shim_preempt_off++)
#define preempt_enable()	((void)shim_preempt_off--)

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * In the place of the shim's: see rwonce.h.
 */
#ifndef INTERLEAVE_ASM_BARRIER_H
#define INTERLEAVE_ASM_BARRIER_H

#include <asm/rwonce.h>

#define virt_mb()			il_fence()
#define virt_rmb()			((void)0)
#define virt_store_release(p, v)	il_store(p, v, sizeof(*(p)), true)
#define virt_load_acquire(p)		((typeof(*(p)))il_load(p, sizeof(*(p))))
#define smp_mb()			il_fence()
#define smp_store_release(p, v)		virt_store_release(p, v)
#define smp_load_acquire(p)		virt_load_acquire(p)
#define smp_mb__before_atomic()		il_fence()
#define smp_mb__after_atomic()		il_fence()

#endif

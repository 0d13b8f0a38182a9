/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_ASM_BARRIER_H
#define SHIM_ASM_BARRIER_H

#include <asm/rwonce.h>

#define virt_mb()			__atomic_thread_fence(__ATOMIC_SEQ_CST)
#define virt_rmb()			__atomic_thread_fence(__ATOMIC_ACQUIRE)
#define virt_wmb()			__atomic_thread_fence(__ATOMIC_RELEASE)
#define virt_store_release(p, v)	__atomic_store_n(p, v, __ATOMIC_RELEASE)
#define virt_load_acquire(p)		__atomic_load_n(p, __ATOMIC_ACQUIRE)
#define smp_mb()			virt_mb()
#define smp_rmb()			virt_rmb()
#define smp_wmb()			virt_wmb()
#define smp_store_mb(var, v)		__atomic_store_n(&(var), v, __ATOMIC_SEQ_CST)
#define smp_store_release(p, v)		virt_store_release(p, v)
#define smp_load_acquire(p)		virt_load_acquire(p)
#define xchg(p, v)			__atomic_exchange_n(p, v, __ATOMIC_SEQ_CST)
#define smp_mb__before_atomic()		virt_mb()
#define smp_mb__after_atomic()		virt_mb()

#endif

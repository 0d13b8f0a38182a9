/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_SPINLOCK_H
#define SHIM_LINUX_SPINLOCK_H

#include <linux/types.h>

/* One thread only. */
typedef struct {
	int held;
} spinlock_t;

/* The test's, if it wants to know: here a task may lose its CPU, which keeps it in between. */
void shim_may_lose_cpu(void);
#pragma weak shim_may_lose_cpu

static inline void shim_around_lock(void)
{
	if (shim_may_lose_cpu)
		shim_may_lose_cpu();
}

#define spin_lock_init(lock)			((void)((lock)->held = 0))
#define spin_lock(lock)				(shim_around_lock(), (void)(lock)->held++)
#define spin_unlock(lock)			((void)(lock)->held--, shim_around_lock())
#define spin_lock_bh(lock)			spin_lock(lock)
#define spin_unlock_bh(lock)			spin_unlock(lock)
#define spin_lock_irqsave(lock, flags)		((void)((flags) = (lock)->held++))
#define spin_unlock_irqrestore(lock, flags)	((void)((lock)->held = (int)(flags)))

#endif

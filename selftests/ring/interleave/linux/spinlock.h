/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * In the place of the shim's: a lock is an event, raised while it is free.
 */
#ifndef INTERLEAVE_LINUX_SPINLOCK_H
#define INTERLEAVE_LINUX_SPINLOCK_H

#include <linux/types.h>

#include "interleave.h"

typedef struct {
	bool is_free;
} spinlock_t;

#define spin_lock_init(lock)	((void)((lock)->is_free = true))

#define spin_lock(lock)			il_sleep(&(lock)->is_free)
#define spin_lock_bh(lock)		spin_lock(lock)
#define spin_lock_irqsave(lock, flags)	do { (flags) = 0; spin_lock(lock); } while (0)

/* Whoever takes the lock sees what its last holder wrote. */
#define spin_unlock(lock)		do { il_fence(); (lock)->is_free = true; } while (0)
#define spin_unlock_bh(lock)		spin_unlock(lock)
#define spin_unlock_irqrestore(lock, flags) do { (void)(flags); spin_unlock(lock); } while (0)

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A mutex that a work of the bus's waits for, taken by whoever is none: who loads a driver, say, or unbinds a device.
 *
 * All I/O waits for those works. They are bound to no CPU, and so go on where a real-time task has taken theirs. Others
 * may have been told to stay on it, and would keep the mutex for as long as that task likes.
 */
#ifndef _PV_LOCK_H
#define _PV_LOCK_H

#include <linux/delay.h>
#include <linux/mutex.h>
#include <linux/preempt.h>

/**
 * pvbus_lock_briefly() - take a mutex, and keep the CPU
 * @lock: the mutex; whoever else has it lets go of it before long
 *
 * Context: process; may sleep before it has it, and nobody may until pvbus_unlock_briefly(). It is never queued for:
 * a mutex may be handed to who is queued, when he has no CPU.
 */
static inline void pvbus_lock_briefly(struct mutex *lock)
{
	for (;;) {
		preempt_disable();
		if (mutex_trylock(lock))
			return;
		preempt_enable();
		usleep_range(100, 1000);
	}
}

/**
 * pvbus_unlock_briefly() - the other end
 * @lock: the mutex
 */
static inline void pvbus_unlock_briefly(struct mutex *lock)
{
	mutex_unlock(lock);
	preempt_enable();
}

#endif /* _PV_LOCK_H */

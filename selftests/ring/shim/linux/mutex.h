/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_MUTEX_H
#define SHIM_LINUX_MUTEX_H

#include <stdbool.h>
#include <stdlib.h>

/* One thread only: who would wait would wait for ever. */
struct mutex {
	int held;
};

#define DEFINE_MUTEX(name)	struct mutex name

static inline void mutex_init(struct mutex *lock)
{
	lock->held = 0;
}

/* The test's, if it wants to know. */
void shim_locked(struct mutex *lock) __attribute__((weak));

static inline void mutex_lock(struct mutex *lock)
{
	if (lock->held++)
		abort();
	if (shim_locked)
		shim_locked(lock);
}

static inline bool mutex_trylock(struct mutex *lock)
{
	if (lock->held)
		return false;
	mutex_lock(lock);
	return true;
}

static inline void mutex_unlock(struct mutex *lock)
{
	if (--lock->held)
		abort();
}

static inline void mutex_destroy(struct mutex *lock)
{
	if (lock->held)
		abort();
}

static inline void lockdep_assert_held(const struct mutex *lock)
{
	if (!lock->held)
		abort();
}

#endif

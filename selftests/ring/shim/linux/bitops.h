/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_BITOPS_H
#define SHIM_LINUX_BITOPS_H

#include <linux/types.h>
#include <linux/bits.h>

static inline bool test_bit(long nr, const unsigned long *word)
{
	const unsigned int bits = 8 * sizeof(*word);

	return __atomic_load_n(word + nr / bits, __ATOMIC_RELAXED) & BIT(nr % bits);
}

static inline void set_bit(long nr, unsigned long *word)
{
	__atomic_fetch_or(word, BIT(nr), __ATOMIC_RELAXED);
}


static inline bool test_bit_acquire(long nr, const unsigned long *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE) & BIT(nr);
}

static inline void clear_bit(long nr, unsigned long *word)
{
	__atomic_fetch_and(word, ~BIT(nr), __ATOMIC_RELAXED);
}

static inline void __set_bit(long nr, unsigned long *map)
{
	map[nr / (8 * sizeof(*map))] |= BIT(nr % (8 * sizeof(*map)));
}

static inline void __clear_bit(long nr, unsigned long *map)
{
	map[nr / (8 * sizeof(*map))] &= ~BIT(nr % (8 * sizeof(*map)));
}

static inline bool test_and_set_bit(long nr, unsigned long *word)
{
	return __atomic_fetch_or(word, BIT(nr), __ATOMIC_SEQ_CST) & BIT(nr);
}

static inline bool test_and_set_bit_lock(long nr, unsigned long *word)
{
	return __atomic_fetch_or(word, BIT(nr), __ATOMIC_ACQUIRE) & BIT(nr);
}

static inline bool test_and_clear_bit(long nr, unsigned long *word)
{
	return __atomic_fetch_and(word, ~BIT(nr), __ATOMIC_SEQ_CST) & BIT(nr);
}

static inline void clear_bit_unlock(long nr, unsigned long *word)
{
	__atomic_fetch_and(word, ~BIT(nr), __ATOMIC_RELEASE);
}

#endif

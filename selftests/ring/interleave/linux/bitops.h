/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * In the place of the shim's: see asm/rwonce.h.
 */
#ifndef INTERLEAVE_LINUX_BITOPS_H
#define INTERLEAVE_LINUX_BITOPS_H

#include <linux/bits.h>

#include "interleave.h"

static inline bool test_bit(long nr, const unsigned long *word)
{
	return il_load(word, sizeof(*word)) & BIT(nr);
}

/* Of what a lock guards. */
static inline void __set_bit(long nr, unsigned long *map)
{
	map[nr / (8 * sizeof(*map))] |= BIT(nr % (8 * sizeof(*map)));
}

static inline void __clear_bit(long nr, unsigned long *map)
{
	map[nr / (8 * sizeof(*map))] &= ~BIT(nr % (8 * sizeof(*map)));
}

static inline void set_bit(long nr, unsigned long *word)
{
	il_exchange_bits(word, sizeof(*word), 0, BIT(nr));
}

static inline bool test_and_set_bit_lock(long nr, unsigned long *word)
{
	return il_exchange_bits(word, sizeof(*word), 0, BIT(nr)) & BIT(nr);
}

static inline bool test_and_clear_bit(long nr, unsigned long *word)
{
	return il_exchange_bits(word, sizeof(*word), BIT(nr), 0) & BIT(nr);
}

static inline void clear_bit_unlock(long nr, unsigned long *word)
{
	il_exchange_bits(word, sizeof(*word), BIT(nr), 0);
}

#endif

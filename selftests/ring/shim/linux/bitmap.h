/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_BITMAP_H
#define SHIM_LINUX_BITMAP_H

#include <stdlib.h>
#include <string.h>
#include <linux/bitops.h>
#include <linux/types.h>

#define BITS_PER_LONG		(8 * sizeof(long))
#define BITS_TO_LONGS(nr)	(((nr) + BITS_PER_LONG - 1) / BITS_PER_LONG)

static inline void bitmap_zero(unsigned long *bits, unsigned int nr)
{
	memset(bits, 0, BITS_TO_LONGS(nr) * sizeof(long));
}

/* Up to 64 bits. */
#define for_each_clear_bit(bit, bits, nr) \
	for ((bit) = 0; (bit) < (nr); (bit)++) \
		if (!test_bit(bit, bits))

#define bitmap_zalloc(nr, gfp)	calloc(BITS_TO_LONGS(nr), sizeof(long))
#define bitmap_free(map)	free(map)

static inline unsigned long find_first_bit(const unsigned long *map, unsigned long bits)
{
	unsigned long nr;

	for (nr = 0; nr < bits && !test_bit(nr, map); nr++)
		;
	return nr;
}

#endif

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that a process has beforehand, for what may not fail when the host gives no more (ulimit -v).
 *
 * A message is an object of a library that ends the process where it gets no memory. So there is always some
 * for messages: what is added later, and can be refused, asks whether more than that is left.
 */
#include "lib/proc/memory.h"

#include <malloc.h>
#include <stdlib.h>

/* All statistics of all devices take a few MiB. */
#define LEAST_LEN	(8 << 20)
#define RESERVE_LEN	(16 << 20)
/* Of the C library's, the largest there is. */
#define MMAP_LEN	(32 << 20)

void hostd_memory_reserve(void)
{
#ifdef M_TOP_PAD
	/* From the heap, which grows and shrinks by so much at a time. */
	mallopt(M_MMAP_THRESHOLD, MMAP_LEN);
	mallopt(M_TOP_PAD, RESERVE_LEN);
	mallopt(M_TRIM_THRESHOLD, 4 * RESERVE_LEN);
#endif
	free(malloc(RESERVE_LEN));
}

bool hostd_memory_is_short(void)
{
	void *some = malloc(LEAST_LEN);

	free(some);
	return !some;
}

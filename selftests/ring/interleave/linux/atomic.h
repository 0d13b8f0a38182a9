/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * In the place of the shim's: see asm/rwonce.h. Between two accesses to it nobody else runs.
 */
#ifndef INTERLEAVE_LINUX_ATOMIC_H
#define INTERLEAVE_LINUX_ATOMIC_H

#include "interleave.h"

typedef struct {
	int counter;
} atomic_t;

static inline int il_add(atomic_t *v, int i)
{
	il_fence();
	return v->counter += i;
}

/* What nobody else writes meanwhile, or what is a hint. */
#define atomic_set(v, i)		((void)((v)->counter = (i)))
#define atomic_read(v)			((v)->counter)

#define atomic_add(i, v)		((void)il_add(v, i))
#define atomic_inc(v)			((void)il_add(v, 1))
#define atomic_dec(v)			((void)il_add(v, -1))
#define atomic_fetch_add(i, v)		(il_add(v, i) - (int)(i))
#define atomic_dec_and_test(v)		(!il_add(v, -1))
#define atomic_dec_return_release(v)	il_add(v, -1)
#define atomic_read_acquire(v)		((int)il_load(&(v)->counter, sizeof((v)->counter)))

#endif

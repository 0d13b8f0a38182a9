/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_SLAB_H
#define SHIM_LINUX_SLAB_H

#include <stdlib.h>

#define GFP_KERNEL		0
#define kzalloc(size, gfp)	shim_alloc(1, size)
#define kcalloc(nr, size, gfp)	shim_alloc(nr, size)
#define kfree(p)		free(p)
#define kmalloc(size, gfp)	shim_alloc(1, size)
#define kvzalloc(size, gfp)	shim_alloc(1, size)
#define kvcalloc(nr, size, gfp)	shim_alloc(nr, size)
#define kvfree(p)		free(p)

/* So many allocations succeed; negative: all do. */
__attribute__((weak)) int shim_allocations = -1;

static inline void *shim_alloc(size_t nr, size_t size)
{
	if (!shim_allocations)
		return NULL;
	shim_allocations--;
	return calloc(nr, size);
}

#endif

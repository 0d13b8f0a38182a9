/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_GENALLOC_H
#define SHIM_LINUX_GENALLOC_H

#include <linux/types.h>

struct gen_pool;

struct gen_pool_chunk {
	unsigned long start_addr;
	unsigned long end_addr;
	unsigned long bits[];
};

/* The allocator is not under test: shm.c is wanted for pvshm_at() and pvshm_copy(). */
static inline struct gen_pool *gen_pool_create(int order, int node)
{
	(void)order;
	(void)node;
	return NULL;
}

static inline int gen_pool_add(struct gen_pool *pool, unsigned long start, size_t len, int node)
{
	(void)pool;
	(void)start;
	(void)len;
	return node;
}

static inline void gen_pool_destroy(struct gen_pool *pool)
{
	(void)pool;
}

static inline unsigned long gen_pool_alloc(struct gen_pool *pool, size_t len)
{
	(void)pool;
	(void)len;
	return 0;
}

static inline void gen_pool_free(struct gen_pool *pool, unsigned long start, size_t len)
{
	(void)pool;
	(void)start;
	(void)len;
}

#define gen_pool_for_each_chunk(pool, fn, data)	((void)(pool), (void)(fn), (void)(data))

static inline size_t gen_pool_avail(struct gen_pool *pool)
{
	(void)pool;
	return 0;
}

#endif

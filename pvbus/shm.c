// SPDX-License-Identifier: GPL-2.0-only
/*
 * The window: the one function that turns an offset into a pointer, and the
 * allocator of the space.
 */
#include <linux/bitmap.h>
#include <linux/export.h>
#include <linux/genalloc.h>
#include <linux/log2.h>
#include <linux/numa.h>
#include <linux/string.h>
#include <pv/shm.h>
#include <uapi/pv/abi.h>

/**
 * pvshm_at() - turn an offset and length into a pointer
 * @shm: the window
 * @off: where it starts
 * @len: bytes that must lie inside the window
 *
 * Any context. Return: the place, or NULL if any of it lies outside the window.
 */
void *pvshm_at(const struct pvshm *shm, pvshm_off_t off, u64 len)
{
	if (pvshm_raw(off) > shm->len || len > shm->len - pvshm_raw(off))
		return NULL;
	return shm->base + pvshm_raw(off);
}
EXPORT_SYMBOL_GPL(pvshm_at);

/**
 * pvshm_copy() - copy a structure out of the window, once
 * @dst: private memory
 * @src: place in the window
 * @len: bytes
 *
 * Out of line, so that the compiler cannot read @src again later instead of @dst.
 */
noinline void pvshm_copy(void *dst, const void *src, size_t len)
{
	memcpy(dst, src, len);
}
EXPORT_SYMBOL_GPL(pvshm_copy);

/**
 * pvshm_init_space() - hand the space to the allocator
 * @shm: the window
 * @off: start of the space, page aligned, not 0
 * @len: its length in bytes
 *
 * May sleep. Return: 0 or -ENOMEM.
 */
int pvshm_init_space(struct pvshm *shm, pvshm_off_t off, u64 len)
{
	int err;

	shm->pool = gen_pool_create(ilog2(PV_PAGE_SIZE), NUMA_NO_NODE);
	if (!shm->pool)
		return -ENOMEM;

	err = gen_pool_add(shm->pool, pvshm_raw(off), len, NUMA_NO_NODE);
	if (err)
		pvshm_exit_space(shm);
	return err;
}

static void forget_taken(struct gen_pool *pool, struct gen_pool_chunk *chunk, void *unused)
{
	bitmap_zero(chunk->bits,
		    (chunk->end_addr - chunk->start_addr + 1) >> ilog2(PV_PAGE_SIZE));
}

/**
 * pvshm_exit_space() - end the allocator
 * @shm: the window; no longer in use
 */
void pvshm_exit_space(struct pvshm *shm)
{
	if (!shm->pool)
		return;
	/* What a silent device side may still write to was never freed; a pool insists on it. */
	gen_pool_for_each_chunk(shm->pool, forget_taken, NULL);
	gen_pool_destroy(shm->pool);
	shm->pool = NULL;
}

/**
 * pvshm_alloc() - take a piece of the space
 * @shm: the window
 * @len: bytes; rounded up to pages
 *
 * Any context. Return: a page aligned offset, or PVSHM_NONE when the space is used up.
 */
pvshm_off_t pvshm_alloc(struct pvshm *shm, u64 len)
{
	return pvshm_off(gen_pool_alloc(shm->pool, len));
}

/**
 * pvshm_free() - give a piece of the space back
 * @shm: the window
 * @off: what pvshm_alloc() returned; PVSHM_NONE is ignored
 * @len: the length it was allocated with
 */
void pvshm_free(struct pvshm *shm, pvshm_off_t off, u64 len)
{
	if (off != PVSHM_NONE)
		gen_pool_free(shm->pool, pvshm_raw(off), len);
}

/**
 * pvshm_avail() - free bytes of the space, not necessarily in one piece
 * @shm: the window
 */
u64 pvshm_avail(const struct pvshm *shm)
{
	return gen_pool_avail(shm->pool);
}

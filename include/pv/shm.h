/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The window as the guest sees it: offsets, checked pointers, the allocator.
 */
#ifndef _PV_SHM_H
#define _PV_SHM_H

#include <linux/types.h>

struct gen_pool;

/* A place in the window; never a pointer, never plain arithmetic by accident. */
typedef u64 __bitwise pvshm_off_t;

#define PVSHM_NONE		((__force pvshm_off_t)0)

static inline u64 pvshm_raw(pvshm_off_t off)
{
	return (__force u64)off;
}

static inline pvshm_off_t pvshm_off(u64 off)
{
	return (__force pvshm_off_t)off;
}

/**
 * struct pvshm - a mapped window
 * @base: start of the mapping
 * @len: its length in bytes
 * @pool: free pages of the space; NULL before pvshm_init_space()
 */
struct pvshm {
	void		*base;
	u64		len;
	struct gen_pool	*pool;
};

void *pvshm_at(const struct pvshm *shm, pvshm_off_t off, u64 len);
void pvshm_copy(void *dst, const void *src, size_t len);
void pvshm_move(void *dst, const void *src, size_t len);

int pvshm_init_space(struct pvshm *shm, pvshm_off_t off, u64 len);
void pvshm_exit_space(struct pvshm *shm);
pvshm_off_t pvshm_alloc(struct pvshm *shm, u64 len);
void pvshm_free(struct pvshm *shm, pvshm_off_t off, u64 len);
u64 pvshm_avail(const struct pvshm *shm);

#endif /* _PV_SHM_H */

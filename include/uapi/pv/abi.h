/* SPDX-License-Identifier: ((GPL-2.0-only WITH Linux-syscall-note) OR BSD-3-Clause) */
/*
 * What every header of the pvkit wire shares: base types and size assertions.
 *
 * All fields are little-endian, naturally aligned, and read at most once from
 * shared memory. A sender writes 0 into reserved fields; a receiver ignores
 * them until a negotiated feature says otherwise. See Documentation/abi/.
 */
#ifndef _UAPI_PV_ABI_H
#define _UAPI_PV_ABI_H

#include <linux/types.h>

#ifdef __KERNEL__
#include <linux/build_bug.h>
#include <linux/stddef.h>
#else
#include <stddef.h>
#endif

#if defined(__cplusplus) || defined(__KERNEL__)
#define PV_ASSERT(cond) static_assert(cond, #cond)
#else
#define PV_ASSERT(cond) _Static_assert(cond, #cond)
#endif

#define PV_ASSERT_SIZE(type, size) PV_ASSERT(sizeof(struct type) == (size))
#define PV_ASSERT_OFFSET(type, member, off) \
	PV_ASSERT(offsetof(struct type, member) == (off))

/* Sizes that both sides rely on. */
#define PV_CACHE_LINE	64
#define PV_PAGE_SIZE	4096

/* The only version of the window so far; see bus.h for the negotiation. */
#define PV_ABI_VERSION	1

#endif /* _UAPI_PV_ABI_H */

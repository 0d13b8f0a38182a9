/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The shim: what the guest's files take from the kernel, for a build in user
 * space. Only what those need that are tested so; their Makefiles say which.
 */
#ifndef SHIM_LINUX_TYPES_H
#define SHIM_LINUX_TYPES_H

#include_next <linux/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <asm/rwonce.h>

/* What races there is meant to: the kernel's watcher is told, ThreadSanitizer has its own means. */
#define data_race(expr)	(expr)

typedef __u8	u8;
typedef __u16	u16;
typedef __u32	u32;
typedef __u64	u64;
typedef __u64	phys_addr_t;
typedef __s32	s32;
typedef __s64	s64;

#ifndef __force
#define __force
#endif
#define min(a, b)	((a) < (b) ? (a) : (b))
#define max(a, b)	((a) > (b) ? (a) : (b))
#define min3(a, b, c)	min(min(a, b), c)
#define clamp_t(type, v, lo, hi) \
	((type)min(max((type)(v), (type)(lo)), (type)(hi)))
#define min_t(type, a, b)	((type)min((type)(a), (type)(b)))
#define max_t(type, a, b)	((type)max((type)(a), (type)(b)))
#define clamp(v, lo, hi)	min(max(v, lo), hi)
#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))
#define round_down(n, to)	((n) & ~((__typeof__(n))(to) - 1))
#define round_up(n, to)		round_down((n) + (to) - 1, to)
#define DIV_ROUND_UP(n, to)	(((n) + (to) - 1) / (to))
#define min_not_zero(a, b)	((a) && ((a) < (b) || !(b)) ? (a) : (b))
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)
#define fallthrough	__attribute__((fallthrough))
#define noinline	__attribute__((noinline))
#define __packed	__attribute__((packed))

#endif

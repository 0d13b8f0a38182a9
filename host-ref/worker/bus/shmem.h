/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Access to memory that the guest shares: the only way the device side reads or writes it.
 *
 * The other side may change any byte at any time. Each accessor is one access
 * that the compiler neither repeats nor splits; what is more than a word is
 * copied once, and the copy is checked and used. Places are naturally aligned.
 */
#ifndef HOSTD_SHMEM_H
#define HOSTD_SHMEM_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/types.h>

/* Words of structures of any type. */
typedef uint32_t __attribute__((may_alias)) hostd_word32;
typedef uint64_t __attribute__((may_alias)) hostd_word64;

/* Loads and stores without an order (relaxed). */
static inline uint32_t hostd_load32(const __le32 *p)
{
	return le32toh(__atomic_load_n(p, __ATOMIC_RELAXED));
}

static inline uint64_t hostd_load64(const __le64 *p)
{
	return le64toh(__atomic_load_n(p, __ATOMIC_RELAXED));
}

static inline void hostd_store32(__le32 *p, uint32_t v)
{
	__atomic_store_n(p, htole32(v), __ATOMIC_RELAXED);
}

static inline void hostd_store64(__le64 *p, uint64_t v)
{
	__atomic_store_n(p, htole64(v), __ATOMIC_RELAXED);
}

/* What the other side wrote before its release of this word is seen after. */
static inline uint32_t hostd_load32_acquire(const __le32 *p)
{
	return le32toh(__atomic_load_n(p, __ATOMIC_ACQUIRE));
}

/* What was written before is seen by whoever acquires this word. */
static inline void hostd_store32_release(__le32 *p, uint32_t v)
{
	__atomic_store_n(p, htole32(v), __ATOMIC_RELEASE);
}

static inline void hostd_store64_release(__le64 *p, uint64_t v)
{
	__atomic_store_n(p, htole64(v), __ATOMIC_RELEASE);
}

/* Read barrier: loads before it are done before loads after it. */
static inline void hostd_read_barrier(void)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
}

/* Full barrier: stores before it are visible before loads after it. */
static inline void hostd_full_barrier(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* Who looks again and again tells the core. */
static inline void hostd_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

/**
 * hostd_copy_in - copy out of shared memory, each word once
 * @dst: private memory, 8-byte aligned
 * @src: place in the window, 8-byte aligned
 * @len: bytes, a multiple of 8
 */
static inline void hostd_copy_in(void *dst, const void *src, size_t len)
{
	const hostd_word64 *from = src;
	hostd_word64 *to = dst;
	size_t i;

	for (i = 0; i < len / sizeof(*to); i++)
		to[i] = __atomic_load_n(from + i, __ATOMIC_RELAXED);
}

/**
 * hostd_is_same - compare shared memory with a private copy, each word once
 * @shared: place in the window, 8-byte aligned
 * @copy: private memory, 8-byte aligned
 * @len: bytes, a multiple of 8
 *
 * Return: true if they are the same.
 */
static inline bool hostd_is_same(const void *shared, const void *copy, size_t len)
{
	const hostd_word64 *a = shared, *b = copy;
	size_t i;

	for (i = 0; i < len / sizeof(*a); i++) {
		if (__atomic_load_n(a + i, __ATOMIC_RELAXED) != b[i])
			return false;
	}
	return true;
}

/**
 * hostd_copy_out - copy into shared memory
 * @dst: place in the window, 4-byte aligned
 * @src: private memory, 4-byte aligned
 * @len: bytes, a multiple of 4
 */
static inline void hostd_copy_out(void *dst, const void *src, size_t len)
{
	const hostd_word32 *from = src;
	hostd_word32 *to = dst;
	size_t i;

	for (i = 0; i < len / sizeof(*to); i++)
		__atomic_store_n(to + i, from[i], __ATOMIC_RELAXED);
}

#endif /* HOSTD_SHMEM_H */

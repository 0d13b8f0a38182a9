// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copying data into and out of the window: by the kernel's memcpy(), or by words.
 *
 * memcpy() may use string instructions, where the CPU says that they are fast. A CPU that is emulated
 * executes them step by step, whatever it says: words are 1.4 times as fast there as "rep movsq", and
 * 8 times as fast as "rep movsb". So it is measured.
 */
#include <linux/cache.h>
#include <linux/export.h>
#include <linux/ktime.h>
#include <linux/limits.h>
#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "pvbus.h"

/* Copied by each in turn, so often: the first times say nothing. */
#define SAMPLE_LEN	SZ_16K
#define SAMPLES		8

static bool by_words __ro_after_init;
module_param_named(copy_by_words, by_words, bool, 0444);
MODULE_PARM_DESC(copy_by_words, "shows whether data is copied by words, as that is faster than memcpy()");

/* Eight at once, wherever they lie. */
struct words {
	u64	a, b, c, d, e, f, g, h;
} __packed;

static void copy_words(void *dst, const void *src, size_t len)
{
	const struct words *from = src;
	struct words *to = dst;

	for (; len >= sizeof(*to); len -= sizeof(*to), from++, to++) {
		u64 a = from->a, b = from->b, c = from->c, d = from->d;
		u64 e = from->e, f = from->f, g = from->g, h = from->h;

		to->a = a;
		to->b = b;
		to->c = c;
		to->d = d;
		to->e = e;
		to->f = f;
		to->g = g;
		to->h = h;
	}
	memcpy(to, from, len);
}

/**
 * pvshm_move() - copy data into the window or out of it, once
 * @dst: where to
 * @src: where from; does not overlap @dst
 * @len: bytes
 *
 * Any context.
 */
void pvshm_move(void *dst, const void *src, size_t len)
{
	if (by_words)
		copy_words(dst, src, len);
	else
		memcpy(dst, src, len);
}
EXPORT_SYMBOL_GPL(pvshm_move);

/* The fastest of all: nothing but luck makes one faster than it is. */
static u64 __init measure(void (*copy)(void *dst, const void *src, size_t len), u8 *buffer)
{
	u64 start, best = U64_MAX;
	unsigned int i;

	for (i = 0; i < SAMPLES; i++) {
		start = ktime_get_ns();
		copy(buffer + SAMPLE_LEN, buffer, SAMPLE_LEN);
		best = min(best, ktime_get_ns() - start);
	}
	return best;
}

static void __init copy_as_kernel(void *dst, const void *src, size_t len)
{
	memcpy(dst, src, len);
}

/**
 * pvbus_choose_copy() - find out what is faster here
 *
 * It has to be clearly so: memcpy() is made for this CPU. Context: process.
 */
void __init pvbus_choose_copy(void)
{
	u8 *buffer = kzalloc(2 * SAMPLE_LEN, GFP_KERNEL);

	if (!buffer)
		return;
	by_words = measure(copy_words, buffer) * 6 / 5 < measure(copy_as_kernel, buffer);
	kfree(buffer);
}

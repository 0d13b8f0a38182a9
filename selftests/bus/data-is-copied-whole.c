// SPDX-License-Identifier: GPL-2.0-only
/*
 * Data of any length, from anywhere to anywhere, is copied whole, and nothing beside it is touched, whether
 * memcpy() or words do it; and memcpy() does where words are not clearly faster.
 */
#include <string.h>

#include "../../pvbus/pvbus.h"
#include "ktap.h"

#define LEN_MAX		300
#define OFFSETS		9
#define AROUND		16

bool *shim_param_copy_by_words(void);

static u8 from[OFFSETS + LEN_MAX], to[AROUND + OFFSETS + LEN_MAX + AROUND];

static bool is(const u8 *at, size_t len, u8 value)
{
	while (len--)
		if (*at++ != value)
			return false;
	return true;
}

static bool copies(size_t src, size_t dst, size_t len)
{
	memset(to, 0xee, sizeof(to));
	pvshm_move(to + AROUND + dst, from + src, len);
	return !memcmp(to + AROUND + dst, from + src, len) && is(to, AROUND + dst, 0xee) &&
	       is(to + AROUND + dst + len, sizeof(to) - AROUND - dst - len, 0xee);
}

static bool copies_all(bool by_words)
{
	size_t src, dst, len;

	*shim_param_copy_by_words() = by_words;
	for (src = 0; src < OFFSETS; src++)
		for (dst = 0; dst < OFFSETS; dst++)
			for (len = 0; len <= LEN_MAX; len++)
				if (!copies(src, dst, len))
					return false;
	return true;
}

int main(void)
{
	size_t i;

	ktap_plan(3);
	for (i = 0; i < sizeof(from); i++)
		from[i] = i * 7 + i / 256;
	ktap_ok(copies_all(false), "by memcpy()");
	ktap_ok(copies_all(true), "by words");
	/* A copy takes one look at the clock here, whoever makes it. */
	*shim_param_copy_by_words() = true;
	pvbus_choose_copy();
	ktap_ok(!*shim_param_copy_by_words(), "memcpy() where words are no faster");
	return ktap_finish();
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pool of a queue's room: no byte is in two pieces, a piece is as long as wanted if there is one as long,
 * and when all have come back it is whole, whatever its length and the order of things. pvblk/pool.c as it is.
 */
#include <stdlib.h>
#include <string.h>

#include "../../pvblk/pvblk.h"

#include "ktap.h"

#define UNIT		(1u << PVBLK_PIECE_MIN_SHIFT)
#define UNITS_MAX	100
#define PIECES		64
#define STEPS		200000

static struct pvblk_pool pool;
static unsigned char taken[UNITS_MAX];
static struct { u32 off, len; } pieces[PIECES];
static unsigned int units;

static u32 whole(u32 wanted)
{
	u32 len = UNIT;

	while (len < wanted && len < PVBLK_IO_MAX)
		len *= 2;
	return len;
}

/* Is there a free place of that length, as pieces lie? */
static bool is_free(u32 len)
{
	u32 nr = len / UNIT, i;

	for (i = 0; i + nr <= units; i += nr)
		if (!memchr(taken + i, 1, nr))
			return true;
	return false;
}

static bool get(unsigned int i)
{
	u32 wanted = 1 + rand() % PVBLK_IO_MAX, len = whole(wanted), off = 0, got, unit;

	while (len >= UNIT && !is_free(len))
		len /= 2;
	got = pvblk_pool_get(&pool, wanted, &off);
	if (got != (len < UNIT ? 0 : len) || (got && off % got))
		return false;
	for (unit = off / UNIT; unit < (off + got) / UNIT; unit++)
		if (unit >= units || taken[unit]++)
			return false;
	pieces[i].off = off;
	pieces[i].len = got;
	return true;
}

static void put(unsigned int i)
{
	memset(taken + pieces[i].off / UNIT, 0, pieces[i].len / UNIT);
	pvblk_pool_put(&pool, pieces[i].off, pieces[i].len);
	pieces[i].len = 0;
}

/* Pieces come and go, and at last all have gone. */
static bool exercise(unsigned int steps)
{
	bool good = true;
	unsigned int i;

	while (good && steps--) {
		i = rand() % PIECES;
		if (pieces[i].len)
			put(i);
		else
			good = get(i);
	}
	for (i = 0; i < PIECES; i++)
		if (pieces[i].len)
			put(i);
	return good;
}

static bool is_whole(void)
{
	u32 largest = PVBLK_IO_MAX, left = units * UNIT, off, len;

	while (left) {
		while (largest > left)
			largest /= 2;
		len = pvblk_pool_get(&pool, PVBLK_IO_MAX, &off);
		if (len != largest)
			return false;
		left -= len;
	}
	return !pvblk_pool_get(&pool, UNIT, &off);
}

int main(void)
{
	bool apart = true, joined = true;

	ktap_plan(2);
	srand(1);
	for (units = 0; units <= UNITS_MAX; units++) {
		memset(&pool, 0, sizeof(pool));
		if (pvblk_pool_init(&pool, units * UNIT))
			abort();
		apart &= exercise(STEPS / UNITS_MAX);
		joined &= is_whole();
		pvblk_pool_exit(&pool);
	}
	ktap_ok(apart, "pieces are apart, and as long as can be");
	ktap_ok(joined, "what has come back is one again");
	return ktap_finish();
}

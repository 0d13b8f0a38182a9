// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each structure on the wire is what it was when it was published: members, offsets and bytes
 * (layout.h), with no hole between two members, each aligned naturally, the whole a multiple
 * of 8; and the numbers that the specification quotes are what it says.
 */
#include <string.h>

#include <pv/balloon.h>
#include <pv/blk.h>
#include <pv/bus.h>
#include <pv/clock.h>
#include <pv/net.h>
#include <pv/ring.h>

#include "ktap.h"

struct member {
	const char *type, *name;
	size_t off, bytes;		/* as published */
	size_t real_off, real_bytes;
	size_t align;
	bool is_end;
};

#define MEMBER(type, member, off, bytes)						\
	{ #type, #member, off, bytes, offsetof(struct type, member),			\
	  sizeof(((struct type *)0)->member),						\
	  __alignof__(((struct type *)0)->member), false },
#define END(type, bytes) \
	{ #type, "(all)", 0, bytes, 0, sizeof(struct type), __alignof__(struct type), true },

static const struct member members[] = {
#include "layout.h"
};

#define NR_MEMBERS	(sizeof(members) / sizeof(members[0]))

static bool type_is_right(const struct member *m, const struct member *end)
{
	size_t next = 0;

	for (; m != end; m++) {
		if (m->off != m->real_off || m->bytes != m->real_bytes || m->off != next ||
		    m->off % m->align) {
			ktap_note("%s.%s: published at %zu with %zu bytes, is at %zu with %zu",
				  m->type, m->name, m->off, m->bytes, m->real_off, m->real_bytes);
			return false;
		}
		next = m->off + m->bytes;
	}
	if (next == end->bytes && end->bytes == end->real_bytes && next % 8 == 0)
		return true;
	ktap_note("%s: published with %zu bytes, has %zu, its members %zu", end->type, end->bytes,
		  end->real_bytes, next);
	return false;
}

static unsigned int count_types(void)
{
	unsigned int i, nr = 0;

	for (i = 0; i < NR_MEMBERS; i++)
		nr += members[i].is_end;
	return nr;
}

struct number {
	const char *name;
	unsigned long long is, published;
};

#define NUMBER(name, value)	{ #name, name, value }

/* Never renumbered, never used again for something else. */
static const struct number numbers[] = {
	NUMBER(PV_CACHE_LINE, 64), NUMBER(PV_PAGE_SIZE, 4096), NUMBER(PV_ABI_VERSION, 1),
	NUMBER(PVBUS_MAX_DEVICES, 64), NUMBER(PVBUS_MAX_QUEUES, 64), NUMBER(PVBUS_CONFIG_MAX, 4096),
	NUMBER(PVBUS_VECTOR_BUS, 0),
	NUMBER(PVBUS_T_BLK, 1), NUMBER(PVBUS_T_NET, 2), NUMBER(PVBUS_T_CLOCK, 3),
	NUMBER(PVBUS_T_BALLOON, 4),
	NUMBER(PVBUS_S_ABSENT, 0), NUMBER(PVBUS_S_RESET, 1), NUMBER(PVBUS_S_FEATURES_OK, 2),
	NUMBER(PVBUS_S_RUNNING, 3), NUMBER(PVBUS_S_BROKEN, 4),
	NUMBER(PVBUS_F_REPLACES, 0), NUMBER(PVBUS_DEV_REMOVE, 1), NUMBER(PVBUS_DEV_REPLACES, 2),
	NUMBER(PVBUS_CMD_HELLO, 1), NUMBER(PVBUS_CMD_BYE, 2), NUMBER(PVBUS_CMD_RESET, 3),
	NUMBER(PVBUS_CMD_FEATURES, 4), NUMBER(PVBUS_CMD_START, 5),
	NUMBER(PVBUS_R_OK, 0), NUMBER(PVBUS_R_VERSION, 1), NUMBER(PVBUS_R_REFUSED, 2),
	NUMBER(PVBUS_R_FEATURES, 3), NUMBER(PVBUS_R_QUEUES, 4), NUMBER(PVBUS_R_STATE, 5),
	NUMBER(PVBUS_R_OP, 6), NUMBER(PVBUS_R_GENERATION, 7),
	NUMBER(PVRING_SIZE_MIN, 2), NUMBER(PVRING_SIZE_MAX, 4096),
	NUMBER(PVRING_ENTRY_SHIFT_MIN, 4), NUMBER(PVRING_ENTRY_SHIFT_MAX, 7),
	NUMBER(PVRING_E_OVERRUN, 1), NUMBER(PVRING_E_ENTRY, 2),
	NUMBER(PVBLK_F_RO, 0), NUMBER(PVBLK_F_FLUSH, 1), NUMBER(PVBLK_F_FUA, 2),
	NUMBER(PVBLK_F_DISCARD, 3), NUMBER(PVBLK_F_WRITE_ZEROES, 4), NUMBER(PVBLK_F_UNMAP, 5),
	NUMBER(PVBLK_F_SWITCH_RO, 6), NUMBER(PVBLK_CFG_RO, 1),
	NUMBER(PVBLK_OP_READ, 0), NUMBER(PVBLK_OP_WRITE, 1), NUMBER(PVBLK_OP_FLUSH, 2),
	NUMBER(PVBLK_OP_DISCARD, 3), NUMBER(PVBLK_OP_WRITE_ZEROES, 4),
	NUMBER(PVBLK_RQ_FUA, 1), NUMBER(PVBLK_RQ_UNMAP, 2),
	NUMBER(PVBLK_S_OK, 0), NUMBER(PVBLK_S_IOERR, 1), NUMBER(PVBLK_S_NOSPC, 2),
	NUMBER(PVBLK_S_UNSUPP, 3), NUMBER(PVBLK_S_RANGE, 4), NUMBER(PVBLK_S_RDONLY, 5),
	NUMBER(PVBLK_SECTOR_SHIFT, 9), NUMBER(PVBLK_SQE_SHIFT, 6), NUMBER(PVBLK_CQE_SHIFT, 4),
	NUMBER(PVCLOCK_COUNTER_NONE, 0), NUMBER(PVCLOCK_COUNTER_X86_TSC, 1),
	NUMBER(PVCLOCK_COUNTER_ARM_VCT, 2), NUMBER(PVCLOCK_OP_READ, 0),
	NUMBER(PVCLOCK_S_OK, 0), NUMBER(PVCLOCK_S_UNSUPP, 1), NUMBER(PVCLOCK_SHIFT_MAX, 63),
	NUMBER(PVCLOCK_SQE_SHIFT, 4), NUMBER(PVCLOCK_CQE_SHIFT, 6),
	NUMBER(PVBALLOON_F_RETURN, 0), NUMBER(PVBALLOON_F_REPORT, 1), NUMBER(PVBALLOON_F_STATS, 2),
	NUMBER(PVBALLOON_OP_REGION, 0), NUMBER(PVBALLOON_OP_INFLATE, 1),
	NUMBER(PVBALLOON_OP_DEFLATE, 2), NUMBER(PVBALLOON_OP_REPORT, 3),
	NUMBER(PVBALLOON_OP_STATS, 4), NUMBER(PVBALLOON_OP_NOTHING, 255),
	NUMBER(PVBALLOON_S_OK, 0), NUMBER(PVBALLOON_S_SOME, 1),
	NUMBER(PVBALLOON_S_UNSUPP, 2), NUMBER(PVBALLOON_S_UNPROVEN, 3),
	NUMBER(PVBALLOON_S_OUTSIDE, 4), NUMBER(PVBALLOON_S_TWICE, 5),
	NUMBER(PVBALLOON_S_UNKNOWN, 6), NUMBER(PVBALLOON_S_REFUSED, 7),
	NUMBER(PVBALLOON_TARGET_AUTO, 0xffffffffffffffffULL), NUMBER(PVBALLOON_PAGE_SHIFT, 12),
	NUMBER(PVBALLOON_NONCE_LEN, 16), NUMBER(PVBALLOON_RANGES_MAX, 1024),
	NUMBER(PVBALLOON_REGIONS_MAX, 64), NUMBER(PVBALLOON_SQE_SHIFT, 5),
	NUMBER(PVBALLOON_CQE_SHIFT, 4),
	NUMBER(PVBALLOON_STAT_TOTAL, 0), NUMBER(PVBALLOON_STAT_FREE, 1),
	NUMBER(PVBALLOON_STAT_AVAILABLE, 2), NUMBER(PVBALLOON_STAT_CACHES, 3),
	NUMBER(PVBALLOON_STAT_SWAP_IN, 4), NUMBER(PVBALLOON_STAT_SWAP_OUT, 5),
	NUMBER(PVBALLOON_STAT_MAJOR_FAULTS, 6), NUMBER(PVBALLOON_STAT_MINOR_FAULTS, 7),
	NUMBER(PVBALLOON_STAT_HTLB_ALLOCS, 8), NUMBER(PVBALLOON_STAT_HTLB_FAILS, 9),
	NUMBER(PVBALLOON_STAT_OOM_KILLS, 10), NUMBER(PVBALLOON_STAT_ALLOC_STALLS, 11),
	NUMBER(PVBALLOON_STAT_ASYNC_SCANS, 12), NUMBER(PVBALLOON_STAT_DIRECT_SCANS, 13),
	NUMBER(PVBALLOON_STAT_ASYNC_RECLAIMS, 14), NUMBER(PVBALLOON_STAT_DIRECT_RECLAIMS, 15),
	NUMBER(PVBALLOON_STAT_PSI_SOME, 16), NUMBER(PVBALLOON_STAT_PSI_FULL, 17),
	NUMBER(PVBALLOON_STAT_GIVEN, 18), NUMBER(PVBALLOON_STAT_RELIEVED, 19),
	NUMBER(PVBALLOON_STAT_NR, 20),
};

static bool numbers_are_right(void)
{
	bool ok = true;
	unsigned int i;

	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (numbers[i].is == numbers[i].published)
			continue;
		ktap_note("%s is %llu, was published as %llu", numbers[i].name, numbers[i].is,
			  numbers[i].published);
		ok = false;
	}
	return ok;
}

/* "PVKITWIN" in the first 8 bytes of the window. */
static bool magic_reads_as_text(void)
{
	unsigned long long magic = PVBUS_MAGIC;
	char text[9] = "";
	int i;

	for (i = 0; i < 8; i++)
		text[i] = magic >> (8 * i);
	return !strcmp(text, "PVKITWIN");
}

int main(void)
{
	const struct member *first = members, *m;

	ktap_plan(count_types() + 2);
	for (m = members; m < members + NR_MEMBERS; m++) {
		if (!m->is_end)
			continue;
		ktap_ok(type_is_right(first, m), "struct %s", m->type);
		first = m + 1;
	}
	ktap_ok(numbers_are_right(), "every number is what was published");
	ktap_ok(magic_reads_as_text(), "the magic reads as PVKITWIN");
	return ktap_finish();
}

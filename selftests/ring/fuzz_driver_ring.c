// SPDX-License-Identifier: GPL-2.0-only
/*
 * The driver's half against a device that writes anything anywhere in both areas: the driver
 * keeps to its areas, writes what it should and nothing else, its counters move by one at a
 * time, and never more than `size` are outstanding (ABI-2, ABI-4, RING-G2).
 */
#include <string.h>

#include "fuzz.h"
#include "pair.h"

#define AREA_MAX	(64 + (64 << PVRING_ENTRY_SHIFT_MAX))

/* What the areas must hold: the driver's accesses are repeated here by the book. */
static u8 drv_wanted[AREA_MAX], dev_wanted[AREA_MAX];
static struct pair p;

static void check_areas(void)
{
	FUZZ_CHECK(!memcmp(drv_wanted, p.drv_area, p.drv_len));
	FUZZ_CHECK(!memcmp(dev_wanted, p.dev_area, p.dev_len));
}

static void want32(size_t off, u32 value)
{
	__le32 le = htole32(value);

	memcpy(drv_wanted + off, &le, sizeof(le));
}

static u8 *slot_in(u8 *area, u32 nr, u8 shift)
{
	return area + 64 + ((size_t)(nr % p.drv.size) << shift);
}

static void put(struct fuzz_input *in)
{
	u32 nr = p.drv.sq_next, outstanding = nr - p.drv.cq_next;
	u32 body = (1u << p.drv.sqe_shift) - 4;
	struct pair_entry e;
	bool fits = outstanding < p.drv.size;

	pair_fill(&e, p.drv.sqe_shift, fuzz_number(in, 1));
	FUZZ_CHECK(pvring_put(&p.drv, &e) == fits);
	FUZZ_CHECK(p.drv.sq_next == nr + fits);
	if (!fits)
		return;
	memcpy(slot_in(drv_wanted, nr, p.drv.sqe_shift), e.bytes, body);
	want32(slot_in(drv_wanted, nr, p.drv.sqe_shift) + body - drv_wanted, nr + 1);
}

static void get(void)
{
	const u8 *slot = slot_in(dev_wanted, p.drv.cq_next, p.drv.cqe_shift);
	u32 nr = p.drv.cq_next, seq;
	struct pair_entry e;
	bool is_there;

	memcpy(&seq, slot + (1u << p.drv.cqe_shift) - 4, sizeof(seq));
	is_there = le32toh(seq) == nr + 1;
	FUZZ_CHECK(pvring_pending(&p.drv) == is_there);
	FUZZ_CHECK(pvring_get(&p.drv, &e) == is_there);
	FUZZ_CHECK(p.drv.cq_next == nr + is_there);
	FUZZ_CHECK(!is_there || !memcmp(e.bytes, slot, 1u << p.drv.cqe_shift));
}

static void need_kick(void)
{
	u32 event, nr = p.drv.sq_seen;
	bool passes = false;

	memcpy(&event, dev_wanted, sizeof(event));
	for (; nr != p.drv.sq_next; nr++)
		passes |= nr == le32toh(event);
	FUZZ_CHECK(pvring_need_kick(&p.drv) == passes);
	FUZZ_CHECK(p.drv.sq_seen == p.drv.sq_next);
	FUZZ_CHECK(!pvring_need_kick(&p.drv));
}

static void arm(struct fuzz_input *in)
{
	u32 event = fuzz_number(in, 4), delay_us = fuzz_number(in, 2);

	FUZZ_CHECK(pvring_arm(&p.drv, event, delay_us) == pvring_pending(&p.drv));
	want32(offsetof(struct pvring_drv_ctrl, irq_event), event);
	want32(offsetof(struct pvring_drv_ctrl, irq_delay_us), delay_us);
}

/* Where it leaves irq_event is its own affair, as long as that is behind. */
static void disarm(void)
{
	const struct pvring_drv_ctrl *ctrl = p.drv_area;
	bool was_armed = p.drv.armed;
	u32 event;

	pvring_disarm(&p.drv);
	FUZZ_CHECK(!p.drv.armed);
	if (!was_armed)
		return;
	event = le32toh(ctrl->irq_event);
	FUZZ_CHECK(event - p.drv.cq_next > p.drv.size);
	want32(offsetof(struct pvring_drv_ctrl, irq_event), event);
	want32(offsetof(struct pvring_drv_ctrl, irq_delay_us), 0);
}

static void set_head(void)
{
	pvring_set_head(&p.drv);
	want32(offsetof(struct pvring_drv_ctrl, cq_head), p.drv.cq_next);
}

/* The device posts a completion as it should, or so it looks. */
static void post(struct fuzz_input *in)
{
	u32 nr = p.drv.cq_next + fuzz_number(in, 1) % 4, len = 1u << p.drv.cqe_shift;
	u8 *slot = slot_in(dev_wanted, nr, p.drv.cqe_shift);
	__le32 seq = htole32(PVRING_SEQ(nr));

	memset(slot, fuzz_number(in, 1), len);
	memcpy(slot + len - 4, &seq, sizeof(seq));
	memcpy(slot_in(p.dev_area, nr, p.drv.cqe_shift), slot, len);
}

static void scribble(struct fuzz_input *in, u8 *area, u8 *wanted, size_t len)
{
	size_t off = fuzz_number(in, 2) % len;
	size_t n = 1 + fuzz_number(in, 1) % 8;

	for (; n && off < len; n--, off++)
		area[off] = wanted[off] = fuzz_number(in, 1);
}

static void step(struct fuzz_input *in)
{
	switch (fuzz_number(in, 1) % 12) {
	case 0:
	case 1:
		put(in);
		break;
	case 2:
		need_kick();
		break;
	case 3:
	case 4:
		get();
		break;
	case 5:
		set_head();
		break;
	case 6:
		arm(in);
		break;
	case 7:
		disarm();
		break;
	case 8:
	case 9:
		post(in);
		break;
	case 10:
		scribble(in, p.dev_area, dev_wanted, p.dev_len);
		break;
	default:
		scribble(in, p.drv_area, drv_wanted, p.drv_len);
	}
	FUZZ_CHECK(pvring_error(&p.drv) == le32toh(((struct pvring_dev_ctrl *)p.dev_area)->error));
	check_areas();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_input in = { data, len };
	u32 size = 2u << fuzz_number(&in, 1) % 6;
	u8 sqe_shift = 4 + fuzz_number(&in, 1) % 4, cqe_shift = 4 + fuzz_number(&in, 1) % 4;
	u32 start = fuzz_number(&in, 1) % 2 ? 0 : (u32)-(fuzz_number(&in, 1) % 80);

	pair_init(&p, size, sqe_shift, cqe_shift, start);
	memcpy(drv_wanted, p.drv_area, p.drv_len);
	memcpy(dev_wanted, p.dev_area, p.dev_len);
	while (in.len)
		step(&in);
	pair_exit(&p);
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A queue with both its halves: pvbus/ring.c and host-ref/worker/bus/ring.c on the same memory.
 */
#ifndef SELFTESTS_RING_PAIR_H
#define SELFTESTS_RING_PAIR_H

#include <pv/ring.h>

#include "worker/bus/ring.h"

/* Bytes of the largest entry. */
#define PAIR_ENTRY_MAX	(1 << PVRING_ENTRY_SHIFT_MAX)

/* An entry, aligned as both halves want it. */
struct pair_entry {
	_Alignas(8) u8 bytes[PAIR_ENTRY_MAX];
};

/**
 * struct pair - a queue and its two halves
 * @drv: the driver's half
 * @dev: the device's half
 * @drv_area: driver area, of exactly @drv_len bytes
 * @dev_area: device area, of exactly @dev_len bytes
 * @drv_len: bytes
 * @dev_len: bytes
 */
struct pair {
	struct pvring	drv;
	struct hring	dev;
	void		*drv_area;
	void		*dev_area;
	size_t		drv_len;
	size_t		dev_len;
};

/**
 * pair_init - make a queue
 * @p: the queue
 * @size: entries
 * @sqe_shift: log2 of the bytes of a submission
 * @cqe_shift: log2 of the bytes of a completion
 * @start: number of the first submission and of the first completion; not 0: as if
 *	so many had come and gone, and neither side had ever asked for an event again
 *
 * Ends the program when it fails.
 */
void pair_init(struct pair *p, u32 size, u8 sqe_shift, u8 cqe_shift, u32 start);

/**
 * pair_exit - free a queue
 * @p: the queue
 */
void pair_exit(struct pair *p);

/**
 * pair_fill - contents for an entry
 * @entry: the entry
 * @shift: log2 of its bytes
 * @nr: the contents follow from this number
 *
 * All bytes but the sequence word; the first word is @nr itself.
 */
void pair_fill(struct pair_entry *entry, u8 shift, u32 nr);

/**
 * pair_matches - are these the contents that pair_fill() made
 * @entry: the entry
 * @shift: log2 of its bytes
 * @nr: what it was made from
 */
bool pair_matches(const struct pair_entry *entry, u8 shift, u32 nr);

/**
 * pair_id - first word of an entry
 * @entry: the entry
 */
u32 pair_id(const struct pair_entry *entry);

/**
 * pair_random - a number for choices in tests
 * @state: not 0
 */
u32 pair_random(u32 *state);

#endif /* SELFTESTS_RING_PAIR_H */

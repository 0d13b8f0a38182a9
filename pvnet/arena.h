/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Room for frames in an extent: in one piece each, given back in the order in which it was taken.
 *
 * The tests build this file in user space.
 */
#ifndef _PVNET_ARENA_H
#define _PVNET_ARENA_H

#include <linux/types.h>

#define PVNET_NO_ROOM		(~0U)
#define PVNET_ARENA_ALIGN	64

/**
 * struct pvnet_arena - the extent
 * @size: its bytes, a multiple of PVNET_ARENA_ALIGN
 * @head: where the next piece starts, if there is room
 * @tail: where the oldest piece starts
 * @pieces: that are taken
 */
struct pvnet_arena {
	u32	size;
	u32	head;
	u32	tail;
	u32	pieces;
};

static inline void pvnet_arena_init(struct pvnet_arena *arena, u32 size)
{
	arena->size = size;
	arena->head = 0;
	arena->tail = 0;
	arena->pieces = 0;
}

/**
 * pvnet_arena_find() - where would a piece be
 * @arena: the extent
 * @len: bytes
 *
 * An empty extent is used from its start, so that a little of it stays in the caches. Return: the
 * offset or PVNET_NO_ROOM.
 */
static inline u32 pvnet_arena_find(const struct pvnet_arena *arena, u32 len)
{
	if (!arena->pieces)
		return len <= arena->size ? 0 : PVNET_NO_ROOM;
	if (arena->head <= arena->tail)
		return arena->tail - arena->head >= len ? arena->head : PVNET_NO_ROOM;
	if (arena->size - arena->head >= len)
		return arena->head;
	return arena->tail >= len ? 0 : PVNET_NO_ROOM;
}

/**
 * pvnet_arena_take() - take a piece
 * @arena: the extent
 * @len: bytes
 *
 * Return: the offset or PVNET_NO_ROOM.
 */
static inline u32 pvnet_arena_take(struct pvnet_arena *arena, u32 len)
{
	u32 room = (len + PVNET_ARENA_ALIGN - 1) & ~(PVNET_ARENA_ALIGN - 1U);
	u32 off = pvnet_arena_find(arena, room);

	if (off == PVNET_NO_ROOM)
		return off;
	if (!arena->pieces)
		arena->tail = off;
	arena->head = off + room;
	arena->pieces++;
	return off;
}

/**
 * pvnet_arena_give() - give the oldest piece back
 * @arena: the extent
 * @next: where the one after it starts; anything if there is none
 */
static inline void pvnet_arena_give(struct pvnet_arena *arena, u32 next)
{
	arena->pieces--;
	arena->tail = next;
}

#endif /* _PVNET_ARENA_H */

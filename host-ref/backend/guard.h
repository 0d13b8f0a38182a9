/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guard of a loop: system calls that may wait are made between hostd_guard_enter() and
 * hostd_guard_leave(), so that another thread can go on as the loop when one does.
 *
 * All is in one counter. The loop adds one to it before a call, which makes it odd, and one after.
 * Whoever makes it even is the loop from then on: the thread that made the call, when it has
 * returned, or the standby (worker/standby.h), when it takes too long. A thread that finds itself
 * overtaken touches nothing of the loop's any more: it hands over the one result that it has.
 */
#ifndef HOSTD_GUARD_H
#define HOSTD_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hostd_io;

/**
 * struct hostd_guard - what the loop and its standby share
 * @turn: odd while the loop is in a call
 * @io: what the call is for
 * @covered: the standby looks; the loop's
 * @bound: requests that only this thread can complete, so that it must not wait: the kernel ends what
 *	io_uring has taken in the thread that has submitted it, and not while that one is in a call
 * @cover: have the standby look; NULL: there is none
 * @deliver: give @io->called to the loop; any thread's
 * @overtaken: another thread is the loop: does not return
 * @outbox: for @deliver
 * @standby: for @cover and @overtaken
 */
struct hostd_guard {
	uint64_t turn;
	struct hostd_io *io;
	bool covered;
	const unsigned int *bound;
	void (*cover)(struct hostd_guard *g);
	void (*deliver)(struct hostd_guard *g, struct hostd_io *io);
	void (*overtaken)(struct hostd_guard *g);
	void *outbox;
	void *standby;
};

/**
 * hostd_guard_overtaken - for hostd_guard_leave(): deliver, and leave the loop
 * @g: the guard
 * @io: what the call was for
 * @res: its result
 *
 * Does not return.
 */
void hostd_guard_overtaken(struct hostd_guard *g, struct hostd_io *io, long res)
	__attribute__((noreturn, cold));

/**
 * hostd_guard_enter - the loop makes a call that may wait
 * @g: the guard
 * @io: what it is for; counted as in flight by whoever has submitted it
 *
 * All that the loop has, but for @io, is as another thread may find it.
 *
 * Return: for hostd_guard_leave().
 */
static inline uint64_t hostd_guard_enter(struct hostd_guard *g, struct hostd_io *io)
{
	uint64_t turn = __atomic_load_n(&g->turn, __ATOMIC_RELAXED) + 1;

	if (!g->covered) {
		g->covered = true;
		if (g->cover)
			g->cover(g);
	}
	g->io = io;
	/* Partner: hostd_guard_take(), which finds what the loop has written before. */
	__atomic_store_n(&g->turn, turn, __ATOMIC_RELEASE);
	return turn;
}

/**
 * hostd_guard_leave - the call has returned
 * @g: the guard
 * @turn: of hostd_guard_enter()
 * @io: what it was for
 * @res: its result
 *
 * Returns if the thread is the loop still.
 */
static inline void hostd_guard_leave(struct hostd_guard *g, uint64_t turn, struct hostd_io *io,
				     long res)
{
	if (!__atomic_compare_exchange_n(&g->turn, &turn, turn + 1, false, __ATOMIC_RELAXED,
					 __ATOMIC_RELAXED))
		hostd_guard_overtaken(g, io, res);
}

/**
 * hostd_guard_look - is the loop in a call
 * @g: the guard
 *
 * Return: number of the call; 0: none.
 */
static inline uint64_t hostd_guard_look(const struct hostd_guard *g)
{
	uint64_t turn = __atomic_load_n(&g->turn, __ATOMIC_RELAXED);

	return turn & 1 ? turn : 0;
}

/**
 * hostd_guard_take - be the loop, if it is in that call still
 * @g: the guard
 * @turn: of hostd_guard_look()
 *
 * Return: what the call is for; NULL: it has returned.
 */
static inline struct hostd_io *hostd_guard_take(struct hostd_guard *g, uint64_t turn)
{
	/* Partner: hostd_guard_enter(). */
	if (!__atomic_compare_exchange_n(&g->turn, &turn, turn + 1, false, __ATOMIC_ACQUIRE,
					 __ATOMIC_RELAXED))
		return NULL;
	return g->io;
}

#endif /* HOSTD_GUARD_H */

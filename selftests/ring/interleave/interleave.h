/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs a few threads in every order of their accesses to shared memory.
 *
 * The files under test are built with accessors that come here: before each access the
 * scheduler decides who goes on. Stores to the window wait in a buffer of their thread, and
 * reach memory in any order but: two to one place in theirs, a release after all that came
 * before it, and all before a fence is passed. Loads are not reordered among themselves;
 * ThreadSanitizer looks after acquire and release. All states that can be reached are
 * visited, each once.
 */
#ifndef SELFTESTS_INTERLEAVE_H
#define SELFTESTS_INTERLEAVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IL_THREADS_MAX	4

typedef void (*il_body)(void);

/**
 * struct il_scenario - what to run
 * @what: in words
 * @names: of the threads
 * @bodies: of the threads; the first NULL ends the list
 * @reset: puts everything that is watched into its first state
 */
struct il_scenario {
	const char	*what;
	const char	*names[IL_THREADS_MAX];
	il_body		bodies[IL_THREADS_MAX];
	il_body		reset;
};

/**
 * il_watch - memory that belongs to the state
 * @start: where
 * @len: bytes
 *
 * All that the threads share, and all else outside their stacks that they depend on.
 */
void il_watch(void *start, size_t len);

/**
 * il_share - memory that several threads access, without buffers
 * @start: where; to be watched too
 * @len: bytes
 */
void il_share(void *start, size_t len);

/**
 * il_window - memory to which stores are buffered
 * @start: where; watched and shared too
 * @len: bytes
 *
 * Accessed only through the functions below, at least while a store may be buffered.
 */
void il_window(void *start, size_t len);

/**
 * il_explore - visit all states
 * @s: the scenario
 *
 * Return: true if no order of accesses leaves a thread asleep for ever or comes to
 * il_fail(). Else the order is printed.
 */
bool il_explore(const struct il_scenario *s);

/* For the accessors. */
uint64_t il_load(const volatile void *place, size_t len);
void il_store(volatile void *place, uint64_t value, size_t len, bool release);
void il_fence(void);

/* Atomic with respect to the other threads, and a fence for the caller. */
uint64_t il_exchange_bits(volatile void *place, size_t len, uint64_t clear, uint64_t set);

/**
 * il_sleep - until an event is raised
 * @event: watched; false again afterwards
 */
void il_sleep(bool *event);

/**
 * il_raise - raise an event
 * @event: watched
 */
void il_raise(bool *event);

/* Something is wrong: ends this order. */
void il_fail(const char *why);

#endif /* SELFTESTS_INTERLEAVE_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The gate: one thread has all others stand still, while it does what concerns them all.
 */
#ifndef HOSTD_GATE_H
#define HOSTD_GATE_H

#include <pthread.h>
#include <stdbool.h>

/**
 * struct hostd_gate - the gate
 * @is_closed: the others are to stand still
 * @nr_others: their number
 * @nr_waiting: of these, how many do
 * @lock: protects all that; @is_closed is looked at without it, too
 * @changed: signalled with each change
 */
struct hostd_gate {
	bool is_closed;
	unsigned int nr_others;
	unsigned int nr_waiting;
	pthread_mutex_t lock;
	pthread_cond_t changed;
};

/**
 * hostd_gate_init - make a gate, open
 * @gate: the gate
 */
void hostd_gate_init(struct hostd_gate *gate);

/**
 * hostd_gate_close - ask the others to stand still
 * @gate: the gate, open
 *
 * Who sleeps is to be woken before hostd_gate_wait().
 */
void hostd_gate_close(struct hostd_gate *gate);

/**
 * hostd_gate_wait - wait until they all stand still
 * @gate: the gate, closed
 *
 * Waits for as long as it takes one of them to come to the gate: the time of a system call, or that after
 * which the standby goes on in its place.
 */
void hostd_gate_wait(struct hostd_gate *gate);

/**
 * hostd_gate_open - let them go on; they see all that was done meanwhile
 * @gate: the gate, closed
 */
void hostd_gate_open(struct hostd_gate *gate);

/**
 * hostd_gate_stand - stand still until the gate is open
 * @gate: the gate
 *
 * Context: one of the others.
 */
void hostd_gate_stand(struct hostd_gate *gate);

/**
 * hostd_gate_is_closed - is hostd_gate_stand() to be called?
 * @gate: the gate
 */
static inline bool hostd_gate_is_closed(const struct hostd_gate *gate)
{
	return __atomic_load_n(&gate->is_closed, __ATOMIC_RELAXED);
}

#endif /* HOSTD_GATE_H */

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The gate: one thread has all others stand still, while it does what concerns them all.
 */
#include "worker/gate.h"

void hostd_gate_init(struct hostd_gate *gate)
{
	*gate = (struct hostd_gate) { .nr_others = 0 };
	pthread_mutex_init(&gate->lock, NULL);
	pthread_cond_init(&gate->changed, NULL);
}

static void set_closed(struct hostd_gate *gate, bool closed)
{
	pthread_mutex_lock(&gate->lock);
	__atomic_store_n(&gate->is_closed, closed, __ATOMIC_RELAXED);
	pthread_cond_broadcast(&gate->changed);
	pthread_mutex_unlock(&gate->lock);
}

void hostd_gate_close(struct hostd_gate *gate)
{
	set_closed(gate, true);
}

void hostd_gate_wait(struct hostd_gate *gate)
{
	pthread_mutex_lock(&gate->lock);
	while (gate->nr_waiting < gate->nr_others)
		pthread_cond_wait(&gate->changed, &gate->lock);
	pthread_mutex_unlock(&gate->lock);
}

void hostd_gate_open(struct hostd_gate *gate)
{
	set_closed(gate, false);
}

void hostd_gate_stand(struct hostd_gate *gate)
{
	pthread_mutex_lock(&gate->lock);
	gate->nr_waiting++;
	pthread_cond_broadcast(&gate->changed);
	while (gate->is_closed)
		pthread_cond_wait(&gate->changed, &gate->lock);
	gate->nr_waiting--;
	pthread_mutex_unlock(&gate->lock);
}

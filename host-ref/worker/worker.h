/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The worker process: serves the devices of one window until its broker says quit.
 */
#ifndef HOSTD_WORKER_H
#define HOSTD_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/watch.h"
#include "worker/bus/bus.h"
#include "worker/gate.h"
#include "worker/standby.h"

struct json_object;

/**
 * struct hostd_runner - the thread that runs a loop
 * @worker: the worker
 * @loop: the loop
 * @standby: goes on as the loop when a call keeps it
 * @end: what there is to do at the end; NULL: it is not this one that ends
 * @watches: everything that ends a sleep
 * @is_blind: no completion of an engine ends one
 * @wake_fd: eventfd, with which other runners do; -1: there are none
 * @vectors: a bit for each doorbell vector that does, where there are others
 * @poll_ns: how long the loop polls after the last work before it sleeps
 * @poll_min_ns: least @poll_ns, after a long sleep
 * @poll_max_ns: most @poll_ns, when sleeps are short
 * @crowd_ns: how long it last kept from spinning, because others wanted its core
 * @crowd_until_ns: until then it naps where it would spin
 * @next_beat_ns: time of the next beat
 * @nr_beats: beats so far
 * @nr_beats_seen: the first runner's: of these, the last it has seen
 * @next_fds_ns: when the loop looks at its descriptors next, while it polls
 * @work_ns: time of the last work
 * @hot: polling, not sleeping
 */
struct hostd_runner {
	struct hostd_worker *worker;
	struct hdev_loop *loop;
	struct hostd_standby standby;
	int (*end)(struct hostd_worker *w);
	struct hostd_watches watches;
	bool is_blind;
	int wake_fd;
	uint64_t vectors;
	uint64_t poll_ns;
	uint64_t poll_min_ns;
	uint64_t poll_max_ns;
	uint64_t crowd_ns;
	uint64_t crowd_until_ns;
	uint64_t next_beat_ns;
	uint64_t nr_beats;
	uint64_t nr_beats_seen;
	uint64_t next_fds_ns;
	uint64_t work_ns;
	bool hot;
};

/**
 * struct hostd_worker - the worker
 * @classes: of devices, up to NULL
 * @bus: the guest; NULL before "init"
 * @runner: what runs its first loop, which is the worker's own
 * @gate: where the other runners stand still
 * @ipc_fd: to the broker
 * @kick_fds: eventfd of each doorbell vector
 * @bus_kicks: doorbells received of the bus's vector
 * @beats: word that the broker's watchdog reads
 * @name: the VM's
 * @refused: array of names of drivers that are not served; NULL: none
 * @said_refused: the log names the one that was refused
 * @beat_ns: time between two beats
 * @serving: "go" was said
 * @quit: leave the loop
 * @failed: with an exit status that says so
 * @sync: then put on the media what was written
 * @drained: nothing is in flight
 * @next_hush_ns: while it does not serve: when to look at the window next
 */
struct hostd_worker {
	const struct pv_class *const *classes;
	struct hostd_bus *bus;
	struct hostd_runner runner;
	struct hostd_gate gate;
	int ipc_fd;
	int kick_fds[HOSTD_VECTOR_LIMIT];
	uint64_t bus_kicks;
	uint64_t *beats;
	char name[64];
	struct json_object *refused;
	bool said_refused;
	uint64_t beat_ns;
	bool serving;
	bool quit;
	bool failed;
	bool sync;
	bool drained;
	uint64_t next_hush_ns;
};

/**
 * hostd_worker_run - be a worker
 * @ipc_fd: end of the connection to the broker
 * @classes: of devices, up to NULL
 *
 * Return: exit status: 0 after "quit" or when the broker is gone, else 1, also when what was
 * written could not be put on the media.
 */
int hostd_worker_run(int ipc_fd, const struct pv_class *const *classes);

/**
 * hostd_worker_init - execute "init": map, make engines, calibrate, lock the sandbox
 * @w: the worker
 * @req: the request
 * @fds: its descriptors; they are the worker's from now on
 * @nr_fds: their number
 *
 * Return: the reply.
 */
struct json_object *hostd_worker_init(struct hostd_worker *w, struct json_object *req, int *fds,
				      unsigned int nr_fds);

/**
 * hostd_worker_receive - receive one message of the broker's, and answer it
 * @w: the worker
 */
void hostd_worker_receive(struct hostd_worker *w);

/**
 * hostd_worker_is_over - is its loop to be left?
 * @w: the worker
 */
static inline bool hostd_worker_is_over(const struct hostd_worker *w)
{
	return __atomic_load_n(&w->quit, __ATOMIC_RELAXED);
}

/**
 * hostd_worker_end - leave its loop
 * @w: the worker
 */
static inline void hostd_worker_end(struct hostd_worker *w)
{
	__atomic_store_n(&w->quit, true, __ATOMIC_RELAXED);
}

/**
 * hostd_worker_stats - reply to "stats"
 * @w: the worker
 * @req: the request: one slot, or from which on
 * @reply: gets "cpu_us", "poll_us" and "devices", and "next" if there are more than fit
 */
void hostd_worker_stats(struct hostd_worker *w, struct json_object *req,
			struct json_object *reply);

/**
 * hostd_worker_status - reply to "status"
 * @w: the worker
 * @reply: gets "epoch", "driver" and "devices"
 */
void hostd_worker_status(struct hostd_worker *w, struct json_object *reply);

/**
 * hostd_clock_ns - monotonic time
 *
 * Return: nanoseconds.
 */
uint64_t hostd_clock_ns(void);

/**
 * hostd_calibrate_poll - how long polling is cheaper than sleeping
 *
 * Measures what it takes to wake a thread that sleeps.
 *
 * Return: nanoseconds to poll before a sleep.
 */
uint64_t hostd_calibrate_poll(void);

#endif /* HOSTD_WORKER_H */

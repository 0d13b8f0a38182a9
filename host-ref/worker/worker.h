/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The worker process: serves the devices of one window until its broker says quit.
 */
#ifndef HOSTD_WORKER_H
#define HOSTD_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/bus/bus.h"
#include "worker/standby.h"

struct json_object;

/**
 * struct hostd_worker - the worker
 * @classes: of devices, up to NULL
 * @bus: the guest; NULL before "init"
 * @standby: goes on as the loop when a call keeps it
 * @ipc_fd: to the broker
 * @epoll_fd: everything that ends a sleep
 * @kick_fds: eventfd of each doorbell vector
 * @kicks: doorbells received, by vector
 * @beats: word that the broker's watchdog reads
 * @name: the VM's
 * @refused: array of names of drivers that are not served; NULL: none
 * @said_refused: the log names the one that was refused
 * @poll_ns: how long the loop polls after the last work before it sleeps
 * @poll_min_ns: least @poll_ns, after a long sleep
 * @poll_max_ns: most @poll_ns, when sleeps are short
 * @crowd_ns: how long it last kept from polling, because others wanted its core
 * @crowd_until_ns: until then it keeps from it
 * @beat_ns: time between two beats
 * @next_beat_ns: time of the next beat
 * @next_fds_ns: when the loop looks at its descriptors next, while it polls
 * @work_ns: time of the last work
 * @serving: "go" was said
 * @hot: polling, not sleeping
 * @quit: leave the loop
 * @failed: with an exit status that says so
 * @sync: then put on the media what was written
 * @drained: nothing is in flight
 * @next_hush_ns: while it does not serve: when to look at the window next
 */
struct hostd_worker {
	const struct pv_class *const *classes;
	struct hostd_bus *bus;
	struct hostd_standby standby;
	int ipc_fd;
	int epoll_fd;
	int kick_fds[HOSTD_VECTOR_LIMIT];
	uint64_t kicks[HOSTD_VECTOR_LIMIT];
	uint64_t *beats;
	char name[64];
	struct json_object *refused;
	bool said_refused;
	uint64_t poll_ns;
	uint64_t poll_min_ns;
	uint64_t poll_max_ns;
	uint64_t crowd_ns;
	uint64_t crowd_until_ns;
	uint64_t beat_ns;
	uint64_t next_beat_ns;
	uint64_t next_fds_ns;
	uint64_t work_ns;
	bool serving;
	bool hot;
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
 * hostd_worker_watch - end sleeps when a descriptor becomes ready
 * @w: the worker
 * @fd: the descriptor
 * @events: EPOLL* bits, in the place of those before; 0: not any more
 * @tag: HOSTD_WATCH_* or a vector number
 *
 * Return: 0 or -errno.
 */
int hostd_worker_watch(struct hostd_worker *w, int fd, uint32_t events, uint32_t tag);

#define HOSTD_WATCH_IPC		1000
#define HOSTD_WATCH_ENGINE	1001
#define HOSTD_WATCH_DEVICE	2000	/* and the index of the watch */

/**
 * hostd_worker_note - there was work: poll for a while
 * @w: the worker
 */
void hostd_worker_note(struct hostd_worker *w);

/**
 * hostd_worker_rouse - there is work: do it, and poll no longer for that
 * @w: the worker
 */
void hostd_worker_rouse(struct hostd_worker *w);

/**
 * hostd_worker_reap - complete what the engines are done with, and let busy devices work
 * @w: the worker
 *
 * Return: true if there was something.
 */
bool hostd_worker_reap(struct hostd_worker *w);

/**
 * hostd_worker_wake - after a sleep, poll the queues that were armed for it
 * @bus: the bus
 */
void hostd_worker_wake(struct hostd_bus *bus);

/**
 * hostd_worker_patience - how long to poll after the last work
 * @w: the worker
 *
 * Return: nanoseconds: @poll_ns, or 0 while others want its core.
 */
uint64_t hostd_worker_patience(const struct hostd_worker *w);

/**
 * hostd_worker_poll - poll until descriptors have their turn
 * @w: the worker; if there has been no work for as long as its patience it is not @hot on return, and
 *	its queues are armed
 */
void hostd_worker_poll(struct hostd_worker *w);

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

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A runner: the thread that runs a loop. It polls while there is work (poll.c), and else sleeps until a
 * doorbell, a completion of an engine, a message of the broker's, or the next beat (runner.c). runners.c makes
 * one for each loop.
 */
#ifndef HOSTD_RUNNER_H
#define HOSTD_RUNNER_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/bus/bus.h"
#include "worker/standby.h"
#include "worker/worker.h"

/**
 * hostd_runner_watch - end sleeps when a descriptor becomes ready
 * @r: the runner
 * @fd: the descriptor
 * @events: EPOLL* bits, in the place of those before; 0: not any more
 * @tag: HOSTD_WATCH_* or a vector number
 *
 * Return: 0 or -errno.
 */
int hostd_runner_watch(struct hostd_runner *r, int fd, uint32_t events, uint32_t tag);

#define HOSTD_WATCH_IPC		1000
#define HOSTD_WATCH_ENGINE	1001
#define HOSTD_WATCH_NUDGE	1002
#define HOSTD_WATCH_DEVICE	2000	/* and the index of the watch */

/**
 * hostd_runner_note - there was work: poll for a while
 * @r: the runner
 */
void hostd_runner_note(struct hostd_runner *r);

/**
 * hostd_runner_rouse - there is work: do it, and poll no longer for that
 * @r: the runner
 */
void hostd_runner_rouse(struct hostd_runner *r);

/**
 * hostd_runner_nudge - have another runner look at the gate, or at what drains
 * @r: the other one
 */
void hostd_runner_nudge(struct hostd_runner *r);

/**
 * hostd_runner_settle - after completions: see to what was drained by them
 * @r: the runner
 */
void hostd_runner_settle(struct hostd_runner *r);

/**
 * hostd_runner_reap - complete what the engines are done with, and let busy devices work
 * @r: the runner
 *
 * Return: true if there was something.
 */
bool hostd_runner_reap(struct hostd_runner *r);

/**
 * hostd_runner_wake - after a sleep, poll the queues that were armed for it
 * @r: the runner
 */
void hostd_runner_wake(struct hostd_runner *r);

/**
 * hostd_runner_is_crowded - whether others want its core
 * @r: the runner
 *
 * Return: true if it naps between two looks, for that reason, and does not spin.
 */
bool hostd_runner_is_crowded(const struct hostd_runner *r);

/**
 * hostd_runner_poll - poll until descriptors have their turn
 * @r: the runner; if there has been no work for its @poll_ns it is not @hot on return, and
 *	its queues are armed
 */
void hostd_runner_poll(struct hostd_runner *r);

/**
 * hostd_runner_watch_vectors - have doorbells of its own end its sleeps
 * @r: the runner, one of several
 *
 * Those of its queues that run, and the first runner's that of the bus.
 */
void hostd_runner_watch_vectors(struct hostd_runner *r);

/**
 * hostd_runners_init - make loops and their runners
 * @w: the worker, with its bus and the first loop
 * @nr: how many there shall be
 *
 * Where the host has no room for one as the first there are fewer, and the log says so.
 *
 * Return: 0, or -errno if not even the first can be had.
 */
int hostd_runners_init(struct hostd_worker *w, unsigned int nr);

/**
 * hostd_runners_drop - free the last ones, which have no thread, with their loops, which have no device
 * @w: the worker
 * @nr: how many are left; the first is one of them
 */
void hostd_runners_drop(struct hostd_worker *w, unsigned int nr);

/**
 * hostd_runners_start - start the threads of all runners but the first
 * @w: the worker, after "init"
 *
 * Where the host gives fewer threads there are fewer loops.
 */
void hostd_runners_start(struct hostd_worker *w);

/**
 * hostd_runner_run - run the loop until the worker is to quit
 * @r: the runner
 * @end: called then, in the thread that is the loop, with the worker; returns an exit status; NULL: this is not
 *	the first, and runs until the process ends
 * @status: gets what that returns
 *
 * Return: true if no other thread is left; false if some call has not returned: nothing can be freed.
 */
bool hostd_runner_run(struct hostd_runner *r, int (*end)(struct hostd_worker *w), int *status);

#endif /* HOSTD_RUNNER_H */

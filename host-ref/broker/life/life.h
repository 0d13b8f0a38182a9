/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A life of the worker: its process, started, watched, killed.
 */
#ifndef HOSTD_LIFE_H
#define HOSTD_LIFE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/ipc.h"
#include "lib/log/log.h"
#include "lib/loop.h"

struct hostd_broker;

/* State of the worker, in this order. */
enum hostd_life_state {
	HOSTD_LIFE_DOWN,	/* no process, or one that is being killed or finishes */
	HOSTD_LIFE_STARTING,	/* was told to begin */
	HOSTD_LIFE_FILLING,	/* gets its devices */
	HOSTD_LIFE_GOING,	/* was told to go */
	HOSTD_LIFE_SERVING,
};

/**
 * struct hostd_life - the worker of the moment
 * @pid: process; 0: none, the last one has been reaped
 * @state: what it does
 * @ipc: connection to it
 * @unsent: what it is told as soon as that can be sent
 * @start_ms: when it was started
 * @down_ms: when the one before died, or the start
 * @ready_ms: time from @down_ms to serving
 * @hold_until_ms: until when it waits for devices that were served before
 * @epoch: as it reported; 0: not known
 * @restarts: workers started after the first one
 * @short_lives: workers in a row that died within a second
 * @accepted: it has begun: broker and worker understand each other
 * @killed: the broker kills it
 * @faulty: because something is wrong with it, or with its helper
 * @mute: its end of the connection is closed
 * @status: with which it ended
 * @ending: it has been reaped, and its helpers have not
 * @released: the operator wants no worker: nothing that a device needs is held
 * @ends: how many ends of workers the log has
 * @judged: whether this one is in it is decided
 * @hushed: it is not
 * @refused: the log has said of this -errno that no worker can be started; 0: one could
 * @restart: starts the next worker
 * @retry: hands over devices that were not ready, and ends the wait for them
 * @watchdog: looks at @beat
 * @fence_fd: what worker and helpers hold for as long as one of them lives; -1: they have been reaped
 * @fence_ms: since when those of a broker before this one are waited for; 0: they are not
 * @fence_said: the log has said so
 * @beat_fd: memory of @beat, sealed
 * @beat: counter that the worker increments
 * @beat_last: its last value
 * @still: looks at @beat since it last grew
 */
struct hostd_life {
	pid_t pid;
	enum hostd_life_state state;
	struct hostd_source ipc;
	struct hostd_ipc_queue unsent;
	uint64_t start_ms;
	uint64_t down_ms;
	uint64_t ready_ms;
	uint64_t hold_until_ms;
	uint64_t epoch;
	uint64_t restarts;
	unsigned int short_lives;
	bool accepted;
	bool killed;
	bool faulty;
	bool mute;
	int status;
	bool ending;
	bool released;
	struct hostd_limit ends;
	bool judged;
	bool hushed;
	int refused;
	struct hostd_timer restart;
	struct hostd_timer retry;
	struct hostd_timer watchdog;
	int fence_fd;
	uint64_t fence_ms;
	bool fence_said;
	int beat_fd;
	const uint64_t *beat;
	uint64_t beat_last;
	unsigned int still;
};

/**
 * hostd_life_init - prepare for workers
 * @b: the broker
 *
 * Return: 0 or -errno.
 */
int hostd_life_init(struct hostd_broker *b);

/**
 * hostd_life_exit - forget the worker, which has been reaped or dies with the broker
 * @b: the broker
 */
void hostd_life_exit(struct hostd_broker *b);

/**
 * hostd_life_spawn - execute the program as a worker, which is STARTING then
 * @b: the broker; there is no worker
 *
 * Return: 0; -EBUSY as long as a process of another broker's life has the window; another -errno.
 */
int hostd_life_spawn(struct hostd_broker *b);

/**
 * hostd_life_drop_fence - note that no process of the life is left
 * @b: the broker
 */
void hostd_life_drop_fence(struct hostd_broker *b);

/**
 * hostd_life_kill - kill the worker and its helpers; its reaping starts the next one
 * @b: the broker
 * @why: what is wrong with it, for the log; NULL: nothing is
 */
void hostd_life_kill(struct hostd_broker *b, const char *why);

/**
 * hostd_life_mute - the worker's end of the connection is closed
 * @b: the broker
 *
 * It is dying, then its reaping tells of what; or it is killed a little later.
 */
void hostd_life_mute(struct hostd_broker *b);

#endif /* HOSTD_LIFE_H */

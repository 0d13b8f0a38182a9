/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What serves queues: the queues that run, the engines of their files, what their devices wait for, and the time.
 *
 * A device belongs to a loop with all its queues, so that its class sees one thread.
 */
#ifndef HOSTD_HDEV_LOOP_H
#define HOSTD_HDEV_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "backend/engine.h"

struct hdev;
struct hdev_queue;
struct hdev_timer;
struct hdev_watch;
struct hostd_bus;

/**
 * struct hdev_loop - a loop
 * @bus: the bus
 * @index: among its loops
 * @engines: for the devices' files
 * @now_ns: monotonic time, as of the last look at the clock
 * @clock: monotonic time; NULL: whoever drives the loop sets @now_ns
 * @is_fresh: a device has looked at the clock since the loop has
 * @busy: a bit for each device that has work, or may have
 * @running: queues that run, in no order
 * @nr_running: their number
 * @stream: the device that last had a piece of a stream; NULL: others have had work since
 * @stream_ns: and when
 * @watches: descriptors that devices wait for
 * @nr_watches: their number, and that of free places among them
 * @timers: times that devices wait for
 * @watch: have hdev_loop_ready() called with that index when a descriptor is ready for some of @events,
 *	from now on, or not any more if that is 0; 0 or -errno; NULL: whoever drives the loop calls
 *	hdev_loop_ready_all() often
 * @runner: for @watch
 */
struct hdev_loop {
	struct hostd_bus *bus;
	unsigned int index;
	struct hostd_engines engines;
	uint64_t now_ns;
	uint64_t (*clock)(void);
	bool is_fresh;
	uint64_t busy;
	struct hdev_queue **running;
	unsigned int nr_running;
	const struct hdev *stream;
	uint64_t stream_ns;
	struct hdev_watch *watches;
	unsigned int nr_watches;
	struct hdev_timer *timers;
	int (*watch)(struct hdev_loop *loop, unsigned int index, int fd, uint32_t events);
	struct hostd_runner *runner;
};

/**
 * hdev_loop_init - make a loop with its engines
 * @loop: the loop
 * @bus: the bus
 *
 * Return: 0 or -errno.
 */
int hdev_loop_init(struct hdev_loop *loop, struct hostd_bus *bus);

/**
 * hdev_loop_exit - free what a loop has
 * @loop: the loop, without devices; nothing is in flight
 */
void hdev_loop_exit(struct hdev_loop *loop);

/**
 * hdev_loop_look_at_clock - know the time better than by the loop's last look
 * @loop: the loop
 *
 * After work the loop looks at the clock anyway: then this look is taken for that one.
 *
 * Return: @now_ns.
 */
static inline uint64_t hdev_loop_look_at_clock(struct hdev_loop *loop)
{
	if (loop->clock) {
		loop->now_ns = loop->clock();
		loop->is_fresh = true;
	}
	return loop->now_ns;
}

/**
 * hdev_loop_work - let devices work that may have something to do without being asked
 * @loop: the loop
 *
 * Return: true if one had.
 */
bool hdev_loop_work(struct hdev_loop *loop);

/**
 * hdev_loop_beat - tell the devices that there was a heartbeat
 * @loop: the loop, in an epoch
 */
void hdev_loop_beat(struct hdev_loop *loop);

/**
 * hdev_loop_is_drained - is one of its devices that are draining done with that?
 * @loop: the loop
 *
 * Return: true if so: hostd_bus_settle() has something to do.
 */
bool hdev_loop_is_drained(struct hdev_loop *loop);

#endif /* HOSTD_HDEV_LOOP_H */

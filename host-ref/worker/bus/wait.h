/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a device waits for besides its queues: descriptors and times.
 *
 * Both are of the device until it ends: who frees it forgets them, and so does a @create that fails, before
 * it frees what its timers are in. Nothing that is called here waits; completions are signalled afterwards.
 */
#ifndef HOSTD_WAIT_H
#define HOSTD_WAIT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

struct hdev;
struct hdev_loop;

/* When a timer that is off is due. */
#define HDEV_NEVER	UINT64_MAX

/**
 * typedef hdev_ready - a descriptor may be ready
 * @dev: the device
 * @fd: the descriptor
 * @events: EPOLL* bits: at most what it is watched for, and EPOLLERR, EPOLLHUP
 *
 * It may be called though nothing is ready. It may unwatch its own descriptor, or any.
 */
typedef void (*hdev_ready)(struct hdev *dev, int fd, uint32_t events);

/**
 * struct hdev_watch - a descriptor that a device waits for
 * @dev: the device; NULL: the place is free
 * @fd: the descriptor
 * @events: EPOLL* bits
 * @ready: called when it is ready
 */
struct hdev_watch {
	struct hdev *dev;
	int fd;
	uint32_t events;
	hdev_ready ready;
};

/**
 * struct hdev_timer - a time that a device waits for; part of its state
 * @dev: the device
 * @at_ns: when it is due, in the time of the loop; HDEV_NEVER: it is off
 * @fire: called once when due
 * @next: next timer of the loop
 */
struct hdev_timer {
	struct hdev *dev;
	uint64_t at_ns;
	void (*fire)(struct hdev_timer *timer);
	struct hdev_timer *next;
};

/**
 * hdev_watch - have a function called when a descriptor is ready
 * @dev: the device, maybe within @create
 * @fd: the descriptor; hdev_unwatch() it before it is closed
 * @events: EPOLLIN, EPOLLOUT or both; of one that is watched already they change
 * @ready: the function
 *
 * Return: 0 or -errno.
 */
int hdev_watch(struct hdev *dev, int fd, uint32_t events, hdev_ready ready);

/**
 * hdev_unwatch - wait for it no longer
 * @dev: the device
 * @fd: the descriptor; nothing happens if it is not watched
 */
void hdev_unwatch(struct hdev *dev, int fd);

/**
 * hdev_close - close a descriptor whose close may wait
 * @dev: the device
 * @fd: the descriptor, not watched any more
 *
 * A thread does it, when it can.
 */
void hdev_close(struct hdev *dev, int fd);

/**
 * hdev_timer_init - give a timer to a device, off
 * @dev: the device, maybe within @create
 * @timer: the timer, which stays where it is until the device ends
 * @fire: called when due
 */
void hdev_timer_init(struct hdev *dev, struct hdev_timer *timer,
		     void (*fire)(struct hdev_timer *timer));

/**
 * hdev_timer_set - switch a timer on, or to another time
 * @timer: the timer
 * @at_ns: when to call @fire, in the time of the loop (@now_ns); HDEV_NEVER: not at all
 *
 * It fires no earlier, and while the loop polls up to 0.1 ms later. The end of a worker does not wait
 * for it: nothing in flight may depend on it alone.
 */
void hdev_timer_set(struct hdev_timer *timer, uint64_t at_ns);

/**
 * hdev_forget_waits - forget all descriptors and timers of a device
 * @dev: the device
 */
void hdev_forget_waits(struct hdev *dev);

/**
 * hdev_loop_ready - a watched descriptor may be ready
 * @loop: the loop
 * @index: of the watch, as given to loop->watch(); it may be gone
 * @events: EPOLL* bits
 *
 * Return: the device, or NULL.
 */
struct hdev *hdev_loop_ready(struct hdev_loop *loop, unsigned int index, uint32_t events);

/**
 * hdev_loop_ready_all - any watched descriptor may be ready
 * @loop: the loop
 */
void hdev_loop_ready_all(struct hdev_loop *loop);

/**
 * hdev_loop_next_timer - when hdev_loop_fire() has something to do
 * @loop: the loop
 *
 * Return: the time, or HDEV_NEVER.
 */
uint64_t hdev_loop_next_timer(const struct hdev_loop *loop);

/**
 * hdev_loop_fire - call the timers that are due
 * @loop: the loop
 *
 * Return: true if there were any: what they have done to queues is seen when the loop comes around, and not
 * while it sleeps.
 */
bool hdev_loop_fire(struct hdev_loop *loop);

#endif /* HOSTD_WAIT_H */

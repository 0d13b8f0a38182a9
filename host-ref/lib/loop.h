/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The broker's event loop: descriptors and timers.
 */
#ifndef HOSTD_LOOP_H
#define HOSTD_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "lib/watch.h"

/**
 * struct hostd_source - a descriptor that the loop watches
 * @fd: the descriptor; -1 while it is not watched
 * @ready: called with EPOLL* bits; may delete and free its own or any source
 */
struct hostd_source {
	int fd;
	void (*ready)(struct hostd_source *src, uint32_t events);
};

/**
 * struct hostd_timer - a moment at which to call a function, once
 * @due_ms: time of hostd_now_ms(), or 0 while it is off
 * @fire: called when due
 * @next: next timer of the loop
 */
struct hostd_timer {
	uint64_t due_ms;
	void (*fire)(struct hostd_timer *timer);
	struct hostd_timer *next;
};

/**
 * struct hostd_loop - a loop
 * @watches: its sources
 * @said_refused: the log has said that epoll does not take all of them
 * @timers: its timers
 * @next: the one after that which fires
 * @stop: set to make hostd_loop_run() return
 */
struct hostd_loop {
	struct hostd_watches watches;
	bool said_refused;
	struct hostd_timer *timers;
	struct hostd_timer *next;
	bool stop;
};

/**
 * hostd_loop_init - make an empty loop
 * @loop: the loop
 *
 * Return: 0 or -errno.
 */
int hostd_loop_init(struct hostd_loop *loop);

/**
 * hostd_loop_exit - forget sources and timers
 * @loop: the loop
 */
void hostd_loop_exit(struct hostd_loop *loop);

/**
 * hostd_loop_add - watch a descriptor
 * @loop: the loop
 * @src: source with @ready set
 * @fd: the descriptor
 * @events: EPOLL* bits
 *
 * Return: 0 or -errno; @src->fd is then -1.
 */
int hostd_loop_add(struct hostd_loop *loop, struct hostd_source *src, int fd, uint32_t events);

/**
 * hostd_loop_mod - watch it for something else
 * @loop: the loop
 * @src: a watched source
 * @events: EPOLL* bits
 */
void hostd_loop_mod(struct hostd_loop *loop, struct hostd_source *src, uint32_t events);

/**
 * hostd_loop_close - stop watching a descriptor and close it
 * @loop: the loop
 * @src: a source; nothing happens if it is not watched
 */
void hostd_loop_close(struct hostd_loop *loop, struct hostd_source *src);

/**
 * hostd_timer_init - give a timer to a loop, off
 * @loop: the loop, which keeps it until hostd_loop_exit()
 * @timer: the timer
 * @fire: called when due
 *
 * One that goes earlier is taken back by hostd_timer_exit().
 */
void hostd_timer_init(struct hostd_loop *loop, struct hostd_timer *timer,
		      void (*fire)(struct hostd_timer *timer));

/**
 * hostd_timer_exit - take a timer from a loop
 * @loop: the loop
 * @timer: the timer; nothing happens if the loop has not got it. Also from within a @fire
 */
void hostd_timer_exit(struct hostd_loop *loop, struct hostd_timer *timer);

/**
 * hostd_timer_set - switch a timer on
 * @timer: the timer
 * @delay_ms: from now
 */
void hostd_timer_set(struct hostd_timer *timer, uint64_t delay_ms);

/**
 * hostd_timer_cancel - switch a timer off
 * @timer: the timer
 */
void hostd_timer_cancel(struct hostd_timer *timer);

/**
 * hostd_loop_step - wait for one source or timer, and serve it
 * @loop: the loop
 *
 * Return: 0 or -errno.
 */
int hostd_loop_step(struct hostd_loop *loop);

/**
 * hostd_loop_run - serve sources and timers until @stop
 * @loop: the loop
 *
 * Return: 0 or -errno.
 */
int hostd_loop_run(struct hostd_loop *loop);

#endif /* HOSTD_LOOP_H */

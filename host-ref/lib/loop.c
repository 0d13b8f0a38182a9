// SPDX-License-Identifier: GPL-2.0-only
/*
 * The broker's event loop: descriptors and timers.
 */
#include "lib/loop.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/util.h"

int hostd_loop_init(struct hostd_loop *loop)
{
	*loop = (struct hostd_loop) { 0 };
	return hostd_watches_init(&loop->watches);
}

void hostd_loop_exit(struct hostd_loop *loop)
{
	hostd_watches_exit(&loop->watches);
	loop->timers = NULL;
}

int hostd_loop_add(struct hostd_loop *loop, struct hostd_source *src, int fd, uint32_t events)
{
	int err = hostd_watches_set(&loop->watches, fd, events, (epoll_data_t) { .ptr = src });

	src->fd = err ? -1 : fd;
	if (loop->watches.refused && !loop->said_refused) {
		hostd_log(HOSTD_LOG_WARN, "epoll does not take all descriptors here (%s): the broker waits for them by poll",
			  strerror(-loop->watches.refused));
		loop->said_refused = true;
	}
	return err;
}

void hostd_loop_mod(struct hostd_loop *loop, struct hostd_source *src, uint32_t events)
{
	hostd_watches_set(&loop->watches, src->fd, events, (epoll_data_t) { .ptr = src });
}

void hostd_loop_close(struct hostd_loop *loop, struct hostd_source *src)
{
	if (src->fd < 0)
		return;
	hostd_watches_del(&loop->watches, src->fd);
	close(src->fd);
	src->fd = -1;
}

void hostd_timer_init(struct hostd_loop *loop, struct hostd_timer *timer,
		      void (*fire)(struct hostd_timer *timer))
{
	timer->due_ms = 0;
	timer->fire = fire;
	timer->next = loop->timers;
	loop->timers = timer;
}

void hostd_timer_exit(struct hostd_loop *loop, struct hostd_timer *timer)
{
	struct hostd_timer **link = &loop->timers;

	while (*link && *link != timer)
		link = &(*link)->next;
	if (*link)
		*link = timer->next;
	if (loop->next == timer)
		loop->next = timer->next;
}

void hostd_timer_set(struct hostd_timer *timer, uint64_t delay_ms)
{
	timer->due_ms = hostd_now_ms() + delay_ms;
}

void hostd_timer_cancel(struct hostd_timer *timer)
{
	timer->due_ms = 0;
}

static void fire_timers(struct hostd_loop *loop)
{
	uint64_t now_ms = hostd_now_ms();
	struct hostd_timer *timer;

	for (timer = loop->timers; timer; timer = loop->next) {
		loop->next = timer->next;
		if (!timer->due_ms || timer->due_ms > now_ms)
			continue;
		timer->due_ms = 0;
		timer->fire(timer);
	}
}

/* Milliseconds until the next timer is due; -1: none is on. */
static int next_timeout(const struct hostd_loop *loop)
{
	uint64_t now_ms = hostd_now_ms(), first_ms = UINT64_MAX;
	const struct hostd_timer *timer;

	for (timer = loop->timers; timer; timer = timer->next)
		if (timer->due_ms && timer->due_ms < first_ms)
			first_ms = timer->due_ms;
	if (first_ms == UINT64_MAX)
		return -1;
	if (first_ms <= now_ms)
		return 0;
	return first_ms - now_ms < 60000 ? (int)(first_ms - now_ms) : 60000;
}

int hostd_loop_step(struct hostd_loop *loop)
{
	struct hostd_source *src;
	struct epoll_event ev;
	int nr;

	/* One event at a time: a source may free any other source. */
	nr = hostd_watches_wait(&loop->watches, &ev, 1, next_timeout(loop));
	if (nr < 0 && nr != -EINTR)
		return nr;
	if (nr == 1) {
		src = ev.data.ptr;
		src->ready(src, ev.events);
	}
	fire_timers(loop);
	return 0;
}

int hostd_loop_run(struct hostd_loop *loop)
{
	int err = 0;

	while (!loop->stop && !err)
		err = hostd_loop_step(loop);
	return err;
}

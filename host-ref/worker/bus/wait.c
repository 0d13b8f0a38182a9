// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a device waits for besides its queues: descriptors and times.
 */
#include "worker/bus/wait.h"

#include <errno.h>
#include <stdlib.h>

#include "worker/bus/bus.h"

static void signal_queues(struct hdev *dev)
{
	unsigned int i;

	for (i = 0; i < dev->nr_queues; i++) {
		if (dev->queues[i].running)
			hdev_queue_signal(&dev->queues[i]);
	}
}

/* The watch of a descriptor; NULL: there is none. */
static struct hdev_watch *find_watch(const struct hdev *dev, int fd)
{
	const struct hdev_loop *loop = dev->loop;
	unsigned int i;

	for (i = 0; i < loop->nr_watches; i++) {
		if (loop->watches[i].dev == dev && loop->watches[i].fd == fd)
			return &loop->watches[i];
	}
	return NULL;
}

/* A free place; NULL: out of memory. */
static struct hdev_watch *new_watch(struct hdev_loop *loop)
{
	struct hdev_watch *more;
	unsigned int i;

	for (i = 0; i < loop->nr_watches; i++) {
		if (!loop->watches[i].dev)
			return &loop->watches[i];
	}
	more = realloc(loop->watches, (i + 1) * sizeof(*more));
	if (!more)
		return NULL;
	loop->watches = more;
	loop->nr_watches++;
	more[i] = (struct hdev_watch) { 0 };
	return &more[i];
}

static int tell_loop(struct hdev_loop *loop, const struct hdev_watch *watch, uint32_t events)
{
	return loop->watch ? loop->watch(loop, watch - loop->watches, watch->fd, events) : 0;
}

int hdev_watch(struct hdev *dev, int fd, uint32_t events, hdev_ready ready)
{
	struct hdev_watch *watch = find_watch(dev, fd), old;
	int ret;

	if (!watch)
		watch = new_watch(dev->loop);
	if (!watch)
		return -ENOMEM;
	old = *watch;
	*watch = (struct hdev_watch) { .dev = dev, .fd = fd, .events = events, .ready = ready };
	ret = tell_loop(dev->loop, watch, events);
	if (ret)
		*watch = old;
	return ret;
}

static void end_watch(struct hdev_loop *loop, struct hdev_watch *watch)
{
	tell_loop(loop, watch, 0);
	watch->dev = NULL;
}

void hdev_unwatch(struct hdev *dev, int fd)
{
	struct hdev_watch *watch = find_watch(dev, fd);

	if (watch)
		end_watch(dev->loop, watch);
}

struct hdev *hdev_loop_ready(struct hdev_loop *loop, unsigned int index, uint32_t events)
{
	struct hdev_watch watch;

	if (index >= loop->nr_watches || !loop->watches[index].dev)
		return NULL;
	watch = loop->watches[index];
	watch.ready(watch.dev, watch.fd, events & (watch.events | EPOLLERR | EPOLLHUP));
	signal_queues(watch.dev);
	return watch.dev;
}

void hdev_loop_ready_all(struct hdev_loop *loop)
{
	unsigned int i;

	for (i = 0; i < loop->nr_watches; i++)
		hdev_loop_ready(loop, i, EPOLLIN | EPOLLOUT);
}

void hdev_close(struct hdev *dev, int fd)
{
	const struct hostd_file file = { .fd = fd };

	hostd_engines_close(&dev->loop->engines, &file);
}

void hdev_timer_init(struct hdev *dev, struct hdev_timer *timer,
		     void (*fire)(struct hdev_timer *timer))
{
	timer->dev = dev;
	timer->at_ns = HDEV_NEVER;
	timer->fire = fire;
	timer->next = dev->loop->timers;
	dev->loop->timers = timer;
}

void hdev_timer_set(struct hdev_timer *timer, uint64_t at_ns)
{
	timer->at_ns = at_ns;
}

uint64_t hdev_loop_next_timer(const struct hdev_loop *loop)
{
	const struct hdev_timer *timer;
	uint64_t at_ns = HDEV_NEVER;

	for (timer = loop->timers; timer; timer = timer->next) {
		if (timer->at_ns < at_ns)
			at_ns = timer->at_ns;
	}
	return at_ns;
}

static struct hdev_timer *find_due(const struct hdev_loop *loop)
{
	struct hdev_timer *timer;

	for (timer = loop->timers; timer; timer = timer->next) {
		if (timer->at_ns <= loop->now_ns)
			return timer;
	}
	return NULL;
}

bool hdev_loop_fire(struct hdev_loop *loop)
{
	struct hdev_timer *timer;
	bool fired = false;
	struct hdev *dev;

	while ((timer = find_due(loop))) {
		dev = timer->dev;
		timer->at_ns = HDEV_NEVER;
		timer->fire(timer);
		signal_queues(dev);
		fired = true;
	}
	return fired;
}

void hdev_forget_waits(struct hdev *dev)
{
	struct hdev_timer **link = &dev->loop->timers;
	struct hdev_loop *loop = dev->loop;
	unsigned int i;

	for (i = 0; i < loop->nr_watches; i++) {
		if (loop->watches[i].dev == dev)
			end_watch(loop, &loop->watches[i]);
	}
	while (*link) {
		if ((*link)->dev == dev)
			*link = (*link)->next;
		else
			link = &(*link)->next;
	}
}

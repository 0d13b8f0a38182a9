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
	const struct hostd_bus *bus = dev->bus;
	unsigned int i;

	for (i = 0; i < bus->nr_watches; i++) {
		if (bus->watches[i].dev == dev && bus->watches[i].fd == fd)
			return &bus->watches[i];
	}
	return NULL;
}

/* A free place; NULL: out of memory. */
static struct hdev_watch *new_watch(struct hostd_bus *bus)
{
	struct hdev_watch *more;
	unsigned int i;

	for (i = 0; i < bus->nr_watches; i++) {
		if (!bus->watches[i].dev)
			return &bus->watches[i];
	}
	more = realloc(bus->watches, (i + 1) * sizeof(*more));
	if (!more)
		return NULL;
	bus->watches = more;
	bus->nr_watches++;
	more[i] = (struct hdev_watch) { 0 };
	return &more[i];
}

static int tell_loop(struct hostd_bus *bus, const struct hdev_watch *watch, uint32_t events)
{
	return bus->watch ? bus->watch(bus, watch - bus->watches, watch->fd, events) : 0;
}

int hdev_watch(struct hdev *dev, int fd, uint32_t events, hdev_ready ready)
{
	struct hdev_watch *watch = find_watch(dev, fd), old;
	int ret;

	if (!watch)
		watch = new_watch(dev->bus);
	if (!watch)
		return -ENOMEM;
	old = *watch;
	*watch = (struct hdev_watch) { .dev = dev, .fd = fd, .events = events, .ready = ready };
	ret = tell_loop(dev->bus, watch, events);
	if (ret)
		*watch = old;
	return ret;
}

static void end_watch(struct hostd_bus *bus, struct hdev_watch *watch)
{
	tell_loop(bus, watch, 0);
	watch->dev = NULL;
}

void hdev_unwatch(struct hdev *dev, int fd)
{
	struct hdev_watch *watch = find_watch(dev, fd);

	if (watch)
		end_watch(dev->bus, watch);
}

struct hdev *hostd_bus_ready(struct hostd_bus *bus, unsigned int index, uint32_t events)
{
	struct hdev_watch watch;

	if (index >= bus->nr_watches || !bus->watches[index].dev)
		return NULL;
	watch = bus->watches[index];
	watch.ready(watch.dev, watch.fd, events & (watch.events | EPOLLERR | EPOLLHUP));
	signal_queues(watch.dev);
	return watch.dev;
}

void hostd_bus_ready_all(struct hostd_bus *bus)
{
	unsigned int i;

	for (i = 0; i < bus->nr_watches; i++)
		hostd_bus_ready(bus, i, EPOLLIN | EPOLLOUT);
}

void hdev_timer_init(struct hdev *dev, struct hdev_timer *timer,
		     void (*fire)(struct hdev_timer *timer))
{
	timer->dev = dev;
	timer->at_ns = HDEV_NEVER;
	timer->fire = fire;
	timer->next = dev->bus->timers;
	dev->bus->timers = timer;
}

void hdev_timer_set(struct hdev_timer *timer, uint64_t at_ns)
{
	timer->at_ns = at_ns;
}

uint64_t hostd_bus_next_timer(const struct hostd_bus *bus)
{
	const struct hdev_timer *timer;
	uint64_t at_ns = HDEV_NEVER;

	for (timer = bus->timers; timer; timer = timer->next) {
		if (timer->at_ns < at_ns)
			at_ns = timer->at_ns;
	}
	return at_ns;
}

static struct hdev_timer *find_due(const struct hostd_bus *bus)
{
	struct hdev_timer *timer;

	for (timer = bus->timers; timer; timer = timer->next) {
		if (timer->at_ns <= bus->now_ns)
			return timer;
	}
	return NULL;
}

bool hostd_bus_fire(struct hostd_bus *bus)
{
	struct hdev_timer *timer;
	bool fired = false;
	struct hdev *dev;

	while ((timer = find_due(bus))) {
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
	struct hdev_timer **link = &dev->bus->timers;
	struct hostd_bus *bus = dev->bus;
	unsigned int i;

	for (i = 0; i < bus->nr_watches; i++) {
		if (bus->watches[i].dev == dev)
			end_watch(bus, &bus->watches[i]);
	}
	while (*link) {
		if ((*link)->dev == dev)
			*link = (*link)->next;
		else
			link = &(*link)->next;
	}
}

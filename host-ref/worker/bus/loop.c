// SPDX-License-Identifier: GPL-2.0-only
/*
 * What serves queues: made, worked, freed.
 */
#include "worker/bus/loop.h"

#include <stdlib.h>

#include "worker/bus/bus.h"

int hdev_loop_init(struct hdev_loop *loop, struct hostd_bus *bus)
{
	*loop = (struct hdev_loop) { .bus = bus };
	return hostd_engines_init(&loop->engines);
}

void hdev_loop_exit(struct hdev_loop *loop)
{
	free(loop->watches);
	hostd_engines_exit(&loop->engines);
	free(loop->running);
}

bool hdev_loop_work(struct hdev_loop *loop)
{
	bool worked = false;
	struct hdev *dev;

	for (dev = hostd_bus_next(loop->bus, loop->busy, 0); dev;
	     dev = hostd_bus_next(loop->bus, loop->busy, dev->slot + 1))
		worked |= dev->ops->work(dev);
	return worked;
}

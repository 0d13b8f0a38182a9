// SPDX-License-Identifier: GPL-2.0-only
/*
 * How a disk that was stopped goes on.
 *
 * The operator says so, or, for want of room or memory, a request that is tried now and then
 * succeeds.
 */
#include "blk/device.h"

#include <errno.h>

#include "worker/bus/bus.h"

/* Requests started at once. */
#define WORK_BATCH	32

void hdev_blk_retry(struct hdev *dev)
{
	struct blk_trouble *t = &((struct blk *)dev->priv)->trouble;

	if (!t->stopped || t->probe || dev->loop->now_ns < t->try_ns || !t->held ||
	    t->held->is_final || !t->held->q->running)
		return;
	t->nr_tries++;
	t->probe = hdev_blk_take_held(t);
	hdev_blk_start(t->probe);
}

bool hdev_blk_work(struct hdev *dev)
{
	struct blk_trouble *t = &((struct blk *)dev->priv)->trouble;
	unsigned int nr;

	for (nr = 0; nr < WORK_BATCH && t->held && !t->stopped; nr++) {
		struct blk_req *req = hdev_blk_take_held(t);

		if (hdev_blk_is_late(req))
			req->io.result = -EROFS;
		if (req->is_final || hdev_blk_is_late(req) || !req->q->running)
			hdev_blk_finish(req);
		else
			hdev_blk_start(req);
	}
	if (t->stopped || !t->held)
		hdev_set_busy(dev, false);
	return true;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Limits of a disk: so many requests, so many bytes in a second.
 *
 * What is beyond them stays in the driver's queue, which is quiet meanwhile: the loop neither looks at it nor
 * asks for a doorbell, and other disks notice nothing.
 */
#include "blk/device.h"

#include "lib/json.h"
#include "lib/util.h"
#include "worker/bus/bus.h"

#define MS_NS		1000000ULL
/* A queue that waits goes on with several requests: a wake-up for each costs more than they do. */
#define PORTION_NS	(1 * MS_NS)

static void go_on(struct hdev_timer *timer)
{
	struct hdev *dev = timer->dev;
	unsigned int i;

	for (i = 0; i < dev->nr_queues; i++)
		dev->queues[i].quiet = false;
	/* The loop looks at them once more before it sleeps. */
	hdev_set_busy(dev, true);
}

void hdev_blk_init_limits(struct hdev *dev)
{
	hdev_timer_init(dev, &((struct blk *)dev->priv)->limits.due, go_on);
}

void hdev_blk_set_limits(struct hdev *dev, struct json_object *config)
{
	struct blk_limits *l = &((struct blk *)dev->priv)->limits;
	uint64_t burst_ns = hostd_json_u64(config, "burst", l->ops.burst_ns / MS_NS) * MS_NS;
	uint64_t now_ns = dev->loop->now_ns;

	hostd_rate_set(&l->ops, now_ns, hostd_json_u64(config, "iops", l->ops.per_second), burst_ns);
	hostd_rate_set(&l->bytes, now_ns, hostd_json_u64(config, "bps", l->bytes.per_second), burst_ns);
	l->on = l->ops.per_second || l->bytes.per_second;
	/* What has waited for the old ones waits for these, or no more. */
	hdev_timer_set(&l->due, now_ns);
}

bool hdev_blk_may_take(struct hdev_queue *q)
{
	struct blk_limits *l = &((struct blk *)q->dev->priv)->limits;
	uint64_t at_ns = hostd_rate_at(&l->ops), bytes_ns = hostd_rate_at(&l->bytes), portion_ns = PORTION_NS;

	if (at_ns < bytes_ns)
		at_ns = bytes_ns;
	if (q->dev->loop->now_ns >= at_ns)
		return true;
	/* No more than what may come at once is saved up. */
	if (portion_ns > l->ops.burst_ns)
		portion_ns = l->ops.burst_ns;
	l->nr_waits++;
	q->quiet = true;
	hdev_timer_set(&l->due, at_ns + portion_ns);
	return false;
}

void hdev_blk_count_taken(struct hdev_queue *q, uint64_t len)
{
	struct blk_limits *l = &((struct blk *)q->dev->priv)->limits;

	hostd_rate_take(&l->ops, q->dev->loop->now_ns, 1);
	hostd_rate_take(&l->bytes, q->dev->loop->now_ns, len);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long the requests of a disk took.
 *
 * No clock is looked at for a request: times are those of the loop, which looks after each turn with work. What
 * was done at once, as what the page cache has, ends with the turn.
 */
#include "blk/device.h"

#include "lib/json.h"
#include "worker/bus/bus.h"

void hdev_blk_count_at_once(struct hdev_queue *q, uint64_t from_ns)
{
	uint64_t took_ns = hdev_loop_look_at_clock(q->dev->loop) - from_ns;
	struct blk_queue *bq = q->priv;
	unsigned int op;

	for (; bq->at_once; bq->at_once &= bq->at_once - 1) {
		op = __builtin_ctz(bq->at_once);
		hostd_histogram_add(&bq->latency->op[op], took_ns, bq->nr_at_once[op]);
		bq->nr_at_once[op] = 0;
	}
}

void hdev_blk_describe_queue(const struct hdev *dev, unsigned int index, struct json_object *obj)
{
	static const char *const names[BLK_OPS] = {
		[HOSTD_IO_READ] = "read", [HOSTD_IO_WRITE] = "write", [HOSTD_IO_FLUSH] = "flush",
		[HOSTD_IO_DISCARD] = "discard", [HOSTD_IO_ZERO] = "zeroes",
	};
	const struct blk_latency *latency = &((struct blk *)dev->priv)->latency[index];
	struct json_object *val = json_object_new_object();
	unsigned int op;

	for (op = 0; op < BLK_OPS; op++)
		hostd_histogram_describe(&latency->op[op], val, names[op]);
	json_object_object_add(obj, "latency", val);
}

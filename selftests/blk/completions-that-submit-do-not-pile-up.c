// SPDX-License-Identifier: GPL-2.0-only
/*
 * A user submits from the end of a request, and the device is so fast that the next has ended by then: that
 * goes on for as long as it likes, on a stack that does not grow. pvblk/reap.c and queue.c as they are.
 */
#include "testdisk.h"

#define REQUESTS	10000

static struct request requests[2] = {
	{ .tag = 0, .cmd_flags = REQ_OP_FLUSH, .mq_hctx = &hctx },
	{ .tag = 1, .cmd_flags = REQ_OP_FLUSH, .mq_hctx = &hctx },
};
static unsigned int nr_ended, nested, deepest;

static void submit(struct request *rq)
{
	struct blk_mq_queue_data bd = { .rq = rq, .last = true };

	pvblk_mq_ops.queue_rq(&hctx, &bd);
}

void blk_mq_end_request(struct request *rq, blk_status_t status)
{
	nr_ended += !status;
	nested++;
	if (nested > deepest)
		deepest = nested;
	if (nr_ended < REQUESTS)
		submit(&requests[!rq->tag]);
	nested--;
}

int main(void)
{
	ktap_plan(2);
	disk_init();

	submit(&requests[0]);
	while (queue.bh.pending) {
		queue.bh.pending = false;
		pvblk_bh(&queue.bh);
	}
	ktap_ok(nr_ended == REQUESTS, "each that a completion submits ends");
	ktap_ok(deepest == 1, "and none within another");
	hring_exit(&device);
	return ktap_finish();
}

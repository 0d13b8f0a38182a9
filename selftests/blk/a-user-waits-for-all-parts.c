// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who has submitted a large request waits awake until it ends, not until the first of its parts does: else
 * each write at depth 1 takes an interrupt. When a request has ended, others are not waited for. pvblk/wait.c
 * and reap.c as they are; the device completes a part each time that the driver looks at the clock.
 */
#include "testdisk.h"

#define DEPTH		2
#define PARTS		3
#define PIECES		(2 * PARTS)	/* a request takes half of them at most */

static char window_data[(DEPTH + PIECES) * PVBLK_SLOT_LEN], user_data[PARTS * PVBLK_SLOT_LEN];
static struct request large = { .tag = 0, .len = sizeof(user_data), .data = user_data, .mq_hctx = &hctx };
static struct request flush = { .tag = 1, .cmd_flags = REQ_OP_FLUSH, .mq_hctx = &hctx };
static unsigned int nr_ended;

void blk_mq_end_request(struct request *ended, blk_status_t status)
{
	(void)ended;
	nr_ended += !status;
}

void shim_tick(void)
{
	complete_one();
}

/* Return: how many requests have ended by the time that their submitter goes on. */
static unsigned int submit(struct request *rq, bool last)
{
	struct blk_mq_queue_data bd = { .rq = rq, .last = last };

	nr_ended = 0;
	if (pvblk_mq_ops.queue_rq(&hctx, &bd))
		return 0;
	return nr_ended;
}

/* All in flight. */
static void drain(void)
{
	while (complete_one())
		;
	pvblk_bh(&queue.bh);
}

/* Of pieces as small as a tag's own room. */
static void add_pool(void)
{
	free(queue.parts);
	q.data = window_data;
	blk.config.max_io = htole32(sizeof(user_data));
	queue.depth = DEPTH;
	if (pvblk_alloc_parts(&queue, PIECES, PVBLK_SLOT_LEN))
		abort();
}

int main(void)
{
	static const unsigned int ops[] = { REQ_OP_READ, REQ_OP_WRITE };
	bool all = true, one = true;
	unsigned int i;

	ktap_plan(3);
	disk_init();
	add_pool();
	is_slow = true;
	pvblk_spin_us = 1000;

	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		large.cmd_flags = ops[i];
		all &= submit(&large, true) == 1;
		drain();
	}
	ktap_ok(all, "who has a large request in flight waits until it ends");

	large.cmd_flags = REQ_OP_WRITE | REQ_FUA;
	ktap_ok(submit(&large, true) == 1, "also for the flush that makes it durable");
	drain();

	large.cmd_flags = REQ_OP_WRITE;
	for (i = 0; i < 2; i++) {
		one &= !submit(&large, false) && submit(&flush, true) == 1;
		drain();
		one &= nr_ended == 2;
	}
	ktap_ok(one, "who has two in flight goes on when one of them has ended");
	free(queue.parts);
	hring_exit(&device);
	return ktap_finish();
}

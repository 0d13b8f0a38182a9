// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who polls takes all that has come back, also what others poll for: data that waits in the window leaves the caches. But
 * a device that is as fast as its user does not keep him for ever. pvblk/reap.c as it is.
 */
#define SIZE		128	/* more than one batch */

#include "testdisk.h"

#define LIMIT		100000	/* "for ever" */

static struct request rqs[SIZE];
static unsigned int nr_ended;
static bool again;

static void submit(struct request *rq)
{
	struct blk_mq_queue_data bd = { .rq = rq, .last = true };

	pvblk_mq_ops.queue_rq(&hctx, &bd);
}

void blk_mq_end_request(struct request *ended, blk_status_t status)
{
	nr_ended += !status;
	if (!again || nr_ended >= LIMIT)
		return;
	submit(ended);
	complete_one();
}

void shim_tick(void)
{
}

static unsigned int poll(void)
{
	nr_ended = 0;
	pvblk_mq_ops.poll(&hctx, NULL);
	return nr_ended;
}

static void submit_all(void)
{
	unsigned int tag;

	for (tag = 0; tag < SIZE; tag++) {
		submit(&rqs[tag]);
		complete_one();
	}
}

int main(void)
{
	unsigned int tag, nr;

	ktap_plan(4);
	disk_init();
	is_slow = true;
	queue.polled = true;
	queue.hctx = &hctx;
	for (tag = 0; tag < SIZE; tag++)
		rqs[tag] = (struct request){ .tag = tag, .cmd_flags = REQ_OP_FLUSH, .mq_hctx = &hctx };

	ktap_ok(!poll(), "nothing is there");
	submit_all();
	nr = poll();
	ktap_ok(nr == SIZE, "all is taken at once: %u of %u", nr, SIZE);

	submit_all();
	again = true;
	nr = poll();
	ktap_ok(nr >= SIZE && nr < LIMIT, "who submits again with each is let go: after %u", nr);
	again = false;
	nr = poll();
	ktap_ok(nr == SIZE, "and finds the rest when he comes back: %u of %u", nr, SIZE);
	hring_exit(&device);
	return ktap_finish();
}

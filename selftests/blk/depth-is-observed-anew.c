// SPDX-License-Identifier: GPL-2.0-only
/*
 * How much a user has in flight is observed over some batches, and then anew, also when several CPUs that
 * counted batches at once have stepped over the end: else one that had much in flight once would be taken
 * for it for ever, and never waited for awake. pvblk/wait.c as it is.
 */
#include "testdisk.h"

#define BATCHES		64	/* twice as many as are observed */

static struct request rq = { .cmd_flags = REQ_OP_FLUSH, .mq_hctx = &hctx };
static unsigned int nr_ended;

void blk_mq_end_request(struct request *ended, blk_status_t status)
{
	(void)ended;
	nr_ended += !status;
}

static void batches(unsigned int nr)
{
	struct blk_mq_queue_data bd = { .rq = &rq, .last = true };

	while (nr--) {
		pvblk_mq_ops.queue_rq(&hctx, &bd);
		pvblk_bh(&queue.bh);
	}
}

int main(void)
{
	unsigned int over;
	bool observed = true;

	ktap_plan(2);
	disk_init();

	for (over = 0; over < BATCHES; over++) {
		queue.depth_seen = 1000;
		queue.before_seen = 999;
		queue.depth_now = 0;
		queue.before_now = 0;
		queue.batches = over;
		batches(BATCHES);
		observed &= queue.depth_seen == 1 && !queue.before_seen;
	}
	ktap_ok(nr_ended == BATCHES * BATCHES, "each batch is served");
	ktap_ok(observed, "the depth of a while ago is forgotten, whatever the count of batches was");
	hring_exit(&device);
	return ktap_finish();
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * How much a user has in flight is observed over some batches, and then anew, also when several CPUs that
 * counted batches at once have stepped over the end: else one that had much in flight once would be taken
 * for it for ever, and never waited for awake. pvblk/wait.c as it is.
 */
#include <stdlib.h>
#include <string.h>

#include "../../pvblk/pvblk.h"

#include "worker/bus/ring.h"
#include "ktap.h"

#define SIZE		4
#define BATCHES		64	/* twice as many as are observed */

static _Alignas(PV_CACHE_LINE) u8 drv_area[64 + (SIZE << PVBLK_SQE_SHIFT)];
static _Alignas(PV_CACHE_LINE) u8 dev_area[64 + (SIZE << PVBLK_CQE_SHIFT)];
static struct hring device;
static struct pvbus_device pdev = { .features = { BIT_ULL(PVBLK_F_FLUSH) } };
static struct pvbus_queue q = { .pdev = &pdev };
static struct pvblk_slot slots[SIZE];
static struct pvblk blk = { .pdev = &pdev };
static struct pvblk_queue queue = { .q = &q, .blk = &blk, .slots = slots, .depth = SIZE };
static struct blk_mq_hw_ctx hctx = { .driver_data = &queue };
static struct request rq = { .cmd_flags = REQ_OP_FLUSH, .mq_hctx = &hctx };
static unsigned int nr_ended;

u32 pvbus_sleep_ns(const struct pvbus_device *unused)
{
	(void)unused;
	return 0;
}

void pvbus_kick(struct pvbus_queue *unused)
{
	struct pvblk_sqe sqe;
	struct pvblk_cqe cqe = { 0 };

	(void)unused;
	while (hring_pop(&device, &sqe) == 1) {
		cqe.id = sqe.id;
		hring_push(&device, &cqe, 0);
	}
	hring_arm(&device);
}

bool pvbus_epoch_over(struct pvbus_device *unused)
{
	(void)unused;
	return false;
}

void pvbus_device_broken(struct pvbus_device *unused, const char *why)
{
	(void)unused;
	ktap_note("broken: %s", why);
}

void blk_mq_end_request(struct request *ended, blk_status_t status)
{
	(void)ended;
	nr_ended += !status;
}

bool blk_mq_complete_request_remote(struct request *unused)
{
	(void)unused;
	return false;
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
	pvring_init(&q.ring, drv_area, dev_area, SIZE, PVBLK_SQE_SHIFT, PVBLK_CQE_SHIFT);
	if (hring_init(&device, drv_area, dev_area, SIZE, PVBLK_SQE_SHIFT, PVBLK_CQE_SHIFT))
		abort();
	hring_arm(&device);
	q.priv = &queue;
	spin_lock_init(&queue.lock);
	spin_lock_init(&queue.cq_lock);

	for (over = 0; over < BATCHES; over++) {
		queue.depth_seen = 1000;
		queue.depth_now = 0;
		queue.batches = over;
		batches(BATCHES);
		observed &= queue.depth_seen == 1;
	}
	ktap_ok(nr_ended == BATCHES * BATCHES, "each batch is served");
	ktap_ok(observed, "the depth of a while ago is forgotten, whatever the count of batches was");
	hring_exit(&device);
	return ktap_finish();
}

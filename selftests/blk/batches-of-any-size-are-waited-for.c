// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who submits a batch and waits for all of it, as a file system does, is waited for awake whatever the size of the
 * batch, and if he is not, has the interrupt of its last request: a large batch is no reason to expect more after a
 * small one. Who keeps a depth is not held up while he has less in flight than when he last submitted.
 * pvblk/wait.c as it is; the device completes a request each time that the driver looks at the clock.
 */
#include "testdisk.h"

#define BATCHES		256	/* several times as many as are observed */

static struct request rqs[SIZE];
static unsigned int nr_ended, next_tag;
static bool stands_still;

void blk_mq_end_request(struct request *ended, blk_status_t status)
{
	(void)ended;
	nr_ended += !status;
}

void shim_tick(void)
{
	if (!stands_still)
		complete_one();
}

/* Return: how many requests have ended by the time that their submitter goes on. */
static unsigned int submit(unsigned int nr)
{
	struct blk_mq_queue_data bd;

	nr_ended = 0;
	while (nr--) {
		bd = (struct blk_mq_queue_data){ .rq = &rqs[next_tag++ % SIZE], .last = !nr };
		pvblk_mq_ops.queue_rq(&hctx, &bd);
	}
	return nr_ended;
}

/* Return: true if the device raises an interrupt with the last. */
static bool drain(void)
{
	bool interrupts = false;

	while (complete_one())
		interrupts = hring_need_irq(&device, 0);
	pvblk_bh(&queue.bh);
	return interrupts;
}

static bool all_are_waited_for(void)
{
	bool all = true;
	unsigned int i;

	for (i = 0; i < BATCHES; i++) {
		all &= submit(i % 5 ? 1 : SIZE - 1) == 1;
		drain();
	}
	return all;
}

static bool all_are_interrupted_for(void)
{
	bool all = true;
	unsigned int i;

	pvblk_spin_us = 0;
	for (i = 0; i < BATCHES; i++)
		all &= !submit(i % 5 ? 1 : SIZE - 1) && drain();
	pvblk_spin_us = 1000;
	return all;
}

/* A depth of three, after a slow start. */
static void keep_depth(void)
{
	unsigned int i;

	stands_still = true;
	pvblk_spin_us = 0;
	submit(1);
	submit(1);
	for (i = 0; i < BATCHES; i++) {
		submit(1);
		complete_one();
		pvblk_bh(&queue.bh);
	}
	pvblk_spin_us = 1000;
	stands_still = false;
}

int main(void)
{
	unsigned int tag;

	ktap_plan(4);
	disk_init();
	is_slow = true;
	pvblk_spin_us = 1000;
	for (tag = 0; tag < SIZE; tag++)
		rqs[tag] = (struct request){ .tag = tag, .cmd_flags = REQ_OP_FLUSH, .mq_hctx = &hctx };

	ktap_ok(all_are_waited_for(), "who waits for batches of one and three is waited for with each");
	ktap_ok(all_are_interrupted_for(), "if not, the last of each batch raises the interrupt");

	keep_depth();
	complete_one();
	pvblk_bh(&queue.bh);
	ktap_ok(submit(1) == 0, "who has less in flight than he mostly has goes on");
	ktap_ok(submit(1) == 1, "and is waited for when he has as much");
	drain();
	hring_exit(&device);
	return ktap_finish();
}

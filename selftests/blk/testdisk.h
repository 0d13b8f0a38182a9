/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A disk of one queue for tests that include this: its device completes at the doorbell what was submitted.
 */
#ifndef TESTDISK_H
#define TESTDISK_H

#include <stdlib.h>
#include <string.h>

#include "../../pvblk/pvblk.h"

#include "worker/bus/ring.h"
#include "ktap.h"

#ifndef SIZE
#define SIZE		4
#endif

static _Alignas(PV_CACHE_LINE) u8 drv_area[64 + (SIZE << PVBLK_SQE_SHIFT)];
static _Alignas(PV_CACHE_LINE) u8 dev_area[64 + (SIZE << PVBLK_CQE_SHIFT)];
static struct hring device;
static struct pvbus_device pdev = { .features = { BIT_ULL(PVBLK_F_FLUSH) } };
static struct pvbus_queue q = { .pdev = &pdev };
static struct pvblk_slot slots[SIZE];
static struct pvblk blk = { .pdev = &pdev };
static struct pvblk_queue queue = { .q = &q, .blk = &blk, .slots = slots, .depth = SIZE };
static struct blk_mq_hw_ctx hctx = { .driver_data = &queue };

/* It completes nothing at the doorbell, only what complete_one() says. */
static bool is_slow;

u32 pvbus_sleep_ns(const struct pvbus_device *unused)
{
	(void)unused;
	return 0;
}

static bool complete_one(void)
{
	struct pvblk_sqe sqe;
	struct pvblk_cqe cqe = { 0 };

	if (hring_pop(&device, &sqe) != 1)
		return false;
	cqe.id = sqe.id;
	hring_push(&device, &cqe, 0);
	return true;
}

void pvbus_kick(struct pvbus_queue *unused)
{
	(void)unused;
	if (is_slow)
		return;
	while (complete_one())
		;
	hring_arm(&device);
}

/* Nobody freezes the queue. */
void shim_sleep(unsigned long timeout)
{
	(void)timeout;
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

bool blk_mq_complete_request_remote(struct request *unused)
{
	(void)unused;
	return false;
}

static void disk_init(void)
{
	pvring_init(&q.ring, drv_area, dev_area, SIZE, PVBLK_SQE_SHIFT, PVBLK_CQE_SHIFT);
	if (hring_init(&device, drv_area, dev_area, SIZE, PVBLK_SQE_SHIFT, PVBLK_CQE_SHIFT))
		abort();
	hring_arm(&device);
	if (pvblk_alloc_parts(&queue, 0, PVBLK_PIECE_LEN))
		abort();
	q.priv = &queue;
	spin_lock_init(&queue.lock);
	spin_lock_init(&queue.cq_lock);
	spin_lock_init(&queue.poll_lock);
	compat_bh_init(&queue.bh, pvblk_bh);
}

#endif

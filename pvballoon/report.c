// SPDX-License-Identifier: GPL-2.0-only
/*
 * Free page reporting: the host gets what is free anyway, and the guest uses it when it likes.
 */
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include "pvballoon.h"

/* How long reported memory is kept from a guest whose device has left without a word. */
#define GIVE_UP		(30 * HZ)

static unsigned int write_ranges(struct pvballoon *balloon, struct pvballoon_slot *slot,
				 struct scatterlist *sgl, unsigned int nents, u64 *bytes)
{
	struct pvballoon_range *shared = pvballoon_slot_data(&balloon->reports, slot);
	struct scatterlist *sg;
	unsigned int i, nr = 0;

	*bytes = 0;
	for_each_sg(sgl, sg, nents, i) {
		struct pvballoon_range range = {
			.addr		= cpu_to_le64(sg_phys(sg)),
			.nr_pages	= cpu_to_le32(sg->length >> PVBALLOON_PAGE_SHIFT),
		};

		if (!pvballoon_is_proven(balloon, sg_phys(sg), sg->length))
			continue;
		memcpy(&shared[nr++], &range, sizeof(range));
		*bytes += sg->length;
	}
	return nr;
}

/* BALLOON-G5: until it is completed, or can have no effect any more. */
static int wait_for_report(struct pvballoon_channel *channel, struct pvballoon_slot *slot)
{
	while (slot->busy && READ_ONCE(channel->running)) {
		pvballoon_wait(channel, PVBALLOON_WAIT);
		pvballoon_reap(channel);
	}
	mutex_unlock(&channel->lock);
	if (!wait_event_timeout(channel->wait,
				!READ_ONCE(slot->busy) || READ_ONCE(channel->running), GIVE_UP))
		dev_warn(&channel->queue->pdev->dev, "the device is silent: free memory that was reported is used again\n");
	mutex_lock(&channel->lock);
	return slot->busy || slot->status == PVBALLOON_S_UNSUPP ? -EAGAIN : 0;
}

static int report(struct page_reporting_dev_info *prdev, struct scatterlist *sgl,
		  unsigned int nents)
{
	struct pvballoon *balloon = container_of(prdev, struct pvballoon, prdev);
	struct pvballoon_channel *channel = &balloon->reports;
	struct pvballoon_slot *slot;
	unsigned int nr;
	u64 bytes = 0;
	int err = -EAGAIN;

	mutex_lock(&channel->lock);
	slot = pvballoon_get_slot(channel);
	if (!READ_ONCE(channel->running) || !slot)
		goto unlock;
	nr = write_ranges(balloon, slot, sgl, nents, &bytes);
	err = 0;
	if (nr) {
		pvballoon_submit(channel, slot, PVBALLOON_OP_REPORT, nr);
		err = wait_for_report(channel, slot);
	}
unlock:
	mutex_unlock(&channel->lock);
	if (err)
		return err;
	spin_lock(&balloon->lock);
	balloon->reported += bytes;
	spin_unlock(&balloon->lock);
	return 0;
}

/* What is free must keep its poison; if it has to be zero, the device keeps that (BALLOON-D8). */
static bool is_possible(const struct pvballoon *balloon)
{
	unsigned int i, proven = 0;

	for (i = 0; i < READ_ONCE(balloon->nr_areas); i++)
		proven += READ_ONCE(balloon->areas[i].proven);
	return proven && balloon->reports.queue && !page_poisoning_enabled_static() &&
	       pvbus_has_feature(balloon->pdev, PVBALLOON_F_REPORT);
}

/**
 * pvballoon_report_start() - report free memory, anew if a life of the device has begun
 * @balloon: the balloon; of the balance work
 */
void pvballoon_report_start(struct pvballoon *balloon)
{
	if (!balloon->introduced || !xchg(&balloon->report_anew, false))
		return;
	pvballoon_report_stop(balloon);
	if (!is_possible(balloon))
		return;
	balloon->prdev.report = report;
	balloon->prdev.order = max_t(unsigned int, pageblock_order,
				     balloon->pools[PVBALLOON_SMALL].order);
	balloon->reporting = !page_reporting_register(&balloon->prdev);
	if (!balloon->reporting)
		dev_info(&balloon->pdev->dev, "free memory is not reported: another driver does\n");
}

/**
 * pvballoon_report_stop() - report no more
 * @balloon: the balloon
 */
void pvballoon_report_stop(struct pvballoon *balloon)
{
	if (balloon->reporting)
		page_reporting_unregister(&balloon->prdev);
	balloon->reporting = false;
}

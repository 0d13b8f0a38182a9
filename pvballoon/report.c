// SPDX-License-Identifier: GPL-2.0-only
/*
 * Free page reporting: the host gets what is free anyway, and the guest uses it when it likes.
 */
#include <linux/atomic.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include "pvballoon.h"

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

/*
 * BALLOON-G5: until it is completed, or can have no effect any more, however long that takes: what
 * a device that is only late frees would be in use by then.
 */
static int wait_for_report(struct pvballoon_channel *channel, struct pvballoon_slot *slot)
{
	while (slot->busy) {
		if (READ_ONCE(channel->running)) {
			pvballoon_wait(channel, PVBALLOON_WAIT);
			pvballoon_reap(channel);
			continue;
		}
		mutex_unlock(&channel->lock);
		wait_event_idle(channel->wait,
				!READ_ONCE(slot->busy) || READ_ONCE(channel->running));
		mutex_lock(&channel->lock);
	}
	return slot->status == PVBALLOON_S_UNSUPP ? -EAGAIN : 0;
}

/*
 * What is about to be reported is kept from the guest meanwhile; BALLOON-G13: without memory that the
 * device may free, so that it can be given up.
 */
static const struct pvballoon_request nothing = {
	.op		= PVBALLOON_OP_NOTHING,
	.optional	= true,
};

static bool is_answered(struct pvballoon_channel *channel)
{
	unsigned long end = jiffies + PVBALLOON_WAIT;
	struct pvballoon_slot *slot;

	pvballoon_reap(channel);
	slot = pvballoon_get_slot(channel, 0);
	/* It has not answered the last time yet. */
	if (!slot || !pvballoon_is_idle(channel))
		return false;
	pvballoon_submit(channel, slot, &nothing, 1);
	while (slot->busy && READ_ONCE(channel->running) && time_before(jiffies, end)) {
		pvballoon_wait(channel, PVBALLOON_WAIT);
		pvballoon_reap(channel);
	}
	return !slot->busy && READ_ONCE(channel->running);
}

static const struct pvballoon_request report_request = {
	.op		= PVBALLOON_OP_REPORT,
	.optional	= true,
};

static int report(struct pvballoon *balloon, struct scatterlist *sgl, unsigned int nents)
{
	struct pvballoon_channel *channel = &balloon->reports;
	struct pvballoon_slot *slot;
	unsigned int nr;
	u64 bytes = 0;
	int err = -EAGAIN;

	mutex_lock(&channel->lock);
	if (!READ_ONCE(channel->running))
		goto unlock;
	if (!is_answered(channel)) {
		/* The kernel does not ask again by itself. */
		WRITE_ONCE(balloon->report_anew, true);
		goto unlock;
	}
	slot = pvballoon_get_slot(channel, 0);
	nr = write_ranges(balloon, slot, sgl, nents, &bytes);
	err = 0;
	if (nr) {
		pvballoon_submit(channel, slot, &report_request, nr);
		err = wait_for_report(channel, slot);
	}
unlock:
	mutex_unlock(&channel->lock);
	if (err)
		return err;
	spin_lock(&balloon->lock);
	WRITE_ONCE(balloon->reported, balloon->reported + bytes);
	balloon->returned += bytes;
	spin_unlock(&balloon->lock);
	/* Somebody may wait for what is free now (relief.c). */
	wake_up_all(&balloon->main.wait);
	return 0;
}

/**
 * struct job - a report that a work makes
 * @work: bound to no CPU
 * @balloon: the balloon
 * @sgl: what is free
 * @nents: length of @sgl
 * @err: 0, or why it was not reported; valid when it is done
 * @done: it is
 */
struct job {
	struct work_struct	work;
	struct pvballoon	*balloon;
	struct scatterlist	*sgl;
	unsigned int		nents;
	int			err;
	bool			done;
};

static void do_job(struct work_struct *work)
{
	struct job *job = container_of(work, struct job, work);
	struct pvballoon *balloon = job->balloon;

	job->err = report(balloon, job->sgl, job->nents);
	/* Pairs with the acquire in report_elsewhere(). */
	smp_store_release(&job->done, true);
	wake_up_all(&balloon->reports.wait);
}

/*
 * The kernel's work that reports is of one CPU. A real-time task that takes it would stop the report, and with the lock
 * of the channel everything that waits for a freeze.
 */
static int report_elsewhere(struct page_reporting_dev_info *prdev, struct scatterlist *sgl,
			    unsigned int nents)
{
	struct pvballoon *balloon = container_of(prdev, struct pvballoon, prdev);
	struct job job = { .balloon = balloon, .sgl = sgl, .nents = nents };

	INIT_WORK_ONSTACK(&job.work, do_job);
	queue_work(system_dfl_wq, &job.work);
	/* It may take for as long as the device likes, which is nothing to complain of. */
	wait_event_idle(balloon->reports.wait, smp_load_acquire(&job.done));
	flush_work(&job.work);
	destroy_work_on_stack(&job.work);
	return job.err;
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

static void unregister(struct pvballoon *balloon)
{
	if (balloon->reporting)
		page_reporting_unregister(&balloon->prdev);
	balloon->reporting = false;
}

static void register_anew(struct work_struct *work)
{
	struct pvballoon *balloon = container_of(work, struct pvballoon, reporter);

	unregister(balloon);
	if (!is_possible(balloon))
		return;
	balloon->prdev.report = report_elsewhere;
	balloon->prdev.order = max_t(unsigned int, pageblock_order,
				     balloon->pools[PVBALLOON_SMALL].order);
	balloon->reporting = !page_reporting_register(&balloon->prdev);
	if (!balloon->reporting)
		dev_info(&balloon->pdev->dev, "free memory is not reported: another driver does\n");
}

/**
 * pvballoon_report_init() - before all others
 * @balloon: the balloon
 */
void pvballoon_report_init(struct pvballoon *balloon)
{
	INIT_WORK(&balloon->reporter, register_anew);
}

/**
 * pvballoon_report_start() - report free memory, anew if a life of the device has begun
 * @balloon: the balloon; of the balance work
 */
void pvballoon_report_start(struct pvballoon *balloon)
{
	/* Not in the caller, which the freezer waits for. */
	if (READ_ONCE(balloon->introduced) && xchg(&balloon->report_anew, false))
		queue_work(system_dfl_wq, &balloon->reporter);
}

/**
 * pvballoon_report_stop() - report no more
 * @balloon: the balloon; none of its reports is in flight, and @balance is not running any more
 */
void pvballoon_report_stop(struct pvballoon *balloon)
{
	cancel_work_sync(&balloon->reporter);
	unregister(balloon);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Probe and remove of the balloon driver, and the balloon over an epoch change.
 */
#include <linux/delay.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include "pvballoon.h"

/* Before it leaves the driver waits for what is in flight. */
#define LEAVE_TIMEOUT	(5 * HZ)
/* How often it asks a silent device again to let go of what must not be given back otherwise. */
#define ASK_PERIOD	HZ
#define GRANULE_MAX	SZ_1G

static const u8 features[] = { PVBALLOON_F_RETURN, PVBALLOON_F_REPORT, PVBALLOON_F_STATS };

static int read_config(struct pvballoon *balloon, struct pvballoon_config *config, u32 *granule)
{
	int err = pvbus_read_config(balloon->pdev, config, sizeof(*config));

	if (err)
		return err;
	*granule = le32_to_cpu(config->granule);
	if (!is_power_of_2(*granule) || *granule < 1 << PVBALLOON_PAGE_SHIFT ||
	    *granule > GRANULE_MAX) {
		dev_err(&balloon->pdev->dev, "a granule of %u bytes makes no sense\n", *granule);
		return -EPROTO;
	}
	*granule = max_t(u32, *granule, PAGE_SIZE);
	return 0;
}

static void take_target(struct pvballoon *balloon, const struct pvballoon_config *config)
{
	WRITE_ONCE(balloon->target, le64_to_cpu(config->target));
	WRITE_ONCE(balloon->rate, le64_to_cpu(config->rate));
	WRITE_ONCE(balloon->stats_ms, pvbus_has_feature(balloon->pdev, PVBALLOON_F_STATS) ?
		   le32_to_cpu(config->stats_ms) : 0);
}

static int pvballoon_config_changed(struct pvbus_device *pdev)
{
	struct pvballoon *balloon = pvbus_get_drvdata(pdev);
	struct pvballoon_config config;
	u32 granule;
	int err;

	err = read_config(balloon, &config, &granule);
	if (err)
		return err;
	take_target(balloon, &config);
	pvballoon_kick_balance(balloon);
	pvballoon_nudge(&balloon->main);
	return 0;
}

static void callback(struct pvbus_queue *queue)
{
	struct pvballoon *balloon = pvbus_get_drvdata(queue->pdev);

	if (queue == balloon->reports.queue) {
		wake_up_all(&balloon->reports.wait);
		return;
	}
	wake_up_all(&balloon->main.wait);
	pvballoon_kick_balance(balloon);
}

/* The device knows nothing yet, and has been started or is about to be. */
static int start(struct pvballoon *balloon, const struct pvballoon_config *config)
{
	int err;

	memcpy(balloon->nonce, config->nonce, sizeof(balloon->nonce));
	take_target(balloon, config);
	err = pvbus_device_start(balloon->pdev);
	if (err)
		return err;
	pvballoon_areas_forget(balloon);
	balloon->window = PVBALLOON_WINDOW_MIN;
	balloon->answered_at = jiffies;
	WRITE_ONCE(balloon->introduced, false);
	WRITE_ONCE(balloon->report_anew, true);
	WRITE_ONCE(balloon->failed, false);
	pvballoon_channel_start(&balloon->main);
	if (balloon->reports.queue)
		pvballoon_channel_start(&balloon->reports);
	pvballoon_kick_balance(balloon);
	return 0;
}

static void pvballoon_freeze(struct pvbus_device *pdev)
{
	struct pvballoon *balloon = pvbus_get_drvdata(pdev);

	pvballoon_channel_stop(&balloon->main);
	if (balloon->reports.queue)
		pvballoon_channel_stop(&balloon->reports);
}

static void forget_requests(struct pvballoon *balloon)
{
	pvballoon_channel_forget(&balloon->main);
	if (balloon->reports.queue)
		pvballoon_channel_forget(&balloon->reports);
}

/* The device knows of nothing, or nobody will tell it any more. */
static void forget_given(struct pvballoon *balloon)
{
	spin_lock(&balloon->lock);
	WRITE_ONCE(balloon->retell, true);
	WRITE_ONCE(balloon->reset_due, false);
	WRITE_ONCE(balloon->nr_records, 0);
	spin_unlock(&balloon->lock);
}

/* BALLOON-G6 */
static int pvballoon_restore(struct pvbus_device *pdev)
{
	struct pvballoon *balloon = pvbus_get_drvdata(pdev);
	struct pvballoon_config config;
	u32 granule;
	int err;

	err = read_config(balloon, &config, &granule);
	if (err)
		return err;
	if (granule != balloon->granule) {
		pvbus_device_broken(pdev, "another granule");
		return -EINVAL;
	}
	if (pdev->max_queue_size < PVBALLOON_QUEUE_SIZE || pdev->max_queues < pdev->nr_queues) {
		pvbus_device_broken(pdev, "fewer or smaller queues");
		return -EINVAL;
	}
	forget_requests(balloon);
	forget_given(balloon);
	return start(balloon, &config);
}

static void pvballoon_gone(struct pvbus_device *pdev)
{
	struct pvballoon *balloon = pvbus_get_drvdata(pdev);

	forget_given(balloon);
	WRITE_ONCE(balloon->failed, true);
	pvballoon_kick_balance(balloon);
}

static void pvballoon_watchdog(struct pvbus_device *pdev)
{
	struct pvballoon *balloon = pvbus_get_drvdata(pdev);

	if (!pvballoon_is_balanced(balloon) || READ_ONCE(balloon->report_anew))
		pvballoon_kick_balance(balloon);
	if (balloon->reports.queue)
		wake_up_all(&balloon->reports.wait);
}

static int alloc_queues(struct pvballoon *balloon)
{
	static const struct pvbus_queue_params params = {
		.name		= "balloon",
		.size		= PVBALLOON_QUEUE_SIZE,
		.sqe_shift	= PVBALLOON_SQE_SHIFT,
		.cqe_shift	= PVBALLOON_CQE_SHIFT,
		.data_len	= PVBALLOON_SLOTS * PVBALLOON_RANGES_MAX *
				  sizeof(struct pvballoon_range),
		.callback	= callback,
	};
	struct pvbus_device *pdev = balloon->pdev;
	int err;

	if (pdev->max_queue_size < PVBALLOON_QUEUE_SIZE) {
		dev_err(&pdev->dev, "the device serves queues of %u entries, not of %u\n",
			pdev->max_queue_size, PVBALLOON_QUEUE_SIZE);
		return -EINVAL;
	}
	err = pvbus_alloc_queues(pdev, pdev->max_queues > 1 ? 2 : 1, &params);
	if (err)
		return err;
	balloon->main.queue = pdev->queues[0];
	err = pvballoon_channel_init(balloon, &balloon->main);
	if (!err && pdev->nr_queues > 1) {
		balloon->reports.queue = pdev->queues[1];
		err = pvballoon_channel_init(balloon, &balloon->reports);
	}
	if (err)
		pvbus_free_queues(pdev);
	return err;
}

static struct pvballoon *alloc_balloon(struct pvbus_device *pdev)
{
	struct pvballoon *balloon = kvzalloc(sizeof(*balloon), GFP_KERNEL);

	if (!balloon)
		return NULL;
	balloon->pdev = pdev;
	spin_lock_init(&balloon->lock);
	INIT_DELAYED_WORK(&balloon->balance, pvballoon_balance);
	pvballoon_report_init(balloon);
	balloon->hold_until = jiffies;
	balloon->stats_next = jiffies;
	balloon->records = kvcalloc(PVBALLOON_RECORDS, sizeof(*balloon->records), GFP_KERNEL);
	balloon->wq = alloc_workqueue("pvballoon", WQ_UNBOUND | WQ_FREEZABLE, 0);
	if (balloon->records && balloon->wq)
		return balloon;
	if (balloon->wq)
		destroy_workqueue(balloon->wq);
	kvfree(balloon->records);
	kvfree(balloon);
	return NULL;
}

static void free_balloon(struct pvballoon *balloon)
{
	destroy_workqueue(balloon->wq);
	kfree(balloon->main.copy);
	kfree(balloon->reports.copy);
	kvfree(balloon->records);
	kvfree(balloon);
}

/*
 * BALLOON-G5: memory that is being reported cannot be kept from the guest but by waiting, so a
 * silent device is asked until it answers.
 */
static int stop_device(struct pvballoon *balloon)
{
	int err = pvbus_device_stop(balloon->pdev);
	bool said = false;

	while (err && pvballoon_is_asked(&balloon->reports, PVBALLOON_OP_REPORT)) {
		if (!said)
			dev_warn(&balloon->pdev->dev,
				 "the device may still free memory that was reported to it: waiting until pvhostd answers\n");
		said = true;
		schedule_timeout_idle(ASK_PERIOD);
		err = pvbus_device_stop(balloon->pdev);
	}
	return err;
}

/* The lock is also that of who looks at the areas. Pages that are being moved are waited for. */
static void forget_all(struct pvballoon *balloon)
{
	unsigned long nr;

	do {
		mutex_lock(&balloon->main.lock);
		nr = pvballoon_forget(balloon);
		mutex_unlock(&balloon->main.lock);
		if (nr)
			cond_resched();
		else if (READ_ONCE(balloon->retell))
			msleep(20);
	} while (READ_ONCE(balloon->retell));
	while (pvballoon_is_moving(balloon))
		msleep(20);
}

/* All comes back, but what a silent device may still free. */
static void deflate(struct pvballoon *balloon, int err)
{
	u64 left;

	if (!err)
		forget_requests(balloon);
	forget_given(balloon);
	mutex_lock(&balloon->main.lock);
	pvballoon_drop_proofs(balloon);
	mutex_unlock(&balloon->main.lock);
	forget_all(balloon);
	pvballoon_shrink(balloon, U64_MAX);
	left = pvballoon_held(balloon);
	if (left)
		dev_warn(&balloon->pdev->dev,
			 "%llu bytes stay lost: the device did not say that it lets them alone\n",
			 left);
}

/* The bus may restore the device until it is stopped. */
static void end(struct pvballoon *balloon)
{
	int err;

	WRITE_ONCE(balloon->ending, true);
	pvballoon_kick_balance(balloon);
	wait_event_timeout(balloon->main.wait,
			   pvballoon_is_idle(&balloon->main) || READ_ONCE(balloon->failed),
			   LEAVE_TIMEOUT);
	WRITE_ONCE(balloon->stopped, true);
	pvballoon_freeze(balloon->pdev);
	err = stop_device(balloon);
	cancel_delayed_work_sync(&balloon->balance);
	deflate(balloon, err);
	/* A page that made way meanwhile has asked for it again. */
	cancel_delayed_work_sync(&balloon->balance);
	pvballoon_report_stop(balloon);
	pvbus_free_queues(balloon->pdev);
}

static int probe_balloon(struct pvballoon *balloon)
{
	struct pvbus_device *pdev = balloon->pdev;
	struct pvballoon_config config;
	int err;

	err = read_config(balloon, &config, &balloon->granule);
	if (err)
		return err;
	err = pvballoon_pools_init(balloon);
	if (err) {
		dev_err(&pdev->dev, "no guest can give blocks of %u bytes: use smaller pages for its memory\n",
			balloon->granule);
		return err;
	}
	err = alloc_queues(balloon);
	if (err)
		return err;
	err = start(balloon, &config);
	if (err) {
		/* START may have been heard, though it was not answered. */
		pvbus_device_stop(pdev);
		pvbus_free_queues(pdev);
		return err;
	}
	err = pvballoon_relief_start(balloon);
	if (err)
		end(balloon);
	return err;
}

static int pvballoon_probe(struct pvbus_device *pdev)
{
	struct pvballoon *balloon = alloc_balloon(pdev);
	int err;

	if (!balloon)
		return -ENOMEM;
	pvbus_set_drvdata(pdev, balloon);
	err = probe_balloon(balloon);
	if (err)
		free_balloon(balloon);
	return err;
}

static void pvballoon_remove(struct pvbus_device *pdev)
{
	struct pvballoon *balloon = pvbus_get_drvdata(pdev);

	pvballoon_relief_stop(balloon);
	end(balloon);
	free_balloon(balloon);
}

static struct pvbus_driver pvballoon_driver = {
	.driver.name	= "pvballoon",
	.driver.dev_groups = pvballoon_groups,
	.type		= PVBUS_T_BALLOON,
	.features	= features,
	.nr_features	= ARRAY_SIZE(features),
	.probe		= pvballoon_probe,
	.remove		= pvballoon_remove,
	.freeze		= pvballoon_freeze,
	.restore	= pvballoon_restore,
	.gone		= pvballoon_gone,
	.config_changed	= pvballoon_config_changed,
	.watchdog	= pvballoon_watchdog,
};
module_pvbus_driver(pvballoon_driver);

MODULE_DESCRIPTION("pvkit paravirtual balloon");
MODULE_LICENSE("GPL");
MODULE_VERSION(PVKIT_VERSION);
MODULE_ALIAS_PVBUS(PVBUS_T_BALLOON);

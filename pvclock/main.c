// SPDX-License-Identifier: GPL-2.0-only
/*
 * Probe and remove of the clock driver, and what disrupts the guest's time.
 */
#include <linux/jiffies.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/suspend.h>
#include <linux/sysfs.h>
#include "pvclk.h"

static bool step_on_resume;
module_param(step_on_resume, bool, 0644);
MODULE_PARM_DESC(step_on_resume, "set the wall clock to the host's, which is trusted, after a suspend, restore or migration (default N)");

#define QUEUE_SIZE	16
#define WATCH_PERIOD	HZ
/* A wall clock that is off by less is left to NTP. */
#define STEP_MIN_NS	(50 * NSEC_PER_USEC)
/* A host that thinks it is earlier than 2020 does not know the time. */
#define REAL_NS_MIN	(1577836800ULL * NSEC_PER_SEC)

static void count_disruption(struct pvclk *clk, enum pvclk_disruption kind)
{
	WRITE_ONCE(clk->disruption, kind);
	WRITE_ONCE(clk->disruptions, clk->disruptions + 1);
	sysfs_notify(&clk->pdev->dev.kobj, NULL, "disruptions");
}

/* Set the wall clock to that of a host that is trusted; CLOCK_MONOTONIC goes on as if nothing had been. */
static void step_wall_clock(struct pvclk *clk, u64 real_ns, s64 diff_ms)
{
	struct timespec64 ts = ns_to_timespec64(real_ns);
	int err;

	if (real_ns < REAL_NS_MIN) {
		dev_warn(&clk->pdev->dev, "the host's wall clock is before 2020: not taken\n");
		return;
	}
	err = do_settimeofday64(&ts);
	dev_info(&clk->pdev->dev, "wall clock set by %lld ms to the host's (%d)\n", diff_ms, err);
}

static void compare_wall_clock(struct pvclk *clk, const struct pvclk_view *view)
{
	u64 age = pvclk_counter() - pvclk_sample_middle(&view->sample), real_ns;
	s64 diff;

	clk->step = false;
	if (age > PVCLK_SPAN_MAX)
		return;
	real_ns = view->sample.real_ns + pvclk_counts_to_ns(age, view->hz);
	diff = (s64)(real_ns - ktime_get_real_ns());
	if (abs(diff) < STEP_MIN_NS)
		return;
	diff = div_s64(diff, NSEC_PER_MSEC);
	if (READ_ONCE(step_on_resume))
		step_wall_clock(clk, real_ns, diff);
	else if (diff)
		dev_info(&clk->pdev->dev,
			 "the host's wall clock is %lld ms ahead; NTP or 'step_on_resume=1' of pvclock mends that\n",
			 diff);
}

/* Has a life of the device begun that the exchange was not of yet the last time? True once for each. */
static bool is_renewed(struct pvclk *clk, bool *slept)
{
	bool renewed;

	spin_lock(&clk->lock);
	/* One that has begun since is seen by the next exchange, which is due at once. */
	renewed = clk->renewed && clk->life == clk->known_life;
	*slept = renewed && clk->slept;
	if (renewed) {
		clk->renewed = false;
		clk->slept = false;
	}
	spin_unlock(&clk->lock);
	return renewed;
}

/* Exchange, and see what has happened; it is the watch's turn. */
static void look(struct pvclk *clk, struct pvclk_view *view)
{
	bool slept;

	view->known = !pvclk_exchange(clk, &view->sample, NULL);
	view->hz = pvclk_hz(clk);
	if (view->known && !pvclk_line_add(&clk->line, &view->sample, view->hz))
		view->kind = PVCLK_D_JUMP;
	view->line = clk->line;
	view->page = clk->page;
	if (!is_renewed(clk, &slept))
		return;
	if (slept)
		view->kind = PVCLK_D_SUSPEND;
	else if (view->kind == PVCLK_D_NONE)
		view->kind = PVCLK_D_EPOCH;
}

static void watch(struct work_struct *work)
{
	struct pvclk *clk = container_of(to_delayed_work(work), struct pvclk, watch);
	struct pvclk_view view = { .kind = PVCLK_D_NONE };

	mutex_lock(&clk->turn);
	if (READ_ONCE(clk->running))
		look(clk, &view);
	mutex_unlock(&clk->turn);

	if (view.kind == PVCLK_D_SUSPEND || view.kind == PVCLK_D_JUMP) {
		clk->step = true;
		clk->own.valid = false;
	}
	if (view.known && clk->step)
		compare_wall_clock(clk, &view);
	if (view.kind != PVCLK_D_NONE)
		count_disruption(clk, view.kind);
	if (view.known)
		pvclk_source_watch(clk, &view);
	queue_delayed_work(system_dfl_wq, &clk->watch, WATCH_PERIOD);
}

static int pm_event(struct notifier_block *nb, unsigned long event, void *unused)
{
	struct pvclk *clk = container_of(nb, struct pvclk, pm);

	switch (event) {
	case PM_SUSPEND_PREPARE:
	case PM_HIBERNATION_PREPARE:
		WRITE_ONCE(clk->sleeping, true);
		break;
	case PM_POST_SUSPEND:
	case PM_POST_HIBERNATION:
		WRITE_ONCE(clk->sleeping, false);
		break;
	}
	return NOTIFY_DONE;
}

static int start(struct pvclk *clk)
{
	int err = pvbus_device_start(clk->pdev);

	if (err)
		return err;
	spin_lock(&clk->lock);
	/* Its answers are polled for. */
	pvring_disarm(&clk->queue->ring);
	WRITE_ONCE(clk->life, clk->life + 1);
	WRITE_ONCE(clk->running, !clk->ending);
	WRITE_ONCE(clk->failed, false);
	spin_unlock(&clk->lock);
	wake_up_all(&clk->back);
	mod_delayed_work(system_dfl_wq, &clk->watch, 0);
	return 0;
}

/* The bus may restore the device until it is stopped. */
static void end(struct pvclk *clk)
{
	spin_lock(&clk->lock);
	WRITE_ONCE(clk->running, false);
	clk->ending = true;
	spin_unlock(&clk->lock);
	pvbus_device_stop(clk->pdev);
	cancel_delayed_work_sync(&clk->watch);
	pvbus_free_queues(clk->pdev);
}

static int probe_clock(struct pvclk *clk)
{
	static const struct pvbus_queue_params params = {
		.name		= "read",
		.size		= QUEUE_SIZE,
		.sqe_shift	= PVCLOCK_SQE_SHIFT,
		.cqe_shift	= PVCLOCK_CQE_SHIFT,
	};
	int err;

	if (clk->pdev->max_queue_size < QUEUE_SIZE) {
		dev_err(&clk->pdev->dev, "the device serves queues of %u entries, not of %u\n",
			clk->pdev->max_queue_size, QUEUE_SIZE);
		return -EINVAL;
	}
	err = pvbus_alloc_queues(clk->pdev, 1, &params);
	if (err)
		return err;
	clk->queue = clk->pdev->queues[0];
	err = start(clk);
	if (err) {
		/* START may have been heard, though it was not answered. */
		pvbus_device_stop(clk->pdev);
		pvbus_free_queues(clk->pdev);
		return err;
	}
	err = pvclk_ptp_register(clk);
	if (err)
		goto end;
	clk->pm.notifier_call = pm_event;
	err = register_pm_notifier(&clk->pm);
	if (err)
		goto unregister_ptp;
	return 0;

unregister_ptp:
	pvclk_ptp_unregister(clk);
end:
	end(clk);
	pvclk_source_release(clk);
	return err;
}

static int pvclk_probe(struct pvbus_device *pdev)
{
	struct pvclk *clk;
	int err;

	if (!pvclk_counter_exists()) {
		dev_err(&pdev->dev, "this CPU has no counter to read\n");
		return -ENODEV;
	}
	clk = kzalloc(sizeof(*clk), GFP_KERNEL);
	if (!clk)
		return -ENOMEM;
	clk->pdev = pdev;
	mutex_init(&clk->turn);
	spin_lock_init(&clk->lock);
	init_waitqueue_head(&clk->back);
	INIT_DELAYED_WORK(&clk->watch, watch);
	pvbus_set_drvdata(pdev, clk);

	err = probe_clock(clk);
	if (err) {
		mutex_destroy(&clk->turn);
		kfree(clk);
	}
	return err;
}

static void pvclk_remove(struct pvbus_device *pdev)
{
	struct pvclk *clk = pvbus_get_drvdata(pdev);

	unregister_pm_notifier(&clk->pm);
	pvclk_ptp_unregister(clk);
	end(clk);
	pvclk_source_release(clk);
	mutex_destroy(&clk->turn);
	kfree(clk);
}

static void pvclk_freeze(struct pvbus_device *pdev)
{
	struct pvclk *clk = pvbus_get_drvdata(pdev);

	/* An exchange in progress finds that when it next wants the queue. */
	spin_lock(&clk->lock);
	WRITE_ONCE(clk->running, false);
	clk->slept |= READ_ONCE(clk->sleeping);
	spin_unlock(&clk->lock);
}

static int pvclk_restore(struct pvbus_device *pdev)
{
	struct pvclk *clk = pvbus_get_drvdata(pdev);

	if (pdev->max_queue_size < QUEUE_SIZE) {
		pvbus_device_broken(pdev, "smaller queues");
		return -EINVAL;
	}
	/* Before the first exchange of the new epoch, which start() sets off. */
	spin_lock(&clk->lock);
	clk->renewed = true;
	spin_unlock(&clk->lock);
	return start(clk);
}

static void pvclk_gone(struct pvbus_device *pdev)
{
	struct pvclk *clk = pvbus_get_drvdata(pdev);

	spin_lock(&clk->lock);
	WRITE_ONCE(clk->failed, true);
	spin_unlock(&clk->lock);
	wake_up_all(&clk->back);
}

static struct pvbus_driver pvclk_driver = {
	.driver.name	= "pvclock",
	.driver.dev_groups = pvclk_groups,
	.type		= PVBUS_T_CLOCK,
	.probe		= pvclk_probe,
	.remove		= pvclk_remove,
	.freeze		= pvclk_freeze,
	.restore	= pvclk_restore,
	.gone		= pvclk_gone,
};

static int __init pvclk_init(void)
{
	int err = pvclk_source_init();

	if (err)
		return err;
	err = pvbus_register_driver(&pvclk_driver);
	if (err)
		pvclk_source_exit();
	return err;
}
module_init(pvclk_init);

static void __exit pvclk_exit(void)
{
	pvbus_unregister_driver(&pvclk_driver);
	pvclk_source_exit();
}
module_exit(pvclk_exit);

MODULE_DESCRIPTION("pvkit paravirtual clock");
MODULE_LICENSE("GPL");
MODULE_VERSION(PVKIT_VERSION);
MODULE_ALIAS_PVBUS(PVBUS_T_CLOCK);

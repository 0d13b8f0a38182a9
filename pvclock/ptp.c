// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PTP clock: the host's wall clock, read by an exchange.
 */
#include <linux/err.h>
#include <linux/module.h>
#include <linux/wait.h>
#include "pvclk.h"

/* How often, and how long, a reading waits for the next life of the device side. */
#define RESTARTS	3
#define RESTART_WAIT	HZ

/*
 * The device side does not answer, and has not begun a new life either: tell its time by the page
 * and the line. The bound grows with their age.
 */
static int read_by_page(struct pvclk *clk, u64 counter, u64 *real_ns, u64 *error_ns)
{
	u64 raw_ns, raw_error, page_error;

	if (!clk->page.epoch ||
	    !pvclk_line_raw(&clk->line, counter, &raw_ns, &raw_error) ||
	    !pvclk_page_real(&clk->page, raw_ns, real_ns, &page_error))
		return -ETIMEDOUT;
	*error_ns = raw_error + page_error;
	return 0;
}

static bool is_back(struct pvclk *clk)
{
	return READ_ONCE(clk->failed) ||
	       (READ_ONCE(clk->running) && !pvbus_epoch_over(clk->pdev));
}

/* An exchange, in the next life if this one is over. */
static int exchange(struct pvclk *clk, struct pvclk_sample *sample,
		    struct ptp_system_timestamp *sts)
{
	unsigned int restarts = 0;
	int err;

	while ((err = pvclk_exchange(clk, sample, sts)) == -EAGAIN || err == -ESTALE) {
		if (++restarts > RESTARTS)
			break;
		mutex_unlock(&clk->turn);
		err = wait_event_killable_timeout(clk->back, is_back(clk), RESTART_WAIT);
		mutex_lock(&clk->turn);
		if (err < 0)
			return err;
	}
	return err;
}

/* The host's wall clock when the guest's counter was *@counter. */
static int read_clock(struct pvclk *clk, u64 *counter, u64 *real_ns,
		      struct ptp_system_timestamp *sts)
{
	struct pvclk_sample sample;
	bool by_page;
	u64 error_ns;
	int err;

	err = exchange(clk, &sample, sts);
	by_page = err == -ETIMEDOUT;
	WRITE_ONCE(clk->by_page, by_page);
	if (by_page) {
		ptp_read_system_prets(sts);
		*counter = pvclk_counter();
		ptp_read_system_postts(sts);
		err = read_by_page(clk, *counter, real_ns, &error_ns);
	} else if (!err) {
		*counter = pvclk_sample_middle(&sample);
		*real_ns = sample.real_ns;
		error_ns = pvclk_sample_error(&sample, pvclk_hz(clk));
	}
	if (!err)
		WRITE_ONCE(clk->error_ns, error_ns);
	return err;
}

static int ptp_gettimex64(struct ptp_clock_info *info, struct timespec64 *ts,
			  struct ptp_system_timestamp *sts)
{
	struct pvclk *clk = container_of(info, struct pvclk, info);
	u64 counter, real_ns;
	int err;

	mutex_lock(&clk->turn);
	err = read_clock(clk, &counter, &real_ns, sts);
	mutex_unlock(&clk->turn);
	if (!err)
		*ts = ns_to_timespec64(real_ns);
	return err;
}

struct reading {
	u64 counter;
	u64 real_ns;
};

static int give_reading(ktime_t *device, struct system_counterval_t *system, void *ctx)
{
	const struct reading *reading = ctx;

	*device = ns_to_ktime(reading->real_ns);
	pvclk_source_counterval(system, reading->counter);
	return 0;
}

/* Works while the guest's clocksource counts what the exchange reads. */
static int ptp_getcrosststamp(struct ptp_clock_info *info, struct system_device_crosststamp *xt)
{
	struct pvclk *clk = container_of(info, struct pvclk, info);
	struct system_time_snapshot before;
	struct reading reading;
	int err;

	mutex_lock(&clk->turn);
	/* The reading may be older than the timekeeper's last update. */
	compat_get_snapshot(xt, &before);
	err = read_clock(clk, &reading.counter, &reading.real_ns, NULL);
	mutex_unlock(&clk->turn);
	if (err)
		return err;
	err = get_device_system_crosststamp(give_reading, &reading, &before, xt);
	return err == -ENODEV ? -EOPNOTSUPP : err;
}

/* The host's clock is the host's to set. */
static int ptp_settime64(struct ptp_clock_info *info, const struct timespec64 *ts)
{
	return -EOPNOTSUPP;
}

static int ptp_adjtime(struct ptp_clock_info *info, s64 delta)
{
	return -EOPNOTSUPP;
}

static int ptp_adjfine(struct ptp_clock_info *info, long scaled_ppm)
{
	return -EOPNOTSUPP;
}

static int ptp_enable(struct ptp_clock_info *info, struct ptp_clock_request *rq, int on)
{
	return -EOPNOTSUPP;
}

/**
 * pvclk_ptp_register() - make the PTP clock
 * @clk: the clock, with its queue
 *
 * Return: 0 or -errno.
 */
int pvclk_ptp_register(struct pvclk *clk)
{
	clk->info = (struct ptp_clock_info) {
		.owner		= THIS_MODULE,
		.name		= "pvclock",
		.gettimex64	= ptp_gettimex64,
		.getcrosststamp	= ptp_getcrosststamp,
		.settime64	= ptp_settime64,
		.adjtime	= ptp_adjtime,
		.adjfine	= ptp_adjfine,
		.enable		= ptp_enable,
	};
	clk->ptp = ptp_clock_register(&clk->info, &clk->pdev->dev);
	/* NULL: a kernel without PTP clocks; the clocksource works all the same. */
	return PTR_ERR_OR_ZERO(clk->ptp);
}

/**
 * pvclk_ptp_unregister() - no reading is in progress when it returns
 * @clk: the clock
 */
void pvclk_ptp_unregister(struct pvclk *clk)
{
	if (clk->ptp)
		ptp_clock_unregister(clk->ptp);
}

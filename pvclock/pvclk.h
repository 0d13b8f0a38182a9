/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The clock driver: exchanges with the device, a clocksource, a PTP clock.
 */
#ifndef _PVCLK_H
#define _PVCLK_H

#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/ptp_clock_kernel.h>
#include <linux/spinlock.h>
#include <linux/timekeeping.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <pv/bus.h>
#include "compat.h"
#include "compat_wq.h"
#include "counter.h"
#include "math.h"

/**
 * enum pvclk_disruption - what happened to the guest's time
 * @PVCLK_D_NONE: nothing yet
 * @PVCLK_D_EPOCH: the device side began a new life; time itself went on
 * @PVCLK_D_SUSPEND: the guest slept
 * @PVCLK_D_JUMP: the guest's counter and the host's clock parted: paused, restored, migrated
 */
enum pvclk_disruption {
	PVCLK_D_NONE,
	PVCLK_D_EPOCH,
	PVCLK_D_SUSPEND,
	PVCLK_D_JUMP,
};

/**
 * enum pvclk_source_state - what became of the clocksource
 * @PVCLK_SRC_MEASURING: the frequency is being measured
 * @PVCLK_SRC_REGISTERED: the kernel has it
 * @PVCLK_SRC_REFUSED: the counter is no clock here; the log says why
 */
enum pvclk_source_state {
	PVCLK_SRC_MEASURING,
	PVCLK_SRC_REGISTERED,
	PVCLK_SRC_REFUSED,
};

/**
 * struct pvclk_own - what the guest's own clock said when the frequency was begun to measure
 * @counter: guest's counter
 * @raw_ns: guest's CLOCK_MONOTONIC_RAW
 * @valid: it was asked
 */
struct pvclk_own {
	u64	counter;
	u64	raw_ns;
	bool	valid;
};

/**
 * struct pvclk_view - what the watch has seen, for what it does after its turn
 * @sample: the exchange
 * @line: the relation of the counters after it
 * @page: the page
 * @hz: frequency of the guest's counter
 * @known: all of the above is there
 * @kind: what disrupted the guest's time since the last look
 */
struct pvclk_view {
	struct pvclk_sample	sample;
	struct pvclk_line	line;
	struct pvclk_page	page;
	u64			hz;
	bool			known;
	enum pvclk_disruption	kind;
};

/**
 * struct pvclk - a clock
 * @pdev: its device
 * @turn: one exchange at a time: line, page, and what else follows from exchanges. Whoever has it may lose his
 *	CPU, so nothing that the bus calls takes it
 * @lock: queue and life; the bus waits for it, and all devices for the bus. Inside @turn
 * @queue: its queue
 * @running: the queue may be used
 * @life: counts the times that it has been started
 * @ending: the queue is not to be used any more
 * @failed: the device is broken or gone
 * @back: woken when @running or @failed becomes true
 * @known_life: that of the last exchange
 * @id: of the last request
 * @outstanding: requests not answered yet, the last ones by @id
 * @width: least (after - before) in this epoch, counts; 0: none yet
 * @last_raw_ns: host's unadjusted clock in the last exchange of this epoch
 * @page: last good copy of the page; its epoch is 0 when there is none
 * @line: host's unadjusted clock as a function of the guest's counter
 * @own: against which the line is checked before it becomes a clocksource; of the watch
 * @watch: looks at the relation once a second, and at once after an epoch change
 * @ptp: the PTP clock
 * @pm: tells of suspend before it comes
 * @sleeping: the guest is about to suspend, or does
 * @slept: ... and the device was frozen for it
 * @renewed: the epoch changed, and the watch has not seen it yet
 * @step: the wall clock is to be compared by the next exchange; of the watch
 * @disruptions: their number; written by the watch
 * @disruption: kind of the last; written by the watch
 * @error_ns: bound of the error of the last reading of the PTP clock
 * @by_page: that reading was made by the page: the device did not answer
 */
struct pvclk {
	struct pvbus_device	*pdev;
	struct mutex		turn;	/* see above */
	spinlock_t		lock;	/* the same */
	struct pvbus_queue	*queue;
	bool			running;
	u32			life;
	bool			ending;
	bool			failed;
	wait_queue_head_t	back;
	u32			known_life;
	u32			id;
	u32			outstanding;
	u64			width;
	u64			last_raw_ns;
	struct pvclk_page	page;
	struct pvclk_line	line;
	struct pvclk_own	own;
	struct delayed_work	watch;
	struct ptp_clock_info	info;
	struct ptp_clock	*ptp;
	struct notifier_block	pm;
	bool			sleeping;
	bool			slept;
	bool			renewed;
	bool			step;
	u64			disruptions;
	enum pvclk_disruption	disruption;
	u64			error_ns;
	bool			by_page;
};

/* exchange.c */
int pvclk_exchange(struct pvclk *clk, struct pvclk_sample *best,
		   struct ptp_system_timestamp *sts);
u64 pvclk_hz(const struct pvclk *clk);

/* ptp.c */
int pvclk_ptp_register(struct pvclk *clk);
void pvclk_ptp_unregister(struct pvclk *clk);

/* source.c */
int pvclk_source_init(void);
void pvclk_source_exit(void);
void pvclk_source_watch(struct pvclk *clk, const struct pvclk_view *view);
void pvclk_source_release(struct pvclk *clk);
enum pvclk_source_state pvclk_source_state(void);
void pvclk_source_counterval(struct system_counterval_t *system, u64 counter);

/* sysfs.c */
extern const struct attribute_group *pvclk_groups[];

#endif /* _PVCLK_H */

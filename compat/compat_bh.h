/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A bottom half: runs in softirq context on the CPU that asked for it, one at a time.
 */
#ifndef _PVKIT_COMPAT_BH_H
#define _PVKIT_COMPAT_BH_H

#include "gen/config.h"

#ifdef PVKIT_HAVE_BH_WORKQUEUE

#include <linux/workqueue.h>

typedef struct work_struct compat_bh;

static inline void compat_bh_init(compat_bh *bh, void (*func)(compat_bh *bh))
{
	INIT_WORK(bh, func);
}

static inline void compat_bh_queue(compat_bh *bh)
{
	queue_work(system_bh_wq, bh);
}

static inline void compat_bh_cancel(compat_bh *bh)
{
	cancel_work_sync(bh);
}

#else

#include <linux/interrupt.h>

typedef struct tasklet_struct compat_bh;

static inline void compat_bh_init(compat_bh *bh, void (*func)(compat_bh *bh))
{
	tasklet_setup(bh, func);
}

static inline void compat_bh_queue(compat_bh *bh)
{
	tasklet_schedule(bh);
}

static inline void compat_bh_cancel(compat_bh *bh)
{
	tasklet_kill(bh);
}

#endif

#endif /* _PVKIT_COMPAT_BH_H */

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_COMPAT_BH_H
#define SHIM_COMPAT_BH_H

/* In the place of compat/compat_bh.h: when it runs is the test's to say. */
#include <linux/workqueue.h>

typedef struct work_struct compat_bh;

static inline void compat_bh_init(compat_bh *bh, void (*func)(compat_bh *bh))
{
	INIT_WORK(bh, func);
}

static inline void compat_bh_queue(compat_bh *bh)
{
	bh->pending = true;
}

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_COMPAT_H
#define SHIM_COMPAT_H

/* In the place of compat/compat.h. */
#include <linux/blk-mq.h>

#define COMPAT_BUS_CONST	const

struct clocksource;

static inline void compat_set_uncertainty(struct clocksource *cs, u32 ns)
{
	(void)cs;
	(void)ns;
}

typedef struct request *compat_rq_list;

static inline struct request *rq_list_pop(compat_rq_list *list)
{
	struct request *rq = *list;

	if (rq)
		*list = rq->rq_next;
	return rq;
}

#endif

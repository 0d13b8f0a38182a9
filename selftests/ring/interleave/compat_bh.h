/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * In the place of the shim's: to queue it is an event, which a thread of the test waits for.
 */
#ifndef INTERLEAVE_COMPAT_BH_H
#define INTERLEAVE_COMPAT_BH_H

#include "interleave.h"

typedef struct {
	bool queued;
} compat_bh;

static inline void compat_bh_queue(compat_bh *bh)
{
	il_raise(&bh->queued);
}

#endif

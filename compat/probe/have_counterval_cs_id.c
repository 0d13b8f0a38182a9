// SPDX-License-Identifier: GPL-2.0-only
/* struct system_counterval_t names its clocksource by id instead of by pointer (6.9). */
#include <linux/timekeeping.h>

struct system_counterval_t probe = { .cs_id = CSID_GENERIC };

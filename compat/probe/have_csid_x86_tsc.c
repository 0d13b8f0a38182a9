// SPDX-License-Identifier: GPL-2.0-only
/* A clocksource whose cycles are the TSC can say so (6.9). */
#include <linux/clocksource_ids.h>

int probe = CSID_X86_TSC;

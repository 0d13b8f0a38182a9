// SPDX-License-Identifier: GPL-2.0-only
/* A clocksource has a margin for the kernel's watchdog (until 7.x). */
#include <linux/clocksource.h>

struct clocksource probe = { .uncertainty_margin = 1 };

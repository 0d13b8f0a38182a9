// SPDX-License-Identifier: GPL-2.0-only
/*
 * The clock as a class: there is nothing to choose, the worker reads the host's clocks.
 */
#include <pv/bus.h>

#include "clock/device.h"
#include "keys/class.h"

static const struct hostd_key keys[] = { HOSTD_KEYS_COMMON };

const struct pv_class pv_clock_class = {
	.name = "clock",
	.word = "clock",
	.title = "a clock",
	.type = PVBUS_T_CLOCK,
	.id = "clock",
	.keys = keys,
	.worker = &hdev_clock_ops,
};

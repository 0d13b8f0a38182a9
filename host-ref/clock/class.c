// SPDX-License-Identifier: GPL-2.0-only
/*
 * The clock: there is nothing to choose, the worker reads the host's clocks.
 */
#include "broker/devices.h"

const struct hostd_class hostd_clock_class = {
	.name = "clock",
	.spec = &hostd_spec_clock,
	.size = sizeof(struct hostd_device),
};

// SPDX-License-Identifier: GPL-2.0-only
/* A snapshot is of a chosen clock, as a cross-timestamp is (7.3 at the latest). */
#include <linux/timekeeping.h>

void probe(struct system_device_crosststamp *xt, struct system_time_snapshot *snapshot);
void probe(struct system_device_crosststamp *xt, struct system_time_snapshot *snapshot)
{
	ktime_get_snapshot_id(xt->clock_id, snapshot);
}

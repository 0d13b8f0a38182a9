// SPDX-License-Identifier: GPL-2.0-only
/*
 * Signs of life of the device side.
 */
#include <linux/jiffies.h>
#include "pvbus.h"

/* Without a sign of life for so long, the device side is taken for silent. */
#define SILENT_BEATS		10
#define SILENT_MIN		(5 * HZ)

static unsigned long silence(const struct pvbus *bus)
{
	u32 beat_ms = le32_to_cpu(READ_ONCE(bus->hdr.heartbeat_ms));

	return max_t(unsigned long, SILENT_BEATS * msecs_to_jiffies(beat_ms), SILENT_MIN);
}

/**
 * pvbus_silent() - has the device side given no sign of life for long
 * @bus: the bus; any context
 *
 * Then nobody waits for its answers any longer; it may come back all the same.
 */
bool pvbus_silent(const struct pvbus *bus)
{
	return time_after(jiffies, READ_ONCE(bus->alive_at) + silence(bus));
}

/**
 * pvbus_look_for_life() - has the device side moved since the last look
 * @bus: the bus; of its work
 *
 * When it has stood still for long, and when it goes on, the log says so.
 */
void pvbus_look_for_life(struct pvbus *bus)
{
	const struct pvbus_header *shared = bus->shm.base;
	u64 epoch = pvbus_window_epoch(bus), beat = le64_to_cpu(READ_ONCE(shared->heartbeat));

	if (beat != bus->last_heartbeat || epoch != bus->last_epoch) {
		WRITE_ONCE(bus->alive_at, jiffies);
		bus->last_heartbeat = beat;
		bus->last_epoch = epoch;
	}
	if (!pvbus_silent(bus)) {
		if (bus->stalled)
			dev_info(bus->transport->dev, "the device side goes on\n");
		bus->stalled = false;
	} else if (bus->epoch && !bus->stalled) {
		dev_warn(bus->transport->dev,
			 "no heartbeat for %u s: is pvhostd stopped? Requests wait for it\n",
			 jiffies_to_msecs(jiffies - READ_ONCE(bus->alive_at)) / 1000);
		bus->stalled = true;
	}
}

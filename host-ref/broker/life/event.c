// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the worker reports unasked: lines for the log, devices that the guest has let go, epochs.
 */
#include "broker/life/event.h"

#include <string.h>

#include "broker/broker.h"
#include "broker/devices.h"
#include "broker/heir/state.h"
#include "lib/json.h"
#include "lib/util.h"

/* Its own limit is its own: one that was taken over has none, and a guest may make it talk. */
static void log_event(struct hostd_broker *b, struct json_object *msg)
{
	unsigned int dropped;

	if (!hostd_limit_pass(&b->worker_lines, &dropped))
		return;
	if (dropped)
		hostd_log(HOSTD_LOG_WARN, "%u more lines of the worker's were dropped before", dropped);
	hostd_log(hostd_json_u64(msg, "level", HOSTD_LOG_DEBUG), "worker: %.*s", HOSTD_ERROR_MAX,
		  hostd_json_str(msg, "text"));
}

static const char *removed_event(struct hostd_broker *b, struct json_object *msg)
{
	unsigned int slot = hostd_json_u64(msg, "slot", 0);
	uint64_t generation = hostd_json_u64(msg, "generation", 0);
	struct hostd_device *dev = b->slots[slot];

	if (generation > b->generations[slot])
		return "it reports of a device that there never was";
	if (!dev || dev->generation != generation)
		return NULL;	/* it has been dropped meanwhile */
	if (dev->state != HOSTD_DEVICE_SERVED || !dev->removing)
		return "it removes a device of its own accord";
	hostd_device_drop(b, dev);
	hostd_state_save(b);
	return NULL;
}

const char *hostd_event_take(struct hostd_broker *b, struct json_object *msg)
{
	const char *event = hostd_json_str(msg, "event");

	if (!strcmp(event, "log")) {
		log_event(b, msg);
		return NULL;
	}
	if (b->life.state == HOSTD_LIFE_DOWN)
		return NULL;	/* it finishes */
	if (!strcmp(event, "removed"))
		return removed_event(b, msg);
	if (b->life.state < HOSTD_LIFE_GOING)
		return "it begins an epoch before it was told to";
	b->life.epoch = hostd_json_u64(msg, "epoch", 0);
	return NULL;
}

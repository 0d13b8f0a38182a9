/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pvctl: what devices have done so far, and what that comes to between two looks.
 */
#ifndef HOSTD_PVCTL_WATCH_SAMPLE_H
#define HOSTD_PVCTL_WATCH_SAMPLE_H

#include <stdint.h>

#include "lib/histogram.h"

struct json_object;

/**
 * struct pvctl_counts - what a device has done
 * @ops: requests completed
 * @read_bytes: data read by the guest
 * @write_bytes: data written by the guest
 * @kicks: doorbells
 * @irqs: interrupts
 * @errors: requests with another status than OK
 * @latency: how long requests took, of a class that counts that
 */
struct pvctl_counts {
	uint64_t ops;
	uint64_t read_bytes;
	uint64_t write_bytes;
	uint64_t kicks;
	uint64_t irqs;
	uint64_t errors;
	struct hostd_histogram latency;
};

/**
 * struct pvctl_device_sample - a device
 * @id: its name
 * @type: name of its class
 * @counts: all of its queues together
 */
struct pvctl_device_sample {
	char id[32];
	char type[16];
	struct pvctl_counts counts;
};

/**
 * struct pvctl_sample - all devices at a time
 * @at_ns: when, monotonic
 * @cpu_us: processor time of the worker
 * @nr: number of devices
 * @devices: the devices
 */
struct pvctl_sample {
	uint64_t at_ns;
	uint64_t cpu_us;
	unsigned int nr;
	struct pvctl_device_sample *devices;
};

/**
 * pvctl_sample_parse - make a sample of what "stats" says
 * @stats: that
 * @sample: gets it; free @devices
 */
void pvctl_sample_parse(struct json_object *stats, struct pvctl_sample *sample);

/**
 * pvctl_sample_diff - what a device has done between two samples
 * @old: the first one
 * @now: the device in the second one
 * @diff: gets it; a device that has begun anew since, with its worker, has done what it has by now
 */
void pvctl_sample_diff(const struct pvctl_sample *old, const struct pvctl_device_sample *now,
		       struct pvctl_counts *diff);

#endif /* HOSTD_PVCTL_WATCH_SAMPLE_H */

// SPDX-License-Identifier: GPL-2.0-only
/*
 * A disk whose file does not answer: the log says so once, and again when it does.
 */
#include "blk/device.h"

#include "lib/json.h"
#include "lib/log/report.h"
#include "lib/util.h"
#include "worker/bus/bus.h"

/* Slow disks take that long, too. */
#define STALL_NS	2000000000ULL

static unsigned long long seconds_of(uint64_t ns)
{
	return (ns + 500000000) / 1000000000;
}

/*
 * A server can be given up, a file cannot: when the operator's limit has passed, or all that is waited for is
 * that nothing is in flight.
 */
static bool is_given_up(const struct hdev *dev)
{
	const struct blk *blk = dev->priv;
	const struct hostd_backend_ops *backend = blk->file.backend;
	const struct blk_stall *s = &blk->stall;

	if (!backend->give_up || !blk->file.in_flight)
		return false;
	if (hdev_is_draining(dev) && (s->told || backend->is_away(&blk->file)))
		return true;
	return s->limit_ns && dev->loop->now_ns - s->since_ns >= s->limit_ns;
}

void hdev_blk_look_for_stall(struct hdev *dev)
{
	struct blk *blk = dev->priv;
	struct blk_stall *s = &blk->stall;
	uint64_t now_ns = dev->loop->now_ns;

	if (!blk->file.in_flight || blk->file.progress != s->progress || !s->since_ns) {
		if (s->told)
			hostd_report(HOSTD_LOG_INFO, "%s: it is answered again, after %llu s", dev->name,
				     seconds_of(now_ns - s->since_ns));
		s->told = false;
		s->progress = blk->file.progress;
		s->since_ns = now_ns;
		return;
	}
	if (is_given_up(dev))
		blk->file.backend->give_up(&blk->file);
	if (s->told || now_ns - s->since_ns < STALL_NS)
		return;
	s->told = true;
	hostd_report(HOSTD_LOG_WARN, "%s: it has not been answered for %llu s: this disk waits, others go on%s%s",
		     dev->name, seconds_of(now_ns - s->since_ns), *blk->trouble.path ? ": " : "",
		     blk->trouble.path);
}

void hdev_blk_describe_stall(const struct hdev *dev, struct json_object *obj)
{
	const struct blk *blk = dev->priv;

	if (blk->stall.told)
		hostd_json_add_u64(obj, "waits_ms", (dev->loop->now_ns - blk->stall.since_ns) / 1000000);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a disk does when the host fails it: the guest is told, or not, or its requests are held.
 *
 * A disk that is stopped takes requests and executes none (resume.c has how it goes on). What is held is
 * not in flight: a reset drops it, and another life of the worker gets it again from the driver.
 */
#include "blk/device.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/log/report.h"
#include "lib/util.h"
#include "worker/bus/bus.h"

#define MS_NS			1000000ULL
#define PAUSE_MIN_NS		(100 * MS_NS)
#define PAUSE_MAX_NS		(5000 * MS_NS)
/* Between two lines of the log about one kind of error. */
#define LOG_NS			(10000 * MS_NS)
/* Tries before want of memory, which should pass, is an error like any other: some 20 s. */
#define PASSING_TRIES		8

static const char *const op_names[] = {
	[HOSTD_IO_READ] = "read",
	[HOSTD_IO_WRITE] = "write",
	[HOSTD_IO_FLUSH] = "flush",
	[HOSTD_IO_DISCARD] = "discard",
	[HOSTD_IO_ZERO] = "write of zeroes",
};

/* The keys know no other words than these. */
static void take_policy(const char *text, enum blk_policy *policy)
{
	static const char *const names[] = {
		[BLK_REPORT] = "report", [BLK_IGNORE] = "ignore",
		[BLK_ENOSPC] = "enospc", [BLK_STOP] = "stop",
	};
	unsigned int i;

	for (i = 0; text && i < HOSTD_ARRAY_SIZE(names); i++) {
		if (!strcmp(text, names[i]))
			*policy = i;
	}
}

void hdev_blk_set_policy(struct blk *blk, struct json_object *config)
{
	take_policy(hostd_json_str(config, "rerror"), &blk->trouble.on_read);
	take_policy(hostd_json_str(config, "werror"), &blk->trouble.on_write);
}

int hdev_blk_init_trouble(struct blk *blk, struct json_object *config)
{
	struct blk_trouble *t = &blk->trouble;
	const char *path = hostd_json_str(config, "path");

	t->last = &t->held;
	t->on_read = BLK_REPORT;
	t->on_write = BLK_ENOSPC;
	hdev_blk_set_policy(blk, config);
	t->path = strdup(path ? path : "");
	return t->path ? 0 : -ENOMEM;
}

/* Room may come. Not so with EFBIG: that is a limit of the process or of the file system. */
static bool is_no_room(int error)
{
	return error == ENOSPC || error == EDQUOT;
}

static bool is_passing(int error)
{
	return error == EAGAIN || error == ENOMEM || error == ENOBUFS || error == EBUSY;
}

/*
 * A flush that fails has lost what was in the page cache: the next one would succeed, and lie.
 */
static bool is_final(const struct hostd_io *io)
{
	return io->op == HOSTD_IO_FLUSH && !io->file->direct;
}

/* Does a request that is held go on by itself? */
static bool waits(const struct blk_req *req)
{
	int error = -req->io.result;

	return (is_no_room(error) || is_passing(error)) && !is_final(&req->io);
}

static enum blk_policy decide(const struct blk_trouble *t, const struct blk_req *req)
{
	enum blk_policy policy = req->io.op == HOSTD_IO_READ ? t->on_read : t->on_write;
	int error = -req->io.result;

	if (!req->q->running)
		return BLK_REPORT;	/* to nobody: it just ends */
	if (hdev_blk_is_late(req))
		return BLK_REPORT;	/* it is not tried again */
	if (is_passing(error) && !is_final(&req->io) && t->nr_tries < PASSING_TRIES)
		return BLK_STOP;
	if (policy == BLK_ENOSPC)
		return is_no_room(error) && !is_final(&req->io) ? BLK_STOP : BLK_REPORT;
	return policy;
}

/* The place of a kind of error; a new one takes that of the oldest. */
static struct blk_kind *find_kind(struct blk_trouble *t, uint8_t op, int error)
{
	struct blk_kind *oldest = &t->kinds[0];
	unsigned int i;

	for (i = 0; i < BLK_KINDS; i++) {
		struct blk_kind *kind = &t->kinds[i];

		if (kind->op == op && kind->error == error)
			return kind;
		if (kind->logged_ns < oldest->logged_ns)
			oldest = kind;
	}
	*oldest = (struct blk_kind) { .op = op, .error = error };
	return oldest;
}

static const char *describe_action(enum blk_policy policy, const struct blk_req *req)
{
	if (policy == BLK_REPORT)
		return "the guest is told";
	if (policy == BLK_IGNORE)
		return "the guest is not told";
	return waits(req) ? "the disk waits until that works" : "the disk is stopped until 'pvctl continue'";
}

static void log_failure(struct hdev *dev, const struct blk_req *req, enum blk_policy policy)
{
	struct blk_trouble *t = &((struct blk *)dev->priv)->trouble;
	struct blk_kind *kind = find_kind(t, req->io.op, -req->io.result);
	uint64_t now_ns = dev->loop->now_ns;
	char times[64] = "";

	t->sick = true;
	kind->count++;
	if (kind->logged_ns && (!kind->healed || now_ns - kind->logged_ns < LOG_NS))
		return;
	if (kind->count > 1)
		snprintf(times, sizeof(times), ", %llu times since the last such line",
			 (unsigned long long)kind->count);
	hostd_report(HOSTD_LOG_ERR, "%s: %s of %llu bytes at %llu failed%s: %s: %s%s%s", dev->name,
		     op_names[req->io.op], (unsigned long long)req->io.len,
		     (unsigned long long)req->io.pos, times, strerror(-req->io.result),
		     describe_action(policy, req), *t->path ? ": " : "", t->path);
	kind->healed = false;
	kind->count = 0;
	kind->logged_ns = now_ns ? now_ns : 1;
}

void hdev_blk_worked(struct blk_req *req)
{
	struct blk *blk = req->q->dev->priv;
	struct blk_trouble *t = &blk->trouble;
	unsigned int i;

	if (t->sick) {
		t->sick = false;
		t->nr_tries = 0;
		for (i = 0; i < BLK_KINDS; i++) {
			t->kinds[i].healed |= t->kinds[i].op == req->io.op;
			t->sick |= t->kinds[i].error && !t->kinds[i].healed;
		}
	}
	if (req == t->probe)
		hdev_blk_continue(req->q->dev);
}

static void put_first(struct blk_trouble *t, struct blk_req *req)
{
	req->next = t->held;
	t->held = req;
	if (!req->next)
		t->last = &req->next;
	t->nr_held++;
}

static void put_last(struct blk_trouble *t, struct blk_req *req)
{
	req->next = NULL;
	*t->last = req;
	t->last = &req->next;
	t->nr_held++;
}

struct blk_req *hdev_blk_take_held(struct blk_trouble *t)
{
	struct blk_req *req = t->held;

	t->held = req->next;
	if (!t->held)
		t->last = &t->held;
	t->nr_held--;
	return req;
}

static void stop_disk(struct hdev *dev, const struct blk_req *req)
{
	struct blk_trouble *t = &((struct blk *)dev->priv)->trouble;

	if (!t->stopped || req == t->probe) {
		t->pause_ns = t->nr_tries ? t->pause_ns * 2 : PAUSE_MIN_NS;
		if (t->pause_ns > PAUSE_MAX_NS)
			t->pause_ns = PAUSE_MAX_NS;
		t->try_ns = waits(req) ? dev->loop->now_ns + t->pause_ns : UINT64_MAX;
	}
	t->stopped = true;
	snprintf(t->reason, sizeof(t->reason), "%s: %s", op_names[req->io.op],
		 strerror(-req->io.result));
}

bool hdev_blk_failed(struct blk_req *req)
{
	struct hdev *dev = req->q->dev;
	struct blk_trouble *t = &((struct blk *)dev->priv)->trouble;
	enum blk_policy policy = decide(t, req);
	bool is_probe = req == t->probe;

	if (!is_probe) {
		*(req->io.op == HOSTD_IO_READ ? &t->read_errors : &t->write_errors) += 1;
		/* Of a queue that has been stopped nobody is told. */
		if (req->q->running)
			log_failure(dev, req, policy);
	}
	if (policy == BLK_STOP) {
		req->is_final = is_final(&req->io);
		stop_disk(dev, req);
		if (req->is_final)
			put_last(t, req);
		else
			put_first(t, req);
	}
	t->probe = is_probe ? NULL : t->probe;
	if (policy == BLK_IGNORE) {
		if (req->io.op == HOSTD_IO_READ)
			memset(req->io.buf + req->io.done, 0, req->io.len - req->io.done);
		req->io.result = 0;
	}
	/* What it waited for is not the trouble any more. */
	if (is_probe && policy != BLK_STOP)
		hdev_blk_continue(dev);
	return policy == BLK_STOP;
}

bool hdev_blk_hold(struct blk_req *req)
{
	struct blk_trouble *t = &((struct blk *)req->q->dev->priv)->trouble;

	if (!t->stopped)
		return false;
	put_last(t, req);
	return true;
}

void hdev_blk_drop_held(struct hdev_queue *q)
{
	struct blk_trouble *t = &((struct blk *)q->dev->priv)->trouble;
	unsigned int nr = t->nr_held;
	struct blk_req *req;

	while (nr--) {
		req = hdev_blk_take_held(t);
		if (req->q != q)
			put_last(t, req);
	}
	if (t->held || t->probe)
		return;
	t->stopped = false;
	t->nr_tries = 0;
}

unsigned int hdev_blk_continue(struct hdev *dev)
{
	struct blk_trouble *t = &((struct blk *)dev->priv)->trouble;

	t->probe = NULL;
	t->stopped = false;
	if (t->nr_held)
		hdev_set_busy(dev, true);
	return t->nr_held;
}

void hdev_blk_describe_trouble(const struct blk *blk, struct json_object *obj)
{
	const struct blk_trouble *t = &blk->trouble;
	struct json_object *errors = json_object_new_object();

	hostd_json_add_u64(errors, "read", t->read_errors);
	hostd_json_add_u64(errors, "write", t->write_errors);
	json_object_object_add(obj, "host_errors", errors);
	if (!t->stopped)
		return;
	hostd_json_add_str(obj, "stopped", t->reason);
	hostd_json_add_u64(obj, "held", t->nr_held + !!t->probe);
}

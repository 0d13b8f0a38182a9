// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the broker tells a worker: the window, the devices, go.
 *
 * A device that was served before has its slot in every later life, held before it is handed over:
 * one that cannot be had now (what it needs is locked or gone) is present, not ready (BUS-D18), and
 * tried again for as long as it takes. It delays no other.
 */
#include "broker/life/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/broker.h"
#include "broker/control.h"
#include "broker/devices.h"
#include "broker/heir/state.h"
#include "broker/life/exe.h"
#include "broker/life/helpers.h"
#include "broker/life/life.h"
#include "broker/life/request.h"
#include "broker/manager/manager.h"
#include "lib/ipc.h"
#include "lib/json.h"
#include "lib/util.h"

#define HEARTBEAT_MS	100
#define HOLD_MS		500	/* a lock of the last life's may linger */
#define RETRY_MIN_MS	200
#define RETRY_MAX_MS	5000

static void check_go(struct hostd_broker *b);

/* Nor has the next broker it. */
static void drop(struct hostd_broker *b, struct hostd_device *dev)
{
	hostd_device_drop(b, dev);
	hostd_state_save(b);
}

static struct json_object *new_op(const char *op)
{
	struct json_object *msg = json_object_new_object();

	hostd_json_add_str(msg, "op", op);
	return msg;
}

/* What every worker takes. */
static void tell(struct hostd_broker *b, const struct hostd_request_op *op)
{
	int err = hostd_request_send(b, op);
	char why[HOSTD_ERROR_MAX];

	/* One that has ended is reaped, and that says of what. */
	if (err == -EPIPE || err == -ECONNRESET)
		hostd_life_mute(b);
	if (!err || err == -EPIPE || err == -ECONNRESET)
		return;
	snprintf(why, sizeof(why), "it takes no messages: %s", strerror(-err));
	hostd_life_kill(b, why);
}

/* A worker that refuses what every worker must do is replaced. */
static void give_up(struct hostd_broker *b, const char *error)
{
	hostd_life_kill(b, error);
	if (!b->ready && !b->began)
		hostd_broker_stop(b, EXIT_FAILURE);
}

/* First of all their slots: an epoch without a device is the end of it for the guest. */
static void hand_over_all(struct hostd_broker *b)
{
	struct hostd_request_op op = { 0 };
	unsigned int slot;

	for (slot = 0; slot < HOSTD_SLOTS; slot++) {
		struct hostd_device *dev = b->slots[slot];

		if (!dev || dev->fresh)
			continue;
		if (dev->removing && dev->force) {
			drop(b, dev);
			continue;
		}
		op.msg = hostd_device_identity(dev, "hold");
		tell(b, &op);
	}
	for (slot = 0; slot < HOSTD_SLOTS; slot++)
		if (b->slots[slot])
			hostd_session_add(b, b->slots[slot]);
}

static void init_done(struct hostd_broker *b, void *ctx, struct json_object *reply,
		      const char *error)
{
	struct hostd_life *life = &b->life;

	(void)ctx;
	if (life->state != HOSTD_LIFE_STARTING)
		return;
	if (reply && hostd_json_u64(reply, "protocol", 0) != HOSTD_IPC_PROTOCOL)
		error = "it does not speak this broker's protocol";
	if (error && b->exe.is_other) {
		hostd_exe_refuse(&b->exe, error);
		hostd_life_kill(b, NULL);
		return;
	}
	if (error) {
		give_up(b, error);
		return;
	}
	life->accepted = true;
	life->state = HOSTD_LIFE_FILLING;
	life->hold_until_ms = hostd_now_ms() + HOLD_MS;
	hostd_timer_set(&life->retry, HOLD_MS);
	hand_over_all(b);
	check_go(b);
}

static void send_init(struct hostd_broker *b)
{
	struct json_object *msg = new_op("init");
	struct hostd_request_op op = { .msg = msg, .done = init_done };
	unsigned int nr = b->window.nr_vectors;
	int fds[HOSTD_IPC_FD_MAX];
	char uuid[HOSTD_UUID_TEXT];

	hostd_uuid_format(b->window.uuid, uuid);
	hostd_json_add_u64(msg, "protocol", HOSTD_IPC_PROTOCOL);
	hostd_json_add_u64(msg, "window_len", b->window.len);
	hostd_json_add_u64(msg, "nr_vectors", nr);
	hostd_json_add_str(msg, "uuid", uuid);
	hostd_json_add_str(msg, "name", b->opt.name);
	hostd_json_add_u64(msg, "heartbeat_ms", HEARTBEAT_MS);
	if (b->opt.poll_us >= 0)
		hostd_json_add_u64(msg, "poll_us", b->opt.poll_us);
	if (b->opt.nr_threads > 1)
		hostd_json_add_u64(msg, "threads", b->opt.nr_threads);
	if (b->opt.refused_drivers)
		json_object_object_add(msg, "refuse", json_object_get(b->opt.refused_drivers));
	fds[0] = b->window.memfd;
	fds[1] = b->life.beat_fd;
	memcpy(fds + 2, b->window.kick_fds, nr * sizeof(int));
	memcpy(fds + 2 + nr, b->window.irq_fds, nr * sizeof(int));
	op.fds = fds;
	op.nr_fds = 2 + 2 * nr;
	tell(b, &op);
}

/* The next attempt that is due, and the end of the wait before the epoch. */
static void set_retry(struct hostd_broker *b)
{
	uint64_t first_ms = 0;
	unsigned int slot;

	if (b->life.state == HOSTD_LIFE_FILLING && b->life.hold_until_ms > hostd_now_ms())
		first_ms = b->life.hold_until_ms;
	for (slot = 0; slot < HOSTD_SLOTS; slot++) {
		struct hostd_device *dev = b->slots[slot];

		if (dev && dev->state == HOSTD_DEVICE_NOT_READY &&
		    (!first_ms || dev->retry_at_ms < first_ms))
			first_ms = dev->retry_at_ms;
	}
	b->life.retry.due_ms = first_ms;
}

/* Nobody has seen it yet: it is as if it had never been added. */
static void drop_fresh(struct hostd_broker *b, struct hostd_device *dev, const char *error)
{
	struct hostd_call *call = dev->call;
	bool at_start = !call && !b->ready && !b->began;

	dev->call = NULL;
	if (!call || !call->client)
		hostd_log(HOSTD_LOG_ERR, "%s: %s", dev->id, error);
	if (call)
		hostd_call_error(call, "%s: %s", dev->id, error);
	drop(b, dev);
	if (at_start && !b->stopping)
		hostd_broker_stop(b, EXIT_FAILURE);
}

static void device_failed(struct hostd_broker *b, struct hostd_device *dev, const char *error)
{
	if (dev->fresh) {
		drop_fresh(b, dev, error);
	} else if (dev->removing) {
		hostd_session_forget(b, dev);
	} else {
		if (strcmp(dev->error, error))
			hostd_log(HOSTD_LOG_WARN, "%s is not ready: %s: trying again until it is, or 'pvctl remove %s'",
				  dev->id, error, dev->id);
		snprintf(dev->error, sizeof(dev->error), "%s", error);
		dev->state = HOSTD_DEVICE_NOT_READY;
		dev->retry_at_ms = hostd_now_ms() + dev->retry_ms;
		dev->retry_ms = dev->retry_ms * 2 < RETRY_MAX_MS ? dev->retry_ms * 2 : RETRY_MAX_MS;
		set_retry(b);
	}
	check_go(b);
}

static void device_served(struct hostd_broker *b, struct hostd_device *dev,
			  struct json_object *reply)
{
	struct hostd_call *call = dev->call;
	bool is_new = dev->fresh;

	if (dev->waiting)
		hostd_log(HOSTD_LOG_INFO, "%s: %s is free", dev->id, dev->needs);
	else if (dev->error[0])
		hostd_log(HOSTD_LOG_INFO, "%s is ready again", dev->id);
	dev->state = HOSTD_DEVICE_SERVED;
	dev->fresh = false;
	dev->waiting = false;
	dev->error[0] = 0;
	dev->call = NULL;
	if (dev->ops->added)
		dev->ops->added(dev, reply);
	/* What changes while a life begins is noted once, when it has begun. */
	if (is_new || b->life.state >= HOSTD_LIFE_GOING)
		hostd_state_save(b);
	if (call)
		hostd_call_return(call, hostd_device_describe(dev));
	hostd_helpers_start(b);
	if (dev->removing && b->life.state == HOSTD_LIFE_SERVING)
		hostd_session_remove(b, dev);
	check_go(b);
}

static void add_done(struct hostd_broker *b, void *ctx, struct json_object *reply,
		     const char *error)
{
	struct hostd_device *dev = ctx;
	char text[HOSTD_ERROR_MAX];

	if (reply) {
		device_served(b, dev, reply);
		return;
	}
	dev->state = HOSTD_DEVICE_WAITING;
	if (b->life.state == HOSTD_LIFE_DOWN && (!dev->fresh || !dev->call))
		return;		/* the next worker gets it */
	snprintf(text, sizeof(text), "%s%s%s", dev->needs ? dev->needs : "",
		 dev->needs ? ": " : "", error);
	device_failed(b, dev, text);
}

static void close_all(const int *fds, unsigned int nr_fds)
{
	while (nr_fds)
		close(fds[--nr_fds]);
}

void hostd_session_opened(struct hostd_broker *b, struct hostd_device *dev, const int *fds,
			  unsigned int nr_fds, const char *error)
{
	struct hostd_request_op op = { .done = add_done, .ctx = dev, .fds = fds, .nr_fds = nr_fds };
	char text[HOSTD_ERROR_MAX];
	int err;

	dev->state = HOSTD_DEVICE_WAITING;
	if (b->life.state < HOSTD_LIFE_FILLING && (!error || !dev->fresh)) {
		close_all(fds, nr_fds);
		return;		/* the next worker gets it */
	}
	if (!error) {
		op.msg = hostd_device_config(dev);
		dev->state = HOSTD_DEVICE_ADDING;
		err = hostd_request_send(b, &op);
		if (err) {
			snprintf(text, sizeof(text), "the worker takes no messages: %s: try again", strerror(-err));
			error = text;
		}
	}
	close_all(fds, nr_fds);
	if (error)
		device_failed(b, dev, error);
}

void hostd_session_add(struct hostd_broker *b, struct hostd_device *dev)
{
	char error[HOSTD_ERROR_MAX];
	int fds[HOSTD_DEVICE_FDS_MAX], err = 0;
	unsigned int nr_fds = 0;

	if (b->life.state < HOSTD_LIFE_FILLING)
		return;
	dev->state = HOSTD_DEVICE_OPENING;
	if (dev->ops->open)
		err = dev->ops->open(dev, fds, &nr_fds, error);
	if (err != -EINPROGRESS)
		hostd_session_opened(b, dev, fds, nr_fds, err ? error : NULL);
}

void hostd_session_forget(struct hostd_broker *b, struct hostd_device *dev)
{
	struct hostd_request_op op = { 0 };

	if (b->life.state >= HOSTD_LIFE_FILLING) {
		op.msg = new_op("remove");
		hostd_json_add_u64(op.msg, "slot", dev->slot);
		hostd_json_add_bool(op.msg, "force", true);
		tell(b, &op);
	}
	drop(b, dev);
}

static void remove_done(struct hostd_broker *b, void *ctx, struct json_object *reply,
			const char *error)
{
	struct hostd_device *dev = ctx;

	if (!reply && b->life.state != HOSTD_LIFE_DOWN)
		hostd_log(HOSTD_LOG_WARN, "%s: not removed: %s", dev->id, error);
}

void hostd_session_remove(struct hostd_broker *b, struct hostd_device *dev)
{
	struct hostd_request_op op = {
		.msg = new_op("remove"), .done = remove_done, .ctx = dev,
	};

	hostd_json_add_u64(op.msg, "slot", dev->slot);
	hostd_json_add_bool(op.msg, "force", dev->force);
	tell(b, &op);
}

static struct json_object *describe_start(struct hostd_broker *b)
{
	struct json_object *obj = json_object_new_object();

	hostd_json_add_str(obj, "version", PVKIT_VERSION);
	hostd_json_add_u64(obj, "pid", b->life.pid);
	hostd_json_add_u64(obj, "epoch", b->life.epoch);
	hostd_json_add_u64(obj, "ms", b->life.ready_ms);
	return obj;
}

void hostd_session_wait_start(struct hostd_call *call)
{
	struct hostd_broker *b = call->b;

	if (b->life.released) {
		hostd_call_return(call, describe_start(b));
		return;
	}
	call->next = b->restart_calls;
	b->restart_calls = call;
}

static void go_done(struct hostd_broker *b, void *ctx, struct json_object *reply,
		    const char *error)
{
	struct hostd_life *life = &b->life;
	struct hostd_call *call;
	unsigned int slot;

	(void)ctx;
	if (life->state != HOSTD_LIFE_GOING)
		return;
	if (!reply) {
		give_up(b, error);
		return;
	}
	life->state = HOSTD_LIFE_SERVING;
	life->epoch = hostd_json_u64(reply, "epoch", 0);
	life->ready_ms = hostd_now_ms() - life->down_ms;
	/* One after others of which nothing is said any more dies likewise. */
	if (!life->hushed)
		hostd_log(HOSTD_LOG_INFO, "worker %d serves, epoch %llx, after %llu ms", (int)life->pid,
			  (unsigned long long)life->epoch, (unsigned long long)life->ready_ms);
	b->began = true;
	hostd_state_save(b);
	hostd_manager_tell_ready(b);
	for (slot = 0; slot < HOSTD_SLOTS; slot++)
		if (b->slots[slot] && b->slots[slot]->removing &&
		    b->slots[slot]->state == HOSTD_DEVICE_SERVED)
			hostd_session_remove(b, b->slots[slot]);
	while ((call = b->restart_calls)) {
		b->restart_calls = call->next;
		hostd_call_return(call, describe_start(b));
	}
}

/* Who waits for readiness has waited enough. */
void hostd_session_waits(struct hostd_broker *b, struct hostd_device *dev)
{
	struct hostd_call *call = dev->call;
	unsigned int slot;

	if (!dev->waiting)
		hostd_log(HOSTD_LOG_INFO, "%s: %s is in use: waiting until it is let go, there with 'pvctl release'",
			  dev->id, dev->needs);
	dev->waiting = true;
	dev->call = NULL;
	hostd_state_save(b);
	if (call)
		hostd_call_return(call, hostd_device_describe(dev));
	for (slot = 0; slot < HOSTD_SLOTS; slot++)
		if (b->slots[slot] && b->slots[slot]->state != HOSTD_DEVICE_SERVED &&
		    !b->slots[slot]->waiting)
			return;
	hostd_manager_tell_ready(b);
}

/* Before its first epoch a VM waits for all its devices: a migration brings it to where they are. */
static bool holds_go(const struct hostd_broker *b, const struct hostd_device *dev)
{
	if (dev->state == HOSTD_DEVICE_SERVED || dev->state == HOSTD_DEVICE_NOT_READY)
		return false;
	if (dev->fresh && !b->began)
		return true;
	return !dev->waiting && hostd_now_ms() < b->life.hold_until_ms;
}

static void check_go(struct hostd_broker *b)
{
	struct hostd_request_op op = { .done = go_done };
	unsigned int slot;

	if (b->life.state != HOSTD_LIFE_FILLING || b->stopping)
		return;
	for (slot = 0; slot < HOSTD_SLOTS; slot++)
		if (b->slots[slot] && holds_go(b, b->slots[slot]))
			return;
	b->life.state = HOSTD_LIFE_GOING;
	op.msg = new_op("go");
	tell(b, &op);
}

void hostd_session_start(struct hostd_broker *b)
{
	unsigned int slot;

	for (slot = 0; slot < HOSTD_SLOTS; slot++) {
		struct hostd_device *dev = b->slots[slot];

		if (!dev)
			continue;
		dev->state = HOSTD_DEVICE_WAITING;
		dev->retry_ms = RETRY_MIN_MS;
	}
	send_init(b);
}

void hostd_session_end_calls(struct hostd_call **list, const char *error)
{
	struct hostd_call *call;

	while ((call = *list)) {
		*list = call->next;
		if (error)
			hostd_call_error(call, "%s", error);
		else
			hostd_call_return(call, NULL);
	}
}

void hostd_session_released(struct hostd_broker *b, const char *error)
{
	unsigned int slot;

	for (slot = 0; slot < HOSTD_SLOTS; slot++)
		if (b->slots[slot]) {
			b->slots[slot]->state = HOSTD_DEVICE_WAITING;
			if (b->slots[slot]->ops->released)
				b->slots[slot]->ops->released(b->slots[slot]);
		}
	hostd_log(error ? HOSTD_LOG_ERR : HOSTD_LOG_INFO, "the devices are released%s%s", error ? ", but " : "",
		  error ? error : ": 'pvctl restart-worker' takes them back");
	hostd_session_end_calls(&b->release_calls, error);
	hostd_session_end_calls(&b->restart_calls, "the devices were released meanwhile");
}

static void retry_due(struct hostd_timer *timer)
{
	struct hostd_broker *b = hostd_container_of(timer, struct hostd_broker, life.retry);
	uint64_t now_ms = hostd_now_ms();
	unsigned int slot;

	for (slot = 0; slot < HOSTD_SLOTS; slot++)
		if (b->slots[slot] && b->slots[slot]->state == HOSTD_DEVICE_NOT_READY &&
		    b->slots[slot]->retry_at_ms <= now_ms)
			hostd_session_add(b, b->slots[slot]);
	check_go(b);
	set_retry(b);
}

void hostd_session_init(struct hostd_broker *b)
{
	hostd_timer_init(&b->loop, &b->life.retry, retry_due);
}

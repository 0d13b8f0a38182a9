// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the broker tells a worker: the window, the devices, go.
 *
 * A worker goes when it has every device. One that cannot be handed over (its
 * image is locked or gone) delays that for a while, because a device that is
 * missing in the new epoch is a device that was pulled out.
 */
#include "devices.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOLD_MS		5000	/* for a device that cannot be handed over */
#define RETRY_MIN_MS	5
#define RETRY_WARN_MS	(RETRY_MIN_MS << 5)
#define RETRY_MAX_MS	1000

static void check_go(struct hostd_broker *b);

static struct json_object *new_op(const char *op)
{
	struct json_object *msg = json_object_new_object();

	hostd_json_add_str(msg, "op", op);
	return msg;
}

/* A worker that refuses what every worker must do is replaced. */
static void must_succeed(struct hostd_broker *b, void *ctx, struct json_object *reply,
			 const char *error)
{
	(void)ctx;
	if (reply || !b->life.pid || b->life.wanted)
		return;
	hostd_life_kill(b, error);
	if (!b->ready)
		hostd_broker_stop(b, EXIT_FAILURE);
}

static void send_init(struct hostd_broker *b)
{
	struct json_object *msg = new_op("init");
	struct hostd_request_op op = { .msg = msg, .done = must_succeed };
	unsigned int nr = b->opt.nr_vectors;
	int fds[HOSTD_IPC_FD_MAX];
	char uuid[HOSTD_UUID_TEXT];

	hostd_uuid_format(b->window.uuid, uuid);
	hostd_json_add_u64(msg, "window_len", b->opt.window_len);
	hostd_json_add_u64(msg, "nr_vectors", nr);
	hostd_json_add_str(msg, "uuid", uuid);
	hostd_json_add_str(msg, "name", b->opt.name);
	hostd_json_add_u64(msg, "heartbeat_ms", HOSTD_HEARTBEAT_MS);
	if (b->opt.poll_us >= 0)
		hostd_json_add_u64(msg, "poll_us", b->opt.poll_us);
	fds[0] = b->window.memfd;
	fds[1] = b->life.beat_fd;
	memcpy(fds + 2, b->window.kick_fds, nr * sizeof(int));
	memcpy(fds + 2 + nr, b->window.irq_fds, nr * sizeof(int));
	op.fds = fds;
	op.nr_fds = 2 + 2 * nr;
	hostd_request_send(b, &op);
}

/* A fresh device that fails is dropped; one that was served is tried again. */
static void device_failed(struct hostd_broker *b, struct hostd_device *dev, const char *error)
{
	struct hostd_call *call = dev->call;

	dev->call = NULL;
	dev->waiting = false;
	if (dev->fresh) {
		if (call)
			hostd_call_error(call, "%s: %s", dev->id, error);
		else
			hostd_log(HOSTD_LOG_ERR, "%s: %s", dev->id, error);
		hostd_device_drop(b, dev);
		if (!call && !b->ready)
			hostd_broker_stop(b, EXIT_FAILURE);
		return;
	}
	if (b->life.retry_ms == RETRY_WARN_MS)
		hostd_log(HOSTD_LOG_WARN, "%s: %s: trying again", dev->id, error);
	snprintf(dev->error, sizeof(dev->error), "%s", error);
	dev->state = HOSTD_DEVICE_FAILED;
	if (!b->life.retry.due_ms)
		hostd_timer_set(&b->life.retry, b->life.retry_ms);
}

static void add_done(struct hostd_broker *b, void *ctx, struct json_object *reply,
		     const char *error)
{
	struct hostd_device *dev = b->slots[(uintptr_t)ctx];
	struct hostd_call *call = dev->call;
	char text[HOSTD_ERROR_MAX];

	dev->state = HOSTD_DEVICE_WAITING;
	if (!reply && !b->life.pid && (!dev->fresh || dev->waiting))
		return;		/* the next worker gets it */
	if (!reply) {
		snprintf(text, sizeof(text), "%s%s%s", dev->medium ? dev->medium : "",
			 dev->medium ? ": " : "", error);
		device_failed(b, dev, text);
		check_go(b);
		return;
	}
	dev->state = HOSTD_DEVICE_SERVED;
	dev->fresh = false;
	if (dev->waiting)
		hostd_log(HOSTD_LOG_INFO, "%s: %s is free", dev->id, dev->medium);
	dev->waiting = false;
	dev->call = NULL;
	dev->error[0] = 0;
	if (dev->class->added)
		dev->class->added(dev, reply);
	if (call)
		hostd_call_return(call, hostd_device_describe(dev));
	hostd_helpers_start(b);
	if (dev->removing && b->life.state == HOSTD_LIFE_SERVING)
		hostd_session_remove(b, dev);
	check_go(b);
}

void hostd_session_opened(struct hostd_broker *b, struct hostd_device *dev, int fd,
			  const char *error)
{
	struct hostd_request_op op = { .done = add_done, .ctx = (void *)(uintptr_t)dev->slot };
	int err;

	dev->state = HOSTD_DEVICE_WAITING;
	if (b->life.state == HOSTD_LIFE_DOWN && (!error || !dev->fresh)) {
		if (fd >= 0)
			close(fd);
		return;		/* the next worker gets it */
	}
	if (error) {
		device_failed(b, dev, error);
		check_go(b);
		return;
	}
	op.msg = hostd_device_config(dev);
	op.fds = &fd;
	op.nr_fds = fd >= 0;
	dev->state = HOSTD_DEVICE_ADDING;
	err = hostd_request_send(b, &op);
	if (fd >= 0)
		close(fd);
	if (err) {
		dev->state = HOSTD_DEVICE_WAITING;
		device_failed(b, dev, "the worker does not take messages: try again");
	}
}

void hostd_session_add(struct hostd_broker *b, struct hostd_device *dev)
{
	char error[HOSTD_ERROR_MAX];
	int fd = -1, err = 0;

	if (b->life.state == HOSTD_LIFE_DOWN)
		return;
	if (dev->class->open)
		err = dev->class->open(dev, &fd, error);
	if (err == -EINPROGRESS)
		dev->state = HOSTD_DEVICE_ADDING;
	else
		hostd_session_opened(b, dev, fd, err ? error : NULL);
}

static void remove_done(struct hostd_broker *b, void *ctx, struct json_object *reply,
			const char *error)
{
	struct hostd_device *dev = b->slots[(uintptr_t)ctx];

	if (!reply && dev && b->life.pid)
		hostd_log(HOSTD_LOG_WARN, "%s: not removed: %s", dev->id, error);
}

void hostd_session_remove(struct hostd_broker *b, struct hostd_device *dev)
{
	struct hostd_request_op op = {
		.msg = new_op("remove"), .done = remove_done, .ctx = (void *)(uintptr_t)dev->slot,
	};

	hostd_json_add_u64(op.msg, "slot", dev->slot);
	hostd_json_add_bool(op.msg, "force", dev->force);
	hostd_request_send(b, &op);
}

static void tell_ready(struct hostd_broker *b)
{
	struct pollfd pfd = { .fd = b->opt.ready_fd, .events = POLLOUT };

	if (b->ready)
		return;
	b->ready = true;
	if (b->opt.ready_fd < 0)
		return;
	/* Who gave the pipe may have filled it, or let it go. */
	if (poll(&pfd, 1, 0) <= 0 || !(pfd.revents & POLLOUT) || write(pfd.fd, "\n", 1) != 1)
		hostd_log(HOSTD_LOG_WARN, "nobody waits for readiness any more");
	hostd_log_copy(-1);
	close(b->opt.ready_fd);
	b->opt.ready_fd = -1;
}

static struct json_object *describe_start(struct hostd_broker *b)
{
	struct json_object *obj = json_object_new_object();

	hostd_json_add_u64(obj, "pid", b->life.pid);
	hostd_json_add_u64(obj, "epoch", b->life.epoch);
	hostd_json_add_u64(obj, "ms", b->life.ready_ms);
	return obj;
}

static void go_done(struct hostd_broker *b, void *ctx, struct json_object *reply,
		    const char *error)
{
	struct hostd_life *life = &b->life;
	struct hostd_call *call;
	unsigned int slot;

	must_succeed(b, ctx, reply, error);
	if (!reply || life->state != HOSTD_LIFE_GOING)
		return;
	life->state = HOSTD_LIFE_SERVING;
	life->epoch = hostd_json_u64(reply, "epoch", 0);
	life->ready_ms = hostd_now_ms() - life->down_ms;
	hostd_log(HOSTD_LOG_INFO, "worker %d serves, epoch %llx, after %llu ms", (int)life->pid,
		  (unsigned long long)life->epoch, (unsigned long long)life->ready_ms);
	tell_ready(b);
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
			  dev->id, dev->medium);
	dev->waiting = true;
	dev->call = NULL;
	if (call)
		hostd_call_return(call, hostd_device_describe(dev));
	for (slot = 0; slot < HOSTD_SLOTS; slot++)
		if (b->slots[slot] && b->slots[slot]->state != HOSTD_DEVICE_SERVED &&
		    !b->slots[slot]->waiting)
			return;
	tell_ready(b);
}

static void check_go(struct hostd_broker *b)
{
	struct hostd_request_op op = { .done = go_done };
	unsigned int slot;
	bool hold = hostd_now_ms() < b->life.hold_until_ms;

	if (b->life.state != HOSTD_LIFE_STARTING || b->stopping)
		return;
	for (slot = 0; slot < HOSTD_SLOTS; slot++) {
		if (!b->slots[slot] || b->slots[slot]->state == HOSTD_DEVICE_SERVED)
			continue;
		if (hold || b->slots[slot]->state != HOSTD_DEVICE_FAILED)
			return;
	}
	b->life.state = HOSTD_LIFE_GOING;
	op.msg = new_op("go");
	hostd_request_send(b, &op);
}

void hostd_session_start(struct hostd_broker *b)
{
	unsigned int slot;

	b->life.hold_until_ms = hostd_now_ms() + HOLD_MS;
	b->life.retry_ms = RETRY_MIN_MS;
	send_init(b);
	for (slot = 0; slot < HOSTD_SLOTS; slot++) {
		if (!b->slots[slot])
			continue;
		b->slots[slot]->state = HOSTD_DEVICE_WAITING;
		hostd_session_add(b, b->slots[slot]);
	}
	check_go(b);
}

void hostd_session_released(struct hostd_broker *b, const char *error)
{
	struct hostd_call *call;
	unsigned int slot;

	for (slot = 0; slot < HOSTD_SLOTS; slot++)
		if (b->slots[slot]) {
			b->slots[slot]->state = HOSTD_DEVICE_WAITING;
			if (b->slots[slot]->class->released)
				b->slots[slot]->class->released(b->slots[slot]);
		}
	hostd_log(error ? HOSTD_LOG_ERR : HOSTD_LOG_INFO, "the images are released%s%s", error ? ", but " : "",
		  error ? error : ": 'pvctl restart-worker' takes them back");
	while ((call = b->release_calls)) {
		b->release_calls = call->next;
		if (error)
			hostd_call_error(call, "%s", error);
		else
			hostd_call_return(call, NULL);
	}
	while ((call = b->restart_calls)) {
		b->restart_calls = call->next;
		hostd_call_error(call, "the images were released meanwhile");
	}
}

void hostd_session_retry(struct hostd_timer *timer)
{
	struct hostd_broker *b = hostd_container_of(timer, struct hostd_broker, life.retry);
	struct hostd_life *life = &b->life;
	unsigned int slot;

	life->retry_ms = life->retry_ms * 2 < RETRY_MAX_MS ? life->retry_ms * 2 : RETRY_MAX_MS;
	for (slot = 0; slot < HOSTD_SLOTS; slot++)
		if (b->slots[slot] && b->slots[slot]->state == HOSTD_DEVICE_FAILED)
			hostd_session_add(b, b->slots[slot]);
	check_go(b);
}

/* Its own limit is its own: one that was taken over has none, and a guest may make it talk. */
static void log_event(struct hostd_broker *b, struct json_object *msg)
{
	uint64_t level = hostd_json_u64(msg, "level", HOSTD_LOG_INFO);
	const char *text = hostd_json_str(msg, "text");
	unsigned int dropped;

	if (!hostd_limit_pass(&b->worker_lines, &dropped))
		return;
	if (dropped)
		hostd_log(HOSTD_LOG_WARN, "%u more lines of the worker's were dropped before", dropped);
	hostd_log(level < HOSTD_LOG_DEBUG ? (int)level : HOSTD_LOG_DEBUG, "worker: %.*s",
		  HOSTD_ERROR_MAX, text ? text : "");
}

void hostd_session_event(struct hostd_broker *b, struct json_object *msg)
{
	const char *event = hostd_json_str(msg, "event");
	uint64_t slot = hostd_json_u64(msg, "slot", HOSTD_SLOTS);

	if (!event)
		return;
	if (!strcmp(event, "log"))
		log_event(b, msg);
	else if (!strcmp(event, "epoch"))
		b->life.epoch = hostd_json_u64(msg, "epoch", 0);
	else if (!strcmp(event, "removed") && slot < HOSTD_SLOTS && b->slots[slot] &&
		 b->slots[slot]->removing && b->slots[slot]->state == HOSTD_DEVICE_SERVED)
		hostd_device_drop(b, b->slots[slot]);
}

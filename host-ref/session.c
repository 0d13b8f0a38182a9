// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the broker tells a worker: the window, the disks, go.
 *
 * A worker goes when it has every disk. One that cannot be handed over (its
 * image is locked or gone) delays that for a while, because a disk that is
 * missing in the new epoch is a disk that was pulled out.
 */
#include "broker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOLD_MS		5000	/* for a disk that cannot be handed over */
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

/* A fresh disk that fails is dropped; one that was served is tried again. */
static void disk_failed(struct hostd_broker *b, struct hostd_disk *disk, const char *error)
{
	struct hostd_call *call = disk->call;

	disk->call = NULL;
	disk->waiting = false;
	if (disk->fresh) {
		if (call)
			hostd_call_error(call, "%s: %s", disk->id, error);
		else
			hostd_log(HOSTD_LOG_ERR, "%s: %s", disk->id, error);
		hostd_disk_drop(b, disk);
		if (!call && !b->ready)
			hostd_broker_stop(b, EXIT_FAILURE);
		return;
	}
	if (b->life.retry_ms == RETRY_WARN_MS)
		hostd_log(HOSTD_LOG_WARN, "%s: %s: trying again", disk->id, error);
	snprintf(disk->error, sizeof(disk->error), "%s", error);
	disk->state = HOSTD_DISK_FAILED;
	if (!b->life.retry.due_ms)
		hostd_timer_set(&b->life.retry, b->life.retry_ms);
}

static void add_done(struct hostd_broker *b, void *ctx, struct json_object *reply,
		     const char *error)
{
	struct hostd_disk *disk = b->slots[(uintptr_t)ctx];
	struct hostd_call *call = disk->call;
	char text[HOSTD_ERROR_MAX];

	disk->state = HOSTD_DISK_WAITING;
	if (!reply && !b->life.pid && (!disk->fresh || disk->waiting))
		return;		/* the next worker gets it */
	if (!reply) {
		snprintf(text, sizeof(text), "%s%s%s", disk->file ? disk->file : "",
			 disk->file ? ": " : "", error);
		disk_failed(b, disk, text);
		check_go(b);
		return;
	}
	disk->state = HOSTD_DISK_SERVED;
	disk->fresh = false;
	if (disk->waiting)
		hostd_log(HOSTD_LOG_INFO, "%s: %s is free", disk->id, disk->file);
	disk->waiting = false;
	disk->call = NULL;
	disk->error[0] = 0;
	if (call)
		hostd_call_return(call, hostd_disk_describe(disk));
	if (disk->removing && b->life.state == HOSTD_LIFE_SERVING)
		hostd_session_remove(b, disk);
	check_go(b);
}

void hostd_session_add(struct hostd_broker *b, struct hostd_disk *disk)
{
	struct hostd_request_op op = { .done = add_done, .ctx = (void *)(uintptr_t)disk->slot };
	char error[HOSTD_ERROR_MAX];
	int fd = -1, err;

	if (b->life.state == HOSTD_LIFE_DOWN)
		return;
	if (disk->file) {
		fd = hostd_image_open(disk, error);
		if (fd < 0) {
			disk_failed(b, disk, error);
			return;
		}
	}
	op.msg = hostd_disk_config(disk);
	op.fds = &fd;
	op.nr_fds = fd >= 0;
	disk->state = HOSTD_DISK_ADDING;
	err = hostd_request_send(b, &op);
	if (fd >= 0)
		close(fd);
	if (err) {
		disk->state = HOSTD_DISK_WAITING;
		disk_failed(b, disk, "the worker does not take messages: try again");
	}
}

static void remove_done(struct hostd_broker *b, void *ctx, struct json_object *reply,
			const char *error)
{
	struct hostd_disk *disk = b->slots[(uintptr_t)ctx];

	if (!reply && disk && b->life.pid)
		hostd_log(HOSTD_LOG_WARN, "%s: not removed: %s", disk->id, error);
}

void hostd_session_remove(struct hostd_broker *b, struct hostd_disk *disk)
{
	struct hostd_request_op op = {
		.msg = new_op("remove"), .done = remove_done, .ctx = (void *)(uintptr_t)disk->slot,
	};

	hostd_json_add_u64(op.msg, "slot", disk->slot);
	hostd_json_add_bool(op.msg, "force", disk->force);
	hostd_request_send(b, &op);
}

static void tell_ready(struct hostd_broker *b)
{
	if (b->ready)
		return;
	b->ready = true;
	if (b->opt.ready_fd < 0)
		return;
	if (write(b->opt.ready_fd, "\n", 1) != 1)
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
		    b->slots[slot]->state == HOSTD_DISK_SERVED)
			hostd_session_remove(b, b->slots[slot]);
	while ((call = b->restart_calls)) {
		b->restart_calls = call->next;
		hostd_call_return(call, describe_start(b));
	}
}

/* The image of a disk that may wait is in use. Who waits for readiness has waited enough. */
static void disk_waits(struct hostd_broker *b, struct hostd_disk *disk)
{
	struct hostd_call *call = disk->call;
	unsigned int slot;

	if (!disk->waiting)
		hostd_log(HOSTD_LOG_INFO, "%s: %s is in use: waiting until it is let go, there with 'pvctl release'",
			  disk->id, disk->file);
	disk->waiting = true;
	disk->call = NULL;
	if (call)
		hostd_call_return(call, hostd_disk_describe(disk));
	for (slot = 0; slot < HOSTD_SLOTS; slot++)
		if (b->slots[slot] && b->slots[slot]->state != HOSTD_DISK_SERVED &&
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
		if (!b->slots[slot] || b->slots[slot]->state == HOSTD_DISK_SERVED)
			continue;
		if (hold || b->slots[slot]->state != HOSTD_DISK_FAILED)
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
		b->slots[slot]->state = HOSTD_DISK_WAITING;
		hostd_session_add(b, b->slots[slot]);
	}
	check_go(b);
}

void hostd_session_released(struct hostd_broker *b, const char *error)
{
	struct hostd_call *call;
	unsigned int slot;

	for (slot = 0; slot < HOSTD_SLOTS; slot++)
		if (b->slots[slot])
			b->slots[slot]->state = HOSTD_DISK_WAITING;
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
		if (b->slots[slot] && b->slots[slot]->state == HOSTD_DISK_FAILED)
			hostd_session_add(b, b->slots[slot]);
	check_go(b);
}

static void log_event(struct json_object *msg)
{
	uint64_t level = hostd_json_u64(msg, "level", HOSTD_LOG_INFO);
	const char *text = hostd_json_str(msg, "text");
	char line[HOSTD_ERROR_MAX];
	unsigned int i;

	snprintf(line, sizeof(line), "%s", text ? text : "");
	for (i = 0; line[i]; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 127)
			line[i] = '?';
	hostd_log(level < HOSTD_LOG_DEBUG ? (int)level : HOSTD_LOG_DEBUG, "worker: %s", line);
}

void hostd_session_event(struct hostd_broker *b, struct json_object *msg)
{
	const char *event = hostd_json_str(msg, "event");
	uint64_t slot = hostd_json_u64(msg, "slot", HOSTD_SLOTS);

	if (!event)
		return;
	if (!strcmp(event, "log"))
		log_event(msg);
	else if (!strcmp(event, "waiting") && slot < HOSTD_SLOTS && b->slots[slot] &&
		 b->slots[slot]->wait && b->slots[slot]->state == HOSTD_DISK_ADDING)
		disk_waits(b, b->slots[slot]);
	else if (!strcmp(event, "epoch"))
		b->life.epoch = hostd_json_u64(msg, "epoch", 0);
	else if (!strcmp(event, "removed") && slot < HOSTD_SLOTS && b->slots[slot] &&
		 b->slots[slot]->removing && b->slots[slot]->state == HOSTD_DISK_SERVED)
		hostd_disk_drop(b, b->slots[slot]);
}

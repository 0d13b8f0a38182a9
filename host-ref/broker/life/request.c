// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests to the worker and their answers.
 *
 * The worker is not trusted: what it sends is checked (reply.c), and it is killed when it lies, or
 * when it is silent.
 */
#include "broker/life/request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "broker/broker.h"
#include "broker/life/life.h"
#include "broker/life/reply.h"
#include "lib/ipc.h"
#include "lib/json.h"
#include "lib/util.h"

#define SILENT_MS	10000	/* a worker that takes longer for an answer is of no use */
/* More than a connection holds. */
#define DRAIN_MAX	1024
/* For what a worker that lives has said: it may go on saying more. */
#define DRAIN_MS	300
/* Whether what waits can be sent is looked at so often. */
#define FLUSH_MS	20

/**
 * struct hostd_request - a request without an answer yet
 * @id: number that the answer repeats
 * @msg: the request
 * @timeout_ms: when @done hears that there is no answer; 0: never
 * @silent_ms: when the worker is killed; 0: never
 * @done: what to call at the end; NULL: nobody waits for it any more
 * @ctx: for @done
 * @next: list
 */
struct hostd_request {
	uint64_t id;
	struct json_object *msg;
	uint64_t timeout_ms;
	uint64_t silent_ms;
	hostd_request_done done;
	void *ctx;
	struct hostd_request *next;
};

static void set_timer(struct hostd_broker *b)
{
	struct hostd_request *req;
	uint64_t first_ms = 0;

	for (req = b->requests; req; req = req->next) {
		if (req->timeout_ms && (!first_ms || req->timeout_ms < first_ms))
			first_ms = req->timeout_ms;
		if (req->silent_ms && (!first_ms || req->silent_ms < first_ms))
			first_ms = req->silent_ms;
	}
	if (b->life.unsent.first && (!first_ms || first_ms > hostd_now_ms() + FLUSH_MS))
		first_ms = hostd_now_ms() + FLUSH_MS;
	b->request_timer.due_ms = first_ms;
}

/* What brings descriptors keeps them no longer than this call: it is sent now or not at all, and never too early. */
static int send_message(struct hostd_broker *b, const struct hostd_request_op *op)
{
	int fd = b->life.ipc.fd;

	if (!op->nr_fds)
		return hostd_ipc_post(&b->life.unsent, fd, op->msg);
	if (!hostd_ipc_flush(&b->life.unsent, fd))
		return -EAGAIN;
	return hostd_ipc_send(fd, op->msg, op->fds, op->nr_fds);
}

/* Whoever wants no watchdog may look at a worker that stands still for as long as he likes. */
static uint64_t silence_ms(const struct hostd_broker *b)
{
	return !b->opt.watchdog_ms || b->opt.watchdog_ms > SILENT_MS ? b->opt.watchdog_ms : SILENT_MS;
}

int hostd_request_send(struct hostd_broker *b, const struct hostd_request_op *op)
{
	uint64_t now_ms = hostd_now_ms();
	struct hostd_request *req;
	int err = -ENOTCONN;

	if (b->life.ipc.fd < 0)
		goto put_msg;
	err = -ENOMEM;
	req = calloc(1, sizeof(*req));
	if (!req)
		goto put_msg;
	req->id = ++b->next_request;
	req->done = op->done;
	req->ctx = op->ctx;
	if (op->timeout_ms)
		req->timeout_ms = now_ms + op->timeout_ms;
	if (!op->patient && silence_ms(b))
		req->silent_ms = now_ms + silence_ms(b);
	hostd_json_add_u64(op->msg, "id", req->id);
	err = send_message(b, op);
	if (err) {
		free(req);
		goto put_msg;
	}
	req->msg = op->msg;
	req->next = b->requests;
	b->requests = req;
	set_timer(b);
	return 0;

put_msg:
	json_object_put(op->msg);
	return err;
}

static struct hostd_request *take_request(struct hostd_broker *b, uint64_t id)
{
	struct hostd_request **link, *req;

	for (link = &b->requests; (req = *link); link = &req->next) {
		if (req->id != id)
			continue;
		*link = req->next;
		set_timer(b);
		return req;
	}
	return NULL;
}

/* At most once: @done is of no use afterwards. */
static void call_done(struct hostd_broker *b, struct hostd_request *req, struct json_object *reply,
		      const char *error)
{
	hostd_request_done done = req->done;

	req->done = NULL;
	req->timeout_ms = 0;
	if (done)
		done(b, req->ctx, reply, error);
}

static void end_request(struct hostd_broker *b, struct hostd_request *req,
			struct json_object *reply, const char *error)
{
	call_done(b, req, reply, error);
	json_object_put(req->msg);
	free(req);
}

void hostd_request_forget(struct hostd_broker *b, const void *ctx)
{
	struct hostd_request *req;

	for (req = b->requests; req; req = req->next)
		if (req->ctx == ctx)
			req->done = NULL;
}

void hostd_request_fail_all(struct hostd_broker *b)
{
	hostd_ipc_forget(&b->life.unsent);
	while (b->requests)
		end_request(b, take_request(b, b->requests->id), NULL,
			    "the worker died before it answered: try again");
}

static void take_reply(struct hostd_broker *b, struct json_object *msg)
{
	struct json_object *re = hostd_json_get(msg, "re");
	struct hostd_request *req = NULL;

	if (json_object_is_type(re, json_type_int))
		req = take_request(b, hostd_json_u64(msg, "re", 0));
	if (!req) {
		hostd_life_kill(b, "it answers what nobody has asked");
	} else if (!hostd_reply_fits(req->msg, msg)) {
		hostd_life_kill(b, "it answers nonsense");
		end_request(b, req, NULL, "the worker answered nonsense, and is replaced: try again");
	} else if (hostd_json_bool(msg, "ok", false)) {
		end_request(b, req, msg, NULL);
	} else {
		end_request(b, req, NULL, hostd_json_str(msg, "error"));
	}
}

static void take_event(struct hostd_broker *b, struct json_object *msg)
{
	const char *lie = "it reports nonsense";

	if (hostd_event_fits(msg))
		lie = b->event(b, msg);
	if (lie)
		hostd_life_kill(b, lie);
}

/* False: there is none, or the connection is closed now. */
static bool take_message(struct hostd_broker *b)
{
	struct hostd_source *src = &b->life.ipc;
	struct json_object *msg;
	int err;

	/* No descriptor is wanted of it: to close one could wait for what it is of. */
	err = hostd_ipc_recv(src->fd, &msg, NULL, NULL);
	if (err == -EAGAIN)
		return false;
	if (err == -EPIPE) {
		hostd_life_mute(b);
		return false;
	}
	if (err) {
		hostd_life_kill(b, "it sends nonsense");
		return false;
	}
	if (hostd_json_get(msg, "re"))
		take_reply(b, msg);
	else
		take_event(b, msg);
	json_object_put(msg);
	return true;
}

static struct hostd_request *find_due(struct hostd_broker *b, uint64_t now_ms)
{
	struct hostd_request *req;

	for (req = b->requests; req; req = req->next)
		if ((req->timeout_ms && req->timeout_ms <= now_ms) ||
		    (req->silent_ms && req->silent_ms <= now_ms))
			return req;
	return NULL;
}

static void requests_due(struct hostd_timer *timer)
{
	struct hostd_broker *b = hostd_container_of(timer, struct hostd_broker, request_timer);
	uint64_t now_ms = hostd_now_ms();
	struct hostd_request *req;
	char why[80];

	if (b->life.ipc.fd >= 0)
		hostd_ipc_flush(&b->life.unsent, b->life.ipc.fd);
	/* It was in time, if this process was stopped, and has not listened. */
	while (b->life.ipc.fd >= 0 && hostd_now_ms() - now_ms < DRAIN_MS && take_message(b))
		;
	while ((req = find_due(b, now_ms))) {
		if (req->silent_ms && req->silent_ms <= now_ms) {
			req->silent_ms = 0;
			snprintf(why, sizeof(why), "it has not answered '%s' for %u s",
				 hostd_json_str(req->msg, "op"), (unsigned int)(silence_ms(b) / 1000));
			hostd_life_kill(b, why);
		}
		if (req->timeout_ms && req->timeout_ms <= now_ms)
			call_done(b, req, NULL, "the worker does not answer");
	}
	set_timer(b);
}

static void ipc_ready(struct hostd_source *src, uint32_t events)
{
	(void)events;
	take_message(hostd_container_of(src, struct hostd_broker, life.ipc));
}

void hostd_request_init(struct hostd_broker *b, hostd_request_event event)
{
	b->event = event;
	b->life.ipc.ready = ipc_ready;
	hostd_timer_init(&b->loop, &b->request_timer, requests_due);
}

void hostd_request_drain(struct hostd_broker *b)
{
	unsigned int i;

	for (i = 0; i < DRAIN_MAX && b->life.ipc.fd >= 0 && take_message(b); i++)
		;
}

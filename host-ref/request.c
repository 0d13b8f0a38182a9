// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests to the worker and their answers.
 *
 * The worker is not trusted: what it sends is checked, and it is killed when it
 * sends what is not a message.
 */
#include "broker.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/**
 * struct hostd_request - a request without an answer yet
 * @id: number that the answer repeats
 * @deadline_ms: when it fails; 0: never
 * @done: what to call then
 * @ctx: for @done
 * @next: list
 */
struct hostd_request {
	uint64_t id;
	uint64_t deadline_ms;
	hostd_request_done done;
	void *ctx;
	struct hostd_request *next;
};

static void set_timer(struct hostd_broker *b)
{
	struct hostd_request *req;
	uint64_t first_ms = 0;

	for (req = b->requests; req; req = req->next)
		if (req->deadline_ms && (!first_ms || req->deadline_ms < first_ms))
			first_ms = req->deadline_ms;
	b->request_timer.due_ms = first_ms;
}

int hostd_request_send(struct hostd_broker *b, const struct hostd_request_op *op)
{
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
		req->deadline_ms = hostd_now_ms() + op->timeout_ms;
	hostd_json_add_u64(op->msg, "id", req->id);
	err = hostd_ipc_send(b->life.ipc.fd, op->msg, op->fds, op->nr_fds);
	if (err) {
		free(req);
		goto put_msg;
	}
	req->next = b->requests;
	b->requests = req;
	set_timer(b);

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

static void end_request(struct hostd_broker *b, struct hostd_request *req,
			struct json_object *reply, const char *error)
{
	req->done(b, req->ctx, reply, error);
	free(req);
}

void hostd_request_fail_all(struct hostd_broker *b)
{
	struct hostd_request *req, *list = b->requests;

	b->requests = NULL;
	set_timer(b);
	while ((req = list)) {
		list = req->next;
		end_request(b, req, NULL, "the worker died before it answered: try again");
	}
}

static void requests_due(struct hostd_timer *timer)
{
	struct hostd_broker *b = hostd_container_of(timer, struct hostd_broker, request_timer);
	uint64_t now_ms = hostd_now_ms();
	struct hostd_request *req;

	for (;;) {
		for (req = b->requests; req; req = req->next)
			if (req->deadline_ms && req->deadline_ms <= now_ms)
				break;
		if (!req)
			break;
		end_request(b, take_request(b, req->id), NULL, "the worker does not answer");
	}
	set_timer(b);
}

void hostd_request_init(struct hostd_broker *b)
{
	hostd_timer_init(&b->loop, &b->request_timer, requests_due);
}

static void take_reply(struct hostd_broker *b, struct json_object *msg)
{
	struct hostd_request *req = take_request(b, hostd_json_u64(msg, "re", 0));
	const char *error;

	if (!req)
		return;		/* too late */
	if (hostd_json_bool(msg, "ok", false)) {
		end_request(b, req, msg, NULL);
		return;
	}
	error = hostd_json_str(msg, "error");
	end_request(b, req, NULL, error ? error : "the worker refuses without a reason");
}

/* False: there is none, or the connection is closed now. */
static bool take_message(struct hostd_broker *b)
{
	struct hostd_source *src = &b->life.ipc;
	int fds[HOSTD_IPC_FD_MAX], err;
	struct json_object *msg;
	unsigned int nr_fds;

	err = hostd_ipc_recv(src->fd, &msg, fds, &nr_fds);
	if (err == -EAGAIN)
		return false;
	/* No descriptor is wanted of it. */
	if (err == -EMFILE)
		err = 0;
	/* What it says of the guest, and what it says itself, ends on terminals and in logs. */
	if (!err && !hostd_json_clean(msg)) {
		json_object_put(msg);
		err = -EBADMSG;
	}
	if (err) {
		/* It is dying, or out of its mind: it is of no use either way. */
		hostd_loop_close(&b->loop, src);
		if (!b->stopping && err != -EPIPE)
			hostd_life_kill(b, "it sends nonsense");
		else if (b->life.pid)
			kill(b->life.pid, SIGKILL);
		return false;
	}
	while (nr_fds)
		close(fds[--nr_fds]);
	if (hostd_json_get(msg, "re"))
		take_reply(b, msg);
	else
		hostd_session_event(b, msg);
	json_object_put(msg);
	return true;
}

void hostd_request_ready(struct hostd_source *src, uint32_t events)
{
	(void)events;
	take_message(hostd_container_of(src, struct hostd_broker, life.ipc));
}

void hostd_request_drain(struct hostd_broker *b)
{
	while (b->life.ipc.fd >= 0 && take_message(b))
		;
}

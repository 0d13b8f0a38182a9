// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages between broker and worker: one JSON object with file descriptors each.
 */
#include "lib/ipc.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/json.h"
#include "lib/parcel.h"

int hostd_ipc_send(int fd, struct json_object *msg, const int *fds, unsigned int nr_fds)
{
	const char *text;
	size_t len;

	text = json_object_to_json_string_length(msg, JSON_C_TO_STRING_PLAIN, &len);
	if (!text)
		return -ENOMEM;
	if (len > HOSTD_IPC_MSG_MAX || nr_fds > HOSTD_IPC_FD_MAX)
		return -EMSGSIZE;
	return hostd_parcel_send(fd, text, len, fds, nr_fds);
}

/**
 * struct hostd_ipc_unsent - a message that waits
 * @msg: the object
 * @next: the next one
 */
struct hostd_ipc_unsent {
	struct json_object *msg;
	struct hostd_ipc_unsent *next;
};

/* Not sent for want of something that may be there the next moment. */
static bool is_passing(int err)
{
	return err == -EAGAIN || err == -ENOBUFS || err == -ENOMEM;
}

static int put(struct hostd_ipc_queue *q, struct json_object *msg)
{
	struct hostd_ipc_unsent *u = q->nr < HOSTD_IPC_UNSENT_MAX ? malloc(sizeof(*u)) : NULL;

	if (!u)
		return -EAGAIN;
	*u = (struct hostd_ipc_unsent) { .msg = json_object_get(msg) };
	*(q->first ? q->last : &q->first) = u;
	q->last = &u->next;
	q->nr++;
	return 0;
}

static void drop_first(struct hostd_ipc_queue *q)
{
	struct hostd_ipc_unsent *u = q->first;

	q->first = u->next;
	q->nr--;
	json_object_put(u->msg);
	free(u);
}

int hostd_ipc_post(struct hostd_ipc_queue *q, int fd, struct json_object *msg)
{
	int err = hostd_ipc_flush(q, fd) ? hostd_ipc_send(fd, msg, NULL, 0) : -EAGAIN;

	return is_passing(err) ? put(q, msg) : err;
}

bool hostd_ipc_flush(struct hostd_ipc_queue *q, int fd)
{
	while (q->first && !is_passing(hostd_ipc_send(fd, q->first->msg, NULL, 0)))
		drop_first(q);
	return !q->first;
}

void hostd_ipc_forget(struct hostd_ipc_queue *q)
{
	while (q->first)
		drop_first(q);
}

int hostd_ipc_recv(int fd, struct json_object **msg, int *fds, unsigned int *nr_fds)
{
	/* A message that is not taken is there again at once: so there is always room for one. */
	static char text[HOSTD_IPC_MSG_MAX];
	struct hostd_parcel parcel = {
		.data = text, .len = sizeof(text), .fds = fds, .nr_fds = fds ? HOSTD_IPC_FD_MAX : 0,
	};
	int err;

	*msg = NULL;
	if (fds)
		*nr_fds = 0;
	err = hostd_parcel_recv(fd, &parcel);
	if (!err)
		*msg = hostd_json_parse(text, parcel.len, false, NULL);
	if (err)
		return err == -EMSGSIZE ? -EBADMSG : err;
	if (*msg && !fds)
		return 0;
	if (*msg && !parcel.lost) {
		*nr_fds = parcel.nr_fds;
		return 0;
	}
	while (parcel.nr_fds)
		close(fds[--parcel.nr_fds]);
	return *msg ? -EMFILE : -EBADMSG;
}

static struct json_object *reply(struct json_object *req, bool ok)
{
	struct json_object *obj = json_object_new_object();

	if (!obj)
		return NULL;
	json_object_object_add(obj, "re", json_object_get(json_object_object_get(req, "id")));
	json_object_object_add(obj, "ok", json_object_new_boolean(ok));
	return obj;
}

struct json_object *hostd_ipc_reply_ok(struct json_object *req)
{
	return reply(req, true);
}

struct json_object *hostd_ipc_reply_error(struct json_object *req, const char *fmt, ...)
{
	struct json_object *obj = reply(req, false);
	char text[512];
	va_list ap;

	if (!obj)
		return NULL;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_object_object_add(obj, "error", json_object_new_string(text));
	return obj;
}

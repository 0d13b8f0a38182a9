// SPDX-License-Identifier: GPL-2.0-only
/*
 * The control socket: JSON lines, one command each, answered in order. Descriptors that come with a line are
 * its command's.
 */
#include "broker/control.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/broker.h"
#include "broker/errand/closer.h"
#include "lib/json.h"
#include "lib/parcel.h"
#include "lib/proc/memory.h"
#include "lib/util.h"

#define LINE_MAX_LEN	65536
#define CLIENTS_MAX	32
/* As many are served even when descriptors run out. */
#define CLIENTS_MIN	2
/* A client that neither asks nor reads for so long has gone, or will connect again. */
#define IDLE_MS		300000
#define IDLE_LOOK_MS	10000
#define CALL_MS		12000	/* less than a client waits */

/**
 * struct hostd_client - a control connection
 * @src: the connection
 * @b: the broker
 * @next: list
 * @line: what has come of the next line
 * @line_len: its length
 * @fds: descriptors that came with it
 * @nr_fds: their number
 * @coming: bytes that wait while the descriptors with them are looked at; 0: none
 * @out: answers that are not written yet
 * @out_len: their length
 * @call: the command that is being executed, or NULL
 * @active_ms: when it last sent something, read something, or was answered
 */
struct hostd_client {
	struct hostd_source src;
	struct hostd_broker *b;
	struct hostd_client *next;
	char *line;
	size_t line_len;
	int fds[HOSTD_CALL_FDS];
	unsigned int nr_fds;
	size_t coming;
	char *out;
	size_t out_len;
	struct hostd_call *call;
	uint64_t active_ms;
};

static void client_free(struct hostd_client *client)
{
	struct hostd_client **link = &client->b->clients;

	while (*link != client)
		link = &(*link)->next;
	*link = client->next;
	client->b->nr_clients--;
	if (client->call)
		client->call->client = NULL;
	hostd_errands_cancel(client->b, client);
	hostd_gift_leave(client->b, client->src.fd);
	hostd_loop_close(&client->b->loop, &client->src);
	hostd_gift_close(client->b, client->fds, &client->nr_fds);
	free(client->line);
	free(client->out);
	free(client);
}

static bool has_line(const struct hostd_client *client)
{
	return client->line_len && memchr(client->line, '\n', client->line_len);
}

/* It reads only while no command is executed, all answers are written, and no descriptors are looked at. */
static void watch(struct hostd_client *client)
{
	uint32_t events = 0;

	if (client->out_len || (!client->call && has_line(client)))
		events = EPOLLOUT;
	else if (!client->call && !client->coming)
		events = EPOLLIN;
	hostd_loop_mod(&client->b->loop, &client->src, events);
}

static void flush(struct hostd_client *client)
{
	ssize_t done = 0;

	if (client->out_len)
		done = send(client->src.fd, client->out, client->out_len,
			    MSG_DONTWAIT | MSG_NOSIGNAL);
	if (done > 0) {
		client->active_ms = hostd_now_ms();
		client->out_len -= done;
		memmove(client->out, client->out + done, client->out_len);
	}
}

/* Queue {"id":...,@key:@value} for writing. */
static void answer(struct hostd_client *client, struct json_object *id, const char *key,
		   struct json_object *value)
{
	struct json_object *obj = json_object_new_object();
	const char *text;
	char *out;
	size_t len;

	if (id)
		json_object_object_add(obj, "id", json_object_get(id));
	json_object_object_add(obj, key, value);
	text = json_object_to_json_string_length(obj, JSON_C_TO_STRING_PLAIN, &len);
	out = realloc(client->out, client->out_len + len + 1);
	if (out) {
		memcpy(out + client->out_len, text, len);
		client->out = out;
		client->out_len += len;
		client->out[client->out_len++] = '\n';
		flush(client);
	}
	json_object_put(obj);
}

static void end_call(struct hostd_call *call, const char *key, struct json_object *value)
{
	struct hostd_client *client = call->client;

	if (client) {
		client->call = NULL;
		client->active_ms = hostd_now_ms();
		answer(client, hostd_json_get(call->request, "id"), key, value);
		watch(client);
	} else {
		json_object_put(value);
	}
	hostd_gift_close(call->b, call->fds, &call->nr_fds);
	json_object_put(call->partial);
	json_object_put(call->request);
	free(call);
}

void hostd_call_return(struct hostd_call *call, struct json_object *value)
{
	end_call(call, "return", value ? value : json_object_new_object());
}

void hostd_call_error(struct hostd_call *call, const char *fmt, ...)
{
	char text[HOSTD_ERROR_MAX + 64];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	end_call(call, "error", hostd_json_error(text));
}

static void set_timer(struct hostd_broker *b)
{
	struct hostd_client *client;
	uint64_t first_ms = 0;

	for (client = b->clients; client; client = client->next)
		if (client->call && (!first_ms || client->call->due_ms < first_ms))
			first_ms = client->call->due_ms;
	b->call_timer.due_ms = first_ms;
}

/* The client hears so, and can go on. What was begun goes on too, as if the client had left. */
static void abandon(struct hostd_client *client, const char *error)
{
	struct hostd_call *call = client->call;

	call->client = NULL;
	client->call = NULL;
	answer(client, hostd_json_get(call->request, "id"), "error", hostd_json_error(error));
	watch(client);
}

void hostd_control_end_others(struct hostd_broker *b, const struct hostd_call *call,
			      const char *error)
{
	struct hostd_client *client, *next;

	for (client = b->clients; client; client = next) {
		next = client->next;
		if (call && client->call == call)
			continue;
		if (client->call)
			abandon(client, error);
		if (hostd_gift_waits(client->src.fd))
			client_free(client);
	}
}

static void calls_due(struct hostd_timer *timer)
{
	struct hostd_broker *b = hostd_container_of(timer, struct hostd_broker, call_timer);
	uint64_t now_ms = hostd_now_ms();
	struct hostd_client *client;

	for (client = b->clients; client; client = client->next) {
		struct hostd_call *call = client->call;

		if (!call || call->due_ms > now_ms)
			continue;
		abandon(client, "this takes too long, and may still be done: 'pvctl status' and the log say more");
	}
	set_timer(b);
}

void hostd_call_extend(struct hostd_call *call, unsigned int ms)
{
	call->due_ms = hostd_now_ms() + ms;
	set_timer(call->b);
}

static void execute(struct hostd_client *client, const char *line, size_t len)
{
	const char *complaint = "out of memory";
	struct hostd_call *call = calloc(1, sizeof(*call));
	char text[HOSTD_ERROR_MAX];

	if (call)
		call->request = hostd_json_parse_command(line, len, &complaint);
	if (!call || !call->request) {
		snprintf(text, sizeof(text), "not a command (%s): send {\"execute\":NAME,\"arguments\":{...}} on one line",
			 complaint);
		answer(client, NULL, "error", hostd_json_error(text));
		hostd_gift_close(client->b, client->fds, &client->nr_fds);
		free(call);
		return;
	}
	call->b = client->b;
	call->client = client;
	call->args = hostd_json_get(call->request, "arguments");
	memcpy(call->fds, client->fds, client->nr_fds * sizeof(call->fds[0]));
	call->nr_fds = client->nr_fds;
	client->nr_fds = 0;
	client->call = call;
	hostd_call_extend(call, CALL_MS);
	client->b->run(call, hostd_json_str(call->request, "execute"));
}

/* Execute what has come, a line at a time, until a command or an answer waits. */
static void next_commands(struct hostd_client *client)
{
	char *end, *line;
	size_t len;

	while (!client->call && !client->out_len && has_line(client)) {
		end = memchr(client->line, '\n', client->line_len);
		*end = 0;
		len = end - client->line;
		line = malloc(len + 1);
		if (line)
			memcpy(line, client->line, len + 1);
		client->line_len -= len + 1;
		memmove(client->line, end + 1, client->line_len);
		if (!line)
			answer(client, NULL, "error", hostd_json_error("out of memory: try again"));
		else if (strspn(line, " \t\r") < len)
			execute(client, line, len);
		free(line);
	}
	watch(client);
}

/* To read what descriptors come with would be to have them, and to close them: so no more is read of it. */
static void refuse(struct hostd_client *client, const char *why)
{
	char text[HOSTD_ERROR_MAX + 64];

	snprintf(text, sizeof(text), "its descriptors cannot be taken: %s", why);
	answer(client, NULL, "error", hostd_json_error(text));
	shutdown(client->src.fd, SHUT_WR);
}

/* So much of what has come, without descriptors; false: the client has left, or its line is too long. */
static bool take(struct hostd_client *client, size_t len)
{
	struct hostd_parcel parcel = { .data = client->line + client->line_len, .len = len };
	int err = hostd_parcel_recv(client->src.fd, &parcel);

	if (err)
		return err == -EAGAIN;
	client->line_len += parcel.len;
	client->active_ms = hostd_now_ms();
	return client->line_len < LINE_MAX_LEN || has_line(client);
}

/* The descriptors that come next have been looked at. */
static void looked(void *owner, const struct hostd_errand_report *report, int *fds)
{
	struct hostd_client *client = owner;
	size_t len = client->coming;
	int nr = fds[0] < 0 ? report->error :
		 hostd_gift_take(fds[0], client->fds + client->nr_fds, HOSTD_CALL_FDS - client->nr_fds);

	if (nr > 0)
		client->nr_fds += nr;
	client->coming = 0;
	if (nr < 0 || hostd_broker_is_tight(client->b, 0))
		refuse(client, report->error ? report->text : HOSTD_GIFTS_TOO_MANY);
	else if (take(client, len)) {
		next_commands(client);
		return;
	}
	client_free(client);
}

/* What has come; false: the client has left, its line is too long, or its descriptors cannot be taken. */
static bool receive(struct hostd_client *client)
{
	struct hostd_parcel parcel = {
		.data = client->line + client->line_len, .len = LINE_MAX_LEN - client->line_len,
	};
	char why[HOSTD_ERROR_MAX];
	int err = hostd_parcel_peek(client->src.fd, &parcel);

	if (err)
		return err == -EAGAIN;
	if (!parcel.lost)
		return take(client, parcel.len);
	if (hostd_gift_look(client->b, client->src.fd, parcel.len, looked, client, why)) {
		refuse(client, why);
		return false;
	}
	client->coming = parcel.len;
	return true;
}

static void client_ready(struct hostd_source *src, uint32_t events)
{
	struct hostd_client *client = hostd_container_of(src, struct hostd_client, src);

	if (events & (EPOLLHUP | EPOLLERR) && !(events & EPOLLIN)) {
		client_free(client);
		return;
	}
	if (events & EPOLLIN && !receive(client)) {
		client_free(client);
		return;
	}
	flush(client);
	next_commands(client);
}

/* The one that has been idle for longest, at least for @ms; NULL: there is none. */
static struct hostd_client *find_idle(const struct hostd_broker *b, uint64_t ms)
{
	uint64_t now_ms = hostd_now_ms();
	struct hostd_client *client, *oldest = NULL;

	for (client = b->clients; client; client = client->next) {
		if (client->call || now_ms - client->active_ms < ms)
			continue;
		if (!oldest || client->active_ms <= oldest->active_ms)
			oldest = client;
	}
	return oldest;
}

static void idle_due(struct hostd_timer *timer)
{
	struct hostd_broker *b = hostd_container_of(timer, struct hostd_broker, idle_timer);
	struct hostd_client *client;

	while ((client = find_idle(b, IDLE_MS)))
		client_free(client);
	if (b->nr_clients)
		hostd_timer_set(timer, IDLE_LOOK_MS);
	else
		b->crowded = false;
}

/* Whoever comes can be served, if need be in the place of one that is idle. */
static bool make_room(struct hostd_broker *b)
{
	struct hostd_client *oldest;

	if (b->nr_clients < CLIENTS_MIN ||
	    (b->nr_clients < CLIENTS_MAX && !hostd_broker_is_tight(b, 0) && !hostd_memory_is_short()))
		return true;
	oldest = find_idle(b, 0);
	if (!b->crowded)
		hostd_log(HOSTD_LOG_WARN, "%u control connections are too many: %s", b->nr_clients,
			  oldest ? "the one that is idle for longest makes room for each new one" :
			  "all wait for an answer, and no more are taken");
	b->crowded = true;
	if (oldest)
		client_free(oldest);
	return oldest;
}

static int take_client(struct hostd_broker *b, int fd)
{
	struct hostd_client *client = calloc(1, sizeof(*client));

	if (client)
		client->line = malloc(LINE_MAX_LEN);
	if (!client || !client->line)
		goto free_client;
	client->b = b;
	client->src.ready = client_ready;
	client->active_ms = hostd_now_ms();
	if (hostd_loop_add(&b->loop, &client->src, fd, EPOLLIN))
		goto free_client;
	client->next = b->clients;
	b->clients = client;
	b->nr_clients++;
	if (!b->idle_timer.due_ms)
		hostd_timer_set(&b->idle_timer, IDLE_LOOK_MS);
	return 0;

free_client:
	if (client)
		free(client->line);
	free(client);
	return -ENOMEM;
}

struct hostd_call *hostd_control_adopt(struct hostd_broker *b, int fd, struct json_object *request,
				       unsigned int ms)
{
	struct hostd_call *call = calloc(1, sizeof(*call));

	if (!call || !json_object_is_type(request, json_type_object) || take_client(b, fd)) {
		free(call);
		return NULL;
	}
	call->b = b;
	call->client = b->clients;
	call->request = json_object_get(request);
	call->args = hostd_json_get(request, "arguments");
	call->client->call = call;
	hostd_call_extend(call, ms);
	watch(call->client);
	return call;
}

int hostd_call_fd(const struct hostd_call *call)
{
	return call->client ? call->client->src.fd : -1;
}

static void listener_ready(struct hostd_source *src, uint32_t events)
{
	struct hostd_broker *b = hostd_container_of(src, struct hostd_broker, control.src);
	int fd;

	(void)events;
	/* Each may come with what has to be closed. */
	if (!hostd_closer_admits(b, &b->control, 2 * CLIENTS_MAX))
		return;
	fd = hostd_listener_accept(&b->control);
	if (fd < 0 || (make_room(b) && !take_client(b, fd)))
		return;
	hostd_gift_leave(b, fd);
	close(fd);
}

int hostd_control_start(struct hostd_broker *b, int fd, hostd_control_run run)
{
	int err;

	b->run = run;
	b->control.src.ready = listener_ready;
	hostd_timer_init(&b->loop, &b->idle_timer, idle_due);
	hostd_timer_init(&b->loop, &b->call_timer, calls_due);
	if (fd < 0)
		fd = hostd_listener_open("control.sock");
	if (fd < 0)
		return fd;
	err = hostd_listener_start(&b->control, &b->loop, fd);
	if (err)
		close(fd);
	return err;
}

void hostd_control_stop(struct hostd_broker *b)
{
	hostd_closer_take(b, b->control.src.fd, "a listener");
	hostd_listener_stop(&b->control);
	while (b->clients)
		client_free(b->clients);
}

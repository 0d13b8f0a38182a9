// SPDX-License-Identifier: GPL-2.0-only
/*
 * The closer: what may wait in closing a descriptor is another process, now or as soon as one can be started.
 */
#include "broker/errand/closer.h"

#include <fcntl.h>
#include <unistd.h>

#include "broker/broker.h"
#include "broker/errand/errand.h"
#include "lib/json.h"
#include "lib/parcel.h"

#define RETRY_MS	1000
/* One after the other: each begins with all that this process has, and must not be the last that closes another. */
#define STEP_MS		10

/* There is nothing to do but to have a descriptor until this has been listened to. */
static void hold(const void *job, int sock)
{
	const struct hostd_errand_report report = { 0 };

	(void)job;
	hostd_parcel_send(sock, &report, sizeof(report), NULL, 0);
}

static void held(void *owner, const struct hostd_errand_report *report, int *fds)
{
	(void)owner, (void)report, (void)fds;
}

static int start(struct hostd_broker *b, int fd, const char *shown, char *err)
{
	const struct hostd_errand_op op = {
		.work = hold, .report_len = sizeof(struct hostd_errand_report), .keep_fd = fd, .doing = "closing",
		.shown = shown, .suspect = "somebody has stopped the process that does", .told = held,
	};

	return hostd_errand_start(b, &op, err);
}

static void retry_due(struct hostd_timer *timer)
{
	struct hostd_broker *b = hostd_container_of(timer, struct hostd_broker, closer.retry);
	struct hostd_closer *c = &b->closer;
	char err[HOSTD_ERROR_MAX];
	bool is_started;

	if (c->nr) {
		is_started = !start(b, c->fds[c->nr - 1], "what waited", err);
		if (is_started)
			close(c->fds[--c->nr]);
		hostd_timer_set(timer, is_started ? STEP_MS : RETRY_MS);
		return;
	}
	if (c->said)
		hostd_log(HOSTD_LOG_INFO, "no descriptor waits any more to be closed");
	c->said = false;
}

void hostd_closer_init(struct hostd_broker *b, struct json_object *fds)
{
	struct hostd_closer *c = &b->closer;
	size_t i;

	c->lines = (struct hostd_limit) { .burst = 3, .refill_ms = 60000 };
	hostd_timer_init(&b->loop, &c->retry, retry_due);
	if (!json_object_is_type(fds, json_type_array))
		return;
	for (i = 0; i < json_object_array_length(fds) && c->nr < HOSTD_CLOSER_MAX; i++) {
		c->fds[c->nr] = json_object_get_int(json_object_array_get_idx(fds, i));
		if (!fcntl(c->fds[c->nr], F_SETFD, FD_CLOEXEC))
			c->nr++;
	}
	if (c->nr)
		hostd_timer_set(&c->retry, 0);
}

void hostd_closer_exit(struct hostd_broker *b)
{
	b->closer.nr = 0;
	hostd_timer_exit(&b->loop, &b->closer.retry);
}

void hostd_closer_take(struct hostd_broker *b, int fd, const char *shown)
{
	struct hostd_closer *c = &b->closer;
	char err[HOSTD_ERROR_MAX];
	unsigned int dropped;
	int kept;

	if (fd < 0 || !start(b, fd, shown, err))
		return;
	kept = c->nr < HOSTD_CLOSER_MAX ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
	if (kept < 0) {
		hostd_log(HOSTD_LOG_DEBUG, "%s: the broker closes it itself", err);
		return;
	}
	if (!c->nr)
		hostd_timer_set(&c->retry, RETRY_MS);
	if (!c->said && hostd_limit_pass(&c->lines, &dropped)) {
		hostd_log(HOSTD_LOG_WARN, "%s: so it stays open for now, and so does what else may take long to close", err);
		c->said = true;
	}
	c->fds[c->nr++] = kept;
}

bool hostd_closer_admits(struct hostd_broker *b, struct hostd_listener *listener, unsigned int more)
{
	if (b->closer.nr + more < HOSTD_CLOSER_MAX)
		return true;
	hostd_listener_pause(listener, RETRY_MS);
	return false;
}

struct json_object *hostd_closer_save(const struct hostd_broker *b)
{
	struct json_object *fds = json_object_new_array();
	unsigned int i;

	for (i = 0; i < b->closer.nr; i++)
		json_object_array_add(fds, json_object_new_int(b->closer.fds[i]));
	return fds;
}

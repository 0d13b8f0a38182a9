// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lines: how a worker gets connections, now and whenever it has lost one.
 */
#include "broker/line.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/broker.h"
#include "broker/errand/closer.h"
#include "lib/parcel.h"

#define PAUSE_MIN_MS	50
#define PAUSE_MAX_MS	2000
/* A connection that has lasted for so long was a good one. */
#define LONG_MS		1000

static void tell(struct hostd_line *line, const char *error)
{
	void (*told)(void *owner, const char *error) = line->told;

	line->told = NULL;
	if (told)
		told(line->owner, error);
}

static void set_retry(struct hostd_line *line)
{
	hostd_timer_set(&line->retry, line->pause_ms);
	line->pause_ms = line->pause_ms * 2 < PAUSE_MAX_MS ? line->pause_ms * 2 : PAUSE_MAX_MS;
}

static void try_later(struct hostd_line *line, const char *why)
{
	if (!line->is_missed && line->spec.lacks)
		hostd_log(HOSTD_LOG_WARN, "%s has %s: %s: trying again until it is there", line->spec.id,
			  line->spec.lacks, why);
	line->is_missed = true;
	set_retry(line);
}

static void drop_last(struct hostd_line *line)
{
	if (line->last >= 0)
		close(line->last);
	line->last = -1;
}

static int hand_over(struct hostd_line *line, const int *fds)
{
	const int both[] = { fds[0], line->spec.twice ? fds[0] : fds[1] };

	return hostd_parcel_send(line->end.fd, "", 1, both, both[1] >= 0 ? 2 : 1);
}

static void note_connected(struct hostd_line *line, const char *text)
{
	if (line->is_missed && line->spec.lacks)
		hostd_log(HOSTD_LOG_INFO, "%s is connected", line->spec.id);
	if (*text)
		hostd_log(HOSTD_LOG_WARN, "%s: %s", line->spec.id, text);
	line->is_missed = false;
	line->connected_ms = hostd_now_ms();
}

/* What is kept is kept before anybody is told, who may end the line; the rest is closed. */
static void keep(struct hostd_line *line, const struct hostd_errand_report *report, int *fds)
{
	unsigned int i;

	if (!report->error || fds[0] >= 0)
		drop_last(line);
	if (line->spec.keeps && fds[0] >= 0) {
		line->last = fds[0];
		fds[0] = -1;
	}
	for (i = 0; i < HOSTD_ERRAND_FDS; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static void connected(void *owner, const struct hostd_errand_report *report, int *fds)
{
	struct hostd_line *line = owner;
	bool is_made = fds[0] >= 0;
	int err = report->error;

	if (!err && line->end.fd >= 0)
		err = is_made ? hand_over(line, fds) : -EBADMSG;
	keep(line, report, fds);
	if (line->told && report->error && !is_made) {
		tell(line, report->text);
		return;
	}
	if (line->end.fd >= 0 && err)
		try_later(line, report->error ? report->text : strerror(-err));
	else if (line->end.fd >= 0)
		note_connected(line, report->text);
	tell(line, NULL);
}

static void try_now(struct hostd_line *line)
{
	const struct hostd_errand_op op = {
		.work = line->spec.work, .job = line->spec.job,
		.report_len = sizeof(struct hostd_errand_report), .nr_fds = line->spec.nr_fds, .keep_fd = line->last,
		.doing = "connecting to", .shown = line->spec.shown, .suspect = line->spec.suspect,
		.told = connected, .owner = line,
	};
	char err[HOSTD_ERROR_MAX];
	int ret = hostd_errand_start(line->b, &op, err);

	if (ret && ret != -EINPROGRESS)
		try_later(line, err);
}

static void retry_due(struct hostd_timer *timer)
{
	try_now(hostd_container_of(timer, struct hostd_line, retry));
}

/* The worker says that its connection has ended, or has ended itself. */
static void end_ready(struct hostd_source *src, uint32_t events)
{
	struct hostd_line *line = hostd_container_of(src, struct hostd_line, end);
	char byte;
	ssize_t len = recv(src->fd, &byte, 1, MSG_DONTWAIT);

	(void)events;
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (len <= 0) {
		hostd_line_close(line);
		return;
	}
	/* One that hangs up at once is not called all the time. */
	if (hostd_now_ms() - line->connected_ms >= LONG_MS) {
		line->pause_ms = PAUSE_MIN_MS;
		line->nr_short = 0;
	} else {
		line->nr_short++;
	}
	if (!line->retry.due_ms)
		set_retry(line);
}

void hostd_line_init(struct hostd_line *line, struct hostd_broker *b, const struct hostd_line_spec *spec)
{
	line->b = b;
	line->spec = *spec;
	line->end.fd = -1;
	line->end.ready = end_ready;
	line->pause_ms = PAUSE_MIN_MS;
	line->last = -1;
	hostd_timer_init(&b->loop, &line->retry, retry_due);
}

void hostd_line_close(struct hostd_line *line)
{
	hostd_errands_cancel(line->b, line);
	hostd_timer_cancel(&line->retry);
	hostd_loop_close(&line->b->loop, &line->end);
	line->told = NULL;
}

void hostd_line_forget(struct hostd_line *line)
{
	hostd_line_close(line);
	hostd_closer_take(line->b, line->last, line->spec.shown);
	drop_last(line);
}

void hostd_line_exit(struct hostd_line *line)
{
	if (!line->b)
		return;
	hostd_line_forget(line);
	hostd_timer_exit(&line->b->loop, &line->retry);
}

int hostd_line_open(struct hostd_line *line, void (*told)(void *owner, const char *error), void *owner,
		    char *err)
{
	int ends[2], ret = 0;

	hostd_line_close(line);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
		ret = -errno;
	if (!ret) {
		ret = hostd_loop_add(&line->b->loop, &line->end, ends[0], EPOLLIN);
		if (ret) {
			close(ends[0]);
			close(ends[1]);
		}
	}
	if (ret) {
		snprintf(err, HOSTD_ERROR_MAX, "no connection to the worker: %s", strerror(-ret));
		return ret;
	}
	line->pause_ms = PAUSE_MIN_MS;
	line->nr_short = 0;
	line->told = told;
	line->owner = owner;
	try_now(line);
	return ends[1];
}

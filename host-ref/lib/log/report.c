// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a worker has to say: log events to its broker.
 */
#include "lib/log/report.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

#include "lib/ipc.h"
#include "lib/json.h"
#include "lib/util.h"

/* At most BURST lines in each INTERVAL_MS. */
#define BURST		20
#define INTERVAL_MS	10000

static int report_fd = -1;
static uint64_t interval_ms;
static unsigned int nr_lines, nr_dropped;
/* What the broker must hear of, and cannot be told now. */
static struct hostd_ipc_queue unsent;
/* Of the four above. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void hostd_report_init(int ipc_fd)
{
	report_fd = ipc_fd;
}

/* Under the lock. */
static void send_line(int level, const char *text)
{
	struct json_object *msg;

	msg = report_fd >= 0 ? json_object_new_object() : NULL;
	if (!msg) {
		hostd_log(level, "%s", text);
		return;
	}
	hostd_json_add_str(msg, "event", "log");
	hostd_json_add_u64(msg, "level", level);
	hostd_json_add_str(msg, "text", text);
	if (!hostd_ipc_flush(&unsent, report_fd) || hostd_ipc_send(report_fd, msg, NULL, 0))
		nr_dropped++;
	json_object_put(msg);
}

/* Room for one more line? Says how many were dropped before. Under the lock. */
static bool is_admitted(void)
{
	uint64_t now_ms = hostd_now_ms();
	unsigned int nr = nr_dropped;
	char text[64];

	if (now_ms - interval_ms >= INTERVAL_MS) {
		interval_ms = now_ms;
		nr_lines = nr_dropped = 0;
		if (nr) {
			snprintf(text, sizeof(text), "%u log lines were dropped", nr);
			send_line(HOSTD_LOG_WARN, text);
		}
	}
	if (nr_lines >= BURST) {
		nr_dropped++;
		return false;
	}
	nr_lines++;
	return true;
}

void hostd_report(int level, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	pthread_mutex_lock(&lock);
	if (is_admitted())
		send_line(level, text);
	pthread_mutex_unlock(&lock);
}

int hostd_report_post(struct json_object *msg)
{
	int err;

	pthread_mutex_lock(&lock);
	err = hostd_ipc_post(&unsent, report_fd, msg);
	pthread_mutex_unlock(&lock);
	return err;
}

void hostd_report_flush(void)
{
	pthread_mutex_lock(&lock);
	hostd_ipc_flush(&unsent, report_fd);
	pthread_mutex_unlock(&lock);
}

static struct json_object *new_event(const char *event)
{
	struct json_object *msg = report_fd >= 0 ? json_object_new_object() : NULL;

	if (msg)
		hostd_json_add_str(msg, "event", event);
	return msg;
}

static void send_event(struct json_object *msg)
{
	hostd_report_post(msg);
	json_object_put(msg);
}

void hostd_report_event(const char *event, const char *key, uint64_t value)
{
	struct json_object *msg = new_event(event);

	if (!msg)
		return;
	hostd_json_add_u64(msg, key, value);
	send_event(msg);
}

void hostd_report_device(const char *event, unsigned int slot, uint32_t generation)
{
	struct json_object *msg = new_event(event);

	if (!msg)
		return;
	hostd_json_add_u64(msg, "slot", slot);
	hostd_json_add_u64(msg, "generation", generation);
	send_event(msg);
}

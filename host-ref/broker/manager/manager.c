// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whoever has started pvhostd: a service manager, a script that waits for a descriptor or a pid file.
 */
#include "broker/manager/manager.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "broker/broker.h"
#include "broker/errand/closer.h"
#include "broker/errand/errand.h"
#include "broker/heir/state.h"
#include "lib/json.h"
#include "lib/parcel.h"
#include "lib/proc/notify.h"
#include "lib/util.h"

#define AGAIN_MS	1000

static void alive_due(struct hostd_timer *timer)
{
	struct hostd_broker *b = hostd_container_of(timer, struct hostd_broker, alive_timer);

	hostd_notify("WATCHDOG=1", NULL, 0);
	hostd_timer_set(timer, b->alive_ms);
}

/* In a process of its own, for as long as it takes: hostd_errand_op.work */
static void tell(const void *parcel, int sock)
{
	int fd = hostd_parcel_take(*(const int *)parcel);
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };

	(void)sock;
	/* If nobody waits for it any more there is nobody to tell that. */
	if (fd >= 0 && poll(&pfd, 1, -1) == 1 && write(fd, "\n", 1) < 0)
		_exit(1);
}

static void tell_due(struct hostd_timer *timer)
{
	struct hostd_broker *b = hostd_container_of(timer, struct hostd_broker, ready_timer);
	const struct hostd_errand_op op = {
		.work = tell, .job = &b->ready_parcel, .report_len = sizeof(struct hostd_errand_report),
		.keep_fd = b->ready_parcel, .doing = "telling of", .shown = "readiness", .suspect = "nobody listens",
	};
	char err[HOSTD_ERROR_MAX];

	if (hostd_errand_start(b, &op, err)) {
		hostd_timer_set(timer, AGAIN_MS);
		return;
	}
	close(b->ready_parcel);
	b->ready_parcel = -1;
}

/* To close what was inherited may wait, as for a file system; but there is no VM yet. From then on it is in a parcel. */
static int pack_ready_fd(struct hostd_broker *b)
{
	int parcel = hostd_parcel_wrap(b->opt.ready_fd);

	if (parcel < 0)
		return parcel;
	close(b->opt.ready_fd);
	b->opt.ready_fd = -1;
	b->ready_parcel = parcel;
	return 0;
}

int hostd_manager_init(struct hostd_broker *b, int parcel)
{
	b->ready_parcel = parcel;
	hostd_timer_init(&b->loop, &b->ready_timer, tell_due);
	hostd_timer_init(&b->loop, &b->alive_timer, alive_due);
	/* Twice as often as it has to be; that is what sd_watchdog_enabled(3) advises. */
	b->alive_ms = hostd_notify_interval_ms() / 2;
	if (b->alive_ms)
		hostd_timer_set(&b->alive_timer, b->alive_ms);
	return b->opt.ready_fd < 0 ? 0 : pack_ready_fd(b);
}

void hostd_manager_exit(struct hostd_broker *b)
{
	if (b->pid_file.name)
		hostd_store_remove(&b->pid_file);
	hostd_store_exit(&b->pid_file);
	if (b->ready_parcel < 0)
		return;
	hostd_closer_take(b, b->ready_parcel, "what was inherited");
	close(b->ready_parcel);
}

static void write_pid_file(struct hostd_broker *b)
{
	char text[16];

	if (!b->opt.pid_file)
		return;
	hostd_store_init(&b->pid_file, &b->loop, b->opt.pid_file, "who waits for it does not hear of this pvhostd");
	hostd_store_adopt(&b->pid_file, hostd_kept_fd(hostd_json_get(b->opt.handover, "fds"), "pid_writer"));
	snprintf(text, sizeof(text), "%d\n", (int)getpid());
	hostd_store_put(&b->pid_file, text);
}

void hostd_manager_tell_ready(struct hostd_broker *b)
{
	if (b->ready)
		return;
	b->ready = true;
	write_pid_file(b);
	hostd_notify("READY=1", NULL, 0);
	if (b->ready_parcel >= 0)
		tell_due(&b->ready_timer);
	hostd_log_copy(-1);
}

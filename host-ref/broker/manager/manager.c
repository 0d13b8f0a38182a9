// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whoever has started pvhostd: a service manager, a script that waits for a descriptor or a pid file.
 */
#include "broker/manager/manager.h"

#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "broker/broker.h"
#include "lib/proc/notify.h"
#include "lib/util.h"

static void alive_due(struct hostd_timer *timer)
{
	struct hostd_broker *b = hostd_container_of(timer, struct hostd_broker, alive_timer);

	hostd_notify("WATCHDOG=1", NULL, 0);
	hostd_timer_set(timer, b->alive_ms);
}

void hostd_manager_init(struct hostd_broker *b)
{
	hostd_timer_init(&b->loop, &b->alive_timer, alive_due);
	/* Twice as often as it has to be; that is what sd_watchdog_enabled(3) advises. */
	b->alive_ms = hostd_notify_interval_ms() / 2;
	if (b->alive_ms)
		hostd_timer_set(&b->alive_timer, b->alive_ms);
}

void hostd_manager_exit(struct hostd_broker *b)
{
	if (b->pid_file.name)
		hostd_store_remove(&b->pid_file);
	hostd_store_exit(&b->pid_file);
}

static void write_pid_file(struct hostd_broker *b)
{
	char text[16];

	if (!b->opt.pid_file)
		return;
	hostd_store_init(&b->pid_file, &b->loop, b->opt.pid_file, "who waits for it does not hear of this pvhostd");
	snprintf(text, sizeof(text), "%d\n", (int)getpid());
	hostd_store_put(&b->pid_file, text);
}

void hostd_manager_tell_ready(struct hostd_broker *b)
{
	struct pollfd pfd = { .fd = b->opt.ready_fd, .events = POLLOUT };

	if (b->ready)
		return;
	b->ready = true;
	write_pid_file(b);
	hostd_notify("READY=1", NULL, 0);
	/* Who gave the pipe may have filled it, or let it go. */
	if (pfd.fd >= 0 &&
	    (poll(&pfd, 1, 0) <= 0 || !(pfd.revents & POLLOUT) || write(pfd.fd, "\n", 1) != 1))
		hostd_log(HOSTD_LOG_WARN, "nobody waits for readiness any more");
	hostd_log_copy(-1);
	if (pfd.fd >= 0)
		close(pfd.fd);
	b->opt.ready_fd = -1;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * What any part of the broker may ask of the whole: is there room, for a line of the log too, and to end.
 */
#include "broker/broker.h"

#include <errno.h>

#include "lib/proc/notify.h"
#include "lib/proc/process.h"
#include "lib/util.h"

/* Descriptors that are kept free beside those of the next window: a worker, what its devices need. */
#define SPARE_FDS	16

static unsigned int spare_fds(const struct hostd_broker *b)
{
	return 1 + 2 * b->opt.nr_vectors + SPARE_FDS;
}

bool hostd_broker_is_tight(const struct hostd_broker *b, unsigned int more)
{
	return hostd_fds_left() <= spare_fds(b) + more;
}

int hostd_broker_check_room(const struct hostd_broker *b)
{
	unsigned int left = hostd_fds_left(), needed = spare_fds(b);

	if (left > needed)
		return 0;
	hostd_log(HOSTD_LOG_ERR, "%u descriptors are left of the limit (ulimit -n), and %u vectors need %u more: raise it, or use fewer --vectors",
		  left, b->opt.nr_vectors, needed + 1 - left);
	return -EMFILE;
}

bool hostd_broker_tells_death(struct hostd_broker *b)
{
	struct hostd_life *life = &b->life;
	unsigned int dropped;

	if (life->judged)
		return !life->hushed;
	life->judged = true;
	life->hushed = !hostd_limit_pass(&life->ends, &dropped);
	if (!life->hushed && dropped)
		hostd_log(HOSTD_LOG_WARN, "%u more workers have died before, of which the log says nothing", dropped);
	return !life->hushed;
}

void hostd_broker_stop(struct hostd_broker *b, int exit_code)
{
	if (exit_code)
		b->exit_code = exit_code;
	if (b->stopping)
		return;
	b->stopping = true;
	hostd_notify("STOPPING=1", NULL, 0);
	if (b->qemu.conn.fd >= 0)
		hostd_log(HOSTD_LOG_WARN, "QEMU (pid %d) still runs: its pvkit devices wait until pvhostd is started again",
			  (int)b->qemu.pid);
	hostd_timer_set(&b->stop_timer, 0);
}

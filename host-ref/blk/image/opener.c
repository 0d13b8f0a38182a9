// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is done to the image of a disk, as errands of the broker's.
 *
 * Of an image the broker itself has no more than an O_PATH descriptor, which keeps it reachable.
 */
#include "blk/image/opener.h"

#include <unistd.h>

#include "broker/errand/closer.h"

_Static_assert(sizeof(struct hostd_image_report) <= HOSTD_ERRAND_REPORT_MAX, "it is a report");
_Static_assert(HOSTD_IMAGE_FDS <= HOSTD_ERRAND_FDS, "and these come with it");

static const char * const words[] = {
	[HOSTD_IMAGE_OPEN] = "opening",
	[HOSTD_IMAGE_LOOK] = "looking up",
	[HOSTD_IMAGE_RESIZE] = "enlarging",
};

static void work(const void *job, int sock)
{
	hostd_image_work(job, sock);
}

static struct hostd_errand_op make_op(const struct hostd_image_job *job)
{
	return (struct hostd_errand_op) {
		.work = work, .job = job, .report_len = sizeof(struct hostd_image_report),
		.nr_fds = job->task == HOSTD_IMAGE_OPEN ? HOSTD_IMAGE_FDS : 0, .waits = job->wait,
		.keep_fd = job->hold, .doing = words[job->task], .shown = job->shown,
		.suspect = "its file system or device does not answer", .kind = job->task,
		/* To look at a path does not touch the image. */
		.aloof = job->task == HOSTD_IMAGE_LOOK,
	};
}

int hostd_opener_start(struct hostd_broker *b, const struct hostd_image_job *job,
		       hostd_errand_told told, void *owner, char *err)
{
	struct hostd_errand_op op = make_op(job);

	op.told = told;
	op.owner = owner;
	return hostd_errand_start(b, &op, err);
}

void hostd_opener_let_go(struct hostd_broker *b, int fd)
{
	hostd_closer_take(b, fd, "an image");
	if (fd >= 0)
		close(fd);
}

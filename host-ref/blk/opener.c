// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processes that do something to an image for the broker.
 *
 * A file system can hang whoever opens, looks at, locks, enlarges or closes a file. So for each
 * job the broker forks: what hangs is that process, of one disk. It is given up after a while and
 * stays until the kernel lets it die; until then nothing more is tried with that image. Of an image
 * the broker itself has no more than an O_PATH descriptor, which keeps it reachable.
 */
#include "blk/opener.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/broker.h"
#include "lib/parcel.h"
#include "lib/process.h"
#include "lib/util.h"

#define DEADLINE_MS	5000
/* More than this at a time only if many hang, whose disks were removed and added again. */
#define OPENERS_MAX	(3 * HOSTD_SLOTS)

/**
 * struct hostd_opener - a process that has not been reaped
 * @b: the broker
 * @pid: process
 * @task: what for
 * @src: connection to it
 * @deadline_ms: when it is given up; 0: never
 * @told: whom to tell, or NULL: it has been told, or nobody wants to know
 * @owner: for @told; stays while the process hangs
 * @hangs: it was given up
 * @shown: path of the image
 * @next: list
 */
struct hostd_opener {
	struct hostd_broker *b;
	pid_t pid;
	enum hostd_image_task task;
	struct hostd_source src;
	uint64_t deadline_ms;
	hostd_opener_told told;
	void *owner;
	bool hangs;
	char shown[HOSTD_SHOWN_MAX];
	struct hostd_opener *next;
};

static const char * const words[] = {
	[HOSTD_IMAGE_OPEN] = "opening",
	[HOSTD_IMAGE_LOOK] = "looking up",
	[HOSTD_IMAGE_RESIZE] = "enlarging",
};

static void set_timer(struct hostd_broker *b)
{
	struct hostd_opener *o;
	uint64_t first_ms = 0;

	for (o = b->openers; o; o = o->next)
		if (o->deadline_ms && (!first_ms || o->deadline_ms < first_ms))
			first_ms = o->deadline_ms;
	b->opener_timer.due_ms = first_ms;
}

/* The last word to the owner, who may start another one from within. */
static void tell(struct hostd_opener *o, const struct hostd_image_report *report, int parcel,
		 int hold)
{
	hostd_opener_told told = o->told;
	void *owner = o->owner;

	o->told = NULL;
	o->deadline_ms = 0;
	if (!o->hangs)
		o->owner = NULL;
	set_timer(o->b);
	if (told) {
		told(owner, report, parcel, hold);
		return;
	}
	if (parcel >= 0)
		close(parcel);
	if (hold >= 0)
		close(hold);
}

static void tell_error(struct hostd_opener *o, int error, const char *text)
{
	struct hostd_image_report report = { 0 };

	hostd_image_fail(&report, error, "%s", text);
	tell(o, &report, -1, -1);
}

static void opener_ready(struct hostd_source *src, uint32_t events)
{
	struct hostd_opener *o = hostd_container_of(src, struct hostd_opener, src);
	int fds[HOSTD_PARCEL_FDS];
	struct hostd_image_report report;
	unsigned int nr;
	int err;

	(void)events;
	err = hostd_parcel_recv(src->fd, &report, sizeof(report), fds, &nr);
	if (err == -EAGAIN)
		return;
	if (err) {
		/* It has died: its reaping tells. Or descriptors have run out. */
		hostd_loop_close(&o->b->loop, src);
		if (err != -EPIPE)
			tell_error(o, err, "its descriptor could not be taken: raise pvhostd's limit of descriptors (ulimit -n)");
		return;
	}
	if (report.waiting) {
		o->deadline_ms = 0;
		set_timer(o->b);
		if (o->told)
			o->told(o->owner, &report, -1, -1);
		return;
	}
	tell(o, &report, nr > HOSTD_IMAGE_PARCEL ? fds[HOSTD_IMAGE_PARCEL] : -1,
	     nr > HOSTD_IMAGE_HOLD ? fds[HOSTD_IMAGE_HOLD] : -1);
	/* Only now it ends, and so it is the last that closes the image, should nobody have it. */
	hostd_loop_close(&o->b->loop, src);
}

static void openers_due(struct hostd_timer *timer)
{
	struct hostd_broker *b = hostd_container_of(timer, struct hostd_broker, opener_timer);
	uint64_t now_ms = hostd_now_ms();
	char text[HOSTD_ERROR_MAX];
	struct hostd_opener *o;

	for (;;) {
		for (o = b->openers; o; o = o->next)
			if (o->deadline_ms && o->deadline_ms <= now_ms)
				break;
		if (!o)
			break;
		kill(o->pid, SIGKILL);
		o->hangs = true;
		hostd_loop_close(&b->loop, &o->src);
		snprintf(text, sizeof(text), "%s %s takes too long: its file system or device does not answer",
			 words[o->task], o->shown);
		tell_error(o, -ETIMEDOUT, text);
	}
	set_timer(b);
}

void hostd_opener_init(struct hostd_broker *b)
{
	hostd_timer_init(&b->loop, &b->opener_timer, openers_due);
}

/* In the child: hold nothing of the broker's, nor of who started it, but what the job is about. */
static void keep_only(int sock, int hold)
{
	const int keep[] = { sock, hold };
	int null_fd, i;

	hostd_fds_shut(keep, HOSTD_ARRAY_SIZE(keep), true);
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (i = 0; i < 3 && null_fd >= 0; i++)
		dup2(null_fd, i);
	if (null_fd >= 3)
		close(null_fd);
}

static void __attribute__((noreturn)) work(const struct hostd_image_job *job, int sock, pid_t broker)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != broker)
		_exit(1);
	keep_only(sock, job->hold);
	hostd_image_work(job, sock);
	_exit(0);
}

/*
 * A process that is in the way of a job: the same is being done for its owner, or something hangs
 * with the image. To look at a path does not touch the image.
 */
static struct hostd_opener *find_obstacle(struct hostd_broker *b, enum hostd_image_task task,
					  const void *owner)
{
	struct hostd_opener *o;

	for (o = b->openers; o; o = o->next)
		if (o->owner == owner &&
		    (o->task == task ||
		     (o->hangs && o->task != HOSTD_IMAGE_LOOK && task != HOSTD_IMAGE_LOOK)))
			return o;
	return NULL;
}

static unsigned int count(const struct hostd_broker *b)
{
	const struct hostd_opener *o;
	unsigned int nr = 0;

	for (o = b->openers; o; o = o->next)
		nr++;
	return nr;
}

static int spawn(struct hostd_broker *b, const struct hostd_image_job *job,
		 hostd_opener_told told, void *owner)
{
	struct hostd_opener *o = calloc(1, sizeof(*o));
	pid_t broker = getpid();
	int pair[2], err;

	if (!o)
		return -ENOMEM;
	err = hostd_parcel_pair(pair);
	if (err)
		goto free_o;
	o->src.ready = opener_ready;
	err = hostd_loop_add(&b->loop, &o->src, pair[0], EPOLLIN);
	if (err) {
		close(pair[0]);
		close(pair[1]);
		goto free_o;
	}
	o->pid = fork();
	if (!o->pid)
		work(job, pair[1], broker);
	err = -errno;
	close(pair[1]);
	if (o->pid < 0) {
		hostd_loop_close(&b->loop, &o->src);
		goto free_o;
	}
	o->b = b;
	o->task = job->task;
	o->told = told;
	o->owner = owner;
	snprintf(o->shown, sizeof(o->shown), "%s", job->shown);
	if (told)
		o->deadline_ms = hostd_now_ms() + DEADLINE_MS;
	else
		hostd_loop_close(&b->loop, &o->src);
	o->next = b->openers;
	b->openers = o;
	set_timer(b);
	return 0;

free_o:
	free(o);
	return err;
}

int hostd_opener_start(struct hostd_broker *b, const struct hostd_image_job *job,
		       hostd_opener_told told, void *owner, char *err)
{
	struct hostd_opener *o = find_obstacle(b, job->task, owner);
	int ret;

	if (o && !o->hangs)
		return -EINPROGRESS;
	if (o) {
		snprintf(err, HOSTD_ERROR_MAX, "%s %s takes too long: its file system or device does not answer",
			 words[o->task], job->shown);
		return -EBUSY;
	}
	if (count(b) >= OPENERS_MAX) {
		snprintf(err, HOSTD_ERROR_MAX, "%d processes that open images hang already: see to their file systems first",
			 OPENERS_MAX);
		return -EBUSY;
	}
	ret = spawn(b, job, told, owner);
	if (ret)
		snprintf(err, HOSTD_ERROR_MAX, "%s: no process can be started to open it: %s", job->shown,
			 strerror(-ret));
	return ret;
}

void hostd_opener_cancel(struct hostd_broker *b, const void *owner)
{
	struct hostd_opener *o;

	for (o = b->openers; o; o = o->next) {
		if (o->owner != owner)
			continue;
		kill(o->pid, SIGKILL);
		hostd_loop_close(&b->loop, &o->src);
		o->told = NULL;
		o->owner = NULL;
		o->deadline_ms = 0;
	}
	set_timer(b);
}

void hostd_opener_let_go(struct hostd_broker *b, int fd)
{
	const struct hostd_image_job job = {
		.task = HOSTD_IMAGE_LET_GO, .shown = "an image", .hold = fd,
	};

	if (fd < 0)
		return;
	if (spawn(b, &job, NULL, NULL))
		hostd_log(HOSTD_LOG_DEBUG, "an image is closed by the broker itself");
	close(fd);
}

/* It died without a word. */
static void explain_death(struct hostd_opener *o, int status)
{
	char text[HOSTD_ERROR_MAX];

	if (WIFSIGNALED(status))
		snprintf(text, sizeof(text), "the process that opens %s was killed by signal %d (%s)",
			 o->shown, WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(text, sizeof(text), "the process that opens %s exited with status %d",
			 o->shown, WEXITSTATUS(status));
	tell_error(o, -ECHILD, text);
}

void hostd_openers_reap(struct hostd_broker *b)
{
	struct hostd_opener **link = &b->openers, *o;
	int status;

	while ((o = *link)) {
		if (waitpid(o->pid, &status, WNOHANG) != o->pid) {
			link = &o->next;
			continue;
		}
		/* It may have had its word, and nobody has listened yet. */
		if (o->told && o->src.fd >= 0)
			opener_ready(&o->src, EPOLLIN);
		if (o->told)
			explain_death(o, status);
		hostd_loop_close(&b->loop, &o->src);
		/* Who was told may have started another one. */
		for (link = &b->openers; *link != o; link = &(*link)->next)
			;
		*link = o->next;
		free(o);
		link = &b->openers;
	}
	set_timer(b);
}

void hostd_openers_free(struct hostd_broker *b)
{
	struct hostd_opener *o;

	while ((o = b->openers)) {
		b->openers = o->next;
		if (o->task != HOSTD_IMAGE_LET_GO)
			kill(o->pid, SIGKILL);
		hostd_loop_close(&b->loop, &o->src);
		free(o);
	}
}

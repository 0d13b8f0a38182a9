// SPDX-License-Identifier: GPL-2.0-only
/*
 * Errands: processes that do for the broker what may wait, within a deadline.
 */
#include "broker/errand/errand.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/broker.h"
#include "broker/devices.h"
#include "lib/json.h"
#include "lib/parcel.h"
#include "lib/proc/process.h"

#define DEADLINE_MS	5000
/* More than this at a time only if many hang, whose devices were removed and added again. */
#define ERRANDS_MAX	(3 * HOSTD_SLOTS)
/* Of those that no device needs: whoever connects can make some, and leave them behind. */
#define ASIDE_MAX	64

/**
 * struct hostd_errand - a process that has not been reaped
 * @b: the broker
 * @op: what for; @told is NULL when there is nobody to tell, or it has been told; @owner stays while
 *	the process hangs
 * @shown: what it is done to
 * @pid: process
 * @src: connection to it
 * @deadline_ms: when it is given up; 0: never
 * @hangs: it was given up
 * @nobodys: it never had an owner
 * @is_aside: no device needs it
 * @next: list
 */
struct hostd_errand {
	struct hostd_broker *b;
	struct hostd_errand_op op;
	char shown[HOSTD_SHOWN_MAX];
	pid_t pid;
	struct hostd_source src;
	uint64_t deadline_ms;
	bool hangs;
	bool nobodys;
	bool is_aside;
	struct hostd_errand *next;
};

/* Room for any report. */
union report {
	struct hostd_errand_report head;
	char room[HOSTD_ERRAND_REPORT_MAX];
};

int hostd_errand_fail(struct hostd_errand_report *report, int error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(report->text, sizeof(report->text), fmt, ap);
	va_end(ap);
	report->error = error;
	return error;
}

static void set_timer(struct hostd_broker *b)
{
	struct hostd_errand *e;
	uint64_t first_ms = 0;

	for (e = b->errands; e; e = e->next)
		if (e->deadline_ms && (!first_ms || e->deadline_ms < first_ms))
			first_ms = e->deadline_ms;
	b->errand_timer.due_ms = first_ms;
}

/* The last word to the owner, who may start another one from within. */
static void tell(struct hostd_errand *e, const struct hostd_errand_report *report, int *fds)
{
	hostd_errand_told told = e->op.told;
	void *owner = e->op.owner;
	unsigned int i;

	e->op.told = NULL;
	e->deadline_ms = 0;
	if (!e->hangs)
		e->op.owner = NULL;
	set_timer(e->b);
	if (told) {
		told(owner, report, fds);
		return;
	}
	for (i = 0; i < HOSTD_ERRAND_FDS; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/* It has said nothing itself. */
static void tell_error(struct hostd_errand *e, int error, const char *text)
{
	union report report = { .head.error = error };
	int fds[HOSTD_ERRAND_FDS] = { -1, -1 };

	snprintf(report.head.text, sizeof(report.head.text), "%s", text);
	tell(e, &report.head, fds);
}

static void errand_ready(struct hostd_source *src, uint32_t events)
{
	struct hostd_errand *e = hostd_container_of(src, struct hostd_errand, src);
	int fds[HOSTD_ERRAND_FDS] = { -1, -1 }, err;
	union report report = { 0 };
	struct hostd_parcel parcel = {
		.data = &report, .len = e->op.report_len, .fds = fds, .nr_fds = e->op.nr_fds,
	};

	(void)events;
	err = hostd_parcel_recv(src->fd, &parcel);
	if (err == -EAGAIN)
		return;
	if (err || parcel.lost) {
		/* It has died: its reaping tells. Or descriptors have run out. */
		hostd_loop_close(&e->b->loop, src);
		if (parcel.lost)
			tell_error(e, -EMFILE, e->op.nr_fds ? "its descriptor could not be taken: raise pvhostd's limit of descriptors (ulimit -n)" :
				   "it sends descriptors that nobody wants");
		return;
	}
	/* What has dealt with others is not believed: it ends its text, and has the descriptors that it may have. */
	report.head.text[sizeof(report.head.text) - 1] = 0;
	hostd_text_clean(report.head.text);
	report.head.waiting &= e->op.waits;
	if (report.head.waiting) {
		e->deadline_ms = 0;
		set_timer(e->b);
		if (e->op.told)
			e->op.told(e->op.owner, &report.head, fds);
		return;
	}
	tell(e, &report.head, fds);
	/* Only now it ends, and so it is the last that closes what it has, should nobody have it. */
	hostd_loop_close(&e->b->loop, src);
}

static void give_up(struct hostd_errand *e)
{
	char text[HOSTD_ERROR_MAX];

	kill(e->pid, SIGKILL);
	e->hangs = true;
	hostd_loop_close(&e->b->loop, &e->src);
	snprintf(text, sizeof(text), "%s %s takes too long: %s", e->op.doing, e->shown, e->op.suspect);
	tell_error(e, -ETIMEDOUT, text);
}

static void errands_due(struct hostd_timer *timer)
{
	struct hostd_broker *b = hostd_container_of(timer, struct hostd_broker, errand_timer);
	uint64_t now_ms = hostd_now_ms();
	struct hostd_errand *e;

	for (;;) {
		for (e = b->errands; e; e = e->next)
			if (e->deadline_ms && e->deadline_ms <= now_ms)
				break;
		if (!e)
			break;
		/* It was in time, if this process was stopped, and has not listened. */
		if (e->src.fd >= 0)
			errand_ready(&e->src, EPOLLIN);
		if (e->deadline_ms)
			give_up(e);
	}
	set_timer(b);
}

/* One of the broker that has become this one: nobody waits for it any more, but it may hang for long. */
static void adopt(struct hostd_broker *b, struct json_object *kept)
{
	struct hostd_errand *e;
	uint64_t pid = hostd_json_u64(kept, "pid", 0);

	if (!pid || pid > INT32_MAX)
		return;
	e = calloc(1, sizeof(*e));
	if (!e)
		return;
	e->b = b;
	e->pid = pid;
	e->src.fd = -1;
	e->hangs = true;
	e->nobodys = hostd_json_bool(kept, "nobodys", true);
	e->is_aside = hostd_json_bool(kept, "aside", true);
	e->next = b->errands;
	b->errands = e;
}

void hostd_errands_init(struct hostd_broker *b, struct json_object *kept)
{
	size_t i;

	hostd_timer_init(&b->loop, &b->errand_timer, errands_due);
	if (!json_object_is_type(kept, json_type_array))
		return;
	for (i = 0; i < json_object_array_length(kept); i++)
		adopt(b, json_object_array_get_idx(kept, i));
}

struct json_object *hostd_errands_save(const struct hostd_broker *b)
{
	struct json_object *list = json_object_new_array(), *obj;
	const struct hostd_errand *e;

	for (e = b->errands; e; e = e->next) {
		obj = json_object_new_object();
		hostd_json_add_u64(obj, "pid", e->pid);
		hostd_json_add_bool(obj, "nobodys", e->nobodys);
		hostd_json_add_bool(obj, "aside", e->is_aside);
		json_object_array_add(list, obj);
	}
	return list;
}

/* In the child: it holds nothing of the broker's, nor of who started that, but what the job is about. */
static void __attribute__((noreturn)) work(const struct hostd_errand_op *op, int sock, pid_t broker)
{
	const int keep[] = { sock, op->keep_fd };
	struct pollfd pfd = { .fd = sock };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != broker)
		_exit(1);
	hostd_fds_shut(keep, HOSTD_ARRAY_SIZE(keep), true);
	hostd_fds_shut_std();
	op->work(op->job, sock);
	/* What it has may be the last of a file or a connection: so nobody else closes that. */
	while (poll(&pfd, 1, -1) < 0 && errno == EINTR)
		;
	_exit(0);
}

/*
 * A process that is in the way: the same is being done for the owner, or something hangs with what
 * both touch.
 */
static struct hostd_errand *find_obstacle(struct hostd_broker *b, const struct hostd_errand_op *op)
{
	struct hostd_errand *e;

	for (e = b->errands; e; e = e->next)
		if (e->op.owner == op->owner &&
		    (e->op.kind == op->kind || (e->hangs && !e->op.aloof && !op->aloof)))
			return e;
	return NULL;
}

static bool is_aside(const struct hostd_errand_op *op)
{
	return !op->owner || op->alien;
}

/* So that those who connect keep no device from what it needs. */
static bool are_too_many(const struct hostd_broker *b, bool aside)
{
	const struct hostd_errand *e;
	unsigned int nr = 0;

	for (e = b->errands; e; e = e->next)
		nr += e->is_aside == aside;
	return nr >= (aside ? ASIDE_MAX : ERRANDS_MAX);
}

/* Connection and process. */
static int spawn(struct hostd_broker *b, struct hostd_errand *e)
{
	pid_t broker = getpid();
	int pair[2], err;

	err = hostd_parcel_pair(pair);
	if (err)
		return err;
	e->src.ready = errand_ready;
	err = hostd_loop_add(&b->loop, &e->src, pair[0], EPOLLIN);
	if (err) {
		close(pair[0]);
		close(pair[1]);
		return err;
	}
	e->pid = fork();
	if (!e->pid)
		work(&e->op, pair[1], broker);
	err = e->pid < 0 ? -errno : 0;
	close(pair[1]);
	/* Who is not listened to may end at once. */
	if (err || !e->op.told)
		hostd_loop_close(&b->loop, &e->src);
	return err;
}

static int start(struct hostd_broker *b, const struct hostd_errand_op *op)
{
	struct hostd_errand *e = calloc(1, sizeof(*e));
	int err;

	if (!e)
		return -ENOMEM;
	e->b = b;
	e->op = *op;
	e->nobodys = !op->owner;
	e->is_aside = is_aside(op);
	snprintf(e->shown, sizeof(e->shown), "%s", op->shown);
	err = spawn(b, e);
	if (err) {
		free(e);
		return err;
	}
	if (op->told)
		e->deadline_ms = hostd_now_ms() + DEADLINE_MS;
	e->next = b->errands;
	b->errands = e;
	set_timer(b);
	return 0;
}

int hostd_errand_start(struct hostd_broker *b, const struct hostd_errand_op *op, char *err)
{
	struct hostd_errand *e = op->owner ? find_obstacle(b, op) : NULL;
	int ret;

	if (e && !e->hangs)
		return -EINPROGRESS;
	if (e) {
		snprintf(err, HOSTD_ERROR_MAX, "%s %s takes too long: %s", e->op.doing, op->shown,
			 e->op.suspect);
		return -EBUSY;
	}
	if (are_too_many(b, is_aside(op))) {
		snprintf(err, HOSTD_ERROR_MAX, "%s %s: %d such processes hang already: see first to what they wait for",
			 op->doing, op->shown, is_aside(op) ? ASIDE_MAX : ERRANDS_MAX);
		return -EBUSY;
	}
	ret = start(b, op);
	if (ret)
		snprintf(err, HOSTD_ERROR_MAX, "%s %s: no process can be started for that: %s",
			 op->doing, op->shown, strerror(-ret));
	return ret;
}

void hostd_errands_cancel(struct hostd_broker *b, const void *owner)
{
	struct hostd_errand *e;

	for (e = b->errands; e; e = e->next) {
		if (e->op.owner != owner)
			continue;
		kill(e->pid, SIGKILL);
		hostd_loop_close(&b->loop, &e->src);
		e->op.told = NULL;
		e->op.owner = NULL;
		e->deadline_ms = 0;
	}
	set_timer(b);
}

/* It died without a word. */
static void explain_death(struct hostd_errand *e, int status)
{
	char text[HOSTD_ERROR_MAX];

	if (WIFSIGNALED(status))
		snprintf(text, sizeof(text), "the process %s %s was killed by signal %d (%s)",
			 e->op.doing, e->shown, WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(text, sizeof(text), "the process %s %s exited with status %d", e->op.doing,
			 e->shown, WEXITSTATUS(status));
	tell_error(e, -ECHILD, text);
}

void hostd_errands_reap(struct hostd_broker *b)
{
	struct hostd_errand **link = &b->errands, *e;
	int status = 0;
	pid_t pid;

	while ((e = *link)) {
		pid = waitpid(e->pid, &status, WNOHANG);
		/* One that was adopted may have been reaped as a stray. */
		if (!pid || (pid < 0 && errno != ECHILD)) {
			link = &e->next;
			continue;
		}
		/* It may have had its word, and nobody has listened yet. */
		if (e->op.told && e->src.fd >= 0)
			errand_ready(&e->src, EPOLLIN);
		if (e->op.told)
			explain_death(e, status);
		hostd_loop_close(&b->loop, &e->src);
		/* Who was told may have started another one. */
		for (link = &b->errands; *link != e; link = &(*link)->next)
			;
		*link = e->next;
		free(e);
		link = &b->errands;
	}
	set_timer(b);
}

void hostd_errands_kill(struct hostd_broker *b)
{
	struct hostd_errand *e;

	for (e = b->errands; e; e = e->next)
		if (!e->nobodys)
			kill(e->pid, SIGKILL);
}

void hostd_errands_free(struct hostd_broker *b)
{
	struct hostd_errand *e;

	hostd_errands_kill(b);
	while ((e = b->errands)) {
		b->errands = e->next;
		hostd_loop_close(&b->loop, &e->src);
		free(e);
	}
}

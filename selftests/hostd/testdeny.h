/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For test programs: a pvhostd of which single system calls are refused at any time, as by a limit of the host's
 * that is reached for a moment.
 *
 * The calls of pvhostd, and of all that it starts, wait until the test lets them go on (seccomp_unotify(2)). Link
 * with -lseccomp.
 */
#ifndef SELFTESTS_HOSTD_TESTDENY_H
#define SELFTESTS_HOSTD_TESTDENY_H

#include <pthread.h>
#include <seccomp.h>
#include <sys/ioctl.h>

#include "testbroker.h"

#define DENY_CALLS	512
/* In the place of an error: there is no answer, and who makes the call hangs until he is killed. */
#define DENY_HOLD	-1

/* Who makes a call: the broker, or a process that it has started. */
enum deny_who { DENY_BROKER, DENY_OTHERS };

/**
 * struct deny - what is refused
 * @b: the pvhostd
 * @option: with which it is started
 * @value: of that
 * @calls: the calls that can be refused, up to -1
 * @fd: where they wait; -1: not yet
 * @is_served: somebody lets them go on
 * @is_up: pvhostd has started, or ended
 * @is_good: it serves
 * @lock: protects all below
 * @changed: signalled when one of the four above changes
 * @who: whose call is refused
 * @call: which
 * @error: what he gets
 * @nth: the one that is refused, counted from 1; 0: none
 * @lasts: and all that follow
 * @nr_refused: how many were
 * @seen: calls made since deny_begin(), of the broker and of others
 */
struct deny {
	struct broker *b;
	const char *option;
	const char *value;
	const int *calls;
	int fd;
	bool is_served;
	bool is_up;
	bool is_good;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum deny_who who;
	int call;
	int error;
	unsigned int nth;
	bool lasts;
	unsigned int nr_refused;
	unsigned int seen[2][DENY_CALLS];
};

/* What a call gets; 0: it goes on. */
static inline int deny_decide(struct deny *d, const struct seccomp_notif *req)
{
	enum deny_who who = (pid_t)req->pid == d->b->pid ? DENY_BROKER : DENY_OTHERS;
	unsigned int nr = 0;
	int error = 0;

	pthread_mutex_lock(&d->lock);
	if (req->data.nr >= 0 && req->data.nr < DENY_CALLS)
		nr = ++d->seen[who][req->data.nr];
	if (d->nth && who == d->who && req->data.nr == d->call &&
	    (nr == d->nth || (d->lasts && nr > d->nth))) {
		error = d->error;
		d->nr_refused++;
	}
	pthread_mutex_unlock(&d->lock);
	return error;
}

static inline void deny_change(struct deny *d, bool *what, int fd)
{
	pthread_mutex_lock(&d->lock);
	if (what)
		*what = true;
	else
		d->fd = fd;
	pthread_cond_broadcast(&d->changed);
	pthread_mutex_unlock(&d->lock);
}

#define deny_wait(d, condition) do {						\
	pthread_mutex_lock(&(d)->lock);						\
	while (!(condition))							\
		pthread_cond_wait(&(d)->changed, &(d)->lock);			\
	pthread_mutex_unlock(&(d)->lock);					\
} while (0)

static inline void *deny_serve(void *arg)
{
	struct seccomp_notif_resp *resp;
	struct seccomp_notif *req;
	struct deny *d = arg;
	int error;

	if (seccomp_notify_alloc(&req, &resp))
		ktap_bail("%s", "seccomp_notify_alloc");
	deny_change(d, &d->is_served, 0);
	for (;;) {
		memset(req, 0, sizeof(*req));
		if (ioctl(d->fd, SECCOMP_IOCTL_NOTIF_RECV, req) < 0) {
			/* ENOENT: who made it has been killed meanwhile. */
			if (errno == EINTR || errno == ENOENT)
				continue;
			return NULL;
		}
		error = deny_decide(d, req);
		if (error == DENY_HOLD)
			continue;
		*resp = (struct seccomp_notif_resp) {
			.id = req->id, .error = -error,
			.flags = error ? 0 : SECCOMP_USER_NOTIF_FLAG_CONTINUE,
		};
		ioctl(d->fd, SECCOMP_IOCTL_NOTIF_SEND, resp);
	}
}

/* The thread that starts pvhostd, and no other of the test, has the filter. It stays: pvhostd ends with it. */
static inline void *deny_be_starter(void *arg)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	struct deny *d = arg;
	const int *call;
	int err = !ctx;

	for (call = d->calls; *call != -1 && !err; call++)
		err = seccomp_rule_add(ctx, SCMP_ACT_NOTIFY, *call, 0);
	if (err || seccomp_load(ctx))
		ktap_bail("%s", "calls cannot be refused here");
	deny_change(d, NULL, seccomp_notify_fd(ctx));
	/* A fork holds the locks of malloc() until its call goes on: whoever sees to that needs no memory by then. */
	deny_wait(d, d->is_served);
	d->is_good = broker_try(d->b, d->option, d->value);
	deny_change(d, &d->is_up, 0);
	deny_wait(d, false);
	return NULL;
}

/*
 * Start pvhostd with an option and its value, where @calls, up to -1, can be refused. Return: whether it serves.
 */
static inline bool deny_start(struct deny *d, struct broker *b, const int *calls, const char *option, const char *value)
{
	pthread_t starter, server;

	*d = (struct deny) { .b = b, .fd = -1, .calls = calls, .option = option, .value = value };
	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->changed, NULL);
	if (pthread_create(&starter, NULL, deny_be_starter, d))
		ktap_bail("%s", "thread");
	deny_wait(d, d->fd >= 0);
	if (pthread_create(&server, NULL, deny_serve, d))
		ktap_bail("%s", "thread");
	deny_wait(d, d->is_up);
	return d->is_good;
}

/* From now on refuse a call, the one with this number; 0: none, they are only counted. */
static inline void deny_begin(struct deny *d, enum deny_who who, int call, int error, unsigned int nth)
{
	pthread_mutex_lock(&d->lock);
	memset(d->seen, 0, sizeof(d->seen));
	d->who = who;
	d->call = call;
	d->error = error;
	d->nth = nth;
	d->lasts = false;
	d->nr_refused = 0;
	pthread_mutex_unlock(&d->lock);
}

/* Likewise, and all that follow it. */
static inline void deny_last(struct deny *d, enum deny_who who, int call, int error, unsigned int nth)
{
	deny_begin(d, who, call, error, nth);
	pthread_mutex_lock(&d->lock);
	d->lasts = true;
	pthread_mutex_unlock(&d->lock);
}

/* How many have been refused so far. */
static inline unsigned int deny_count(struct deny *d)
{
	unsigned int nr;

	pthread_mutex_lock(&d->lock);
	nr = d->nr_refused;
	pthread_mutex_unlock(&d->lock);
	return nr;
}

/* Refuse nothing any more. Return: how many were refused. */
static inline unsigned int deny_end(struct deny *d)
{
	unsigned int nr;

	pthread_mutex_lock(&d->lock);
	d->nth = 0;
	nr = d->nr_refused;
	pthread_mutex_unlock(&d->lock);
	return nr;
}

#endif /* SELFTESTS_HOSTD_TESTDENY_H */

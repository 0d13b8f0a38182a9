// SPDX-License-Identifier: GPL-2.0-only
/*
 * The runners of a worker: as many as the operator wants, and the host has room for; and what each is woken by.
 */
#include "worker/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/log/report.h"
#include "lib/util.h"

/* The log says that epoll does not take all. */
static bool said_refused;

int hostd_runner_watch(struct hostd_runner *r, int fd, uint32_t events, uint32_t tag)
{
	struct hostd_watches *w = &r->watches;
	int ret;

	if (!events)
		return hostd_watches_del(w, fd);
	ret = hostd_watches_set(w, fd, events, (epoll_data_t) { .u32 = tag });
	/* Of several loops the first says it for all. */
	if (w->refused && !__atomic_exchange_n(&said_refused, true, __ATOMIC_RELAXED))
		hostd_report(HOSTD_LOG_WARN, "epoll does not take all descriptors here (%s): the worker waits for them by poll",
			     strerror(-w->refused));
	return ret;
}

static int watch_vectors(struct hostd_runner *r)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < r->loop->bus->win.nr_vectors && !ret; i++)
		ret = hostd_runner_watch(r, r->worker->kick_fds[i], EPOLLIN, i);
	return ret;
}

static int watch_all(struct hostd_runner *r)
{
	struct hostd_engine *all = r->loop->engines.all;
	unsigned int i;
	int ret = 0;

	if (r->wake_fd >= 0)
		ret = hostd_runner_watch(r, r->wake_fd, EPOLLIN, HOSTD_WATCH_NUDGE);
	else
		ret = watch_vectors(r);
	for (i = 0; i < HOSTD_ENGINES && !ret; i++) {
		if (all[i].fd >= 0 && !all[i].error)
			/* It is reaped while it has requests, not while this is readable. */
			r->is_blind |= hostd_runner_watch(r, all[i].fd, EPOLLIN | EPOLLET, HOSTD_WATCH_ENGINE) < 0;
	}
	return ret;
}

static int watch_device(struct hdev_loop *loop, unsigned int index, int fd, uint32_t events)
{
	return hostd_runner_watch(loop->runner, fd, events, HOSTD_WATCH_DEVICE + index);
}

static void init_runner(struct hostd_runner *r, struct hdev_loop *loop)
{
	r->loop = loop;
	loop->runner = r;
	loop->watch = watch_device;
	loop->clock = hostd_clock_ns;
	hostd_standby_init(&r->standby);
}

/* Has a loop all that the first has? 0 or -errno. */
static int compare_loops(const struct hostd_runner *r, const struct hostd_runner *first)
{
	const struct hostd_engine *has = r->loop->engines.all, *wants = first->loop->engines.all;
	unsigned int i;

	for (i = 0; i < HOSTD_ENGINES; i++) {
		if (has[i].fd < 0 && wants[i].fd >= 0)
			return has[i].error ? has[i].error : -EMFILE;
	}
	if (r->watches.epoll_fd < 0)
		return r->watches.refused;
	return r->wake_fd < 0 || r->standby.wake_fd < 0 ? -EMFILE : 0;
}

/* The last one, which has no thread, with its loop, which has no device. */
static void drop_runner(struct hostd_runner *r)
{
	const int fds[] = { r->wake_fd, r->standby.wake_fd };
	struct hostd_bus *bus = r->worker->bus;
	unsigned int i;

	for (i = 0; i < HOSTD_ARRAY_SIZE(fds); i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
	hostd_watches_exit(&r->watches);
	free(r);
	hostd_bus_drop_loop(bus);
}

/* A loop beside the first. 0 or -errno. */
static int add_runner(struct hostd_worker *w)
{
	struct hdev_loop *loop = hostd_bus_add_loop(w->bus);
	struct hostd_runner *r;
	int ret;

	if (!loop)
		return -errno;
	r = malloc(sizeof(*r));
	if (!r) {
		hostd_bus_drop_loop(w->bus);
		return -ENOMEM;
	}
	*r = (struct hostd_runner) {
		.worker = w, .poll_ns = w->runner.poll_ns, .poll_min_ns = w->runner.poll_min_ns,
		.poll_max_ns = w->runner.poll_max_ns, .wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
	};
	init_runner(r, loop);
	ret = hostd_watches_init(&r->watches);
	if (!ret)
		ret = compare_loops(r, &w->runner);
	if (!ret)
		ret = watch_all(r);
	if (ret)
		drop_runner(r);
	return ret;
}

/*
 * Loops beside the first, as many as the host has room for, when there is a descriptor left for each device. What
 * they all have is the same, so that it makes no difference which one a device belongs to.
 */
static void add_runners(struct hostd_worker *w, unsigned int nr)
{
	int spare[HOSTD_WINDOW_SLOTS], ret = w->runner.wake_fd < 0 ? -EMFILE : 0;
	unsigned int nr_spare = 0, i;

	for (; nr_spare < HOSTD_WINDOW_SLOTS && !ret; nr_spare += !ret) {
		spare[nr_spare] = fcntl(w->ipc_fd, F_DUPFD_CLOEXEC, 0);
		ret = spare[nr_spare] < 0 ? -errno : 0;
	}
	for (i = 0; i < nr && !ret; i++)
		ret = add_runner(w);
	while (nr_spare)
		close(spare[--nr_spare]);
	if (ret)
		hostd_report(HOSTD_LOG_WARN, "no room for loop %u here (%s): the others do its work", w->bus->nr_loops,
			     strerror(-ret));
}

int hostd_runners_init(struct hostd_worker *w, unsigned int nr)
{
	int ret;

	w->runner.wake_fd = nr > 1 ? eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1;
	init_runner(&w->runner, &w->bus->loop);
	ret = watch_all(&w->runner);
	if (!ret && nr > 1)
		add_runners(w, nr - 1);
	return ret;
}

void hostd_runners_drop(struct hostd_worker *w, unsigned int nr)
{
	while (w->bus->nr_loops > nr)
		drop_runner(w->bus->loops[w->bus->nr_loops - 1]->runner);
}

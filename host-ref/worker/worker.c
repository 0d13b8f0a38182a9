// SPDX-License-Identifier: GPL-2.0-only
/*
 * The worker's life: waits for "init", has its loop run (runner.c), and ends.
 */
#include "worker/worker.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/json.h"
#include "lib/log/log.h"
#include "lib/log/report.h"
#include "lib/proc/process.h"
#include "worker/runner.h"

/* How long the end waits for what is in flight, if it need not be on the media. */
#define END_MS			2000

/* hostd_runner.end: exit status */
static int end(struct hostd_worker *w)
{
	int err;

	/* A file that does not answer is not waited for: the driver submits again. */
	w->drained = hostd_bus_drain(w->bus, w->sync ? UINT_MAX : END_MS);
	err = w->sync ? hostd_bus_sync(w->bus) : 0;
	return err || w->failed;
}

/* False: a thread has not come back, and nothing can be freed. */
static bool run(struct hostd_worker *w, int *status)
{
	hostd_runners_start(w);
	return hostd_runner_run(&w->runner, end, status) && w->drained && w->bus->nr_loops == 1;
}

static void free_worker(struct hostd_worker *w)
{
	if (w->bus)
		hostd_bus_free(w->bus);
	if (w->beats)
		munmap(w->beats, PV_PAGE_SIZE);
	hostd_watches_exit(&w->runner.watches);
	json_object_put(w->refused);
	free(w);
}

static void *do_nothing(void *arg)
{
	return arg;
}

/*
 * Threads come while the sandbox is locked, where the C library could neither ask how many heaps to make for
 * them, nor install the signal handler that comes with the first.
 */
static void prepare_threads(void)
{
	pthread_t thread;

#ifdef M_ARENA_MAX
	mallopt(M_ARENA_MAX, 1);
#endif
	if (!pthread_create(&thread, NULL, do_nothing, NULL))
		pthread_join(thread, NULL);
}

int hostd_worker_run(int ipc_fd, const struct pv_class *const *classes)
{
	struct hostd_worker *w = calloc(1, sizeof(*w));
	int status, err;

	if (!w)
		return 1;
	prepare_threads();
	hostd_signals_ignore(true);
	hostd_report_init(ipc_fd);
	w->classes = classes;
	w->ipc_fd = ipc_fd;
	hostd_gate_init(&w->gate);
	w->runner.worker = w;
	err = hostd_watches_init(&w->runner.watches);
	if (!err)
		err = hostd_runner_watch(&w->runner, ipc_fd, EPOLLIN, HOSTD_WATCH_IPC);
	if (err) {
		hostd_log(HOSTD_LOG_ERR, "worker: its messages cannot be waited for: %s", strerror(-err));
		free_worker(w);
		return 1;
	}
	while (!w->bus && !hostd_worker_is_over(w))
		hostd_worker_receive(w);
	status = w->failed;
	if (w->bus && !run(w, &status))
		_exit(status);
	free_worker(w);
	return status;
}

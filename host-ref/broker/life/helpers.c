// SPDX-License-Identifier: GPL-2.0-only
/*
 * Helpers: processes that do for a device what its worker may not do, in the worker's life.
 *
 * A helper touches the guest's memory. So it is killed with the worker, and both have been
 * reaped when the next life begins (BUS-D3).
 */
#include "broker/life/helpers.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/broker.h"
#include "broker/devices.h"
#include "broker/life/exe.h"
#include "lib/util.h"

/**
 * struct hostd_helper - a helper that has not been reaped
 * @pid: process
 * @slot: of its device
 * @generation: of that slot
 * @killed: it need not live any more
 * @next: list
 */
struct hostd_helper {
	pid_t pid;
	unsigned int slot;
	uint32_t generation;
	bool killed;
	struct hostd_helper *next;
};

static struct hostd_device *device_of(const struct hostd_broker *b, const struct hostd_helper *h)
{
	struct hostd_device *dev = b->slots[h->slot];

	return dev && dev->generation == h->generation ? dev : NULL;
}

static int start(struct hostd_broker *b, struct hostd_device *dev)
{
	char *argv[HOSTD_HELPER_ARGS + 4] = { "pvhostd", strdup("--helper"), strdup(dev->class->name) };
	struct hostd_helper *h = calloc(1, sizeof(*h));
	unsigned int i, nr = 2 + dev->ops->helper(b, dev, argv + 3);
	bool complete = h;
	pid_t pid = -ENOMEM;

	for (i = 1; i <= nr; i++)
		complete = complete && argv[i];
	if (complete)
		pid = hostd_spawn(&b->exe, argv, dev->helper_fd, b->life.fence_fd);
	for (i = 1; i <= nr; i++)
		free(argv[i]);
	if (pid < 0) {
		free(h);
		return pid;
	}
	h->pid = pid;
	h->slot = dev->slot;
	h->generation = dev->generation;
	h->next = b->helpers;
	b->helpers = h;
	dev->helper = pid;
	return 0;
}

void hostd_helpers_start(struct hostd_broker *b)
{
	unsigned int slot;
	int err;

	if (b->qemu.conn.fd < 0 || b->life.state == HOSTD_LIFE_DOWN || b->stopping)
		return;
	for (slot = 0; slot < HOSTD_SLOTS; slot++) {
		struct hostd_device *dev = b->slots[slot];

		if (!dev || dev->helper_fd < 0 || dev->state != HOSTD_DEVICE_SERVED)
			continue;
		err = start(b, dev);
		if (err)
			hostd_log(HOSTD_LOG_ERR, "%s: no helper can be started: %s: %s until 'pvctl restart-worker'",
				  dev->id, strerror(-err), dev->ops->without_helper);
		/* Without a helper the worker sees the end of the connection. */
		close(dev->helper_fd);
		dev->helper_fd = -1;
	}
}

void hostd_helpers_kill(struct hostd_broker *b)
{
	struct hostd_helper *h;
	unsigned int slot;

	for (h = b->helpers; h; h = h->next) {
		h->killed = true;
		kill(h->pid, SIGKILL);
	}
	for (slot = 0; slot < HOSTD_SLOTS; slot++) {
		struct hostd_device *dev = b->slots[slot];

		if (!dev || dev->helper_fd < 0)
			continue;
		close(dev->helper_fd);
		dev->helper_fd = -1;
	}
}

static void log_death(const struct hostd_helper *h, const char *id, int status)
{
	if (WIFSIGNALED(status))
		hostd_log(HOSTD_LOG_WARN, "%s: its helper %d was killed by signal %d (%s)", id,
			  (int)h->pid, WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		hostd_log(HOSTD_LOG_WARN, "%s: its helper %d exited with status %d", id,
			  (int)h->pid, WEXITSTATUS(status));
}

/* Is it missed, because what it held is not known to the next one? */
static bool helper_died(struct hostd_broker *b, const struct hostd_helper *h, int status)
{
	struct hostd_device *dev = device_of(b, h);

	if (dev)
		dev->helper = 0;
	if (h->killed || !dev || b->stopping || b->life.state == HOSTD_LIFE_DOWN)
		return false;
	/* So it ends when the worker closes the connection: with the device, or because it dies. */
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return false;
	if (hostd_broker_tells_death(b))
		log_death(h, dev->id, status);
	return true;
}

bool hostd_helpers_reap(struct hostd_broker *b, bool *faulty)
{
	struct hostd_helper **link = &b->helpers, *h;
	bool missed = false;
	int status;

	*faulty = false;

	while ((h = *link)) {
		if (waitpid(h->pid, &status, WNOHANG) != h->pid) {
			link = &h->next;
			continue;
		}
		*link = h->next;
		if (helper_died(b, h, status)) {
			missed = true;
			/* As with a worker: one that was killed from outside did nothing wrong. */
			*faulty |= !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL;
		}
		free(h);
	}
	return missed;
}

void hostd_helpers_free(struct hostd_broker *b)
{
	struct hostd_helper *h;

	hostd_helpers_kill(b);
	while ((h = b->helpers)) {
		b->helpers = h->next;
		free(h);
	}
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A worker in a process of its own, with the test as its broker.
 */
#ifndef SELFTESTS_HOSTD_TESTWORKER_H
#define SELFTESTS_HOSTD_TESTWORKER_H

#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <json-c/json.h>

#include "lib/json.h"
#include "lib/ipc.h"
#include "ktap.h"
#include "lib/parcel.h"
#include "testdrv.h"
#include "tmp.h"
#include "worker/worker.h"

#define TESTWORKER_WINDOW	(16UL << 20)
#define TESTWORKER_VECTORS	4

/**
 * struct testworker - the worker, its window, its driver
 * @pid: process
 * @ipc_fd: the broker's end
 * @memfd: the window
 * @beat: word that the worker counts up
 * @beat_fd: its memory
 * @kick: doorbells
 * @irq: interrupts
 * @drv: driver in the same window
 * @nr_removed: events "removed" seen
 */
struct testworker {
	pid_t pid;
	int ipc_fd;
	int memfd;
	uint64_t *beat;
	int beat_fd;
	int kick[TESTWORKER_VECTORS];
	int irq[TESTWORKER_VECTORS];
	struct testdrv drv;
	unsigned int nr_removed;
};

static inline void testworker_kick(struct testworker *t, unsigned int vector)
{
	uint64_t one = 1;

	if (write(t->kick[vector], &one, sizeof(one)) != sizeof(one))
		ktap_bail("doorbell");
}

/* Interrupts since the last look. */
static inline uint64_t testworker_irqs(struct testworker *t, unsigned int vector)
{
	uint64_t count = 0;

	return read(t->irq[vector], &count, sizeof(count)) == sizeof(count) ? count : 0;
}

static inline void testworker_pump(void *ctx)
{
	testworker_kick(ctx, 0);
	usleep(500);
}

/* The next message that is no event; NULL after @timeout_ms. */
static inline struct json_object *testworker_receive(struct testworker *t, int timeout_ms)
{
	struct pollfd pfd = { t->ipc_fd, POLLIN, 0 };
	struct json_object *msg;
	int fds[HOSTD_IPC_FD_MAX];
	unsigned int nr;

	while (poll(&pfd, 1, timeout_ms) > 0) {
		if (hostd_ipc_recv(t->ipc_fd, &msg, fds, &nr))
			return NULL;
		if (!hostd_json_str(msg, "event"))
			return msg;
		if (!strcmp(hostd_json_str(msg, "event"), "removed"))
			t->nr_removed++;
		if (!strcmp(hostd_json_str(msg, "event"), "log"))
			printf("# worker: %s\n", hostd_json_str(msg, "text"));
		json_object_put(msg);
	}
	return NULL;
}

/* Ask; the reply is the caller's. */
static inline struct json_object *testworker_ask(struct testworker *t, const char *text,
						 const int *fds, unsigned int nr_fds)
{
	struct json_object *req = json_tokener_parse(text);

	json_object_object_add(req, "id", json_object_new_int(1));
	if (hostd_ipc_send(t->ipc_fd, req, fds, nr_fds))
		ktap_bail("cannot send to the worker");
	json_object_put(req);
	return testworker_receive(t, 10000);
}

/* Ask for something that must work. */
static inline bool testworker_tell(struct testworker *t, const char *text, const int *fds,
				   unsigned int nr_fds)
{
	struct json_object *reply = testworker_ask(t, text, fds, nr_fds);
	bool ok = reply && hostd_json_bool(reply, "ok", false);

	if (!ok)
		printf("# %s: %s\n", text, reply ? hostd_json_str(reply, "error") : "no reply");
	json_object_put(reply);
	return ok;
}

/* As an image is handed on. */
static inline int testworker_wrap(int fd)
{
	int sock = hostd_parcel_wrap(fd);

	if (sock < 0)
		ktap_bail("socketpair");
	return sock;
}

static inline bool testworker_add(struct testworker *t, unsigned int slot, const char *config,
				  int fd)
{
	char text[512];
	bool ok;

	if (fd >= 0)
		fd = testworker_wrap(fd);
	snprintf(text, sizeof(text),
		 "{\"op\":\"add\",\"slot\":%u,\"generation\":%u,\"type\":\"blk\",\"name\":\"d%u\","
		 "\"uuid\":\"00000000-0000-4000-8000-0000000000%02u\",\"config\":%s}",
		 slot, slot + 1, slot, slot, config);
	ok = testworker_tell(t, text, &fd, fd >= 0);
	if (fd >= 0)
		close(fd);
	return ok;
}

/* Start a worker on @t's window, and say "init". */
static inline bool testworker_spawn(struct testworker *t, const char *options)
{
	int ends[2], fds[2 + 2 * TESTWORKER_VECTORS];
	const char *threads = getenv("PVKIT_THREADS");
	char text[512];

	if (hostd_parcel_pair(ends))
		ktap_bail("socketpair");
	fflush(stdout);
	t->pid = fork();
	if (!t->pid) {
		close(ends[0]);
		_exit(hostd_worker_run(ends[1], pv_classes));
	}
	close(ends[1]);
	t->ipc_fd = ends[0];
	fds[0] = t->memfd;
	fds[1] = t->beat_fd;
	memcpy(fds + 2, t->kick, sizeof(t->kick));
	memcpy(fds + 2 + TESTWORKER_VECTORS, t->irq, sizeof(t->irq));
	snprintf(
		text, sizeof(text),
		"{\"op\":\"init\",\"protocol\":%u,\"window_len\":%lu,\"nr_vectors\":%u,\"name\":\"vm\","
		 "\"heartbeat_ms\":100,"
		"\"uuid\":\"11111111-1111-4111-8111-111111111111\"%s%s%s}",
		HOSTD_IPC_PROTOCOL, TESTWORKER_WINDOW, TESTWORKER_VECTORS, threads ? ",\"threads\":" : "", threads ? threads : "", options);
	return testworker_tell(t, text, fds, 2 + 2 * TESTWORKER_VECTORS);
}

static inline void testworker_init(struct testworker *t)
{
	unsigned int i;

	memset(t, 0, sizeof(*t));
	t->memfd = memfd_create("window", MFD_CLOEXEC);
	t->beat_fd = memfd_create("beat", MFD_CLOEXEC);
	if (ftruncate(t->memfd, TESTWORKER_WINDOW) || ftruncate(t->beat_fd, 4096))
		ktap_bail("memfd");
	for (i = 0; i < TESTWORKER_VECTORS; i++) {
		t->kick[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		t->irq[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	}
	t->beat = mmap(NULL, 4096, PROT_READ, MAP_SHARED, t->beat_fd, 0);
	t->drv.base =
		mmap(NULL, TESTWORKER_WINDOW, PROT_READ | PROT_WRITE, MAP_SHARED, t->memfd, 0);
	t->drv.pump = testworker_pump;
	t->drv.ctx = t;
	if (t->beat == MAP_FAILED || t->drv.base == MAP_FAILED)
		ktap_bail("mmap");
}

/* Exit status of the worker, or minus the signal that killed it. */
static inline int testworker_wait(struct testworker *t)
{
	int status;

	waitpid(t->pid, &status, 0);
	close(t->ipc_fd);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static inline int testworker_quit(struct testworker *t)
{
	if (!testworker_tell(t, "{\"op\":\"quit\"}", NULL, 0))
		kill(t->pid, SIGKILL);
	return testworker_wait(t);
}

#endif /* SELFTESTS_HOSTD_TESTWORKER_H */

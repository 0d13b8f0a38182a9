// SPDX-License-Identifier: GPL-2.0-only
/*
 * The start of a worker: takes the window, makes the engines, locks the sandbox.
 */
#include "worker/runner.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/ipc.h"
#include "lib/json.h"
#include "lib/log/report.h"
#include "lib/util.h"
#include "worker/sandbox.h"

/* The peer number that the broker gives to the device side (carriers.md). */
#define DEVICE_PEER		1
/* BUS-D1 */
#define HEARTBEAT_MS_MAX	1000
/* What a guest does between two batches of requests fits into this; it costs a core meanwhile. */
#define POLL_LIMIT_NS		2000000ULL
/* A delayed interrupt must not wait for the kernel to collect timers. */
#define TIMER_SLACK_NS		1000

static int map_beats(struct hostd_worker *w, int fd)
{
	void *page = mmap(NULL, PV_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (page == MAP_FAILED)
		return -errno;
	w->beats = page;
	return 0;
}

/* As long as the operator said, or else from what a wake-up costs, adapted while it serves. */
static void choose_poll(struct hostd_runner *r, struct json_object *req)
{
	uint64_t poll_us = hostd_json_u64(req, "poll_us", UINT64_MAX);

	if (poll_us <= HOSTD_POLL_US_MAX) {
		r->poll_min_ns = poll_us * 1000;
		r->poll_max_ns = poll_us * 1000;
	} else {
		r->poll_min_ns = hostd_calibrate_poll();
		r->poll_max_ns = POLL_LIMIT_NS;
	}
	r->poll_ns = r->poll_min_ns;
}

static void say_removed(struct hostd_bus *bus, unsigned int slot)
{
	hostd_report_device("removed", slot, bus->devices[slot].generation);
}

static void say_epoch(struct hostd_bus *bus)
{
	hostd_report_event("epoch", "epoch", bus->win.epoch);
}

/* The operator names it as it names itself, or the beginning of that, in whole words. */
static bool is_named(const char *ident, const char *name)
{
	size_t len = name ? strlen(name) : 0;

	return len && !strncmp(ident, name, len) && (!ident[len] || ident[len] == ' ');
}

static bool refuse_driver(const struct hostd_bus *bus)
{
	struct hostd_worker *w = bus->worker;
	size_t i, nr = w->refused ? json_object_array_length(w->refused) : 0;

	for (i = 0; i < nr; i++)
		if (is_named(bus->ident, json_object_get_string(json_object_array_get_idx(w->refused, i))))
			break;
	if (i == nr)
		return false;
	/* Once: it asks again each second. */
	if (!w->said_refused)
		hostd_report(HOSTD_LOG_WARN, "driver %s on kernel %s is refused (--refuse-driver): install another version in the guest",
			     bus->ident, bus->kernel);
	w->said_refused = true;
	return true;
}

static int complain(char *error, const char *what, int ret)
{
	snprintf(error, HDEV_ERROR_LEN, "init: %s: %s", what, strerror(-ret));
	return ret;
}

static int parse(struct hostd_worker *w, struct json_object *req, unsigned int nr_fds,
		 struct hostd_window_spec *spec)
{
	const char *uuid = hostd_json_str(req, "uuid");

	*spec = (struct hostd_window_spec) {
		.len = hostd_json_u64(req, "window_len", 0),
		.nr_vectors = hostd_json_u64(req, "nr_vectors", 0),
		.peer = hostd_json_u64(req, "peer", DEVICE_PEER),
		.heartbeat_ms = hostd_json_u64(req, "heartbeat_ms", 100),
	};
	if (!spec->nr_vectors || spec->nr_vectors > HOSTD_VECTOR_LIMIT ||
	    nr_fds != 2 + 2 * spec->nr_vectors || !spec->heartbeat_ms ||
	    spec->heartbeat_ms > HEARTBEAT_MS_MAX)
		return -EINVAL;
	if (hostd_json_u64(req, "threads", 1) - 1 >= HOSTD_THREADS_MAX)
		return -EINVAL;
	w->refused = json_object_get(hostd_json_get(req, "refuse"));
	if (w->refused && !json_object_is_type(w->refused, json_type_array))
		return -EINVAL;
	w->beat_ns = spec->heartbeat_ms * 1000000ULL / 2;
	return uuid ? hostd_uuid_parse(uuid, spec->uuid) : -EINVAL;
}

/* A broker of another version, whose messages may mean something else. */
static int check_protocol(struct json_object *req, char *error)
{
	uint64_t protocol = hostd_json_u64(req, "protocol", 0);

	if (protocol == HOSTD_IPC_PROTOCOL)
		return 0;
	snprintf(error, HDEV_ERROR_LEN, "its worker, version " PVKIT_VERSION ", speaks protocol %u, not %llu",
		 HOSTD_IPC_PROTOCOL, (unsigned long long)protocol);
	return -EPROTO;
}

static int set_up(struct hostd_worker *w, struct json_object *req, const int *fds,
		  unsigned int nr_fds, char *error)
{
	struct hostd_window_spec spec;
	int ret;

	ret = check_protocol(req, error);
	if (ret)
		return ret;
	ret = parse(w, req, nr_fds, &spec);
	if (ret)
		return complain(error, "vectors, descriptors, heartbeat_ms, threads or uuid", ret);
	spec.memfd = fds[0];
	memcpy(w->kick_fds, fds + 2, spec.nr_vectors * sizeof(int));
	ret = hostd_sandbox_drop();
	if (ret)
		return complain(error, "cannot drop privileges", ret);
	ret = map_beats(w, fds[1]);
	if (ret)
		return complain(error, "cannot map the beat page", ret);
	choose_poll(&w->runner, req);
	w->bus = hostd_bus_alloc(&spec, fds + 2 + spec.nr_vectors);
	if (!w->bus)
		return complain(error, "cannot map the window or make engines", -errno);
	w->bus->removed = say_removed;
	w->bus->began = say_epoch;
	w->bus->refuses = refuse_driver;
	w->bus->worker = w;
	ret = hostd_runners_init(w, hostd_json_u64(req, "threads", 1));
	if (ret)
		return complain(error, "loops", ret);
	prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS);
	ret = hostd_sandbox_enter(&hostd_sandbox_worker, HOSTD_SANITIZED);
	return ret ? complain(error, "cannot enter the sandbox", ret) : 0;
}

struct json_object *hostd_worker_init(struct hostd_worker *w, struct json_object *req, int *fds,
				      unsigned int nr_fds)
{
	const char *name = hostd_json_str(req, "name");
	struct hostd_engine *uring;
	struct json_object *reply;
	char error[HDEV_ERROR_LEN];

	snprintf(w->name, sizeof(w->name), "%s", name ? name : "");
	if (set_up(w, req, fds, nr_fds, error)) {
		hostd_worker_end(w);
		return hostd_ipc_reply_error(req, "%s", error);
	}
	/* Mapped: the mappings are enough. */
	close(fds[0]);
	close(fds[1]);
	uring = &w->bus->loop.engines.all[0];
	if (uring->error)
		hostd_report(HOSTD_LOG_WARN, "no io_uring here (%s): engine auto uses threads",
			     strerror(-uring->error));
	w->bus->loop.now_ns = hostd_clock_ns();
	w->runner.next_beat_ns = w->bus->loop.now_ns;
	reply = hostd_ipc_reply_ok(req);
	hostd_json_add_u64(reply, "protocol", HOSTD_IPC_PROTOCOL);
	hostd_json_add_u64(reply, "poll_us", w->runner.poll_ns / 1000);
	hostd_json_add_str(reply, "engine",
			   hostd_engines_find(&w->bus->loop.engines, "auto")->ops->name);
	return reply;
}

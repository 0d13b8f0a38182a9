// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the broker tells a worker: one operation for each message (ipc.h).
 */
#include "worker/runner.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/ipc.h"
#include "lib/json.h"
#include "lib/log/report.h"
#include "lib/parcel.h"
#include "lib/proc/memory.h"
#include "lib/util.h"

/* Keeps only what says which request it answers. */
static void replace_by_error(struct json_object *reply, const char *error)
{
	json_object_object_foreach(reply, key, value) {
		(void)value;
		if (strcmp(key, "re"))
			json_object_object_del(reply, key);
	}
	hostd_json_add_bool(reply, "ok", false);
	hostd_json_add_str(reply, "error", error);
}

static void send_reply(struct json_object *reply)
{
	int ret;

	if (!reply)
		return;
	ret = hostd_report_post(reply);
	if (ret == -EMSGSIZE) {
		replace_by_error(reply, "the answer is too long");
		ret = hostd_report_post(reply);
	}
	if (ret)
		hostd_log(HOSTD_LOG_ERR, "worker: cannot answer the broker: %s", strerror(-ret));
	json_object_put(reply);
}

static struct hdev *find_slot(struct hostd_worker *w, struct json_object *req)
{
	uint64_t slot = hostd_json_u64(req, "slot", HOSTD_WINDOW_SLOTS);

	return slot < HOSTD_WINDOW_SLOTS ? &w->bus->devices[slot] : NULL;
}

static struct hdev *find_device(struct hostd_worker *w, struct json_object *req)
{
	struct hdev *dev = find_slot(w, req);

	return dev && dev->ops ? dev : NULL;
}

/* What "hold" and "add" say of a device; false if something is missing or wrong. */
static bool parse_spec(struct hostd_worker *w, struct json_object *req, struct hdev_spec *spec)
{
	const char *uuid = hostd_json_str(req, "uuid"), *type = hostd_json_str(req, "type");
	const char *name = hostd_json_str(req, "name"), *replaces = hostd_json_str(req, "replaces");

	*spec = (struct hdev_spec) {
		.class = hostd_class_find(w->classes, type),
		.slot = hostd_json_u64(req, "slot", HOSTD_WINDOW_SLOTS),
		.generation = hostd_json_u64(req, "generation", 1),
		.name = name ? name : "",
		.replaces = replaces,
		.config = hostd_json_get(req, "config"),
	};
	return spec->class && spec->slot < HOSTD_WINDOW_SLOTS && uuid &&
	       !hostd_uuid_parse(uuid, spec->uuid) &&
	       (!replaces || !hostd_pci_parse(replaces, &spec->replaced));
}

static struct json_object *op_hold(struct hostd_worker *w, struct json_object *req)
{
	struct hdev_spec spec;

	if (!parse_spec(w, req, &spec))
		return hostd_ipc_reply_error(req, "hold: slot, type or uuid is missing or wrong");
	if (hdev_hold(w->bus, &spec))
		return hostd_ipc_reply_error(req, "hold: slot %u has a device", spec.slot);
	return hostd_ipc_reply_ok(req);
}

static void close_all(const int *fds, unsigned int nr_fds)
{
	while (nr_fds)
		close(fds[--nr_fds]);
}

/* What was opened and locked comes in a socket of its own. 0 or -errno; then all are closed. */
static int take_parcels(const struct hdev_spec *spec, int *fds, unsigned int nr_fds)
{
	int ret = 0;
	unsigned int i;

	if (!spec->class->worker->has_parcels)
		return 0;
	for (i = 0; i < nr_fds; i++) {
		fds[i] = hostd_parcel_take(fds[i]);
		if (fds[i] < 0)
			ret = fds[i];
	}
	for (i = 0; ret && i < nr_fds; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
	return ret;
}

static struct json_object *op_add(struct hostd_worker *w, struct json_object *req, int *fds,
				  unsigned int nr_fds)
{
	struct json_object *reply, *obj;
	char error[HDEV_ERROR_LEN];
	struct hdev_spec spec;
	int ret;

	if (!parse_spec(w, req, &spec)) {
		close_all(fds, nr_fds);
		return hostd_ipc_reply_error(req, "add: slot, type or uuid is missing or wrong");
	}
	if (hostd_memory_is_short()) {
		close_all(fds, nr_fds);
		return hostd_ipc_reply_error(req, HOSTD_NO_MEMORY_LEFT);
	}
	ret = take_parcels(&spec, fds, nr_fds);
	if (ret)
		return hostd_ipc_reply_error(req, "add: what it needs did not arrive: %s", strerror(-ret));
	spec.fds = fds;
	spec.nr_fds = nr_fds;
	if (hdev_add(w->bus, &spec, error))
		return hostd_ipc_reply_error(req, "%s", error);
	reply = hostd_ipc_reply_ok(req);
	obj = json_object_new_object();
	if (spec.class->worker->describe)
		spec.class->worker->describe(&w->bus->devices[spec.slot], obj);
	json_object_object_add(reply, "device", obj);
	return reply;
}

static struct json_object *op_go(struct hostd_worker *w, struct json_object *req)
{
	struct json_object *reply = hostd_ipc_reply_ok(req);

	hostd_bus_begin_epoch(w->bus);
	w->serving = true;
	w->runner.next_beat_ns = w->runner.loop->now_ns;
	hostd_json_add_u64(reply, "epoch", w->bus->win.epoch);
	return reply;
}

static struct json_object *op_remove(struct hostd_worker *w, struct json_object *req)
{
	struct hdev *dev = find_slot(w, req);

	if (!dev || (!dev->ops && !dev->not_ready))
		return hostd_ipc_reply_error(req, "remove: no such device");
	send_reply(hostd_ipc_reply_ok(req));
	hdev_remove(dev, hostd_json_bool(req, "force", false));
	return NULL;
}

static struct json_object *op_set(struct hostd_worker *w, struct json_object *req)
{
	struct json_object *reply, *obj, *config = hostd_json_get(req, "config");
	struct hdev *dev = find_device(w, req);
	char error[HDEV_ERROR_LEN];

	if (!dev)
		return hostd_ipc_reply_error(req, "set: no such device");
	if (!dev->ops->set)
		return hostd_ipc_reply_error(req, "set: nothing of this device can be changed");
	if (hostd_keys_check(dev->class->keys, HOSTD_USE_SET, config, dev->class->word, error,
			     sizeof(error)) ||
	    dev->ops->set(dev, config, error))
		return hostd_ipc_reply_error(req, "%s", error);
	reply = hostd_ipc_reply_ok(req);
	obj = json_object_new_object();
	if (dev->ops->describe)
		dev->ops->describe(dev, obj);
	json_object_object_add(reply, "device", obj);
	return reply;
}

static struct json_object *op_continue(struct hostd_worker *w, struct json_object *req)
{
	struct hdev *dev = find_device(w, req);
	struct json_object *reply;

	if (!dev || !dev->ops || !dev->ops->go_on)
		return hostd_ipc_reply_error(req, "it never stops, or is not served at the moment");
	reply = hostd_ipc_reply_ok(req);
	hostd_json_add_u64(reply, "held", dev->ops->go_on(dev));
	hostd_runner_note(&w->runner);
	return reply;
}

/* The descriptor becomes the device's. */
static struct json_object *op_pcap(struct hostd_worker *w, struct json_object *req, const int *fds,
				   unsigned int nr_fds)
{
	struct hdev *dev = find_device(w, req);
	char error[HDEV_ERROR_LEN] = "it is not served at the moment: try again";

	if (dev && !dev->ops->capture)
		snprintf(error, sizeof(error), "it has no frames: only a NIC has");
	else if (dev && nr_fds == 1 && !dev->ops->capture(dev, req, fds[0], error))
		return hostd_ipc_reply_ok(req);
	close_all(fds, nr_fds);
	return hostd_ipc_reply_error(req, "%s", error);
}

static struct json_object *op_stats(struct hostd_worker *w, struct json_object *req)
{
	struct json_object *reply = hostd_ipc_reply_ok(req);

	hostd_worker_stats(w, req, reply);
	return reply;
}

static struct json_object *op_status(struct hostd_worker *w, struct json_object *req)
{
	struct json_object *reply = hostd_ipc_reply_ok(req);

	hostd_worker_status(w, reply);
	return reply;
}

static struct json_object *op_quit(struct hostd_worker *w, struct json_object *req)
{
	hostd_worker_end(w);
	w->sync = hostd_json_bool(req, "sync", false);
	return hostd_ipc_reply_ok(req);
}

static const struct {
	const char *name;
	struct json_object *(*execute)(struct hostd_worker *w, struct json_object *req);
} operations[] = {
	{ "hold", op_hold },
	{ "go", op_go },
	{ "remove", op_remove },
	{ "set", op_set },
	{ "continue", op_continue },
	{ "stats", op_stats },
	{ "status", op_status },
	{ "quit", op_quit },
};

/* Others than these have no descriptors. */
static struct json_object *execute(struct hostd_worker *w, struct json_object *req, int *fds,
				   unsigned int nr_fds)
{
	const char *op = hostd_json_str(req, "op");
	unsigned int i;

	if (!op)
		op = "";
	if (!strcmp(op, "init") && !w->bus)
		return hostd_worker_init(w, req, fds, nr_fds);
	if (!strcmp(op, "add") && w->bus)
		return op_add(w, req, fds, nr_fds);
	if (!strcmp(op, "pcap") && w->bus)
		return op_pcap(w, req, fds, nr_fds);
	close_all(fds, nr_fds);
	for (i = 0; i < HOSTD_ARRAY_SIZE(operations) && (w->bus || !strcmp(op, "quit")); i++) {
		if (!strcmp(op, operations[i].name))
			return operations[i].execute(w, req);
	}
	return hostd_ipc_reply_error(req, "the worker cannot do '%s' now", op);
}

void hostd_worker_receive(struct hostd_worker *w)
{
	struct hostd_bus *bus = w->bus;
	int fds[HOSTD_IPC_FD_MAX];
	struct json_object *req;
	unsigned int nr_fds;
	int ret;

	ret = hostd_ipc_recv(w->ipc_fd, &req, fds, &nr_fds);
	if (ret == -EBADMSG || ret == -EAGAIN || ret == -EINTR)
		return;
	if (ret && ret != -EMFILE) {
		hostd_worker_end(w);
		return;
	}
	if (bus)
		hostd_bus_hold(bus);
	send_reply(ret ? hostd_ipc_reply_error(req, "the limit of descriptors is reached: raise it for pvhostd (ulimit -n, LimitNOFILE=)") :
		   execute(w, req, fds, nr_fds));
	if (bus)
		hostd_bus_let_go(bus);
	json_object_put(req);
}

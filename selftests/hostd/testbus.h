/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The device side without a process: a bus in the test's own thread, driven by hand.
 */
#ifndef SELFTESTS_HOSTD_TESTBUS_H
#define SELFTESTS_HOSTD_TESTBUS_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <json-c/json.h>

#include "worker/bus/bus.h"
#include "blk/device.h"
#include "ktap.h"
#include "testdrv.h"
#include "tmp.h"

#define TESTBUS_VECTORS		4
#define TESTBUS_WINDOW		(4UL << 20)

/**
 * struct testbus - a bus and its driver
 * @bus: the bus
 * @drv: the driver, in the same window
 * @irq: interrupts
 * @nr_removed: how often a slot has become free
 */
struct testbus {
	struct hostd_bus *bus;
	struct testdrv drv;
	int irq[TESTBUS_VECTORS];
	unsigned int nr_removed;
};

static struct testbus *testbus_current;

static inline void testbus_removed(struct hostd_bus *bus, unsigned int slot)
{
	(void)bus;
	(void)slot;
	testbus_current->nr_removed++;
}

/* One round of what the worker's loop does. */
static inline void testbus_pump(void *ctx)
{
	struct testbus *t = ctx;
	unsigned int i = 0;

	t->bus->loop.now_ns += 1000;
	hostd_bus_look(t->bus);
	while (i < t->bus->loop.nr_running) {
		struct hdev_queue *q = t->bus->loop.running[i];

		q->dev->ops->poll(q, 32);
		if (!q->running)
			continue;
		hdev_queue_signal(q);
		i++;
	}
	hdev_loop_work(&t->bus->loop);
	hostd_engines_reap(&t->bus->loop.engines);
	for (i = 0; i < t->bus->loop.nr_running; i++)
		hdev_queue_signal(t->bus->loop.running[i]);
	hostd_bus_settle(t->bus);
}

static inline uint64_t testbus_irqs(struct testbus *t, unsigned int vector)
{
	uint64_t count = 0;

	return read(t->irq[vector], &count, sizeof(count)) == sizeof(count) ? count : 0;
}

static inline void testbus_init(struct testbus *t)
{
	struct hostd_window_spec spec = {
		.memfd = memfd_create("window", MFD_CLOEXEC),
		.len = TESTBUS_WINDOW,
		.nr_vectors = TESTBUS_VECTORS,
		.peer = 1,
		.heartbeat_ms = 100,
		.uuid = "testbus",
	};
	unsigned int i;

	memset(t, 0, sizeof(*t));
	for (i = 0; i < TESTBUS_VECTORS; i++)
		t->irq[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (ftruncate(spec.memfd, TESTBUS_WINDOW))
		ktap_bail("memfd");
	t->bus = hostd_bus_alloc(&spec, t->irq);
	close(spec.memfd);
	if (!t->bus)
		ktap_bail("hostd_bus_alloc");
	t->bus->removed = testbus_removed;
	testbus_current = t;
	t->drv.base = t->bus->win.base;
	t->drv.pump = testbus_pump;
	t->drv.ctx = t;
}

static inline void testbus_exit(struct testbus *t)
{
	unsigned int i;

	hostd_bus_free(t->bus);
	for (i = 0; i < TESTBUS_VECTORS; i++)
		close(t->irq[i]);
}

extern const struct pv_class pv_blk_class, pv_clock_class, pv_balloon_class;

/* Whether all that a worker says of a device is a counter of its class. */
static inline bool testbus_counters_are_known(const struct hdev *dev)
{
	struct json_object *obj = json_object_new_object();
	const struct hostd_counter *counter;
	bool known = true;

	dev->ops->describe(dev, obj);
	json_object_object_foreach(obj, name, val) {
		(void)val;
		for (counter = dev->class->counters; counter->name && strcmp(counter->name, name); counter++)
			;
		if (!counter->name)
			printf("# %s is no counter of %s\n", name, dev->class->name);
		known &= !!counter->name;
	}
	json_object_put(obj);
	return known;
}

/* Give the disk in slot 0 another size; 0 or -errno. */
static inline int testbus_resize(struct testbus *t, uint64_t size)
{
	struct json_object *config = json_object_new_object();
	char error[HDEV_ERROR_LEN];
	int ret;

	json_object_object_add(config, "size", json_object_new_uint64(size));
	ret = pv_blk_class.worker->set(&t->bus->devices[0], config, error);
	json_object_put(config);
	return ret;
}

/* Let nobody write to the disk, or anybody again. */
static inline void testbus_read_only(struct testbus *t, bool on)
{
	struct json_object *config = json_object_new_object();
	char error[HDEV_ERROR_LEN];

	json_object_object_add(config, "read-only", json_object_new_boolean(on));
	if (pv_blk_class.worker->set(&t->bus->devices[0], config, error))
		ktap_bail("read-only");
	json_object_put(config);
}

/* Why the last disk could not be added. */
static char testbus_error[HDEV_ERROR_LEN];

/* Add a disk; 0 or -errno. */
static inline int testbus_add(struct testbus *t, unsigned int slot, uint32_t generation,
			      const char *config, int fd)
{
	struct hdev_spec spec = {
		.class = &pv_blk_class,
		.slot = slot,
		.generation = generation,
		.uuid = "disk",
		.name = "d0",
		.config = json_tokener_parse(config),
		.fds = &fd,
		.nr_fds = fd >= 0,
	};
	int ret;

	*testbus_error = 0;
	ret = hdev_add(t->bus, &spec, testbus_error);
	if (ret)
		printf("# %s\n", testbus_error);
	json_object_put(spec.config);
	return ret;
}

/* From nothing to a running null disk in slot 0, its queue on vector 1. */
static inline void testbus_run_null(struct testbus *t, struct testdrv_queue *q, const char *config)
{
	testbus_init(t);
	if (testbus_add(t, 0, 1, config, -1))
		ktap_bail("add");
	hostd_bus_begin_epoch(t->bus);
	if (testdrv_hello(&t->drv) != PVBUS_R_OK)
		ktap_bail("HELLO");
	testdrv_lay_out(&t->drv, q, testdrv_space(&t->drv) + PV_PAGE_SIZE, 16, 1 << 20);
	q->desc.irq_vector = htole16(1);
	if (testdrv_take_features(&t->drv, 0) != PVBUS_R_OK ||
	    testdrv_start(&t->drv, 0, q, 1) != PVBUS_R_OK)
		ktap_bail("START");
}

static struct hostd_io **testbus_held;

static inline bool testbus_hold_io(struct hostd_io *io)
{
	struct hostd_io **at = testbus_held;

	while (*at)
		at++;
	*at = io;
	return false;
}

/*
 * Requests of the disk in @slot are done when testbus_release() says so; @held has an end. Returns its
 * back end, to be given back.
 */
static inline const struct hostd_backend_ops *testbus_hold(struct testbus *t, unsigned int slot,
							  struct hostd_io **held)
{
	static struct hostd_backend_ops slow;
	struct hostd_file *file = &((struct blk *)t->bus->devices[slot].priv)->file;
	const struct hostd_backend_ops *old = file->backend;

	testbus_held = held;
	slow = *old;
	slow.submit = testbus_hold_io;
	file->backend = &slow;
	return old;
}

static inline void testbus_release(struct testbus *t, struct hostd_io **held)
{
	struct hostd_io *io;

	while ((io = *held)) {
		*held++ = NULL;
		io->complete(io);
	}
	testbus_pump(t);
}

#define TESTBUS_NULL	"{\"null\":1048576,\"queues\":4,\"queue-size\":64}"

#endif /* SELFTESTS_HOSTD_TESTBUS_H */

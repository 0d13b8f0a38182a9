// SPDX-License-Identifier: GPL-2.0-only
/*
 * The bus: epochs, and the commands HELLO, BYE, RESET, FEATURES, START (Documentation/abi/bus.md).
 *
 * A command that resets is answered when the last request in flight is done.
 * Nothing waits for that: the slot's command stays pending and the loop goes on.
 */
#include "worker/bus/bus.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/log/report.h"
#include "lib/util.h"

struct hostd_bus *hostd_bus_alloc(const struct hostd_window_spec *spec, const int *irq_fds)
{
	struct hostd_bus *bus;
	unsigned int slot;
	int ret;

	if (spec->nr_vectors > HOSTD_VECTOR_LIMIT) {
		errno = EINVAL;
		return NULL;
	}
	bus = calloc(1, sizeof(*bus));
	if (!bus)
		return NULL;
	ret = hostd_window_init(&bus->win, spec);
	if (ret)
		goto free_bus;
	ret = hdev_loop_init(&bus->loop, bus);
	if (ret)
		goto exit_window;
	bus->loops[bus->nr_loops++] = &bus->loop;
	memcpy(bus->irq_fds, irq_fds, spec->nr_vectors * sizeof(*irq_fds));
	for (slot = 0; slot < HOSTD_WINDOW_SLOTS; slot++) {
		bus->devices[slot].bus = bus;
		bus->devices[slot].loop = &bus->loop;
		bus->devices[slot].slot = slot;
	}
	return bus;

exit_window:
	hostd_window_exit(&bus->win);
free_bus:
	free(bus);
	errno = -ret;
	return NULL;
}

struct hdev_loop *hostd_bus_add_loop(struct hostd_bus *bus)
{
	struct hdev_loop *loop = calloc(1, sizeof(*loop));
	int ret;

	if (!loop)
		return NULL;
	ret = hdev_loop_init(loop, bus);
	if (ret) {
		free(loop);
		errno = -ret;
		return NULL;
	}
	bus->loops[bus->nr_loops++] = loop;
	return loop;
}

void hostd_bus_drop_loop(struct hostd_bus *bus)
{
	struct hdev_loop *loop = bus->loops[--bus->nr_loops];

	hdev_loop_exit(loop);
	free(loop);
}

static void stop_all(struct hostd_bus *bus)
{
	struct hdev *dev;

	hostd_bus_for_each(bus, dev, present)
		hdev_stop(dev);
}

static bool has_settled(struct hostd_bus *bus)
{
	hostd_bus_hold(bus);
	hostd_bus_settle(bus);
	hostd_bus_let_go(bus);
	return !bus->draining;
}

bool hostd_bus_drain(struct hostd_bus *bus, unsigned int limit_ms)
{
	unsigned int ms = 0;

	hostd_bus_hold(bus);
	/* Nothing is published any more: the driver waits for the next epoch. */
	bus->win.epoch = 0;
	bus->cmd_seq = 0;
	bus->removed = NULL;
	stop_all(bus);
	hostd_bus_let_go(bus);
	while (!has_settled(bus) && ms < limit_ms) {
		hdev_loop_ready_all(&bus->loop);
		if (hostd_engines_reap(&bus->loop.engines))
			continue;
		poll(NULL, 0, 1);
		ms += limit_ms != UINT_MAX;
	}
	return !bus->draining;
}

/* A look at those that are not @synced yet; their number. */
static unsigned int sync_devices(struct hostd_bus *bus, bool *synced, unsigned int ms, int *err)
{
	unsigned int nr = 0;
	struct hdev *dev;
	int ret;

	hostd_bus_hold(bus);
	hostd_bus_for_each(bus, dev, present) {
		if (synced[dev->slot] || !dev->ops->sync)
			continue;
		ret = dev->ops->sync(dev, ms);
		synced[dev->slot] = ret != -EINPROGRESS;
		nr += !synced[dev->slot];
		if (!ret || !synced[dev->slot])
			continue;
		hostd_report(HOSTD_LOG_ERR, "%s: not all of it is on the medium: %s", dev->name,
			     strerror(-ret));
		*err = ret;
	}
	hostd_bus_let_go(bus);
	return nr;
}

int hostd_bus_sync(struct hostd_bus *bus)
{
	bool synced[HOSTD_WINDOW_SLOTS] = { false };
	unsigned int ms;
	int err = 0;

	for (ms = 0; sync_devices(bus, synced, ms, &err); ms++) {
		hdev_loop_ready_all(&bus->loop);
		if (!hostd_engines_reap(&bus->loop.engines))
			poll(NULL, 0, 1);
	}
	return err;
}

void hostd_bus_free(struct hostd_bus *bus)
{
	struct hdev *dev;

	hostd_bus_drain(bus, UINT_MAX);
	hostd_bus_for_each(bus, dev, present) {
		hdev_forget_waits(dev);
		dev->ops->destroy(dev);
	}
	while (bus->nr_loops > 1)
		hostd_bus_drop_loop(bus);
	hdev_loop_exit(&bus->loop);
	hostd_window_exit(&bus->win);
	free(bus);
}

void hostd_bus_begin_epoch(struct hostd_bus *bus)
{
	struct hdev *dev;

	hostd_window_end_epoch(&bus->win);
	bus->overwritten = false;
	bus->greeted = false;
	bus->cmd_seq = 0;
	bus->ident[0] = 0;
	bus->kernel[0] = 0;
	hostd_bus_for_each(bus, dev, present) {
		dev->cmd_seq = 0;
		hdev_stop(dev);
		if (dev->ops->begin)
			dev->ops->begin(dev);
		hdev_set_status(dev, PVBUS_S_RESET);
	}
	hostd_window_begin_epoch(&bus->win);
	hostd_bus_raise(bus, PVBUS_VECTOR_BUS);
	if (bus->began)
		bus->began(bus);
	hostd_bus_settle(bus);
}

static bool is_overwritten(struct hostd_bus *bus)
{
	bool overwritten;

	hostd_window_lock(&bus->win);
	overwritten = bus->overwritten;
	hostd_window_unlock(&bus->win);
	return overwritten;
}

void hostd_bus_beat(struct hostd_bus *bus)
{
	if (!is_overwritten(bus) && hostd_window_beat(&bus->win)) {
		hdev_loop_beat(&bus->loop);
		return;
	}
	hostd_bus_hold(bus);
	hostd_bus_begin_epoch(bus);
	hostd_bus_let_go(bus);
	hostd_report(HOSTD_LOG_INFO, "the window was overwritten (migration, snapshot, guest): epoch %llx",
		     (unsigned long long)bus->win.epoch);
}

/* Text of the guest's: ends somewhere, and can be printed. */
static void copy_text(char *to, const uint8_t *from, size_t len)
{
	size_t i;

	for (i = 0; i < len - 1 && from[i]; i++)
		to[i] = isprint(from[i]) ? from[i] : '?';
	to[i] = 0;
}

static uint32_t check_hello(struct hostd_bus *bus, const struct pvbus_driver_header *h)
{
	const struct pvbus_header *offer = &bus->win.shadow.header;
	unsigned int i;

	copy_text(bus->ident, h->ident, sizeof(bus->ident));
	copy_text(bus->kernel, h->kernel, sizeof(bus->kernel));
	if (le32toh(h->version) < le32toh(offer->version_min) ||
	    le32toh(h->version) > le32toh(offer->version_max))
		return PVBUS_R_VERSION;
	if (bus->refuses && bus->refuses(bus))
		return PVBUS_R_REFUSED;
	for (i = 0; i < HOSTD_ARRAY_SIZE(h->features); i++) {
		if (h->features[i] & ~offer->features[i])
			return PVBUS_R_FEATURES;
	}
	return PVBUS_R_OK;
}

static void answer(struct hostd_bus *bus, uint32_t seq, uint32_t result)
{
	hostd_window_ack(&bus->win, seq, result);
	hostd_bus_raise(bus, PVBUS_VECTOR_BUS);
}

static void answer_slot(struct hdev *dev, uint32_t seq, uint32_t result)
{
	hostd_window_ack_slot(&dev->bus->win, dev->slot, seq, result);
	hostd_bus_raise(dev->bus, PVBUS_VECTOR_BUS);
}

static bool is_ours(struct hostd_bus *bus, const struct pvbus_ack *ack)
{
	bool ours;

	hostd_window_lock(&bus->win);
	ours = hostd_bus_is_ours(bus, ack);
	hostd_window_unlock(&bus->win);
	return ours;
}

static void execute(struct hostd_bus *bus, uint32_t seq, const struct pvbus_driver_header *h)
{
	uint32_t op = le32toh(h->cmd.op);

	if (op != PVBUS_CMD_HELLO && !(op == PVBUS_CMD_BYE && bus->greeted)) {
		answer(bus, seq, op == PVBUS_CMD_BYE || !bus->greeted ?
		       PVBUS_R_STATE : PVBUS_R_OP);
		return;
	}
	bus->greeted = false;
	bus->cmd_seq = seq;
	bus->cmd_result = op == PVBUS_CMD_HELLO ? check_hello(bus, h) : PVBUS_R_OK;
	bus->cmd_greets = op == PVBUS_CMD_HELLO && bus->cmd_result == PVBUS_R_OK;
	bus->knows_replaces = bus->cmd_greets && le64toh(h->features[0]) >> PVBUS_F_REPLACES & 1;
	stop_all(bus);
	hostd_bus_settle(bus);
}

static void look_at_header(struct hostd_bus *bus)
{
	struct pvbus_driver_header h;
	uint32_t seq;

	if (bus->cmd_seq)
		return;
	seq = hostd_window_get_command(&bus->win, &h);
	if (!seq || !is_ours(bus, &bus->win.shadow.header.ack))
		return;
	hostd_bus_hold(bus);
	execute(bus, seq, &h);
	hostd_bus_let_go(bus);
}

static void execute_slot(struct hdev *dev, uint32_t seq, const struct pvbus_driver_slot *copy)
{
	uint32_t op = le32toh(copy->cmd.op), result;

	if (!dev->bus->greeted) {
		result = PVBUS_R_STATE;
	} else if (le32toh(copy->generation) != dev->generation) {
		result = PVBUS_R_GENERATION;
	} else if (op == PVBUS_CMD_RESET) {
		if (dev->ops) {
			dev->cmd_seq = seq;
			hdev_stop(dev);
			hostd_bus_settle(dev->bus);
			return;
		}
		result = PVBUS_R_OK;
	} else if (op != PVBUS_CMD_FEATURES && op != PVBUS_CMD_START) {
		result = PVBUS_R_OP;
	} else if (!dev->ops || hdev_is_draining(dev)) {
		result = PVBUS_R_STATE;
	} else {
		result = op == PVBUS_CMD_FEATURES ? hdev_take_features(dev, copy) :
						    hdev_start(dev, copy);
	}
	answer_slot(dev, seq, result);
}

static void look_at_slot(struct hostd_bus *bus, unsigned int slot)
{
	struct hdev *dev = &bus->devices[slot];
	struct pvbus_driver_slot copy;
	uint32_t seq;

	seq = hostd_window_get_slot_command(&bus->win, slot, &copy);
	if (!seq || dev->cmd_seq || !is_ours(bus, &bus->win.shadow.table[slot].ack))
		return;
	hostd_bus_hold(bus);
	execute_slot(dev, seq, &copy);
	hostd_bus_let_go(bus);
}

void hostd_bus_look(struct hostd_bus *bus)
{
	unsigned int slot;

	look_at_header(bus);
	for (slot = 0; slot < HOSTD_WINDOW_SLOTS; slot++)
		look_at_slot(bus, slot);
}

static void settle_device(struct hdev *dev)
{
	if (!hdev_try_reset(dev))
		return;
	if (dev->cmd_seq)
		answer_slot(dev, dev->cmd_seq, PVBUS_R_OK);
	dev->cmd_seq = 0;
	if (dev->removing)
		hdev_vanish(dev);
}

void hostd_bus_settle(struct hostd_bus *bus)
{
	struct hdev *dev;

	hostd_bus_for_each(bus, dev, draining)
		settle_device(dev);
	if (bus->draining || !bus->cmd_seq)
		return;
	bus->greeted = bus->cmd_greets;
	/* Once: a guest that says HELLO without end must not use up the log. */
	if (bus->cmd_greets && !bus->introduced) {
		bus->introduced = true;
		hostd_report(HOSTD_LOG_INFO, "driver %s on kernel %s", bus->ident, bus->kernel);
	}
	answer(bus, bus->cmd_seq, bus->cmd_result);
	bus->cmd_seq = 0;
}

void hdev_remove(struct hdev *dev, bool force)
{
	dev->removing = true;
	if (force || dev->status == PVBUS_S_RESET) {
		hdev_stop(dev);
		hostd_bus_settle(dev->bus);
	}
	if (!dev->ops)
		return;
	hostd_window_set_flags(&dev->bus->win, dev->slot,
			       PVBUS_DEV_REMOVE | (dev->replaces ? PVBUS_DEV_REPLACES : 0));
	hostd_bus_raise(dev->bus, PVBUS_VECTOR_BUS);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The bus of one window: epoch, commands, devices, interrupts.
 */
#ifndef HOSTD_BUS_H
#define HOSTD_BUS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/ipc.h"
#include "worker/bus/device.h"
#include "worker/bus/loop.h"
#include "worker/bus/publish.h"
#include "worker/bus/wait.h"
#include "worker/bus/window.h"

#define HOSTD_VECTOR_LIMIT	64
#define HOSTD_LOOPS_MAX		HOSTD_THREADS_MAX

/**
 * struct hostd_bus - everything about one guest
 * @win: the window
 * @loop: what serves the bus itself, and devices
 * @loops: that one, and those that only serve devices
 * @nr_loops: their number
 * @hold: have the others stand still, until @let_go: what is not one device's own is done only then; NULL:
 *	there are none
 * @let_go: have them go on
 * @nr_holds: how often it is held
 * @devices: the slots
 * @irq_fds: eventfd of each vector that interrupts the guest
 * @irqs: interrupts raised, by vector
 * @overwritten: the window is not what was published: nothing is executed, and the next beat begins
 *	an epoch
 * @greeted: HELLO was acknowledged in this epoch
 * @knows_replaces: the driver took PVBUS_F_REPLACES with it
 * @introduced: the log names the driver
 * @cmd_seq: seq of a HELLO or BYE that waits for devices to drain, or 0
 * @cmd_result: its result
 * @cmd_greets: it is a HELLO that succeeds
 * @present: a bit for each slot that has a device with @ops
 * @draining: a bit for each whose queues are stopped, and which may have something in flight
 * @ident: the driver's name and version, or ""
 * @kernel: the guest's kernel, or ""
 * @refuses: is this build of the driver known to be bad; NULL: none is
 * @removed: a slot has become free; may be NULL
 * @began: an epoch has begun; may be NULL
 * @worker: for @refuses
 */
struct hostd_bus {
	struct hostd_window win;
	struct hdev_loop loop;
	struct hdev_loop *loops[HOSTD_LOOPS_MAX];
	unsigned int nr_loops;
	void (*hold)(struct hostd_bus *bus);
	void (*let_go)(struct hostd_bus *bus);
	unsigned int nr_holds;
	struct hdev devices[HOSTD_WINDOW_SLOTS];
	int irq_fds[HOSTD_VECTOR_LIMIT];
	uint64_t irqs[HOSTD_VECTOR_LIMIT];
	bool overwritten;
	bool greeted;
	bool knows_replaces;
	bool introduced;
	uint32_t cmd_seq;
	uint32_t cmd_result;
	bool cmd_greets;
	uint64_t present;
	uint64_t draining;
	char ident[64];
	char kernel[64];
	bool (*refuses)(const struct hostd_bus *bus);
	void (*removed)(struct hostd_bus *bus, unsigned int slot);
	void (*began)(struct hostd_bus *bus);
	struct hostd_worker *worker;
};

_Static_assert(HOSTD_WINDOW_SLOTS <= 64, "a set of slots is a word");

/**
 * hostd_bus_next - the next device of a set
 * @bus: the bus
 * @set: bits of slots
 * @from: the first slot to consider
 *
 * Return: the device, or NULL.
 */
static inline struct hdev *hostd_bus_next(struct hostd_bus *bus, uint64_t set, unsigned int from)
{
	uint64_t left = from < HOSTD_WINDOW_SLOTS ? set >> from << from : 0;

	return left ? &bus->devices[__builtin_ctzll(left)] : NULL;
}

/**
 * hostd_bus_for_each - go through the devices of a set, which may change meanwhile
 * @bus: the bus
 * @dev: iterator
 * @set: @present or @draining
 *
 * Most slots are empty, and each is pages away from the next: none is touched that is not in the set.
 */
#define hostd_bus_for_each(bus, dev, set)				\
	for ((dev) = hostd_bus_next(bus, (bus)->set, 0); (dev);		\
	     (dev) = hostd_bus_next(bus, (bus)->set, (dev)->slot + 1))

/**
 * hdev_is_draining - are a device's queues stopped, with something in flight, maybe?
 * @dev: the device
 */
static inline bool hdev_is_draining(const struct hdev *dev)
{
	return dev->bus->draining & hdev_bit(dev);
}

/**
 * hostd_bus_alloc - make a bus with its window and loop; nothing is published
 * @spec: the window
 * @irq_fds: eventfd for each vector; stay the caller's
 *
 * Return: the bus; NULL with errno set.
 */
struct hostd_bus *hostd_bus_alloc(const struct hostd_window_spec *spec, const int *irq_fds);

/**
 * hostd_bus_add_loop - make one more loop, which only serves devices
 * @bus: the bus, without devices
 *
 * Return: the loop, freed with the bus; NULL with errno set.
 */
struct hdev_loop *hostd_bus_add_loop(struct hostd_bus *bus);

/**
 * hostd_bus_drop_loop - free the last loop, which is not the first
 * @bus: the bus
 */
void hostd_bus_drop_loop(struct hostd_bus *bus);

/**
 * hostd_bus_hold - have the other loops stand still
 * @bus: the bus
 *
 * Context: the bus's own loop.
 */
static inline void hostd_bus_hold(struct hostd_bus *bus)
{
	if (bus->hold && !bus->nr_holds++)
		bus->hold(bus);
}

/**
 * hostd_bus_let_go - have them go on, when it was said as often as hostd_bus_hold()
 * @bus: the bus
 */
static inline void hostd_bus_let_go(struct hostd_bus *bus)
{
	if (bus->hold && !--bus->nr_holds)
		bus->let_go(bus);
}

/**
 * hostd_bus_let_all_go - have them go on, however often it was held
 * @bus: the bus
 */
static inline void hostd_bus_let_all_go(struct hostd_bus *bus)
{
	if (!bus->nr_holds)
		return;
	bus->nr_holds = 0;
	bus->let_go(bus);
}

/**
 * hostd_bus_drain - stop everything and wait for what is in flight
 * @bus: the bus; only to be freed afterwards, if nothing is
 * @limit_ms: how long at most; UINT_MAX: as long as it takes
 *
 * Return: true if nothing is in flight.
 */
bool hostd_bus_drain(struct hostd_bus *bus, unsigned int limit_ms);

/**
 * hostd_bus_sync - put on the media what was written, on all of them at once
 * @bus: the bus, drained
 *
 * Waits for as long as that takes. Says in the log which device failed.
 *
 * Return: 0 or -errno of the last one that failed.
 */
int hostd_bus_sync(struct hostd_bus *bus);

/**
 * hostd_bus_free - drain and free
 * @bus: the bus
 *
 * The window is left as it is: the driver finds the next epoch there.
 */
void hostd_bus_free(struct hostd_bus *bus);

/**
 * hostd_bus_begin_epoch - begin a new life
 * @bus: the bus, held
 *
 * Queues are stopped. HELLO is not acknowledged before what is in flight is done (BUS-D3).
 */
void hostd_bus_begin_epoch(struct hostd_bus *bus);

/**
 * hostd_bus_beat - heartbeat: compare, beat, or begin a new epoch (BUS-D4)
 * @bus: the bus, after the first epoch began
 */
void hostd_bus_beat(struct hostd_bus *bus);

/**
 * hostd_bus_look - look for commands and execute them (BUS-D6)
 * @bus: the bus
 */
void hostd_bus_look(struct hostd_bus *bus);

/**
 * hostd_bus_settle - answer commands and end removals that waited for a drain
 * @bus: the bus, held; call it after completions while @draining is not 0
 */
void hostd_bus_settle(struct hostd_bus *bus);

/**
 * hdev_remove - remove a device (BUS-D13)
 * @dev: a present device, ready or not
 * @force: don't wait for the driver
 *
 * The slot is free when bus->removed() was called, maybe from within this call.
 */
void hdev_remove(struct hdev *dev, bool force);

#endif /* HOSTD_BUS_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The bus of one window: epoch, commands, devices, interrupts.
 */
#ifndef HOSTD_BUS_H
#define HOSTD_BUS_H

#include <stdbool.h>
#include <stdint.h>

#include "backend/engine.h"
#include "worker/bus/device.h"
#include "worker/bus/publish.h"
#include "worker/bus/wait.h"
#include "worker/bus/window.h"

#define HOSTD_VECTOR_LIMIT	64

/**
 * struct hostd_bus - everything about one guest
 * @win: the window
 * @engines: for the devices' files
 * @devices: the slots
 * @irq_fds: eventfd of each vector that interrupts the guest
 * @irqs: interrupts raised, by vector
 * @now_ns: monotonic time, as of the last look at the clock
 * @clock: monotonic time; NULL: whoever drives the bus sets @now_ns
 * @is_fresh: a device has looked at the clock since the loop has
 * @overwritten: the window is not what was published: nothing is executed, and the next beat begins
 *	an epoch
 * @greeted: HELLO was acknowledged in this epoch
 * @introduced: the log names the driver
 * @cmd_seq: seq of a HELLO or BYE that waits for devices to drain, or 0
 * @cmd_result: its result
 * @cmd_greets: it is a HELLO that succeeds
 * @nr_draining: devices that are draining
 * @nr_busy: devices that have work, or may have
 * @ident: the driver's name and version, or ""
 * @kernel: the guest's kernel, or ""
 * @running: queues that run, in no order
 * @nr_running: their number
 * @refuses: is this build of the driver known to be bad; NULL: none is
 * @removed: a slot has become free; may be NULL
 * @began: an epoch has begun; may be NULL
 * @stream: the device that last had a piece of a stream; NULL: others have had work since
 * @stream_ns: and when
 * @watches: descriptors that devices wait for
 * @nr_watches: their number, and that of free places among them
 * @timers: times that devices wait for
 * @watch: have hostd_bus_ready() called with that index when a descriptor is ready for some of @events,
 *	from now on, or not any more if that is 0; 0 or -errno; NULL: whoever drives the bus calls
 *	hostd_bus_ready_all() often
 * @worker: for @watch
 */
struct hostd_bus {
	struct hostd_window win;
	struct hostd_engines engines;
	struct hdev devices[HOSTD_WINDOW_SLOTS];
	int irq_fds[HOSTD_VECTOR_LIMIT];
	uint64_t irqs[HOSTD_VECTOR_LIMIT];
	uint64_t now_ns;
	uint64_t (*clock)(void);
	bool is_fresh;
	bool overwritten;
	bool greeted;
	bool introduced;
	uint32_t cmd_seq;
	uint32_t cmd_result;
	bool cmd_greets;
	unsigned int nr_draining;
	unsigned int nr_busy;
	char ident[64];
	char kernel[64];
	struct hdev_queue **running;
	unsigned int nr_running;
	bool (*refuses)(const struct hostd_bus *bus);
	void (*removed)(struct hostd_bus *bus, unsigned int slot);
	void (*began)(struct hostd_bus *bus);
	const struct hdev *stream;
	uint64_t stream_ns;
	struct hdev_watch *watches;
	unsigned int nr_watches;
	struct hdev_timer *timers;
	int (*watch)(struct hostd_bus *bus, unsigned int index, int fd, uint32_t events);
	struct hostd_worker *worker;
};

/**
 * hostd_bus_look_at_clock - know the time better than by the loop's last look
 * @bus: the bus
 *
 * After work the loop looks at the clock anyway: then this look is taken for that one.
 *
 * Return: @now_ns.
 */
static inline uint64_t hostd_bus_look_at_clock(struct hostd_bus *bus)
{
	if (bus->clock) {
		bus->now_ns = bus->clock();
		bus->is_fresh = true;
	}
	return bus->now_ns;
}

/**
 * hostd_bus_alloc - make a bus with its window and engines; nothing is published
 * @spec: the window
 * @irq_fds: eventfd for each vector; stay the caller's
 *
 * Return: the bus; NULL with errno set.
 */
struct hostd_bus *hostd_bus_alloc(const struct hostd_window_spec *spec, const int *irq_fds);

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
 * @bus: the bus
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
 * @bus: the bus; call it after completions while @nr_draining is not 0
 */
void hostd_bus_settle(struct hostd_bus *bus);

/**
 * hostd_bus_work - let devices work that may have something to do without being asked
 * @bus: the bus
 *
 * Return: true if one had.
 */
bool hostd_bus_work(struct hostd_bus *bus);

/**
 * hdev_remove - remove a device (BUS-D13)
 * @dev: a present device, ready or not
 * @force: don't wait for the driver
 *
 * The slot is free when bus->removed() was called, maybe from within this call.
 */
void hdev_remove(struct hdev *dev, bool force);

#endif /* HOSTD_BUS_H */

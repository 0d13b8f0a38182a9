/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices of the worker: what a device class provides, and what it can use.
 *
 * A class is a struct pv_class (keys/class.h), of which a const struct pvdev_ops is one half. It sees
 * only submissions that were copied, and answers with completions; the bus,
 * rings, doorbells and interrupts are served for it. Everything here is for the
 * device's loop, whichever thread that is (worker/standby.h), and for the first loop while the others
 * stand still (worker/gate.h).
 */
#ifndef HOSTD_HDEV_H
#define HOSTD_HDEV_H

#include <stdbool.h>
#include <stdint.h>

#include "keys/class.h"
#include "worker/bus/ring.h"
#include "worker/bus/window.h"

struct hdev;
struct hdev_loop;
struct hdev_queue;
struct hostd_bus;
struct json_object;

/* Room for the text of an error to the operator. */
#define HDEV_ERROR_LEN	200

/**
 * struct hdev_shape - the entries of a queue
 * @sqe_shift: log2 of the bytes of a submission entry
 * @cqe_shift: log2 of the bytes of a completion entry
 */
struct hdev_shape {
	uint8_t sqe_shift;
	uint8_t cqe_shift;
};

/**
 * struct pvdev_ops - the worker's half of a device class
 * @sqe_shift: log2 of the bytes of a submission entry
 * @cqe_shift: log2 of the bytes of a completion entry
 * @shape: the same where queues differ: fill those of the queue with this index; NULL: all are alike
 * @max_fds: most descriptors that it takes
 * @has_parcels: each of them comes in a socket of its own (lib/parcel.h)
 * @is_patient: nobody waits awake for it: a request is served at once, and no core is spent on
 *	polling for the next
 * @create: make a device of @config, which is complete and checked by the keys of the class; sets features, max_queues, max_queue_size
 *	and the config area; owns the @nr_fds descriptors in @fds from then on if it succeeds; 0 or
 *	-errno with text in @error
 * @destroy: free the device; its queues are stopped and nothing is in flight
 * @start: a queue is about to run; 0 or -errno
 * @stop: free what @start made; nothing of the queue is in flight
 * @poll: take at most @budget submissions; returns how many it took
 * @begin: an epoch is about to begin: change what changes with it; may be NULL
 * @beat: called with each heartbeat of an epoch; may be NULL
 * @set: take the options in @config, which may change by the keys of the class; 0 or -errno with
 *	text in @error; NULL: none may
 * @describe: add what the operator wants to know to @obj; may be NULL
 * @describe_queue: the same of the queue with an index, which may run or not; may be NULL
 * @go_on: try again what the device holds because the host had failed it; returns how many requests;
 *	NULL: it holds nothing
 * @work: do a part of what hdev_set_busy() has announced, and don't wait; true if there was something to
 *	do, for which the loop goes on polling; may be NULL
 * @capture: copy the frames that go through to @fd, a stream socket, until its other end is closed for
 *	writing; "snaplen" of @config says how much of each; owns @fd if it succeeds; 0 or -errno with text
 *	in @error; NULL: there are none
 * @sync: put on the medium what was written, and don't wait; nothing is in flight; 0, -errno, or -EINPROGRESS: it is
 *	called again, with the milliseconds since it was first; may be NULL
 */
struct pvdev_ops {
	uint8_t sqe_shift;
	uint8_t cqe_shift;
	void (*shape)(const struct hdev *dev, unsigned int index, struct hdev_shape *shape);
	unsigned int max_fds;
	bool has_parcels;
	bool is_patient;
	int (*create)(struct hdev *dev, struct json_object *config, const int *fds,
		      unsigned int nr_fds, char *error);
	void (*destroy)(struct hdev *dev);
	int (*start)(struct hdev_queue *q);
	void (*stop)(struct hdev_queue *q);
	unsigned int (*poll)(struct hdev_queue *q, unsigned int budget);
	void (*begin)(struct hdev *dev);
	void (*beat)(struct hdev *dev);
	int (*set)(struct hdev *dev, struct json_object *config, char *error);
	void (*describe)(const struct hdev *dev, struct json_object *obj);
	void (*describe_queue)(const struct hdev *dev, unsigned int index, struct json_object *obj);
	unsigned int (*go_on)(struct hdev *dev);
	bool (*work)(struct hdev *dev);
	int (*capture)(struct hdev *dev, struct json_object *config, int fd, char *error);
	int (*sync)(struct hdev *dev, unsigned int ms);
};

/**
 * struct hdev_stats - what a queue has done since it exists
 * @ops: requests completed
 * @read_bytes: data read by the driver
 * @write_bytes: data written by the driver
 * @kicks: doorbells received
 * @irqs: interrupts raised
 * @polls: batches found by polling, without a doorbell
 * @sleeps: times that the queue was armed for a doorbell
 * @errors: requests completed with another status than OK
 */
struct hdev_stats {
	uint64_t ops;
	uint64_t read_bytes;
	uint64_t write_bytes;
	uint64_t kicks;
	uint64_t irqs;
	uint64_t polls;
	uint64_t sleeps;
	uint64_t errors;
};

/**
 * struct hdev_queue - a queue
 * @dev: its device
 * @index: number in the device
 * @ring: device half of the ring
 * @data: where its data buffers may lie
 * @irq_vector: vector to raise
 * @kick_vector: vector that the driver rings
 * @running: submissions are taken and completions posted
 * @quiet: the class takes submissions when it wants them: they are no work, and no doorbell is asked for
 * @armed: it waits for a doorbell
 * @kicked: its doorbell rang, and nothing has been taken since
 * @in_flight: requests taken and still in an engine
 * @work_ns: time of the last submission or completion
 * @stats: counters
 * @priv: the class's
 */
struct hdev_queue {
	struct hdev *dev;
	unsigned int index;
	struct hring ring;
	struct hostd_extent data;
	uint16_t irq_vector;
	uint16_t kick_vector;
	bool running;
	bool quiet;
	bool armed;
	bool kicked;
	unsigned int in_flight;
	uint64_t work_ns;
	struct hdev_stats stats;
	void *priv;
};

/**
 * struct hdev - a slot of the device table
 * @bus: the bus
 * @loop: what serves it
 * @slot: index
 * @class: its class
 * @ops: the worker's half of that, or NULL while the slot is free or its device not ready
 * @status: PVBUS_S_*
 * @generation: of the slot
 * @features: offered
 * @taken: agreed with the driver
 * @max_queues: offered
 * @max_queue_size: offered
 * @uuid: identity
 * @name: the operator's name
 * @replaces: it replaces an emulated PCI function,
 * @replaced: which has this address (BUS-D19)
 * @nr_queues: queues given by START
 * @queues: the queues
 * @removing: the operator wants it gone
 * @lonely_ns: since when no driver takes it, though the guest has said HELLO; 0: one does
 * @lonely: that has lasted
 * @not_ready: in the table, though it has no @ops yet (BUS-D18)
 * @cmd_seq: seq of a command that waits for the end of draining, or 0
 * @stats: counters of all past queues, by index
 * @priv: the class's
 */
struct hdev {
	struct hostd_bus *bus;
	struct hdev_loop *loop;
	unsigned int slot;
	const struct pv_class *class;
	const struct pvdev_ops *ops;
	uint32_t status;
	uint32_t generation;
	uint64_t features[2];
	uint64_t taken[2];
	uint32_t max_queues;
	uint32_t max_queue_size;
	uint8_t uuid[16];
	char name[32];
	bool replaces;
	uint32_t replaced;
	unsigned int nr_queues;
	struct hdev_queue *queues;
	bool removing;
	uint64_t lonely_ns;
	bool lonely;
	bool not_ready;
	uint32_t cmd_seq;
	struct hdev_stats stats[PVBUS_MAX_QUEUES];
	void *priv;
};

/**
 * struct hdev_spec - what the operator adds
 * @class: its class
 * @slot: index of a free slot
 * @generation: of the slot from now on
 * @uuid: identity
 * @name: the operator's name
 * @replaces: it replaces an emulated PCI function,
 * @replaced: which has this address (BUS-D19)
 * @config: the class's options; what is not given becomes the default; NULL: none
 * @fds: descriptors for the class
 * @nr_fds: their number
 */
struct hdev_spec {
	const struct pv_class *class;
	unsigned int slot;
	uint32_t generation;
	uint8_t uuid[16];
	const char *name;
	bool replaces;
	uint32_t replaced;
	struct json_object *config;
	const int *fds;
	unsigned int nr_fds;
};

/**
 * hdev_hold - keep the slot of a device that cannot be served for now: present, not ready (BUS-D18)
 * @bus: the bus
 * @spec: the device; its @config and @fds are not used
 *
 * Return: 0; -EBUSY if the slot isn't free.
 */
int hdev_hold(struct hostd_bus *bus, const struct hdev_spec *spec);

/**
 * hdev_add - add a device, also while others are being served, or make one ready that is held
 * @bus: the bus
 * @spec: what to add; its descriptors belong to the device from now on, and are closed on failure
 * @error: gets the reason of a failure, HDEV_ERROR_LEN bytes
 *
 * A device that is held stays so when that fails.
 *
 * Return: 0; -EBUSY if the slot is another device's; another -errno.
 */
int hdev_add(struct hostd_bus *bus, const struct hdev_spec *spec, char *error);

/**
 * hdev_bit - the place of a device in the bus's sets
 * @dev: the device
 */
static inline uint64_t hdev_bit(const struct hdev *dev)
{
	return 1ULL << dev->slot;
}

/**
 * hdev_set_busy - have @work called in each pass of the loop, or not any more
 * @dev: the device
 * @busy: there is work, or may be though no descriptor says so while the loop polls
 *
 * While the loop sleeps @work is not called: what ends the sleep is watched (worker/bus/wait.h).
 */
void hdev_set_busy(struct hdev *dev, bool busy);

/**
 * hdev_take_features - FEATURES
 * @dev: a present device
 * @slot: the driver slot, copied
 *
 * Return: PVBUS_R_*.
 */
uint32_t hdev_take_features(struct hdev *dev, const struct pvbus_driver_slot *slot);

/**
 * hdev_start - START
 * @dev: a present device
 * @slot: the driver slot, copied
 *
 * Return: PVBUS_R_*.
 */
uint32_t hdev_start(struct hdev *dev, const struct pvbus_driver_slot *slot);

/**
 * hdev_stop - stop the queues and begin to drain them
 * @dev: the device
 *
 * Nothing is taken or posted from now on. hdev_try_reset() says when it is drained.
 */
void hdev_stop(struct hdev *dev);

/**
 * hdev_is_idle - is nothing of it in flight?
 * @dev: the device
 */
bool hdev_is_idle(const struct hdev *dev);

/**
 * hdev_try_reset - if drained, forget queues and features: status RESET
 * @dev: the device, after hdev_stop()
 *
 * Return: true if it is reset; false if requests are in flight.
 */
bool hdev_try_reset(struct hdev *dev);

/**
 * hdev_vanish - free the slot
 * @dev: a device that has been reset
 */
void hdev_vanish(struct hdev *dev);

/**
 * hdev_queue_stop - take and post nothing more; what is in flight goes on
 * @q: the queue, running or not
 */
void hdev_queue_stop(struct hdev_queue *q);

/**
 * hdev_queues_free - free all queues; none has anything in flight
 * @dev: the device
 */
void hdev_queues_free(struct hdev *dev);

/**
 * hdev_queue_break - stop a queue because the driver broke the ABI
 * @q: the queue
 * @error: PVRING_E_*
 * @why: what it did, for one log line
 */
void hdev_queue_break(struct hdev_queue *q, uint32_t error, const char *why);

/**
 * hdev_queue_pop - take the next submission
 * @q: a running queue
 * @sqe: gets a private copy, the sequence word included; 8-byte aligned
 *
 * Stops a queue whose driver has more outstanding than fits (RING-D3), and one that was
 * overwritten with the window: the next beat begins an epoch (BUS-D4). Of a queue that does not run
 * nothing is taken.
 *
 * Return: true if one was taken; else poll() is done.
 */
bool hdev_queue_pop(struct hdev_queue *q, void *sqe);

/**
 * hdev_queue_push - complete a submission
 * @q: its queue; of one that does not run any more the submission just ends
 * @cqe: the completion; the sequence word in it is ignored; 4-byte aligned
 * @ok: its status is OK
 */
void hdev_queue_push(struct hdev_queue *q, const void *cqe, bool ok);

/**
 * hdev_queue_arm - ask for a doorbell before going to sleep (RING-D4)
 * @q: a running queue
 *
 * Return: true if the caller may sleep, as it may when the queue was overwritten with the window
 * and stopped; false if a submission is there by now.
 */
bool hdev_queue_arm(struct hdev_queue *q);

/**
 * hdev_queue_signal - raise the queue's vector if the driver wants it for what was posted
 * @q: the queue
 */
void hdev_queue_signal(struct hdev_queue *q);

/**
 * hdev_queue_signal_late - raise the queue's vector if its delayed interrupt is due
 * @q: the queue, whose ring's irq_at_ns has come
 */
void hdev_queue_signal_late(struct hdev_queue *q);

/**
 * hdev_note_stream - so much data was moved at once that more is on its way, and nobody waits for this piece
 * @dev: the device
 *
 * The loop naps between two looks for a while, unless other devices have work.
 */
void hdev_note_stream(struct hdev *dev);

/**
 * hdev_queue_has_work - is there a submission that the loop should have taken
 * @q: the queue
 *
 * Return: true if so.
 */
static inline bool hdev_queue_has_work(const struct hdev_queue *q)
{
	return !q->quiet && hring_has_work(&q->ring);
}

/**
 * hdev_has_feature - was it agreed
 * @dev: the device
 * @bit: number of the feature
 *
 * Return: true if the driver took it.
 */
static inline bool hdev_has_feature(const struct hdev *dev, unsigned int bit)
{
	return dev->taken[bit / 64] >> bit % 64 & 1;
}

#endif /* HOSTD_HDEV_H */

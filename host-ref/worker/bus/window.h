/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The window as the device side sees it: layout, header, device table, epoch.
 *
 * The device side keeps a private shadow of all it publishes, so it never reads
 * back from the window except to find out that it was overwritten (BUS-D4). Every
 * change goes into both by the same function: they differ only by another's hand.
 */
#ifndef HOSTD_WINDOW_H
#define HOSTD_WINDOW_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pv/bus.h>

#include "worker/bus/shmem.h"

/* Slots of the device table. */
#define HOSTD_WINDOW_SLOTS	PVBUS_MAX_DEVICES

/**
 * struct hostd_extent - a part of the window in which the driver may place things
 * @base: its first byte
 * @off: offset of @base from the start of the window
 * @len: bytes
 */
struct hostd_extent {
	uint8_t *base;
	uint64_t off;
	uint64_t len;
};

/**
 * hostd_window_at - turn an offset of the driver's into a pointer (ABI-3)
 * @ext: extent in which it may lie
 * @off: offset from the start of the window; a lie for all we know
 * @len: bytes
 * @align: what @off must be a multiple of, a power of two
 *
 * Return: the place, or NULL if [@off, @off + @len) isn't inside or @off isn't aligned.
 */
static inline void *hostd_window_at(const struct hostd_extent *ext, uint64_t off, uint64_t len,
				    uint64_t align)
{
	uint64_t skip = off - ext->off;

	if (off < ext->off || skip > ext->len || len > ext->len - skip || (off & (align - 1)))
		return NULL;
	return ext->base + skip;
}

/**
 * struct hostd_shadow - what the device side has published, laid out as in the window
 * @header: the header
 * @page: its page
 * @table: the device table
 * @config: the config areas, one for each slot, zero beyond their length
 */
struct hostd_shadow {
	union {
		struct pvbus_header header;
		uint8_t page[PV_PAGE_SIZE];
	};
	struct pvbus_device_entry table[HOSTD_WINDOW_SLOTS];
	uint8_t config[HOSTD_WINDOW_SLOTS][PVBUS_CONFIG_MAX];
};

/**
 * struct hostd_window - the window and the shadow of what was published
 * @base: where it is mapped
 * @len: bytes
 * @epoch: current epoch; 0: none, what changes is noted and published with the next
 * @last_epoch: the latest; 0 before the first
 * @space: what the driver divides among queues and buffers
 * @nr_vectors: vectors, both ways
 * @drv_off: place of the driver header and slots
 * @is_shared: several threads use it
 * @lock: then protects @shadow, and makes a look at the heartbeat and what follows one step
 * @shadow: what was published; only window.c writes it
 */
struct hostd_window {
	uint8_t *base;
	uint64_t len;
	uint64_t epoch;
	uint64_t last_epoch;
	struct hostd_extent space;
	uint32_t nr_vectors;
	uint64_t drv_off;
	bool is_shared;
	pthread_mutex_t lock;
	struct hostd_shadow shadow;
};

/**
 * struct hostd_window_spec - what makes a window
 * @memfd: its memory
 * @len: bytes, a power of two
 * @nr_vectors: 1 to 64
 * @peer: doorbell peer number of the device side
 * @heartbeat_ms: upper bound of the time between two beats
 * @uuid: identity of the window
 */
struct hostd_window_spec {
	int memfd;
	uint64_t len;
	uint32_t nr_vectors;
	uint32_t peer;
	uint32_t heartbeat_ms;
	uint8_t uuid[16];
};

/**
 * hostd_window_init - map a window and lay it out; nothing is published yet
 * @win: the window
 * @spec: what to map
 *
 * Return: 0; -EINVAL for a length that is no power of two or too small; another -errno.
 */
int hostd_window_init(struct hostd_window *win, const struct hostd_window_spec *spec);

/**
 * hostd_window_exit - unmap
 * @win: the window
 */
void hostd_window_exit(struct hostd_window *win);

/**
 * hostd_window_hush - show no epoch: nobody serves this window yet
 * @win: the window, before its first epoch
 *
 * An incoming migration brings the header of another host: a driver that woke up with it would
 * take what the rings happen to hold for answers.
 */
void hostd_window_hush(struct hostd_window *win);

/**
 * hostd_window_end_epoch - show no epoch, and publish nothing until the next one begins
 * @win: the window
 */
void hostd_window_end_epoch(struct hostd_window *win);

/**
 * hostd_window_begin_epoch - publish everything under a new epoch
 * @win: the window, after hostd_window_end_epoch(); the present devices are in status RESET
 *
 * The caller has made sure that nothing of the last epoch reaches the window any
 * more, or answers no command until that is so (BUS-D3); it raises vector 0.
 */
void hostd_window_begin_epoch(struct hostd_window *win);

/**
 * hostd_window_beat - compare header and table with the shadow, and beat
 * @win: the window
 *
 * Return: true after a beat; false if the window was overwritten: begin an epoch.
 */
bool hostd_window_beat(struct hostd_window *win);

/**
 * hostd_window_share - several threads use the window from now on
 * @win: the window
 */
void hostd_window_share(struct hostd_window *win);

/**
 * hostd_window_lock_shared - for hostd_window_lock()
 * @win: the window, of several threads
 */
void hostd_window_lock_shared(struct hostd_window *win);

/**
 * hostd_window_lock - look and count as one step
 * @win: the window
 *
 * One thread pays nothing for it. Nothing is waited for before hostd_window_unlock(). The functions that
 * publish take the lock themselves.
 */
static inline void hostd_window_lock(struct hostd_window *win)
{
	if (__builtin_expect(win->is_shared, 0))
		hostd_window_lock_shared(win);
}

/**
 * hostd_window_unlock - that was it
 * @win: the window
 */
static inline void hostd_window_unlock(struct hostd_window *win)
{
	if (__builtin_expect(win->is_shared, 0))
		pthread_mutex_unlock(&win->lock);
}

/**
 * hostd_window_count - add to the heartbeat: something was taken or posted
 * @win: the window, in an epoch, locked
 *
 * So a snapshot from before that has another heartbeat, and one from after it has what was taken or
 * posted: what hostd_window_is_ours() takes for the device side's own is so, within a beat too.
 */
static inline void hostd_window_count(struct hostd_window *win)
{
	struct pvbus_header *h = (struct pvbus_header *)win->base;
	uint64_t beat = le64toh(win->shadow.header.heartbeat) + 1;

	win->shadow.header.heartbeat = htole64(beat);
	/* Partner: whoever copies the window; what was posted before is in the copy. */
	hostd_store64_release(&h->heartbeat, beat);
}

/**
 * hostd_window_is_ours - does the window still show what was published (BUS-D4)
 * @win: the window, locked
 * @ack: answer of the bus or of a slot, in its shadow
 *
 * Says less than hostd_window_beat(), at any time and at little cost.
 *
 * Return: false if it was overwritten: execute nothing, and begin an epoch.
 */
static inline bool hostd_window_is_ours(const struct hostd_window *win, const struct pvbus_ack *ack)
{
	const struct pvbus_header *h = (const struct pvbus_header *)win->base;
	size_t at = (const uint8_t *)ack - (const uint8_t *)&win->shadow;

	return hostd_load64(&h->epoch) == win->epoch &&
	       hostd_load64(&h->heartbeat) == le64toh(win->shadow.header.heartbeat) &&
	       hostd_is_same(win->base + at, ack, sizeof(*ack));
}

/**
 * hostd_window_set_entry - publish the entry of a slot, and a new table_seq (BUS-D12)
 * @win: the window
 * @slot: index of a slot that is ABSENT, or whose device nobody may use yet
 * @entry: a copy of the slot's entry in the shadow, changed
 *
 * Flags come after the rest, and the status last.
 */
void hostd_window_set_entry(struct hostd_window *win, unsigned int slot,
			    const struct pvbus_device_entry *entry);

/**
 * hostd_window_remove - make a slot ABSENT, with a new table_seq
 * @win: the window
 * @slot: index
 */
void hostd_window_remove(struct hostd_window *win, unsigned int slot);

/**
 * hostd_window_set_flags - publish PVBUS_DEV_* of a slot, with a new table_seq
 * @win: the window
 * @slot: index
 * @flags: all of them
 */
void hostd_window_set_flags(struct hostd_window *win, unsigned int slot, uint32_t flags);

/**
 * hostd_window_set_status - publish PVBUS_S_* of a slot
 * @win: the window
 * @slot: index
 * @status: the status
 */
void hostd_window_set_status(struct hostd_window *win, unsigned int slot, uint32_t status);

/**
 * hostd_window_set_config - publish the config area of a slot (BUS-D14)
 * @win: the window
 * @slot: index
 * @config: its content
 * @len: bytes, a multiple of 8, at most PVBUS_CONFIG_MAX; zeroes follow
 */
void hostd_window_set_config(struct hostd_window *win, unsigned int slot, const void *config,
			     size_t len);

/**
 * hostd_window_config - the config area of a slot in the window
 * @win: the window
 * @slot: index; hostd_window_set_config() was called
 *
 * For what a class writes there by a protocol of its own. A new epoch begins with what
 * hostd_window_set_config() was given.
 *
 * Return: its start.
 */
static inline void *hostd_window_config(struct hostd_window *win, unsigned int slot)
{
	return win->base + offsetof(struct hostd_shadow, config[slot]);
}

/**
 * hostd_window_get_command - look for a new command to the bus (BUS-D6)
 * @win: the window
 * @copy: gets the driver header, copied once
 *
 * Return: its seq, or 0 if there is no new command of this epoch, whole.
 */
uint32_t hostd_window_get_command(struct hostd_window *win, struct pvbus_driver_header *copy);

/**
 * hostd_window_get_slot_command - look for a new command to a device
 * @win: the window
 * @slot: index
 * @copy: gets the driver slot, copied once
 *
 * Return: its seq, or 0 if there is no new command of this epoch, whole.
 */
uint32_t hostd_window_get_slot_command(struct hostd_window *win, unsigned int slot,
				       struct pvbus_driver_slot *copy);

/**
 * hostd_window_ack - answer a command to the bus
 * @win: the window
 * @seq: that of the command
 * @result: PVBUS_R_*
 */
void hostd_window_ack(struct hostd_window *win, uint32_t seq, uint32_t result);

/**
 * hostd_window_ack_slot - answer a command to a device
 * @win: the window
 * @slot: index
 * @seq: that of the command
 * @result: PVBUS_R_*
 */
void hostd_window_ack_slot(struct hostd_window *win, unsigned int slot, uint32_t seq,
			   uint32_t result);

#endif /* HOSTD_WINDOW_H */

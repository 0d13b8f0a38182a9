/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The window as the device side sees it: layout, header, device table, epoch.
 *
 * The device side keeps a private shadow of all it publishes, so it never reads
 * back from the window except to find out that it was overwritten (BUS-D4).
 */
#ifndef HOSTD_WINDOW_H
#define HOSTD_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pv/bus.h>

#include "shmem.h"

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
 * struct hostd_window - the window and the shadow of what was published
 * @base: where it is mapped
 * @len: bytes
 * @epoch: current epoch; 0 before the first
 * @space: what the driver divides among queues and buffers
 * @nr_vectors: vectors, both ways
 * @header: the header as last written
 * @table: the device table as last written
 * @config: the config areas as last written
 * @table_off: place of the device table
 * @config_off: place of the first config page; one for each slot
 * @drv_off: place of the driver header and slots
 */
struct hostd_window {
	uint8_t *base;
	uint64_t len;
	uint64_t epoch;
	struct hostd_extent space;
	uint32_t nr_vectors;
	struct pvbus_header header;
	struct pvbus_device_entry table[HOSTD_WINDOW_SLOTS];
	uint8_t config[HOSTD_WINDOW_SLOTS][PVBUS_CONFIG_MAX];
	uint64_t table_off;
	uint64_t config_off;
	uint64_t drv_off;
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
 * hostd_window_begin_epoch - publish header and table under a new epoch
 * @win: the window; @table holds the present devices, all in status RESET
 *
 * The caller has made sure that nothing of the last epoch reaches the window any
 * more, or answers no command until that is so (BUS-D3); it raises vector 0.
 */
void hostd_window_begin_epoch(struct hostd_window *win);

/**
 * hostd_window_beat - compare the header with the shadow, and beat
 * @win: the window
 *
 * Return: true after a beat; false if the window was overwritten: begin an epoch.
 */
bool hostd_window_beat(struct hostd_window *win);

/**
 * hostd_window_is_ours - does the window still show the epoch that was published
 * @win: the window
 *
 * Says less than hostd_window_beat(), at any time and at little cost: what a restored snapshot has
 * brought is of another epoch, or of an earlier beat of this one.
 *
 * Return: false if it was overwritten; the next beat begins an epoch.
 */
static inline bool hostd_window_is_ours(const struct hostd_window *win)
{
	const struct pvbus_header *h = (const struct pvbus_header *)win->base;

	return hostd_load64(&h->epoch) == win->epoch &&
	       hostd_load64(&h->heartbeat) == le64toh(win->header.heartbeat);
}

/**
 * hostd_window_add - publish the device of a slot, and a new table_seq (BUS-D12)
 * @win: the window
 * @slot: index; @table holds the entry, with status RESET
 */
void hostd_window_add(struct hostd_window *win, unsigned int slot);

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
 * @len: bytes, a multiple of 8, at most PVBUS_CONFIG_MAX
 */
void hostd_window_set_config(struct hostd_window *win, unsigned int slot, const void *config,
			     size_t len);

/**
 * hostd_window_prepare_config - set the config area that the next epoch begins with
 * @win: the window
 * @slot: index
 * @config: its content
 * @len: bytes, a multiple of 8, at most PVBUS_CONFIG_MAX
 */
void hostd_window_prepare_config(struct hostd_window *win, unsigned int slot, const void *config,
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
	return win->base + win->config_off + (uint64_t)slot * PVBUS_CONFIG_MAX;
}

/**
 * hostd_window_get_command - look for a new command to the bus (BUS-D6)
 * @win: the window
 * @copy: gets the driver header, copied once
 *
 * Return: its seq, or 0 if there is no new command of this epoch.
 */
uint32_t hostd_window_get_command(struct hostd_window *win, struct pvbus_driver_header *copy);

/**
 * hostd_window_get_slot_command - look for a new command to a device
 * @win: the window
 * @slot: index
 * @copy: gets the driver slot, copied once
 *
 * Return: its seq, or 0 if there is no new command of this epoch.
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

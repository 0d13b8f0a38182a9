/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Disks of the broker.
 */
#ifndef HOSTD_DISKS_H
#define HOSTD_DISKS_H

#include "blk/image/image.h"
#include "blk/nbd/server.h"
#include "broker/devices.h"
#include "keys/class.h"

struct pvdev_ops;

#define HOSTD_BLK_SECTOR	512
#define HOSTD_BLK_SERIAL_MAX	47
#define HOSTD_BLK_PHYSICAL_MAX	(1 << 20)

extern const struct hostd_key hostd_blk_keys[];
extern const struct hostd_column hostd_blk_columns[];
extern const struct hostd_counter hostd_blk_counters[];
extern const struct pvdev_ops hdev_blk_ops;

/**
 * struct hostd_disk - configuration of a disk
 * @dev: what all devices have
 * @file: path of the image; NULL: null device
 * @shown: the same, for messages
 * @hold: keeps the image reachable, whatever becomes of its path; -1: it is looked up
 * @id: which one that is, once it was opened
 * @same: it must be that one: no descriptor of it is left, and nobody has let it go
 * @medium: what it is
 * @note: what has become of its path, or ""
 * @server: its NBD server, if it has one
 * @size: bytes; 0: not known yet
 * @ro: read-only
 * @direct: bypass the page cache
 * @raw: the operator says that it is raw
 * @wait: for as long as somebody else has it, before it is served
 * @engine_used: the engine that the worker has chosen; "": not yet
 * @logical_block: bytes; 0: that of the medium, once it is known
 * @physical_block: bytes; 0: likewise
 * @max_io: most bytes of a read or write, if its server takes less than the operator says; else 0
 */
struct hostd_disk {
	struct hostd_device dev;
	char *file;
	char shown[HOSTD_SHOWN_MAX];
	int hold;
	struct hostd_image_id id;
	bool same;
	struct hostd_medium medium;
	char note[HOSTD_ERROR_MAX];
	struct hostd_nbd_server server;
	uint64_t size;
	bool ro;
	bool direct;
	bool raw;
	bool wait;
	char engine_used[8];
	uint32_t logical_block;
	uint32_t physical_block;
	uint32_t max_io;
};

/* medium.c */

/**
 * hostd_disk_choose_blocks - the units of a disk: as the operator says, or as the medium has them
 * @disk: the disk
 * @unit: that of the medium's I/O, in bytes
 * @err: gets one line of HOSTD_ERROR_MAX when that fails
 *
 * Return: 0 or -EINVAL.
 */
int hostd_disk_choose_blocks(struct hostd_disk *disk, uint32_t unit, char *err);

/**
 * hostd_disk_take_image - does an image fit to what the operator wants, and to what the guest was told
 * @disk: the disk
 * @report: of its image
 * @err: gets one line of HOSTD_ERROR_MAX when it does not
 *
 * Return: 0 or -EINVAL.
 */
int hostd_disk_take_image(struct hostd_disk *disk, const struct hostd_image_report *report, char *err);

/**
 * hostd_disk_take_server - does what a server has fit to what the operator wants, and to what the guest was told
 * @disk: the disk
 * @facts: what the server says, which may be anything
 * @err: gets one line of HOSTD_ERROR_MAX when it does not
 *
 * Return: 0 or -EINVAL.
 */
int hostd_disk_take_server(struct hostd_disk *disk, const struct hostd_nbd_facts *facts, char *err);

#endif /* HOSTD_DISKS_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Disks of the broker.
 */
#ifndef HOSTD_DISKS_H
#define HOSTD_DISKS_H

#include "blk/image.h"
#include "broker/devices.h"
#include "keys/class.h"

struct pvdev_ops;

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
 * @size: bytes; 0: not known yet
 * @ro: read-only
 * @direct: bypass the page cache
 * @raw: the operator says that it is raw
 * @wait: for as long as somebody else has it, before it is served
 * @engine_used: the engine that the worker has chosen; "": not yet
 * @logical_block: bytes; 0: that of the medium, once it is known
 * @physical_block: bytes; 0: likewise
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
	uint64_t size;
	bool ro;
	bool direct;
	bool raw;
	bool wait;
	char engine_used[8];
	uint32_t logical_block;
	uint32_t physical_block;
};

#endif /* HOSTD_DISKS_H */

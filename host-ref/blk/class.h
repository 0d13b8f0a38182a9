/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Disks of the broker.
 */
#ifndef HOSTD_DISKS_H
#define HOSTD_DISKS_H

#include "broker/devices.h"
#include "blk/image.h"

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
 * @discard: DISCARD and unmapping WRITE_ZEROES are served
 * @direct: bypass the page cache
 * @raw: the operator says that it is raw
 * @serial: identity of the medium
 * @werror: what becomes of a request that the host fails, as the worker knows it
 * @rerror: the same, for reads
 * @engine: "auto", "uring", "sync" or "null"
 * @engine_used: what the worker has made of it
 * @logical_block: bytes; 0: that of the medium, once it is known
 * @physical_block: bytes; 0: likewise
 * @queues: most queues
 * @queue_size: most entries of a queue
 * @max_io: most bytes of a request
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
	bool discard;
	bool direct;
	bool raw;
	char serial[48];
	char werror[8];
	char rerror[8];
	char engine[8];
	char engine_used[8];
	uint32_t logical_block;
	uint32_t physical_block;
	uint32_t queues;
	uint32_t queue_size;
	uint32_t max_io;
};

#endif /* HOSTD_DISKS_H */

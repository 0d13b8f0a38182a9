/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The block device's own: a disk, and its requests in flight.
 */
#ifndef HOSTD_DEV_BLK_H
#define HOSTD_DEV_BLK_H

#include "hdev.h"

#include <pv/blk.h>

#define BLK_SECTOR		(1U << PVBLK_SECTOR_SHIFT)

/* So that one request keeps a thread of the engine for a second at most. */
#define BLK_MAX_DISCARD_SECTORS	((1U << 30) >> PVBLK_SECTOR_SHIFT)
#define BLK_MAX_ZEROES_SECTORS	((32U << 20) >> PVBLK_SECTOR_SHIFT)

/**
 * struct blk - a disk
 * @file: where the data is
 * @capacity: sectors
 * @block_sectors: sectors of a logical block
 * @max_sectors: most sectors of a read or write
 * @ro: writes are refused
 * @config: as published
 */
struct blk {
	struct hostd_file file;
	uint64_t capacity;
	uint32_t block_sectors;
	uint32_t max_sectors;
	bool ro;
	struct pvblk_config config;
};

/**
 * struct blk_req - a request in an engine
 * @io: the engine's part; first, so that the one is the other
 * @q: its queue
 * @id: the driver's
 * @next: next free one
 */
struct blk_req {
	struct hostd_io io;
	struct hdev_queue *q;
	uint32_t id;
	struct blk_req *next;
};

/**
 * struct blk_queue - requests of a queue
 * @free: those that are free; never empty while the ring yields submissions
 * @reqs: all of them
 */
struct blk_queue {
	struct blk_req *free;
	struct blk_req reqs[];
};

/**
 * hdev_blk_poll - take submissions, check them, and hand them to the engine
 * @q: a running queue
 * @budget: how many at most
 *
 * Return: how many it took.
 */
unsigned int hdev_blk_poll(struct hdev_queue *q, unsigned int budget);

#endif /* HOSTD_DEV_BLK_H */

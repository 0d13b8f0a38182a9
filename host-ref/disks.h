/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Disks of the broker, and their images.
 */
#ifndef HOSTD_DISKS_H
#define HOSTD_DISKS_H

#include "devices.h"

/**
 * struct hostd_disk - configuration of a disk
 * @dev: what all devices have
 * @file: image; NULL: null device
 * @size: bytes
 * @ro: read-only
 * @discard: DISCARD and unmapping WRITE_ZEROES are served
 * @direct: bypass the page cache
 * @serial: identity of the medium
 * @engine: "auto", "uring", "sync" or "null"
 * @logical_block: bytes
 * @physical_block: bytes
 * @queues: most queues
 * @queue_size: most entries of a queue
 * @max_io: most bytes of a request
 */
struct hostd_disk {
	struct hostd_device dev;
	char *file;
	uint64_t size;
	bool ro;
	bool discard;
	bool direct;
	char serial[48];
	char engine[8];
	uint32_t logical_block;
	uint32_t physical_block;
	uint32_t queues;
	uint32_t queue_size;
	uint32_t max_io;
};

/* image.c */

/**
 * hostd_image_open - open the image of a disk and check it
 * @disk: the disk; with size 0 it gets that of the image
 * @err: gets one line of HOSTD_ERROR_MAX when that fails
 *
 * Return: a fresh open file description, -errno.
 */
int hostd_image_open(struct hostd_disk *disk, char *err);

/**
 * hostd_image_resize - make an image large enough
 * @disk: the disk
 * @size: bytes; an image that is larger is left alone
 * @err: gets one line of HOSTD_ERROR_MAX when that fails
 *
 * Return: 0 or -errno.
 */
int hostd_image_resize(const struct hostd_disk *disk, uint64_t size, char *err);

#endif /* HOSTD_DISKS_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an NBD server says of a disk.
 */
#ifndef HOSTD_BLK_NBD_LOOK_H
#define HOSTD_BLK_NBD_LOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct hostd_nbd_facts - what a server says of a disk; nothing of it is checked
 * @size: bytes
 * @ro: it can only be read
 * @block_min: unit of I/O, in bytes; 0: it does not say
 * @block_preferred: the same, that does not cost more
 * @block_max: most bytes of a read or write
 */
struct hostd_nbd_facts {
	uint64_t size;
	bool ro;
	uint64_t block_min;
	uint64_t block_preferred;
	uint64_t block_max;
};

/**
 * hostd_nbd_look - ask a server, and say goodbye
 * @fd: a connected socket; it is closed
 * @export: name of the disk
 * @facts: gets what it says
 * @text: gets one line when that fails
 * @len: room of @text
 *
 * Waits for the server. The process is in a worker's sandbox afterwards.
 *
 * Context: a process of its own, which then ends.
 * Return: 0 or -errno.
 */
int hostd_nbd_look(int fd, const char *export, struct hostd_nbd_facts *facts, char *text, size_t len);

#endif /* HOSTD_BLK_NBD_LOOK_H */

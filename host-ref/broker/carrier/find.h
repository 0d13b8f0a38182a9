/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Find the descriptors of a window again, which a pvhostd before this one has made.
 */
#ifndef HOSTD_CARRIER_FIND_H
#define HOSTD_CARRIER_FIND_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "broker/carrier/carrier.h"

/**
 * struct hostd_carrier_id - which memory and which eventfds a window has
 * @dev: file system of the memory
 * @ino: inode of the memory
 * @kicks: the kernel's number of each eventfd of a doorbell
 * @irqs: the same, of an interrupt
 */
struct hostd_carrier_id {
	uint64_t dev;
	uint64_t ino;
	uint64_t kicks[HOSTD_VECTORS_MAX];
	uint64_t irqs[HOSTD_VECTORS_MAX];
};

/**
 * hostd_carrier_identify - note what the descriptors of a window are
 * @win: a window
 * @id: gets it
 *
 * Return: 0; -EOPNOTSUPP on a kernel that does not number eventfds (before 5.2); another -errno.
 */
int hostd_carrier_identify(const struct hostd_carrier *win, struct hostd_carrier_id *id);

/**
 * hostd_carrier_take - take a descriptor, if it is one of a window's that is not there yet
 * @win: the window, as far as it was found; its @len and @nr_vectors are known
 * @id: what it has
 * @fd: the descriptor
 *
 * Return: true if it is the window's now.
 */
bool hostd_carrier_take(struct hostd_carrier *win, const struct hostd_carrier_id *id, int fd);

/**
 * hostd_carrier_is_whole - is there all of a window
 * @win: the window
 * @vector: gets the first vector that misses an eventfd
 *
 * Return: 0; -ENOENT if the memory is missing; -ENODATA if only eventfds are.
 */
int hostd_carrier_is_whole(const struct hostd_carrier *win, unsigned int *vector);

/**
 * hostd_carrier_fetch - take what is missing of a window from the QEMU that has it
 * @win: the window
 * @id: what it has
 * @pid: QEMU
 * @pidfd: the same
 *
 * Return: 0, whether something was found or not; -EPERM or -EACCES if this process may not look
 * into QEMU; another -errno.
 */
int hostd_carrier_fetch(struct hostd_carrier *win, const struct hostd_carrier_id *id, pid_t pid,
			int pidfd);

/**
 * hostd_carrier_is_held - does a process hold the memory of a window
 * @win: the window
 * @pid: the process
 *
 * Return: false if it does not; true if it does, or if this process may not look.
 */
bool hostd_carrier_is_held(const struct hostd_carrier *win, pid_t pid);

#endif /* HOSTD_CARRIER_FIND_H */

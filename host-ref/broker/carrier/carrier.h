/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The carrier of a window: its memory and its eventfds, which outlive every worker.
 */
#ifndef HOSTD_CARRIER_H
#define HOSTD_CARRIER_H

#include <stdint.h>

#include "lib/ipc.h"

/**
 * struct hostd_carrier - the descriptors that make a window
 * @len: bytes of the memory
 * @nr_vectors: doorbells, and as many interrupts
 * @memfd: the memory, sealed
 * @kick_fds: eventfds that the guest's doorbells signal
 * @irq_fds: eventfds that raise the guest's interrupts
 * @uuid: its identity
 */
struct hostd_carrier {
	uint64_t len;
	unsigned int nr_vectors;
	int memfd;
	int kick_fds[HOSTD_VECTORS_MAX];
	int irq_fds[HOSTD_VECTORS_MAX];
	uint8_t uuid[16];
};

/**
 * hostd_carrier_init - make a window without any descriptor
 * @win: the window
 * @len: bytes of its memory, a power of two
 * @nr_vectors: 1 to HOSTD_VECTORS_MAX
 */
void hostd_carrier_init(struct hostd_carrier *win, uint64_t len, unsigned int nr_vectors);

/**
 * hostd_carrier_alloc - make memory and eventfds of a window
 * @win: gets them
 * @len: bytes of its memory, a power of two
 * @nr_vectors: 1 to HOSTD_VECTORS_MAX
 *
 * Return: 0 or -errno; @win is then empty.
 */
int hostd_carrier_alloc(struct hostd_carrier *win, uint64_t len, unsigned int nr_vectors);

/**
 * hostd_carrier_fence - see that no process of another life has the window
 * @win: a window
 *
 * Return: a descriptor that has the memory's lock for as long as a copy of it is open; -EAGAIN if
 * another life's processes have it; another -errno.
 */
int hostd_carrier_fence(const struct hostd_carrier *win);

/**
 * hostd_carrier_free - close them
 * @win: a window; may be empty
 */
void hostd_carrier_free(struct hostd_carrier *win);

#endif /* HOSTD_CARRIER_H */

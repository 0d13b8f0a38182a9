/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ivshmem server: gives the window to one QEMU.
 */
#ifndef HOSTD_IVSHMEM_H
#define HOSTD_IVSHMEM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "broker/listener.h"
#include "lib/log.h"
#include "lib/loop.h"

struct hostd_broker;

/**
 * struct hostd_qemu - the ivshmem server
 * @listener: the socket that QEMU connects to
 * @conn: the QEMU that has the window
 * @pid: its process
 * @step: next message of the handshake
 * @since_ms: when it connected
 * @short_visits: QEMUs in a row that left within a second
 * @refused: the last connections that were refused, newest first, kept open until their QEMU leaves
 * @refusals: limit of their lines
 * @renew: tries again to make the next window
 * @renewing: that failed
 */
struct hostd_qemu {
	struct hostd_listener listener;
	struct hostd_source conn;
	pid_t pid;
	unsigned int step;
	uint64_t since_ms;
	unsigned int short_visits;
	struct hostd_refused *refused;
	struct hostd_limit refusals;
	struct hostd_timer renew;
	bool renewing;
};

/**
 * hostd_qemu_start - listen for QEMU
 * @b: the broker, with a window
 *
 * Return: 0 or -errno.
 */
int hostd_qemu_start(struct hostd_broker *b);

/**
 * hostd_qemu_stop - close listener and connections
 * @b: the broker
 */
void hostd_qemu_stop(struct hostd_broker *b);

#endif /* HOSTD_IVSHMEM_H */

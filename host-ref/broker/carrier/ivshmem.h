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
#include "lib/log/log.h"
#include "lib/loop.h"

/* The socket, in the run directory. */
#define HOSTD_IVSHMEM_SOCK	"ivshmem.sock"
/* The name under which a service manager keeps the descriptors of the window. */
#define HOSTD_STORED_NAME	"pvkit-window"

struct hostd_broker;
struct json_object;

/**
 * struct hostd_qemu - the ivshmem server
 * @listener: the socket that QEMU connects to
 * @conn: the QEMU that has the window
 * @pid: its process
 * @born: when that was started, which tells it from a later one of that number
 * @adopted: @conn is a descriptor of that process: the connection was that of a broker before this one
 * @step: next message of the handshake
 * @has_window: that is over
 * @since_ms: when it connected
 * @short_visits: QEMUs in a row that left within a second
 * @refused: the last connections that were refused, newest first, kept open until their QEMU leaves
 * @refusals: limit of their lines
 * @renew: tries again to make the next window, or to give this one
 * @renewing: the first failed
 * @stalled: the second failed
 */
struct hostd_qemu {
	struct hostd_listener listener;
	struct hostd_source conn;
	pid_t pid;
	uint64_t born;
	bool adopted;
	unsigned int step;
	bool has_window;
	uint64_t since_ms;
	unsigned int short_visits;
	struct hostd_refused *refused;
	struct hostd_limit refusals;
	struct hostd_timer renew;
	bool renewing;
	bool stalled;
};

/**
 * hostd_qemu_start - listen for QEMU
 * @b: the broker
 * @fd: listening socket that a broker before this one had; -1: none
 *
 * Return: 0 or -errno.
 */
int hostd_qemu_start(struct hostd_broker *b, int fd);

/**
 * hostd_qemu_resume - go on with a QEMU that a broker before this one had
 * @b: the broker, with that QEMU's window, and started
 * @fd: its connection, or a descriptor of its process; @b's, if this works
 * @qemu: the state's part about it
 * @adopted: it is a descriptor of its process
 *
 * Return: 0 or -errno.
 */
int hostd_qemu_resume(struct hostd_broker *b, int fd, struct json_object *qemu, bool adopted);

/**
 * hostd_qemu_lack_window - the host refuses the window for the next QEMU, which waits until there is one
 * @b: the broker, started; if it has no window at all, its workers wait, too
 * @err: -errno
 */
void hostd_qemu_lack_window(struct hostd_broker *b, int err);

/**
 * hostd_qemu_keep - let a broker that comes after this one find the window, whatever becomes of this one
 * @b: the broker, whose window QEMU has
 */
void hostd_qemu_keep(struct hostd_broker *b);

/**
 * hostd_qemu_is_there - is there a QEMU that has the window
 * @b: the broker
 *
 * Return: false also if it has left, and that has not been noticed yet.
 */
bool hostd_qemu_is_there(const struct hostd_broker *b);

/**
 * hostd_qemu_drop_refused - close the connections that were refused
 * @b: the broker
 */
void hostd_qemu_drop_refused(struct hostd_broker *b);

/**
 * hostd_qemu_stop - close listener and connections
 * @b: the broker
 */
void hostd_qemu_stop(struct hostd_broker *b);

#endif /* HOSTD_IVSHMEM_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A disk's link to its NBD server: the connection, and requests on their way.
 *
 * A request is in one of three places: it waits to be sent, libnbd has it, or it has come back. What had
 * been sent when a connection ends comes back as lost, and is sent again on the next one.
 */
#ifndef HOSTD_NBD_LINK_H
#define HOSTD_NBD_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "backend/backend.h"

struct nbd_handle;

/* Of what the log says of a connection. */
#define HOSTD_NBD_WHY_LEN	160

/**
 * struct hostd_nbd_list - requests, oldest first
 * @first: the oldest; NULL: none
 * @tail: where the next one is linked
 */
struct hostd_nbd_list {
	struct hostd_io *first;
	struct hostd_io **tail;
};

/**
 * struct hostd_nbd_link - a link
 * @engine: its engine
 * @next: next link of the engine
 * @name: of the device, for messages
 * @export: what it is called at the server
 * @size: bytes that the guest was told
 * @block: unit of the disk's I/O, in bytes
 * @max_io: most bytes of a read or write
 * @ro: it is only read
 * @line: where connections come from
 * @h: the connection; NULL: none
 * @fd: its socket, a descriptor of the link's own: libnbd closes the one that it has when it likes, and others
 *	have it, too, so that it would still be waited for
 * @watched: EPOLL* bits that are waited for
 * @ready: it is negotiated and checked
 * @flush: the server has a FLUSH
 * @fua: it can make single writes durable
 * @zero: it can zero
 * @trim: it can free
 * @waiting: requests to be sent
 * @returned: requests that have come back
 * @nr_connections: connections that became ready
 * @nr_unflushed: writes since the last FLUSH; a server that dies may take them with it
 * @is_missed: the log says that there is no connection
 * @lie: what was wrong with the last one that was not used, as the log says; "": there was none
 */
struct hostd_nbd_link {
	struct hostd_engine *engine;
	struct hostd_nbd_link *next;
	char name[32];
	char *export;
	uint64_t size;
	uint32_t block;
	uint32_t max_io;
	bool ro;
	int line;
	struct nbd_handle *h;
	int fd;
	uint32_t watched;
	bool ready;
	bool flush;
	bool fua;
	bool zero;
	bool trim;
	struct hostd_nbd_list waiting;
	struct hostd_nbd_list returned;
	uint64_t nr_connections;
	uint64_t nr_unflushed;
	bool is_missed;
	char lie[HOSTD_NBD_WHY_LEN];
};

static inline void hostd_nbd_put(struct hostd_nbd_list *list, struct hostd_io *io)
{
	io->next = NULL;
	*list->tail = io;
	list->tail = &io->next;
}

static inline struct hostd_io *hostd_nbd_take(struct hostd_nbd_list *list)
{
	struct hostd_io *io = list->first;

	if (!io)
		return NULL;
	list->first = io->next;
	if (!list->first)
		list->tail = &list->first;
	return io;
}

/* request.c */

/**
 * hostd_nbd_send - send the next step of a request
 * @link: a link that is ready
 * @io: the request
 *
 * It comes back, maybe at once, in @link->returned. The connection may have ended afterwards.
 */
void hostd_nbd_send(struct hostd_nbd_link *link, struct hostd_io *io);

/**
 * hostd_nbd_take_result - see what a request that has come back needs
 * @link: the link
 * @io: the request
 *
 * Return: true if it is done, false if it is to be sent (again).
 */
bool hostd_nbd_take_result(struct hostd_nbd_link *link, struct hostd_io *io);

/* link.c */

/**
 * hostd_nbd_attach - take what has come by the line
 * @link: the link
 */
void hostd_nbd_attach(struct hostd_nbd_link *link);

/**
 * hostd_nbd_step - go on with a connection
 * @link: a link with a connection
 * @events: EPOLL* bits of its socket
 */
void hostd_nbd_step(struct hostd_nbd_link *link, uint32_t events);

/**
 * hostd_nbd_flush_out - send what waits, as far as there is a connection for it
 * @link: the link
 */
void hostd_nbd_flush_out(struct hostd_nbd_link *link);

/**
 * hostd_nbd_drop - end a connection without waiting for what it had; all that comes back
 * @link: the link
 *
 * Another one is asked for.
 */
void hostd_nbd_drop(struct hostd_nbd_link *link);

#endif /* HOSTD_NBD_LINK_H */

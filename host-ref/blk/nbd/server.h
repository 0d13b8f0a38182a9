/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The NBD server of a disk, as the broker sees it.
 */
#ifndef HOSTD_BLK_NBD_SERVER_H
#define HOSTD_BLK_NBD_SERVER_H

#include "blk/nbd/connect.h"
#include "broker/line.h"

/**
 * struct hostd_nbd_server - a server
 * @uri: where it is
 * @job: for errands
 * @line: of the worker
 */
struct hostd_nbd_server {
	struct hostd_nbd_uri uri;
	struct hostd_nbd_job job;
	struct hostd_line line;
};

/**
 * hostd_nbd_server_init - prepare
 * @server: the server; all zero
 * @b: the broker
 * @id: name of the disk, which lives as long
 * @uri: where it is, which lives as long
 * @err: gets one line of HOSTD_ERROR_MAX when that fails
 *
 * hostd_line_exit() of its line ends all that was begun.
 *
 * Return: 0 or -EINVAL.
 */
int hostd_nbd_server_init(struct hostd_nbd_server *server, struct hostd_broker *b, const char *id,
			  const char *uri, char *err);

/**
 * hostd_nbd_server_ask - see what it says
 * @server: the server
 * @told: gets a struct hostd_nbd_report
 * @owner: for @told
 * @err: gets one line of HOSTD_ERROR_MAX when that fails
 *
 * Return: as hostd_errand_start().
 */
int hostd_nbd_server_ask(struct hostd_nbd_server *server, hostd_errand_told told, void *owner, char *err);

/**
 * hostd_nbd_server_open - make a line for the next worker, and begin to connect
 * @server: the server
 * @err: gets one line of HOSTD_ERROR_MAX when that fails
 *
 * Return: a socket with the worker's end of it (lib/parcel.h), or -errno.
 */
int hostd_nbd_server_open(struct hostd_nbd_server *server, char *err);

#endif /* HOSTD_BLK_NBD_SERVER_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Connections to an NBD server, made in processes that may hang.
 */
#ifndef HOSTD_BLK_NBD_CONNECT_H
#define HOSTD_BLK_NBD_CONNECT_H

#include "blk/nbd/look.h"
#include "blk/nbd/uri.h"
#include "broker/errand/errand.h"

/**
 * struct hostd_nbd_job - what to connect to
 * @uri: the server
 * @last: points to the last connection to it, which ends before there is another; -1: none
 */
struct hostd_nbd_job {
	const struct hostd_nbd_uri *uri;
	const int *last;
};

/**
 * struct hostd_nbd_report - what came of looking
 * @head: did it work
 * @facts: what the server says
 */
struct hostd_nbd_report {
	struct hostd_errand_report head;
	struct hostd_nbd_facts facts;
};

/**
 * hostd_nbd_connect - hostd_line_spec.work: make a connection for a worker
 * @job: a struct hostd_nbd_job
 * @sock: gets the report, and the connection
 */
void hostd_nbd_connect(const void *job, int sock);

/**
 * hostd_nbd_ask - hostd_errand_op.work: see what the server says
 * @job: a struct hostd_nbd_job
 * @sock: gets a struct hostd_nbd_report
 */
void hostd_nbd_ask(const void *job, int sock);

#endif /* HOSTD_BLK_NBD_CONNECT_H */

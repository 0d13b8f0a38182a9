// SPDX-License-Identifier: GPL-2.0-only
/*
 * The NBD server of a disk: what it says is asked for each life, and the worker gets connections by a line.
 */
#include "blk/nbd/server.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/parcel.h"

#define SUSPECT		"its server does not answer"

_Static_assert(sizeof(struct hostd_nbd_report) <= HOSTD_ERRAND_REPORT_MAX, "it is a report");

int hostd_nbd_server_init(struct hostd_nbd_server *server, struct hostd_broker *b, const char *id,
			  const char *uri, char *err)
{
	const struct hostd_line_spec line = {
		.id = id, .lacks = "no server", .shown = uri, .suspect = SUSPECT,
		.work = hostd_nbd_connect, .job = &server->job, .nr_fds = 1, .keeps = true, .twice = true,
	};
	int ret = hostd_nbd_uri_parse(uri, &server->uri, err);

	if (ret)
		return ret;
	server->job = (struct hostd_nbd_job) { .uri = &server->uri, .last = &server->line.last };
	hostd_line_init(&server->line, b, &line);
	return 0;
}

int hostd_nbd_server_ask(struct hostd_nbd_server *server, hostd_errand_told told, void *owner, char *err)
{
	const struct hostd_errand_op op = {
		.work = hostd_nbd_ask, .job = &server->job, .report_len = sizeof(struct hostd_nbd_report),
		.keep_fd = server->line.last, .doing = "asking", .shown = server->line.spec.shown,
		.suspect = SUSPECT, .told = told, .owner = owner,
	};

	return hostd_errand_start(server->line.b, &op, err);
}

int hostd_nbd_server_open(struct hostd_nbd_server *server, char *err)
{
	int line = hostd_line_open(&server->line, NULL, NULL, err), parcel;

	if (line < 0)
		return line;
	parcel = hostd_parcel_wrap(line);
	close(line);
	if (parcel < 0)
		snprintf(err, HOSTD_ERROR_MAX, "no connection to the worker: %s", strerror(-parcel));
	return parcel;
}

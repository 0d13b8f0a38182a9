/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lines: how a worker gets connections, now and whenever it has lost one.
 *
 * The worker has one end of a socket, the *line*. There it finds a connected descriptor, and there it says
 * that it has lost that. Errands connect, because that may wait. Each worker, and each new connection,
 * begins anew.
 */
#ifndef HOSTD_LINE_H
#define HOSTD_LINE_H

#include <stdbool.h>

#include "broker/errand/errand.h"
#include "lib/loop.h"
#include "lib/util.h"

struct hostd_broker;

/**
 * struct hostd_line_spec - whom a line connects to
 * @id: name of the device, for messages
 * @lacks: what that has not while there is no connection, as "no link"; NULL: that is nobody's concern
 * @shown: what it connects to, for messages
 * @suspect: what is to blame if that hangs
 * @work: hostd_errand_op.work: connects; its report is a struct hostd_errand_report, with the connection; its
 *	text, if there is no error, is what the operator should know. An error that comes with a descriptor says
 *	that the other end is not there yet: that is no reason to refuse anything
 * @job: for @work
 * @nr_fds: descriptors that come with a report at most: the connection, and one that goes to the worker with it
 * @keeps: this side keeps each connection, and @work of the next one gets it (hostd_errand_op.keep_fd):
 *	so the end of what was sent can be waited for, though who sent it has died; or it is connected anew
 * @twice: the worker gets the connection twice: whatever a library does with the one, the other is there to stop
 *	waiting for it
 *
 * All texts, and @job, live as long as the line.
 */
struct hostd_line_spec {
	const char *id;
	const char *lacks;
	const char *shown;
	const char *suspect;
	void (*work)(const void *job, int sock);
	const void *job;
	unsigned int nr_fds;
	bool keeps;
	bool twice;
};

/**
 * struct hostd_line - a line
 * @b: the broker; NULL: it was not made
 * @spec: as given
 * @end: this end of it
 * @retry: due when to try again
 * @pause_ms: before the next attempt
 * @connected_ms: when the last connection was made
 * @nr_short: connections in a row that did not last
 * @told: called with the result of the first attempt; NULL: nobody waits
 * @owner: for @told
 * @is_missed: the log says that there is no connection
 * @last: the last connection, if it keeps that; -1: none
 */
struct hostd_line {
	struct hostd_broker *b;
	struct hostd_line_spec spec;
	struct hostd_source end;
	struct hostd_timer retry;
	unsigned int pause_ms;
	uint64_t connected_ms;
	unsigned int nr_short;
	void (*told)(void *owner, const char *error);
	void *owner;
	bool is_missed;
	int last;
};

/**
 * hostd_line_init - prepare
 * @line: the line
 * @b: the broker
 * @spec: whom to connect to
 */
void hostd_line_init(struct hostd_line *line, struct hostd_broker *b, const struct hostd_line_spec *spec);

/**
 * hostd_line_exit - end all that was begun
 * @line: the line; also one that is all zero
 */
void hostd_line_exit(struct hostd_line *line);

/**
 * hostd_line_open - make one for the next worker, and begin to connect
 * @line: the line
 * @told: gets the reason why the first attempt failed, in one line, or NULL, from the loop; else
 *	it is tried until it succeeds. NULL: nobody wants to know
 * @owner: for @told
 * @err: gets one line of HOSTD_ERROR_MAX when that fails
 *
 * Return: the worker's end, or -errno.
 */
int hostd_line_open(struct hostd_line *line, void (*told)(void *owner, const char *error), void *owner,
		    char *err);

/**
 * hostd_line_close - hang up: there is no worker
 * @line: the line
 */
void hostd_line_close(struct hostd_line *line);

/**
 * hostd_line_forget - hang up, and keep no connection
 * @line: the line
 */
void hostd_line_forget(struct hostd_line *line);

#endif /* HOSTD_LINE_H */

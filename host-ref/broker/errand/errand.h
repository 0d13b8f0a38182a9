/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Errands: what may wait, done by a process for the broker, which waits for nothing.
 *
 * A file system or a server can hang whoever calls it. So for each such job the broker forks, and
 * what hangs is that process: it is given up after a while, and stays until the kernel lets it die.
 */
#ifndef HOSTD_ERRAND_H
#define HOSTD_ERRAND_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/util.h"

#define HOSTD_ERRAND_FDS	2	/* most descriptors of a report */
#define HOSTD_ERRAND_REPORT_MAX	1024	/* bytes of a report */

struct hostd_broker;
struct json_object;

/**
 * struct hostd_errand_report - what came of an errand; the head of what a kind of errands tells
 * @error: 0 or -errno
 * @waiting: somebody else has what it wants: another report follows
 * @text: why, in one line
 */
struct hostd_errand_report {
	int error;
	bool waiting;
	char text[HOSTD_ERROR_MAX];
};

/**
 * typedef hostd_errand_told - an errand has a report
 * @owner: as given with the errand
 * @report: what came of it; beyond its head all zero, if the errand has not sent it
 * @fds: HOSTD_ERRAND_FDS descriptors, the callee's; -1: none
 *
 * Called once, but of an errand that waits before that any number of times with @report->waiting and no
 * descriptors. What has dealt with others may say anything beyond the head; the text can be printed.
 */
typedef void (*hostd_errand_told)(void *owner, const struct hostd_errand_report *report, int *fds);

/**
 * struct hostd_errand_op - an errand
 * @work: does it, in a process of its own; sends reports to @sock. When this has returned, and @told too,
 *	the process ends: it is the last that closes what it has
 * @job: for @work; need not live longer than the call that starts it
 * @report_len: bytes of a report
 * @nr_fds: most descriptors that come with a report, at most HOSTD_ERRAND_FDS; a report with more is none
 * @keep_fd: the only descriptor that the process keeps beside @sock; -1: none
 * @doing: what it does, for messages, as "opening"
 * @shown: to what
 * @suspect: what is to blame if it hangs, as "its device does not answer"
 * @kind: there is one errand of a kind for each owner at a time
 * @waits: it may report that it waits for somebody, and then has no deadline
 * @aloof: it touches nothing that may hang another one of the same owner's
 * @alien: it has what others have sent: such, and those that are nobody's, have a bound of their own
 * @told: called later, from the loop; NULL: nobody wants to know, and it has no deadline
 * @owner: for @told; NULL: nobody's
 */
struct hostd_errand_op {
	void (*work)(const void *job, int sock);
	const void *job;
	size_t report_len;
	unsigned int nr_fds;
	int keep_fd;
	const char *doing;
	const char *shown;
	const char *suspect;
	unsigned int kind;
	bool waits;
	bool aloof;
	bool alien;
	hostd_errand_told told;
	void *owner;
};

/**
 * hostd_errands_init - prepare
 * @b: the broker
 * @kept: what the broker that has become this one had not reaped, as hostd_errands_save() said; NULL: nothing. It
 *	counts among those that hang until it ends
 */
void hostd_errands_init(struct hostd_broker *b, struct json_object *kept);

/**
 * hostd_errands_save - say which have not been reaped
 * @b: the broker
 *
 * Return: their processes, and what each counts as.
 */
struct json_object *hostd_errands_save(const struct hostd_broker *b);

/**
 * hostd_errand_start - start a process
 * @b: the broker
 * @op: what for; is copied
 * @err: gets one line of HOSTD_ERROR_MAX when that fails
 *
 * It has some seconds. Then @op->told gets an error, and the process is left to itself: if it hangs
 * in the kernel, it ends when that lets it.
 *
 * Return: 0; -EINPROGRESS if there is such a process for the owner already, which then tells;
 * -EBUSY if one of the owner's hangs, or too many of its kind do; another -errno.
 */
int hostd_errand_start(struct hostd_broker *b, const struct hostd_errand_op *op, char *err);

/**
 * hostd_errand_fail - fill the report of a failure, in the process of the errand
 * @report: the report
 * @error: -errno
 * @fmt: printf format of one line: what is wrong and what to do
 *
 * Return: @error.
 */
int hostd_errand_fail(struct hostd_errand_report *report, int error, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * hostd_errands_cancel - end the errands of an owner; nothing is told
 * @b: the broker
 * @owner: as given with them
 */
void hostd_errands_cancel(struct hostd_broker *b, const void *owner);

/**
 * hostd_errands_reap - reap those that have died, on SIGCHLD
 * @b: the broker
 */
void hostd_errands_reap(struct hostd_broker *b);

/**
 * hostd_errands_kill - end all but those that are nobody's
 * @b: the broker
 *
 * Who waits for one hears of its death when it is reaped.
 */
void hostd_errands_kill(struct hostd_broker *b);

/**
 * hostd_errands_free - forget them, at the end of the broker; nobody's go on, the others are killed
 * @b: the broker
 */
void hostd_errands_free(struct hostd_broker *b);

#endif /* HOSTD_ERRAND_H */

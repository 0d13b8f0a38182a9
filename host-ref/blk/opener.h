/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Processes that do something to an image for the broker, which waits for none of them.
 */
#ifndef HOSTD_OPENER_H
#define HOSTD_OPENER_H

#include "blk/image.h"

struct hostd_broker;

/**
 * typedef hostd_opener_told - a job has a report
 * @owner: as given with the job
 * @report: what came of it
 * @parcel: a socket with the image in it, the callee's; -1: none
 * @hold: an O_PATH descriptor of the image, the callee's; -1: none
 *
 * Called once, but before that any number of times with @report->waiting.
 */
typedef void (*hostd_opener_told)(void *owner, const struct hostd_image_report *report, int parcel,
				  int hold);

/**
 * hostd_opener_init - prepare
 * @b: the broker
 */
void hostd_opener_init(struct hostd_broker *b);

/**
 * hostd_opener_start - start a process for a job
 * @b: the broker
 * @job: the job; is copied, and its texts need not live longer than this call
 * @told: called later, from the loop; NULL: nobody wants to know
 * @owner: for @told; there is one job of a kind for each at a time
 * @err: gets one line of HOSTD_ERROR_MAX when that fails
 *
 * It has some seconds. Then @told gets an error, and the process is left to itself: if it hangs in
 * the kernel, it ends when that lets it.
 *
 * Return: 0; -EINPROGRESS if there is such a process for @owner already, which then tells;
 * -EBUSY if one of @owner's hangs; another -errno.
 */
int hostd_opener_start(struct hostd_broker *b, const struct hostd_image_job *job,
		       hostd_opener_told told, void *owner, char *err);

/**
 * hostd_opener_cancel - end the jobs of an owner; nothing is told
 * @b: the broker
 * @owner: as given with them
 */
void hostd_opener_cancel(struct hostd_broker *b, const void *owner);

/**
 * hostd_opener_let_go - close a descriptor that may be the last of an image
 * @b: the broker
 * @fd: the descriptor; -1: nothing happens
 *
 * The last that closes an image waits for its file system: that shall be another process.
 */
void hostd_opener_let_go(struct hostd_broker *b, int fd);

/**
 * hostd_openers_reap - reap those that have died, on SIGCHLD
 * @b: the broker
 */
void hostd_openers_reap(struct hostd_broker *b);

/**
 * hostd_openers_free - kill and forget them, at the end of the broker
 * @b: the broker
 */
void hostd_openers_free(struct hostd_broker *b);

#endif /* HOSTD_OPENER_H */

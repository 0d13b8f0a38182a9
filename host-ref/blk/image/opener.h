/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is done to the image of a disk, as errands of the broker's.
 */
#ifndef HOSTD_OPENER_H
#define HOSTD_OPENER_H

#include "blk/image/image.h"
#include "broker/errand/errand.h"

struct hostd_broker;

/**
 * hostd_opener_start - start an errand for a job
 * @b: the broker
 * @job: the job; need not live longer than this call
 * @told: gets a struct hostd_image_report and the descriptors that come with it
 * @owner: for @told; there is one job of a kind for each at a time
 * @err: gets one line of HOSTD_ERROR_MAX when that fails
 *
 * Return: as hostd_errand_start().
 */
int hostd_opener_start(struct hostd_broker *b, const struct hostd_image_job *job,
		       hostd_errand_told told, void *owner, char *err);

/**
 * hostd_opener_let_go - close a descriptor that may be the last of an image
 * @b: the broker
 * @fd: the descriptor; -1: nothing happens
 *
 * The last that closes an image waits for its file system: that shall be another process.
 */
void hostd_opener_let_go(struct hostd_broker *b, int fd);

#endif /* HOSTD_OPENER_H */

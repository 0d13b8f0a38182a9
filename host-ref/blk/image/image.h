/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Images: what is done to them, in processes that may hang with their file systems.
 *
 * Nothing here runs in the broker, whose thread waits for no file system: each job is an errand.
 */
#ifndef HOSTD_IMAGE_H
#define HOSTD_IMAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "backend/engine.h"
#include "broker/errand/errand.h"

/* What a process is started for. */
enum hostd_image_task {
	HOSTD_IMAGE_OPEN,	/* open, lock, look at it, hand it on */
	HOSTD_IMAGE_LOOK,	/* see what its path names by now */
	HOSTD_IMAGE_RESIZE,	/* make it large enough */
};

/**
 * struct hostd_image_id - which file or device an image is
 * @known: the rest is valid
 * @dev: file system
 * @ino: inode
 * @rdev: block device
 * @diskseq: number of that device among all since the boot; 0: not known
 * @born_ns: time of birth; 0: not known
 */
struct hostd_image_id {
	bool known;
	dev_t dev;
	ino_t ino;
	dev_t rdev;
	uint64_t diskseq;
	int64_t born_ns;
};

/**
 * struct hostd_image_job - what to do
 * @task: that
 * @path: of the image
 * @shown: the same, for messages
 * @hold: descriptor of the image that reaches it whatever @path names; -1: look @path up
 * @id: of the image that was served before; unknown: this is the first time
 * @same: what @path names must be that one
 * @ro: for reading only
 * @direct: bypass the page cache
 * @raw: the operator says that it is a raw image
 * @wait: as long as somebody else has it locked, wait
 * @size: for RESIZE: bytes
 */
struct hostd_image_job {
	enum hostd_image_task task;
	const char *path;
	const char *shown;
	int hold;
	struct hostd_image_id id;
	bool same;
	bool ro;
	bool direct;
	bool raw;
	bool wait;
	uint64_t size;
};

/**
 * struct hostd_image_report - what came of it
 * @head: did it work; it waits while somebody else has the image locked
 * @id: of the image
 * @size: bytes
 * @medium: what it is and can do
 * @is_other: its path names something else by now
 * @is_gone: its path names nothing by now
 * @is_deleted: no path names it any more
 */
struct hostd_image_report {
	struct hostd_errand_report head;
	struct hostd_image_id id;
	uint64_t size;
	struct hostd_medium medium;
	bool is_other;
	bool is_gone;
	bool is_deleted;
};

/* What a report brings along, in this order. */
enum {
	HOSTD_IMAGE_PARCEL,	/* a socket in which the opened image waits */
	HOSTD_IMAGE_HOLD,	/* an O_PATH descriptor of the image */
	HOSTD_IMAGE_FDS,
};

/* image.c */

/**
 * hostd_image_work - do a job
 * @job: the job
 * @sock: gets reports; when the other end has been closed, so may everything else be
 *
 * Context: a process of its own, which ends when this returns.
 */
void hostd_image_work(const struct hostd_image_job *job, int sock);

/* lock.c */

/**
 * hostd_image_lock - take the lock that fences off the last life, and others
 * @fd: the image
 * @ro: shared, not exclusive
 *
 * The first 100 bytes are locked for other disks, and single bytes after that as QEMU does it.
 *
 * Return: 0; -EAGAIN if somebody else has it, and then nothing is locked; another -errno.
 */
int hostd_image_lock(int fd, bool ro);

/**
 * hostd_image_lock_size - keep others from taking an image while it is made larger
 * @fd: the image, open for writing
 *
 * To set a size may hang, and then happen late, when somebody has written beyond it.
 *
 * Return: 0; -EAGAIN if somebody makes it larger; another -errno.
 */
int hostd_image_lock_size(int fd);

/**
 * hostd_image_find_user - see whether the host itself uses an image
 * @job: the job
 * @fd: O_PATH descriptor of the image
 * @report: says who, in one line
 *
 * Return: 0 or -EBUSY.
 */
int hostd_image_find_user(const struct hostd_image_job *job, int fd,
			  struct hostd_image_report *report);

/* probe.c */

/**
 * hostd_image_probe - find out what a medium can do
 * @job: the job
 * @fd: the image
 * @report: gets size and medium, or says what is wrong
 *
 * Return: 0 or -errno.
 */
int hostd_image_probe(const struct hostd_image_job *job, int fd,
		      struct hostd_image_report *report);

/**
 * hostd_image_look - see whether the content is raw
 * @job: the job
 * @fd: the image
 * @report: gets the size before; says what else it is
 *
 * Return: 0 or -EINVAL.
 */
int hostd_image_look(const struct hostd_image_job *job, int fd, struct hostd_image_report *report);

#endif /* HOSTD_IMAGE_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The threads of a file: they make the calls that may wait, for that file and no other.
 */
#ifndef HOSTD_CREW_H
#define HOSTD_CREW_H

#include <stdbool.h>

struct hostd_crew;
struct hostd_io;

/**
 * struct hostd_outbox - requests whose call has returned, from any thread to the loop
 * @first: the latest one; taken as a whole, without a lock
 * @wake_fd: eventfd, written when it was empty
 */
struct hostd_outbox {
	struct hostd_io *first;
	int wake_fd;
};

/**
 * hostd_outbox_put - give a request back to the loop
 * @box: the outbox
 * @io: the request; its @called is the result
 *
 * Context: any thread; the request is the loop's afterwards.
 */
void hostd_outbox_put(struct hostd_outbox *box, struct hostd_io *io);

/**
 * hostd_outbox_take - take what has been given back
 * @box: the outbox
 *
 * Return: the requests, linked by @next, in no order; NULL: none.
 */
struct hostd_io *hostd_outbox_take(struct hostd_outbox *box);

/**
 * hostd_crew_alloc - make a crew, without threads yet
 * @box: where results go
 *
 * Return: the crew; NULL without memory.
 */
struct hostd_crew *hostd_crew_alloc(struct hostd_outbox *box);

/**
 * hostd_crew_queue - have a request's @call made
 * @crew: the crew; gets another thread if all are busy
 * @io: the request
 *
 * Context: the loop.
 * Return: 0; -errno if there is no thread, and none can be had.
 */
int hostd_crew_queue(struct hostd_crew *crew, struct hostd_io *io);

/**
 * hostd_crew_free - end the threads, and free
 * @crew: the crew, which has nothing to do
 */
void hostd_crew_free(struct hostd_crew *crew);

/**
 * hostd_io_call - make the call in @io->call
 * @io: the request
 *
 * Return: bytes, 0 or -errno.
 */
long hostd_io_call(const struct hostd_io *io);

#endif /* HOSTD_CREW_H */

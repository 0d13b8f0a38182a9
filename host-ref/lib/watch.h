/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Descriptors that a loop waits for: by epoll, and, what that does not take, by poll.
 *
 * The host may allow no watches any more (fs.epoll.max_user_watches), no memory for one, or no epoll at all.
 */
#ifndef HOSTD_WATCH_H
#define HOSTD_WATCH_H

#include <poll.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <time.h>

/**
 * struct hostd_watches - what is waited for
 * @epoll_fd: what epoll has taken; -1: the host allows no epoll
 * @fds: for poll(): epoll itself, and then what it has not taken
 * @data: of each of them
 * @nr: their number
 * @next: which of them has its turn first
 * @refused: why epoll has not taken one: -errno; 0: it has taken all so far
 */
struct hostd_watches {
	int epoll_fd;
	struct pollfd *fds;
	epoll_data_t *data;
	unsigned int nr;
	unsigned int next;
	int refused;
};

/**
 * hostd_watches_init - wait for nothing yet
 * @w: the watches
 *
 * Return: 0 or -ENOMEM.
 */
int hostd_watches_init(struct hostd_watches *w);

/**
 * hostd_watches_exit - forget them
 * @w: the watches, also where hostd_watches_init() has failed
 */
void hostd_watches_exit(struct hostd_watches *w);

/**
 * hostd_watches_set - wait for a descriptor
 * @w: the watches
 * @fd: the descriptor; hostd_watches_del() it before it is closed
 * @events: EPOLL* bits, in the place of those before; with EPOLLET only epoll can wait for it
 * @data: comes with its events
 *
 * Return: 0 or -errno.
 */
int hostd_watches_set(struct hostd_watches *w, int fd, uint32_t events, epoll_data_t data);

/**
 * hostd_watches_del - wait for it no longer
 * @w: the watches
 * @fd: the descriptor
 *
 * Return: 0; -ENOENT if it was not waited for.
 */
int hostd_watches_del(struct hostd_watches *w, int fd);

/**
 * hostd_watches_sleep - sleep until one may be ready
 * @w: the watches
 * @timeout: for how long at most; NULL: as long as it takes
 *
 * Return: 0 after that time, or sooner; 1 if one may be ready; -errno: -EINTR after a signal.
 */
int hostd_watches_sleep(struct hostd_watches *w, const struct timespec *timeout);

/**
 * hostd_watches_take - what is ready, without waiting
 * @w: the watches
 * @events: gets descriptors with their EPOLL* bits; of what is ready for long all have their turn
 * @max: room of it
 *
 * Return: their number or -errno.
 */
int hostd_watches_take(struct hostd_watches *w, struct epoll_event *events, int max);

/**
 * hostd_watches_wait - what is ready, now or in a while
 * @w: the watches, none of which has EPOLLET
 * @events: as hostd_watches_take() has it
 * @max: room of it
 * @timeout_ms: for how long to sleep at most if nothing is ready; -1: as long as it takes
 *
 * Return: their number or -errno.
 */
int hostd_watches_wait(struct hostd_watches *w, struct epoll_event *events, int max, int timeout_ms);

#endif /* HOSTD_WATCH_H */

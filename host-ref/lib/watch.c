// SPDX-License-Identifier: GPL-2.0-only
/*
 * Descriptors that a loop waits for: by epoll, and, what that does not take, by poll.
 */
#include "lib/watch.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

/* Where poll() may not have as many as there are: how long to sleep between two looks. */
#define NAP_NS	1000000

int hostd_watches_init(struct hostd_watches *w)
{
	*w = (struct hostd_watches) { .epoll_fd = epoll_create1(EPOLL_CLOEXEC), .nr = 1 };
	if (w->epoll_fd < 0)
		w->refused = -errno;
	w->fds = malloc(sizeof(*w->fds));
	w->data = malloc(sizeof(*w->data));
	if (!w->fds || !w->data) {
		hostd_watches_exit(w);
		return -ENOMEM;
	}
	/* poll() does not look at a negative one. */
	w->fds[0] = (struct pollfd) { .fd = w->epoll_fd, .events = POLLIN };
	return 0;
}

void hostd_watches_exit(struct hostd_watches *w)
{
	if (w->epoll_fd >= 0)
		close(w->epoll_fd);
	free(w->fds);
	free(w->data);
	*w = (struct hostd_watches) { .epoll_fd = -1 };
}

/* Its place among those that epoll has not taken; 0: it is none of them. */
static unsigned int find(const struct hostd_watches *w, int fd)
{
	unsigned int i;

	for (i = w->nr; i-- > 1;)
		if (w->fds[i].fd == fd)
			return i;
	return 0;
}

static int keep(struct hostd_watches *w, int fd, uint32_t events, epoll_data_t data)
{
	unsigned int i = find(w, fd);

	if (!i) {
		struct pollfd *fds = realloc(w->fds, (w->nr + 1) * sizeof(*fds));
		epoll_data_t *all = fds ? realloc(w->data, (w->nr + 1) * sizeof(*all)) : NULL;

		w->fds = fds ? fds : w->fds;
		if (!all)
			return -ENOMEM;
		w->data = all;
		i = w->nr++;
	}
	w->fds[i] = (struct pollfd) { .fd = fd, .events = events };
	w->data[i] = data;
	return 0;
}

int hostd_watches_set(struct hostd_watches *w, int fd, uint32_t events, epoll_data_t data)
{
	struct epoll_event ev = { .events = events, .data = data };
	int err;

	if (find(w, fd))
		return keep(w, fd, events, data);
	if (!epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, fd, &ev) ||
	    (errno == EEXIST && !epoll_ctl(w->epoll_fd, EPOLL_CTL_MOD, fd, &ev)))
		return 0;
	/* Without epoll: -1 is none. */
	err = errno == EBADF && w->epoll_fd < 0 ? w->refused : -errno;
	if (err == -EBADF || events & EPOLLET)
		return err;
	w->refused = err;
	return keep(w, fd, events, data);
}

int hostd_watches_del(struct hostd_watches *w, int fd)
{
	unsigned int i = find(w, fd);

	if (!i)
		return epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, fd, NULL) < 0 ? -ENOENT : 0;
	w->nr--;
	w->fds[i] = w->fds[w->nr];
	w->data[i] = w->data[w->nr];
	return 0;
}

int hostd_watches_sleep(struct hostd_watches *w, const struct timespec *timeout)
{
	const struct timespec nap = { .tv_nsec = NAP_NS };
	int nr = ppoll(w->fds, w->nr, timeout, NULL);

	/* The limit of descriptors is less than what is open. */
	if (nr < 0 && errno == EINVAL)
		nr = ppoll(NULL, 0, &nap, NULL) < 0 ? -1 : 1;
	return nr < 0 ? -errno : nr > 0;
}

static bool is_ready(struct pollfd *pfd)
{
	pfd->revents = 0;
	return poll(pfd, 1, 0) == 1 && !(pfd->revents & POLLNVAL);
}

int hostd_watches_take(struct hostd_watches *w, struct epoll_event *events, int max)
{
	unsigned int i, at;
	int nr = 0, some;

	for (i = 0; i < w->nr && nr < max; i++) {
		at = (w->next + i) % w->nr;
		if (at && is_ready(&w->fds[at])) {
			events[nr++] = (struct epoll_event) { .events = w->fds[at].revents, .data = w->data[at] };
		} else if (!at && w->epoll_fd >= 0) {
			some = epoll_wait(w->epoll_fd, events + nr, max - nr, 0);
			if (some < 0 && !nr)
				return -errno;
			nr += some > 0 ? some : 0;
		}
	}
	w->next = w->nr > 1 ? (w->next + i) % w->nr : 0;
	return nr;
}

int hostd_watches_wait(struct hostd_watches *w, struct epoll_event *events, int max, int timeout_ms)
{
	const struct timespec timeout = { timeout_ms / 1000, timeout_ms % 1000 * 1000000 };
	int nr;

	if (w->nr == 1 && w->epoll_fd >= 0) {
		nr = epoll_wait(w->epoll_fd, events, max, timeout_ms);
		return nr < 0 ? -errno : nr;
	}
	nr = hostd_watches_sleep(w, timeout_ms < 0 ? NULL : &timeout);
	return nr > 0 ? hostd_watches_take(w, events, max) : nr;
}

// SPDX-License-Identifier: GPL-2.0-only
/* The loops: streams, transactions, datagrams. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

#include "netload.h"

#define CHUNK		(128 << 10)	/* of a stream, at once */
#define BATCH		32		/* datagrams, at once */
#define TICK_NS		250000		/* a paced sender sends what is due, and sleeps */
#define LATE_NS		5000000		/* what is due for longer is not made up for */

static char chunk[CHUNK];
static volatile sig_atomic_t time_is_up;

static void on_alarm(int sig)
{
	(void)sig;
	time_is_up = 1;
}

static double now_secs(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* Repeats, so that a signal just before a blocking call is not the last one. */
static void start_timer(double secs)
{
	struct itimerval timer = { .it_interval.tv_usec = 100000 };
	struct sigaction action = { .sa_handler = on_alarm };

	timer.it_value.tv_sec = secs;
	timer.it_value.tv_usec = (secs - timer.it_value.tv_sec) * 1e6;
	time_is_up = 0;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}

static void stop_timer(void)
{
	const struct itimerval off = { };

	setitimer(ITIMER_REAL, &off, NULL);
}

static void poll_streams(struct pollfd *pfds, unsigned int n)
{
	int ready = poll(pfds, n, PATIENCE_MS);

	if (!ready)
		die(1, "the streams have stood still for %d s", PATIENCE_MS / 1000);
	if (ready < 0 && errno != EINTR)
		die(1, "poll: %s", strerror(errno));
	while (ready < 0 && n)
		pfds[--n].revents = 0;
}

void send_streams(const struct session *s)
{
	unsigned int n = s->job.nr_streams, i;
	struct pollfd pfds[MAX_STREAMS];

	for (i = 0; i < n; i++)
		pfds[i] = (struct pollfd){ .fd = s->fds[i], .events = POLLOUT };
	start_timer(s->job.secs);
	while (!time_is_up) {
		poll_streams(pfds, n);
		for (i = 0; i < n; i++) {
			if (pfds[i].revents && send(s->fds[i], chunk, CHUNK, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 &&
			    errno != EAGAIN && errno != EINTR)
				die(1, "a stream broke: %s", strerror(errno));
		}
	}
	stop_timer();
	for (i = 0; i < n; i++)
		shutdown(s->fds[i], SHUT_WR);
}

/* Until each has ended. */
struct count receive_streams(const struct session *s)
{
	unsigned int n = s->job.nr_streams, nr_open = n, i;
	struct pollfd pfds[MAX_STREAMS];
	struct count count = { };
	double first = 0;
	ssize_t len;

	for (i = 0; i < n; i++)
		pfds[i] = (struct pollfd){ .fd = s->fds[i], .events = POLLIN };
	while (nr_open) {
		poll_streams(pfds, n);
		if (!count.total)
			first = now_secs();
		for (i = 0; i < n; i++) {
			if (!pfds[i].revents)
				continue;
			len = recv(s->fds[i], chunk, CHUNK, MSG_DONTWAIT);
			if (len < 0 && errno != EAGAIN && errno != EINTR)
				die(1, "a stream broke: %s", strerror(errno));
			if (len > 0)
				count.total += len;
			if (len)
				continue;
			pfds[i].fd = -1;
			nr_open--;
		}
	}
	count.secs = now_secs() - first;
	return count;
}

/* transactions */

struct count run_requests(const struct session *s)
{
	struct count count = { };
	double start;
	char byte = 0;

	start_timer(s->job.secs);
	start = now_secs();
	while (!time_is_up) {
		if (send(s->fds[0], &byte, 1, MSG_NOSIGNAL) != 1)
			break;
		if (recv(s->fds[0], &byte, 1, 0) != 1)
			break;
		count.total++;
	}
	count.secs = now_secs() - start;
	if (!time_is_up)
		die(1, "transaction %llu: %s", (unsigned long long)count.total, strerror(errno));
	stop_timer();
	shutdown(s->fds[0], SHUT_WR);
	return count;
}

void answer_requests(const struct session *s)
{
	char byte;

	while (recv(s->fds[0], &byte, 1, 0) == 1) {
		if (send(s->fds[0], &byte, 1, MSG_NOSIGNAL) != 1)
			break;
	}
}

/* datagrams */

static void set_up_batch(struct mmsghdr *msgs, struct iovec *iovs, unsigned int size)
{
	unsigned int i;

	memset(msgs, 0, BATCH * sizeof(*msgs));
	for (i = 0; i < BATCH; i++) {
		iovs[i] = (struct iovec){ .iov_base = chunk + i * MAX_SIZE, .iov_len = size };
		msgs[i].msg_hdr.msg_iov = &iovs[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
}

/* Sleeps until something is due at this rate; how many are, BATCH at most. */
static unsigned int wait_due(unsigned int rate, double *origin, uint64_t sent)
{
	const struct timespec tick = { .tv_nsec = TICK_NS };
	double due, late = LATE_NS / 1e9 * rate;

	while (!time_is_up) {
		due = (now_secs() - *origin) * rate - sent;
		if (due > late) {
			*origin += (due - late) / rate;
			due = late;
		}
		if (due >= 1)
			return due < BATCH ? due : BATCH;
		nanosleep(&tick, NULL);
	}
	return 0;
}

uint64_t send_datagrams(const struct session *s)
{
	struct mmsghdr msgs[BATCH];
	struct iovec iovs[BATCH];
	unsigned int n = BATCH;
	uint64_t sent = 0;
	double origin;
	int done;

	set_up_batch(msgs, iovs, s->job.size);
	prctl(PR_SET_TIMERSLACK, 1UL);
	start_timer(s->job.secs);
	origin = now_secs();
	while (!time_is_up) {
		if (s->job.rate)
			n = wait_due(s->job.rate, &origin, sent);
		if (!n)
			break;
		done = sendmmsg(s->fds[0], msgs, n, MSG_NOSIGNAL);
		/* A full queue on the way is what the receiver's count is for. */
		if (done < 0 && errno != EINTR && errno != ENOBUFS && errno != ECONNREFUSED)
			die(1, "datagrams cannot be sent: %s", strerror(errno));
		if (done > 0)
			sent += done;
	}
	stop_timer();
	return sent;
}

/* Until the other end has told how many it has sent, and all of them are here or no more come. */
struct count receive_datagrams(const struct session *s, uint64_t *sent)
{
	struct count count = { };
	struct mmsghdr msgs[BATCH];
	struct iovec iovs[BATCH];
	double first = 0, last = 0;
	int n, i, quiet_ms = 0;

	set_up_batch(msgs, iovs, MAX_SIZE);
	while (quiet_ms < PATIENCE_MS) {
		n = recvmmsg(s->fds[0], msgs, BATCH, MSG_WAITFORONE, NULL);
		if (n < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNREFUSED)
			die(1, "datagrams cannot be received: %s", strerror(errno));
		if (n < 0 && wait_readable(s->control, 0)) {
			*sent = hear_number(s->control, "sent");
			count.secs = last - first;
			return count;
		}
		quiet_ms = n < 0 ? quiet_ms + QUIET_MS : 0;
		last = n > 0 ? now_secs() : last;
		if (!count.total)
			first = last;
		for (i = 0; i < n; i++)
			count.total += msgs[i].msg_len == s->job.size;
	}
	die(1, "no datagram for %d s", PATIENCE_MS / 1000);
}

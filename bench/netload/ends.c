// SPDX-License-Identifier: GPL-2.0-only
/* Both ends of a session: what the client asks for, what the server does. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "netload.h"

static bool is_udp(const struct job *job)
{
	return job->test == UDP_SEND || job->test == UDP_RECEIVE;
}

static bool job_is_valid(const struct job *job)
{
	return job->test < NR_TESTS && job->nr_streams >= 1 && job->nr_streams <= MAX_STREAMS &&
	       job->size >= MIN_SIZE && job->size <= MAX_SIZE && job->secs > 0 && job->secs <= 3600;
}

static struct sockaddr_in local_address(int fd)
{
	struct sockaddr_in address;
	socklen_t len = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &len))
		die(1, "getsockname: %s", strerror(errno));
	return address;
}

/* Until the client has greeted: by that the server knows where it is, behind NAT too. */
static void await_greeting(const struct session *s)
{
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	char byte;

	if (!wait_readable(s->fds[0], PATIENCE_MS) ||
	    recvfrom(s->fds[0], &byte, 1, 0, (struct sockaddr *)&from, &len) < 0 ||
	    connect(s->fds[0], (struct sockaddr *)&from, len))
		die(1, "no greeting of the client");
	tell(s->control, "greeted 1\n");
}

static void greet_server(const struct session *s)
{
	int tries;

	for (tries = PATIENCE_MS / QUIET_MS; tries; tries--) {
		/* Whether one arrives is seen by the answer. */
		(void)!send(s->fds[0], "", 1, MSG_NOSIGNAL);
		if (wait_readable(s->control, QUIET_MS))
			break;
	}
	hear_number(s->control, "greeted");
}

/* At a port of this run's own, which the client is told. */
static void accept_sockets(struct session *s)
{
	struct sockaddr_in address = local_address(s->control);
	unsigned int i;
	int fd;

	address.sin_port = 0;
	fd = bind_socket(is_udp(&s->job) ? SOCK_DGRAM : SOCK_STREAM, address);
	tell(s->control, "port %u\n", ntohs(local_address(fd).sin_port));
	if (is_udp(&s->job)) {
		s->fds[0] = fd;
		set_up_datagrams(fd);
		await_greeting(s);
		return;
	}
	for (i = 0; i < s->job.nr_streams; i++) {
		if (!wait_readable(fd, PATIENCE_MS))
			die(1, "the client makes only %u of %u connections", i, s->job.nr_streams);
		s->fds[i] = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
		if (s->fds[i] < 0)
			die(1, "accept: %s", strerror(errno));
		set_up_stream(s->fds[i]);
		/* Where the system lets it: it asks for a privilege. */
		if (s->job.busy_poll_us)
			set_busy_poll(s->fds[i], s->job.busy_poll_us);
	}
}

static void connect_sockets(struct session *s, struct sockaddr_in address)
{
	unsigned int i;

	address.sin_port = htons(hear_number(s->control, "port"));
	if (is_udp(&s->job)) {
		s->fds[0] = connect_socket(SOCK_DGRAM, address);
		set_up_datagrams(s->fds[0]);
		greet_server(s);
		return;
	}
	for (i = 0; i < s->job.nr_streams; i++) {
		s->fds[i] = connect_socket(SOCK_STREAM, address);
		set_up_stream(s->fds[i]);
		if (s->job.busy_poll_us && set_busy_poll(s->fds[i], s->job.busy_poll_us))
			die(1, "SO_BUSY_POLL: %s", strerror(errno));
	}
}

static void hear_job(int control, struct job *job)
{
	char line[MAX_LINE];

	hear(control, line, sizeof(line));
	if (sscanf(line, "run %u %u %u %u %u %lf", &job->test, &job->nr_streams, &job->size, &job->rate,
		   &job->busy_poll_us, &job->secs) != 6 || !job_is_valid(job))
		die(1, "the client asks for what there is not");
}

static void tell_job(int control, const struct job *job)
{
	tell(control, "run %u %u %u %u %u %f\n", job->test, job->nr_streams, job->size, job->rate,
	     job->busy_poll_us, job->secs);
}

static void serve_client(int control)
{
	struct session s = { .control = control };
	struct count count;
	uint64_t sent;

	set_up_stream(control);
	hear_job(control, &s.job);
	accept_sockets(&s);
	switch (s.job.test) {
	case TCP_SEND:
		count = receive_streams(&s);
		tell_count(control, &count);
		break;
	case TCP_RECEIVE:
		send_streams(&s);
		hear_number(control, "done");
		break;
	case RR:
		answer_requests(&s);
		break;
	case UDP_SEND:
		count = receive_datagrams(&s, &sent);
		tell_count(control, &count);
		break;
	case UDP_RECEIVE:
		hear_number(control, "go");
		tell(control, "sent %llu\n", (unsigned long long)send_datagrams(&s));
		hear_number(control, "done");
		break;
	}
}

/* Each client in a process of its own, so that one which fails ends with it. */
_Noreturn void serve(struct sockaddr_in address)
{
	int listener = bind_socket(SOCK_STREAM, address), control;
	pid_t pid;

	for (;;) {
		control = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (control < 0)
			continue;
		pid = fork();
		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			close(listener);
			serve_client(control);
			exit(0);
		}
		close(control);
		if (pid > 0)
			waitpid(pid, NULL, 0);
	}
}

struct count run_client(struct session *s, struct sockaddr_in address, uint64_t *sent)
{
	struct count count;

	s->control = connect_socket(SOCK_STREAM, address);
	set_up_stream(s->control);
	tell_job(s->control, &s->job);
	connect_sockets(s, address);
	switch (s->job.test) {
	case TCP_SEND:
		send_streams(s);
		return hear_count(s->control);
	case RR:
		return run_requests(s);
	case UDP_SEND:
		*sent = send_datagrams(s);
		tell(s->control, "sent %llu\n", (unsigned long long)*sent);
		return hear_count(s->control);
	case TCP_RECEIVE:
		count = receive_streams(s);
		break;
	default:
		tell(s->control, "go 1\n");
		count = receive_datagrams(s, sent);
	}
	tell(s->control, "done 1\n");
	return count;
}

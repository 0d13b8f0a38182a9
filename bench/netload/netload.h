/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of netload share. */
#ifndef NETLOAD_H
#define NETLOAD_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_STREAMS	64
#define MIN_SIZE	8
#define MAX_SIZE	1400
#define MAX_LINE	128
#define PATIENCE_MS	20000		/* the other end is there, or the run has failed */
#define QUIET_MS	300		/* no more datagrams are on their way */

enum test { TCP_SEND, TCP_RECEIVE, RR, UDP_SEND, UDP_RECEIVE, NR_TESTS };

/* What the client asks for, and tells the server in one line. */
struct job {
	unsigned int test;
	unsigned int nr_streams;
	unsigned int size;
	unsigned int rate;
	unsigned int busy_poll_us;
	double secs;
};

/* What one end has seen of a run. */
struct count {
	uint64_t total;		/* bytes, datagrams or transactions */
	double secs;
};

struct session {
	struct job job;
	int control;		/* the TCP connection of both ends' lines */
	int fds[MAX_STREAMS];
};

_Noreturn void die(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* socket.c */
int bind_socket(int type, struct sockaddr_in address);
void use_interface(const char *name);
int connect_socket(int type, struct sockaddr_in address);
bool wait_readable(int fd, int timeout_ms);
void set_up_stream(int fd);
void set_up_datagrams(int fd);
int set_busy_poll(int fd, unsigned int us);
void tell(int control, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void hear(int control, char *line, size_t size);
uint64_t hear_number(int control, const char *word);
void tell_count(int control, const struct count *count);
struct count hear_count(int control);

/* load.c: the loops of both ends. What is sent ends by the clock, what is received by its end. */
void send_streams(const struct session *s);
struct count receive_streams(const struct session *s);
struct count run_requests(const struct session *s);
void answer_requests(const struct session *s);
uint64_t send_datagrams(const struct session *s);
struct count receive_datagrams(const struct session *s, uint64_t *sent);

/* ends.c */
_Noreturn void serve(struct sockaddr_in address);
struct count run_client(struct session *s, struct sockaddr_in address, uint64_t *sent);

#endif

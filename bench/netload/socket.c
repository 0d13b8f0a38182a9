// SPDX-License-Identifier: GPL-2.0-only
/* The sockets of both ends, and the lines they tell each other. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "netload.h"

#define RECEIVE_BUFFER	(8 << 20)

static void set_option(int fd, int level, int name, int value, const char *what)
{
	if (setsockopt(fd, level, name, &value, sizeof(value)))
		die(1, "%s: %s", what, strerror(errno));
}

static void set_timeout(int fd, int ms)
{
	struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)))
		die(1, "SO_RCVTIMEO: %s", strerror(errno));
}

/* The interface of all sockets that connect; NULL: the kernel's choice. */
static const char *interface;

void use_interface(const char *name)
{
	interface = name;
}

static int open_socket(int type)
{
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die(1, "socket: %s", strerror(errno));
	return fd;
}

int bind_socket(int type, struct sockaddr_in address)
{
	int fd = open_socket(type);

	set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)))
		die(1, "port %u: %s", ntohs(address.sin_port), strerror(errno));
	if (type == SOCK_STREAM && listen(fd, MAX_STREAMS))
		die(1, "listen: %s", strerror(errno));
	return fd;
}

int connect_socket(int type, struct sockaddr_in address)
{
	int fd = open_socket(type);

	if (interface && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface, strlen(interface)))
		die(1, "interface %s: %s", interface, strerror(errno));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
		die(1, "%s port %u: %s", inet_ntoa(address.sin_addr), ntohs(address.sin_port),
		    strerror(errno));
	return fd;
}

/* Whether there is something to read. */
bool wait_readable(int fd, int timeout_ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	int n;

	do {
		n = poll(&pfd, 1, timeout_ms);
	} while (n < 0 && errno == EINTR);
	return n > 0;
}

void set_up_stream(int fd)
{
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY");
	set_timeout(fd, PATIENCE_MS);
}

int set_busy_poll(int fd, unsigned int us)
{
	return setsockopt(fd, SOL_SOCKET, SO_BUSY_POLL, &us, sizeof(us));
}

/* With room for what comes while the receiver does not run, where the system lets it. */
void set_up_datagrams(int fd)
{
	const int bytes = RECEIVE_BUFFER;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)))
		set_option(fd, SOL_SOCKET, SO_RCVBUF, bytes, "SO_RCVBUF");
	set_timeout(fd, QUIET_MS);
}

void tell(int control, const char *fmt, ...)
{
	char line[MAX_LINE];
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (send(control, line, len, MSG_NOSIGNAL) != len)
		die(1, "the other end is gone");
}

/* One line, byte by byte: what follows it is not ours yet. */
void hear(int control, char *line, size_t size)
{
	size_t len = 0;

	while (len < size - 1) {
		if (!wait_readable(control, PATIENCE_MS))
			die(1, "no answer of the other end within %d s", PATIENCE_MS / 1000);
		if (recv(control, line + len, 1, 0) != 1)
			die(1, "the other end has given up");
		if (line[len++] == '\n')
			break;
	}
	line[len] = '\0';
}

uint64_t hear_number(int control, const char *word)
{
	unsigned long long value;
	char line[MAX_LINE], got[32];

	hear(control, line, sizeof(line));
	if (sscanf(line, "%31s %llu", got, &value) != 2 || strcmp(got, word))
		die(1, "the other end says '%.*s' instead of %s", (int)strcspn(line, "\n"), line, word);
	return value;
}

void tell_count(int control, const struct count *count)
{
	tell(control, "received %llu %.6f\n", (unsigned long long)count->total, count->secs);
}

struct count hear_count(int control)
{
	unsigned long long total;
	struct count count;
	char line[MAX_LINE];

	hear(control, line, sizeof(line));
	if (sscanf(line, "received %llu %lf", &total, &count.secs) != 2)
		die(1, "the other end says '%.*s' instead of what it got", (int)strcspn(line, "\n"), line);
	count.total = total;
	return count;
}

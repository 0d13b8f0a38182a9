// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host's end of the test harness: one command to a guest's agent or to QEMU.
 *
 *   vmexec run SOCKET SECONDS COMMAND	the command's output and exit status; 125 if the
 *					guest or its agent does not answer
 *   vmexec ping SOCKET SECONDS		0 if the agent answers
 *   vmexec qmp SOCKET SECONDS COMMAND	QMP if it starts with '{', else a line for the
 *					human monitor; prints the answer, 1 if it is an error
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "../vm/frame.h"

#define EXIT_NO_ANSWER	125
/* The agent ends a command that takes too long; this much later it is the agent that hangs. */
#define GRACE_MS	15000

static const char *sock_path;

static void fail(const char *what)
{
	fprintf(stderr, "vmexec: %s: %s\n", sock_path, what);
	exit(EXIT_NO_ANSWER);
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static int sock_connect(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(sock_path) >= sizeof(addr.sun_path))
		fail("path too long for a UNIX socket");
	strcpy(addr.sun_path, sock_path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		fail(strerror(errno));
	return fd;
}

static void all_write(int fd, const void *data, size_t len)
{
	const char *at = data;

	while (len) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno != EINTR)
			fail(strerror(errno));
		if (n > 0) {
			at += n;
			len -= n;
		}
	}
}

/* Wait for bytes until the deadline. Return: how many, never 0. */
static size_t some_read(int fd, void *data, size_t room, int64_t deadline_ms)
{
	for (;;) {
		struct pollfd pfd = { fd, POLLIN, 0 };
		int64_t left_ms = deadline_ms - now_ms();
		ssize_t n;

		if (left_ms <= 0)
			fail("no answer in time");
		if (poll(&pfd, 1, left_ms > 1000 ? 1000 : (int)left_ms) <= 0)
			continue;
		n = read(fd, data, room);
		if (!n || (n < 0 && errno != EINTR))
			fail("the other end is gone");
		if (n > 0)
			return n;
	}
}

static void frame_send(int fd, uint64_t id, uint32_t type, const void *data, size_t len)
{
	struct frame_head head;

	if (len > FRAME_MAX)
		fail("command too long");
	frame_init(&head, id, type, len);
	all_write(fd, &head, sizeof(head));
	all_write(fd, data, len);
}

/* Print what carries our id until the last frame of the answer. Return: exit status. */
static int answer_print(int fd, uint64_t id, int64_t deadline_ms)
{
	static struct frame_buf buf;
	struct frame_head head;
	const uint8_t *payload;
	int32_t status;

	for (;;) {
		buf.len += some_read(fd, buf.data + buf.len, sizeof(buf.data) - buf.len, deadline_ms);
		while ((payload = frame_get(&buf, &head))) {
			if (head.id == id && head.type == FRAME_OUT)
				all_write(STDOUT_FILENO, payload, head.len);
			if (head.id == id && head.type == FRAME_PONG)
				return 0;
			if (head.id == id && head.type == FRAME_EXIT && head.len == sizeof(status)) {
				memcpy(&status, payload, sizeof(status));
				return status;
			}
			frame_drop(&buf, sizeof(head) + head.len);
		}
	}
}

static int agent_run(int fd, uint32_t timeout_ms, const char *command)
{
	static uint8_t payload[FRAME_MAX];
	size_t len = strlen(command);
	uint64_t id;

	if (getrandom(&id, sizeof(id), 0) != sizeof(id))
		fail("no random numbers");
	if (len > sizeof(payload) - sizeof(timeout_ms))
		fail("command too long");
	memcpy(payload, &timeout_ms, sizeof(timeout_ms));
	memcpy(payload + sizeof(timeout_ms), command, len);
	frame_send(fd, id, FRAME_CMD, payload, sizeof(timeout_ms) + len);
	return answer_print(fd, id, now_ms() + timeout_ms + GRACE_MS);
}

static int agent_ping(int fd, uint32_t timeout_ms)
{
	uint64_t id;

	if (getrandom(&id, sizeof(id), 0) != sizeof(id))
		fail("no random numbers");
	frame_send(fd, id, FRAME_PING, NULL, 0);
	return answer_print(fd, id, now_ms() + timeout_ms);
}

/* The next line of QMP that answers a command: events and the greeting are skipped. */
static char *qmp_answer(FILE *in)
{
	static char *line;
	static size_t room;

	while (getline(&line, &room, in) > 0) {
		if (!strncmp(line, "{\"return\"", 9) || !strncmp(line, "{\"error\"", 8))
			return line;
	}
	fail(ferror(in) ? "no answer in time" : "the other end is gone");
	return NULL;
}

/* The human monitor's text is a JSON string. */
static void hmp_print(const char *line)
{
	const char *at = strstr(line, ": \"");

	for (at = at ? at + 3 : ""; *at && *at != '"'; at++) {
		if (*at != '\\') {
			putchar(*at);
			continue;
		}
		at++;
		if (*at == 'n')
			putchar('\n');
		else if (*at == 't')
			putchar('\t');
		else if (*at != 'r')
			putchar(*at);
	}
}

static int qmp_run(int fd, uint32_t timeout_ms, const char *command)
{
	struct timeval tv = { .tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000 };
	bool human = *command != '{';
	const char *line;
	FILE *io;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	io = fdopen(fd, "r");
	if (!io)
		fail(strerror(errno));
	dprintf(fd, "{\"execute\":\"qmp_capabilities\"}\n");
	qmp_answer(io);
	if (!human) {
		dprintf(fd, "%s\n", command);
	} else {
		dprintf(fd, "{\"execute\":\"human-monitor-command\",\"arguments\":{\"command-line\":\"");
		for (; *command; command++)
			dprintf(fd, *command == '"' || *command == '\\' ? "\\%c" : "%c", *command);
		dprintf(fd, "\"}}\n");
	}
	line = qmp_answer(io);
	if (human && !strncmp(line, "{\"return\"", 9))
		hmp_print(line);
	else
		printf("%s", line);
	fflush(stdout);
	return !strncmp(line, "{\"error\"", 8);
}

int main(int argc, char **argv)
{
	uint32_t timeout_ms;
	int fd;

	if (argc < 4) {
		fprintf(stderr, "usage: vmexec run|ping|qmp SOCKET SECONDS [COMMAND]\n");
		return EXIT_NO_ANSWER;
	}
	sock_path = argv[2];
	timeout_ms = strtod(argv[3], NULL) * 1000;
	fd = sock_connect();
	if (!strcmp(argv[1], "ping"))
		return agent_ping(fd, timeout_ms);
	if (!strcmp(argv[1], "run") && argc == 5)
		return agent_run(fd, timeout_ms, argv[4]);
	if (!strcmp(argv[1], "qmp") && argc == 5)
		return qmp_run(fd, timeout_ms, argv[4]);
	fail("unknown command");
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Traffic that knows what it sent. One end echoes, the other compares; both ways are busy, and one clock sees
 * how long nothing came.
 *
 *   nettool echo PORT			TCP and UDP, IPv4 and IPv6, until it is killed
 *   nettool stream ADDR PORT STATE	one connection until SIGTERM; STATE is a file that has "BYTES LONGEST_GAP_MS"
 *   nettool datagrams ADDR PORT SIZE COUNT [SEGMENT]
 *					with SEGMENT, each goes to the kernel as one that is to be cut so
 *   nettool flood ADDR PORT SIZE SECONDS	datagrams nobody answers, as many as can be sent, while
 *					there is a way
 *   nettool peer SOCKET		what a NIC with stream=SOCKET is connected to: a thousand frames a second for all
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define CHUNK		65536
#define PATTERN		251		/* prime, so that no power of two hides a shift */
#define IN_FLIGHT	65536		/* bytes of datagrams, which fit a socket's buffer */
#define LOST_MS		10000		/* a busy machine may keep either end from its CPU */
#define DRAIN_MS	60000
#define FRAME_LEN_MIN	60
#define FRAME_LEN_MAX	1514

static uint8_t pattern[CHUNK + PATTERN];
static volatile sig_atomic_t enough;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "nettool: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static void on_signal(int nr)
{
	(void)nr;
	enough = 1;
}

static const uint8_t *pattern_at(uint64_t pos)
{
	return pattern + pos % PATTERN;
}

static int connect_to(const char *addr, const char *port, int type)
{
	struct sockaddr_in to4 = { .sin_family = AF_INET, .sin_port = htons(atoi(port)) };
	struct sockaddr_in6 to6 = { .sin6_family = AF_INET6, .sin6_port = htons(atoi(port)) };
	bool is4 = inet_pton(AF_INET, addr, &to4.sin_addr) == 1;
	const void *to = is4 ? (void *)&to4 : (void *)&to6;
	int fd;

	if (!is4 && inet_pton(AF_INET6, addr, &to6.sin6_addr) != 1) {
		fprintf(stderr, "nettool: %s is no address\n", addr);
		exit(2);
	}
	fd = socket(is4 ? AF_INET : AF_INET6, type | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, to, is4 ? sizeof(to4) : sizeof(to6)))
		die("connect");
	return fd;
}

static int listen_at(const char *port, int type)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(atoi(port)) };
	int fd = socket(AF_INET6, type | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, (struct sockaddr *)&any, sizeof(any)) || (type == SOCK_STREAM && listen(fd, 16)))
		die("listen");
	return fd;
}

static void echo_stream(int fd)
{
	static uint8_t data[CHUNK];
	ssize_t len, done, n;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while ((len = read(fd, data, sizeof(data))) > 0)
		for (done = 0; done < len; done += n) {
			n = write(fd, data + done, len - done);
			if (n <= 0)
				_exit(1);
		}
	_exit(0);
}

static void echo_datagrams(int fd)
{
	static uint8_t data[CHUNK];
	struct sockaddr_in6 from;
	socklen_t from_len = sizeof(from);
	ssize_t len = recvfrom(fd, data, sizeof(data), 0, (struct sockaddr *)&from, &from_len);

	if (len >= 0)
		sendto(fd, data, len, MSG_DONTWAIT, (struct sockaddr *)&from, from_len);
}

static _Noreturn void run_echo(const char *port)
{
	int stream = listen_at(port, SOCK_STREAM), datagrams = listen_at(port, SOCK_DGRAM), fd;
	struct pollfd fds[] = { { stream, POLLIN, 0 }, { datagrams, POLLIN, 0 } };

	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents)
			echo_datagrams(datagrams);
		if (!fds[0].revents)
			continue;
		fd = accept4(stream, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			continue;
		if (!fork())
			echo_stream(fd);
		close(fd);
	}
}

struct stream {
	int fd;
	int state;
	uint64_t sent;
	uint64_t received;
	int64_t last_ms;
	int64_t longest_ms;
	int64_t told_ms;
};

/* Of a fixed length, so that a reader finds all of it or the one before. */
static void tell_state(struct stream *s)
{
	char line[64];
	int len = snprintf(line, sizeof(line), "%20llu %10lld\n", (unsigned long long)s->received,
			   (long long)s->longest_ms);

	s->told_ms = s->last_ms;
	if (pwrite(s->state, line, len, 0) != len)
		die("state");
}

static void stream_send(struct stream *s)
{
	ssize_t n = send(s->fd, pattern_at(s->sent), CHUNK, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN && errno != EINTR)
		die("send");
	s->sent += n > 0 ? n : 0;
}

/* Return: false at the end. */
static bool stream_receive(struct stream *s)
{
	static uint8_t data[CHUNK];
	ssize_t n = recv(s->fd, data, sizeof(data), MSG_DONTWAIT), i;
	int64_t now = now_ms();

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n < 0)
		die("receive");
	if (!n)
		return false;
	for (i = 0; i < n; i++)
		if (data[i] != *pattern_at(s->received + i)) {
			fprintf(stderr, "nettool: byte %llu is wrong, of %zd from %llu on\n",
				(unsigned long long)s->received + i, n, (unsigned long long)s->received);
			exit(1);
		}
	s->received += n;
	if (now - s->last_ms > s->longest_ms)
		s->longest_ms = now - s->last_ms;
	s->last_ms = now;
	if (now - s->told_ms >= 20)
		tell_state(s);
	return true;
}

static int run_stream(const char *addr, const char *port, const char *state)
{
	struct stream s;

	signal(SIGTERM, on_signal);
	s = (struct stream) {
		.fd = connect_to(addr, port, SOCK_STREAM),
		.state = open(state, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644),
		.last_ms = now_ms(),
	};

	/* In the end all of it is to come back, and it is something. */
	while (!enough || !s.sent || s.received < s.sent) {
		bool sends = !enough || !s.sent;
		struct pollfd pfd = { s.fd, sends ? POLLIN | POLLOUT : POLLIN, 0 };

		if (poll(&pfd, 1, 100) < 0 && errno != EINTR)
			die("poll");
		if (pfd.revents & POLLOUT && sends)
			stream_send(&s);
		if (pfd.revents & (POLLIN | POLLHUP | POLLERR) && !stream_receive(&s))
			break;
		if (enough && now_ms() - s.last_ms > DRAIN_MS)
			break;
	}
	tell_state(&s);
	printf("%llu bytes sent, %llu came back, longest gap %lld ms\n", (unsigned long long)s.sent,
	       (unsigned long long)s.received, (long long)s.longest_ms);
	return s.sent && s.sent == s.received ? 0 : 1;
}

/* A number, then the pattern: whose datagram it is, and whether it is whole. */
static void datagram_fill(uint8_t *data, size_t size, uint32_t nr)
{
	memcpy(data, pattern_at(nr), size);
	memcpy(data, &nr, sizeof(nr));
}

static bool datagram_is_good(const uint8_t *data, ssize_t len, size_t size)
{
	uint32_t nr;

	if (len < (ssize_t)sizeof(nr) || (size_t)len != size)
		return false;
	memcpy(&nr, data, sizeof(nr));
	return !memcmp(data + sizeof(nr), pattern_at(nr) + sizeof(nr), size - sizeof(nr));
}

static int run_datagrams(const char *addr, const char *port, size_t size, unsigned int count, int segment)
{
	static uint8_t out[CHUNK], in[CHUNK];
	int fd = connect_to(addr, port, SOCK_DGRAM);
	unsigned int sent = 0, good = 0, each = segment ? (size + segment - 1) / segment : 1, lost = 0;
	struct pollfd pfd = { fd, POLLIN, 0 };
	unsigned int at_once = size < IN_FLIGHT / 16 ? 16 : size < IN_FLIGHT ? IN_FLIGHT / size : 1;
	ssize_t len;

	if (segment && setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment)))
		die("UDP_SEGMENT");
	while (good + lost < count * each) {
		while (sent < count && sent * each < good + lost + at_once * each) {
			datagram_fill(out, size, sent++);
			if (send(fd, out, size, 0) < 0)
				die("send");
		}
		if (poll(&pfd, 1, LOST_MS) <= 0) {
			lost = sent * each - good;
			continue;
		}
		len = recv(fd, in, sizeof(in), 0);
		if (len < 0)
			die("receive");
		if (!segment && !datagram_is_good(in, len, size)) {
			fprintf(stderr, "nettool: a datagram of %zd bytes is wrong\n", len);
			return 1;
		}
		good++;
	}
	printf("%u of %u came back\n", good, count * each);
	return lost ? 1 : 0;
}

static int run_flood(const char *addr, const char *port, size_t size, double secs)
{
	int fd = connect_to(addr, port, SOCK_DGRAM);
	int64_t end = now_ms() + (int64_t)(secs * 1000);
	unsigned long sent = 0, refused = 0;

	while (now_ms() < end) {
		if (send(fd, pattern, size, MSG_DONTWAIT) >= 0)
			sent++;
		else if (errno == EAGAIN || errno == ENOBUFS)
			refused++;
		else
			break;
	}
	printf("%lu sent, %lu refused\n", sent, refused);
	return 0;
}

/* As QEMU's -netdev stream: each frame behind its length. One connection after the other. */
static void peer_serve(int fd)
{
	static uint8_t in[CHUNK], out[4 + FRAME_LEN_MAX];
	struct pollfd pfd = { fd, POLLIN, 0 };
	unsigned int nr = 0;

	for (;;) {
		uint32_t len = FRAME_LEN_MIN + (nr * 97) % (FRAME_LEN_MAX - FRAME_LEN_MIN + 1), head = htonl(len);

		while (poll(&pfd, 1, 1) > 0)
			if (recv(fd, in, sizeof(in), MSG_DONTWAIT) <= 0)
				return;
		memcpy(out, &head, sizeof(head));
		memcpy(out + 4, pattern_at(nr++), len);
		memset(out + 4, 0xff, 6);
		memcpy(out + 10, "\2\0\0\0\0\1\x88\xb5", 8);
		if (send(fd, out, 4 + len, MSG_NOSIGNAL) < 0)
			return;
	}
}

static _Noreturn void run_peer(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), conn;

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 1))
		die(path);
	for (;;) {
		conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
		if (conn < 0)
			continue;
		peer_serve(conn);
		close(conn);
	}
}

static size_t size_of(const char *text)
{
	size_t size = strtoul(text, NULL, 0);

	return size < sizeof(uint32_t) ? sizeof(uint32_t) : size > CHUNK ? CHUNK : size;
}

int main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (i % PATTERN) * 7 + 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 3 && !strcmp(argv[1], "echo"))
		run_echo(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "peer"))
		run_peer(argv[2]);
	if (argc == 5 && !strcmp(argv[1], "stream"))
		return run_stream(argv[2], argv[3], argv[4]);
	if ((argc == 6 || argc == 7) && !strcmp(argv[1], "datagrams"))
		return run_datagrams(argv[2], argv[3], size_of(argv[4]), atoi(argv[5]),
				     argc == 7 ? atoi(argv[6]) : 0);
	if (argc == 6 && !strcmp(argv[1], "flood"))
		return run_flood(argv[2], argv[3], size_of(argv[4]), atof(argv[5]));
	fprintf(stderr, "usage: nettool echo PORT | stream ADDR PORT STATE | datagrams ADDR PORT SIZE COUNT [SEGMENT] |\n"
			"	flood ADDR PORT SIZE SECONDS | peer SOCKET\n");
	return 2;
}

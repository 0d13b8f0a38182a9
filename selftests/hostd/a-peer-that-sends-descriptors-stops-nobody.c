// SPDX-License-Identifier: GPL-2.0-only
/*
 * A peer of a disk or a NIC, or a QEMU, that sends descriptors along, of which one takes long to close: the kernel
 * refuses it (6.16 and later), and so the worker, which would be the last that closes it, serves its other devices.
 * needs: root
 * timeout: 120
 */
#include "testlinger.h"

#include <poll.h>

#define ANSWER_MS	10000
#define SIZE		(1U << 20)

static struct broker b;
static char dir[TMP_LEN];

static struct sockaddr_un address(const char *name)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/%.8s", dir, name);
	return addr;
}

static int make_socket(int type, const char *name)
{
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	struct sockaddr_un addr = address(name);

	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || (type == SOCK_STREAM && listen(fd, 4)))
		ktap_bail("%s: %s", addr.sun_path, strerror(errno));
	return fd;
}

static int accept_in_time(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, ANSWER_MS) == 1 ? accept4(fd, NULL, NULL, SOCK_CLOEXEC) : -1;
}

/* Does the worker answer, for another device? */
static bool goes_on(void)
{
	return strstr(broker_command(&b, "stats", "{\"id\":\"other\"}"), "\"return\"");
}

static bool add(const char *command, const char *format)
{
	char args[256];

	snprintf(args, sizeof(args), format, dir, dir);
	return strstr(broker_command(&b, command, args), "\"return\"");
}

static void get(int fd, void *buf, size_t len)
{
	if (recv(fd, buf, len, MSG_WAITALL) != (ssize_t)len)
		_exit(0);
}

static void put(int fd, const void *buf, size_t len)
{
	if (send(fd, buf, len, MSG_NOSIGNAL) != (ssize_t)len)
		_exit(0);
}

/* An export, read-only, of which nothing is ever read. */
static void negotiate(int fd)
{
	struct __attribute__((packed)) { uint64_t magic; uint32_t option, len; } option;
	struct __attribute__((packed)) { uint64_t magic; uint32_t option, type, len; } head = {
		htobe64(0x3e889045565a9), htobe32(7), htobe32(3), htobe32(12),
	};
	const struct __attribute__((packed)) { uint16_t type; uint64_t size; uint16_t flags; } export = {
		0, htobe64(SIZE), htobe16(3),
	};
	uint32_t flags;
	char rest[512];

	put(fd, "NBDMAGICIHAVEOPT\0\3", 18);
	get(fd, &flags, sizeof(flags));
	get(fd, &option, sizeof(option));
	get(fd, rest, be32toh(option.len));
	put(fd, &head, sizeof(head));
	put(fd, &export, sizeof(export));
	head.type = htobe32(1);
	head.len = 0;
	put(fd, &head, sizeof(head));
}

/* The first connection asks; the second is the worker's, and begins with more than bytes. Tells what came of that. */
static void serve(int fd, int result)
{
	int conn = accept_in_time(fd), err;
	char disconnect[28];

	negotiate(conn);
	get(conn, disconnect, sizeof(disconnect));
	close(conn);
	conn = accept_in_time(fd);
	err = try_send_lingering(conn, "N", false);
	if (write(result, &err, sizeof(err)) == sizeof(err))
		pause();
	_exit(0);
}

static void check_nbd(void)
{
	int fd = make_socket(SOCK_STREAM, "nbd"), ends[2], err = 0;
	bool is_there;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		ktap_bail("%s", "pipe");
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve(fd, ends[1]);
	}
	is_there = add("add-disk", "{\"id\":\"d\",\"nbd\":\"nbd+unix:///?socket=%s/nbd\",\"ro\":true}") &&
		   read(ends[0], &err, sizeof(err)) == sizeof(err);
	ktap_ok(is_there && err == EPERM && goes_on(), "an NBD server's are refused (%s), and other disks served",
		strerror(err));
	close(fd);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void check_stream(void)
{
	int fd = make_socket(SOCK_STREAM, "stream"), conn, err;

	if (!add("add-net", "{\"id\":\"n0\",\"stream\":\"%s/stream\"}"))
		ktap_bail("%s", "no NIC");
	conn = accept_in_time(fd);
	err = try_send_lingering(conn, "x", false);
	/* Now the worker closes it, and what is in it. */
	close(conn);
	conn = accept_in_time(fd);
	ktap_ok(err == EPERM && conn >= 0 && goes_on(), "those of a NIC's peer at a stream (%s)", strerror(err));
	close(conn);
	close(fd);
}

static void check_dgram(void)
{
	int fd = make_socket(SOCK_DGRAM, "remote"), err;
	struct sockaddr_un addr = address("local");

	if (!add("add-net", "{\"id\":\"n1\",\"dgram\":\"%s/remote\",\"local\":\"%s/local\"}") ||
	    connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		ktap_bail("%s: %s", "no NIC", strerror(errno));
	err = try_send_lingering(fd, "x", false);
	ktap_ok(err == EPERM && goes_on(), "and of one that sends datagrams (%s)", strerror(err));
	close(fd);
}

static void check_qemu(void)
{
	int conn = broker_connect(&b, "ivshmem.sock", ANSWER_MS), refused, err, also;

	goes_on();
	refused = broker_connect(&b, "ivshmem.sock", ANSWER_MS);
	err = try_send_lingering(conn, "x", false);
	also = try_send_lingering(refused, "x", false);
	ktap_ok(err == EPERM && also == EPERM && goes_on(), "and of QEMU, or who comes in its place (%s, %s)",
		strerror(err), strerror(also));
	close(refused);
	close(conn);
	goes_on();
}

/* Return: whether a capture goes into a connection. */
static bool captures(int fd)
{
	int conn = broker_connect(&b, "control.sock", ANSWER_MS);
	char answer[4096];
	ssize_t len;

	send_with(conn, "{\"execute\":\"pcap\",\"arguments\":{\"id\":\"n1\"}}\n", &fd, 1);
	len = recv(conn, answer, sizeof(answer) - 1, 0);
	answer[len > 0 ? len : 0] = 0;
	close(conn);
	return strstr(answer, "\"return\"");
}

static void check_capture(void)
{
	int ends[2], full[2], err;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, full))
		ktap_bail("%s", "socketpair");
	send_lingering(full[0], "x", false);
	ktap_ok(!captures(full[1]), "a capture does not go into a connection that has something in it");
	close(full[0]);
	close(full[1]);
	if (!captures(ends[1]))
		ktap_bail("%s", "no capture");
	close(ends[1]);
	err = try_send_lingering(ends[0], "x", false);
	close(ends[0]);
	ktap_ok(err == EPERM && goes_on(), "nor does anything get into one (%s)", strerror(err));
}

static void check_all(void)
{
	broker_start(&b, "--disk", "id=other,null=1M");
	check_nbd();
	check_stream();
	check_dgram();
	check_capture();
	check_qemu();
	broker_stop(&b);
}

int main(void)
{
	static const char *const names[] = { "nbd", "stream", "remote", "local" };
	struct sockaddr_un addr;
	unsigned int i;

	ktap_plan(6);
	signal(SIGPIPE, SIG_IGN);
	start_listener();
	if (!mkdtemp(tmp_path(dir, "peers")))
		ktap_bail("%s", dir);
	if (can_refuse_fds())
		check_all();
	else
		for (i = 0; i < 6; i++)
			ktap_skip("descriptors that nobody wants", "this kernel passes them (Linux before 6.16)");
	for (i = 0; i < 4; i++) {
		addr = address(names[i]);
		unlink(addr.sun_path);
	}
	rmdir(dir);
	return ktap_finish();
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the host refuses the broker, processes or descriptors on their way, is said once and tried again each second,
 * not all the time, and not for ever in vain: a worker starts, and a QEMU gets its window, as soon as it may be.
 */
#include "testlife.h"

static bool refuses, refuses_messages;

int __real_hostd_parcel_send(int sock, const void *data, size_t len, const int *fds, unsigned int nr_fds);
int __wrap_hostd_parcel_send(int sock, const void *data, size_t len, const int *fds, unsigned int nr_fds);

/* As where too many descriptors of this user are on their way: a message of the handshake has one, and a number. */
int __wrap_hostd_parcel_send(int sock, const void *data, size_t len, const int *fds, unsigned int nr_fds)
{
	if (refuses && nr_fds == 1 && len == sizeof(int64_t))
		return -ETOOMANYREFS;
	if (refuses_messages && sock == testlife_now->b->life.ipc.fd)
		return -ENOBUFS;
	return __real_hostd_parcel_send(sock, data, len, fds, nr_fds);
}

static struct json_object *answer(struct testlife *t, struct json_object *req, const char *op)
{
	return testlife_honest(t, req, op);
}

static void check_processes(struct testlife *t)
{
	unsigned int before = testlife_nr_spawns, lines = t->nr_lines;

	testlife_spawn_error = -EAGAIN;
	kill(t->b->life.pid, SIGKILL);
	testlife_pass(t, 5000);
	ktap_note("%u attempts", testlife_nr_spawns - before);
	ktap_ok(testlife_nr_spawns - before >= 4 && testlife_nr_spawns - before <= 7, "a worker is tried each second");
	ktap_ok(!strcmp(t->line, "cannot start a worker: Resource temporarily unavailable: trying again each second") &&
		t->nr_lines == lines + 2, "and that is said once, after the death of the last");
	testlife_spawn_error = 0;
	ktap_ok(testlife_until(t, testlife_serves(t), 2000), "until there is one");
}

static int connect_qemu(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX, .sun_path = HOSTD_IVSHMEM_SOCK };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		ktap_bail("ivshmem.sock: %s", strerror(errno));
	return fd;
}

/* Messages that have come; a descriptor that came along is not taken. -1: the connection is at its end. */
static int count_messages(int fd)
{
	int64_t value;
	ssize_t len;
	int nr = 0;

	while ((len = recv(fd, &value, sizeof(value), 0)) == sizeof(value))
		nr++;
	return len ? nr : -1;
}

static void check_handshake(struct testlife *t)
{
	unsigned int before = t->nr_lines;
	int fd, nr;

	refuses = true;
	fd = connect_qemu();
	testlife_pass(t, 5000);
	nr = count_messages(fd);
	ktap_ok(nr == 2 && t->nr_lines == before + 1 && strstr(t->line, "waits for the window: Too many references"),
		"a QEMU that cannot get its window now is kept waiting, which is said once");
	refuses = false;
	testlife_pass(t, 1500);
	ktap_ok(t->b->qemu.has_window && count_messages(fd) == 1 + 2 * 2, "and gets it within a second when it can");
	close(fd);
	ktap_ok(testlife_until(t, t->b->qemu.conn.fd < 0 && !t->b->qemu.has_window, 5000), "the next one may come");
}

static void check_messages(struct testlife *t)
{
	unsigned int lives = t->lives;
	const char *error;

	testlife_error(t, "{\"execute\":\"add-disk\",\"arguments\":{\"id\":\"d\",\"null\":1048576}}", 5000);
	refuses_messages = true;
	error = testlife_error(t, "{\"execute\":\"remove\",\"arguments\":{\"id\":\"d\",\"force\":true}}", 5000);
	testlife_pass(t, 1000);
	ktap_ok(error && !*error && t->b->slots[0] && t->lives == lives,
		"a message that cannot be sent for want of memory waits, and costs no worker");
	refuses_messages = false;
	ktap_ok(testlife_until(t, !t->b->slots[0], 1000) && t->lives == lives, "and is sent when it can be");
}

int main(void)
{
	struct testlife t;

	ktap_plan(10);
	testlife_start(&t, answer);
	ktap_ok(testlife_until(&t, testlife_serves(&t), 10000), "a worker serves");
	check_messages(&t);
	check_processes(&t);
	check_handshake(&t);
	ktap_ok(!testlife_stop(&t), "the broker ends well");
	return ktap_finish();
}

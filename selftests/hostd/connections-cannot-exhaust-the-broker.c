// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whoever connects, however often, takes neither the broker's descriptors nor its time: others are
 * served, the worker can be replaced, and a window that cannot be made costs the next QEMU a wait.
 */
#include <sys/resource.h>
#include <time.h>

#include "testbroker.h"

#define LIMIT		128

static void few_descriptors(void)
{
	struct rlimit limit = { LIMIT, LIMIT };

	signal(SIGPIPE, SIG_DFL);
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* Processor time of a process in ms. */
static long cpu_ms(pid_t pid)
{
	unsigned long user = 0, system = 0;
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "r");
	if (!file || fscanf(file, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
			    &user, &system) != 2)
		ktap_bail("%s: %s", path, strerror(errno));
	fclose(file);
	return (user + system) * 1000 / sysconf(_SC_CLK_TCK);
}

/* Connect without waiting; -1 if the backlog is full. */
static int knock(struct broker *b, const char *name)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/%.30s", b->dir, name);
	if (fd >= 0 && !connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return fd;
	close(fd);
	return -1;
}

static bool answers(struct broker *b)
{
	return strstr(broker_ask(b, "list"), "\"return\"");
}

/* Number of messages of a complete handshake, the version first. */
static unsigned int shake_hands(int conn)
{
	unsigned int nr = 0;
	int64_t value;
	int fd;

	while (ivshmem_recv(conn, &value, &fd) == sizeof(value)) {
		if (fd >= 0)
			close(fd);
		nr++;
	}
	return nr;
}

static void check_idle_clients(void)
{
	struct broker b = { 0 };
	int fds[100];
	unsigned int i;
	char byte;

	broker_start(&b, "--vectors", "4");
	for (i = 0; i < 100; i++) {
		fds[i] = -1;
		while (fds[i] < 0)
			fds[i] = knock(&b, "control.sock");
	}
	ktap_ok(answers(&b), "100 clients that are idle keep nobody out");
	ktap_ok(recv(fds[0], &byte, 1, 0) == 0, "the one that was idle for longest made room");
	for (i = 0; i < 100; i++)
		close(fds[i]);
	broker_stop(&b);
}

static void check_refused(void)
{
	struct broker b = { .prepare = few_descriptors };
	int first, fds[300];
	unsigned int i;
	long ms;

	broker_start(&b, "--vectors", "8");
	first = broker_connect(&b, "ivshmem.sock", 1000);
	ktap_ok(shake_hands(first) == 3 + 2 * 8, "the first QEMU has the window");
	for (i = 0; i < 300; i++) {
		fds[i] = -1;
		while (fds[i] < 0)
			fds[i] = knock(&b, "ivshmem.sock");
	}
	ktap_ok(answers(&b), "300 connections that are refused: the control socket answers");
	ktap_ok(strstr(broker_ask(&b, "restart-worker"), "\"return\""), "a worker can be started");
	ms = cpu_ms(b.pid);
	sleep(1);
	ms = cpu_ms(b.pid) - ms;
	ktap_ok(ms < 300, "and it does not spin (%ld ms of CPU in 1 s)", ms);
	ktap_ok(strstr(broker_ask(&b, "status"), "\"connected\":true"), "the first QEMU stays connected");
	for (i = 0; i < 300; i++)
		close(fds[i]);
	close(first);
	broker_stop(&b);
}

/* As long as the limit of the process itself leaves nothing. */
static void check_no_descriptors(void)
{
	struct rlimit none = { 3, LIMIT }, some = { LIMIT, LIMIT };
	struct broker b = { .prepare = few_descriptors };
	int conn, client;
	char byte;
	long ms;

	broker_start(&b, "--vectors", "8");
	prlimit(b.pid, RLIMIT_NOFILE, &none, NULL);
	conn = broker_connect(&b, "ivshmem.sock", 10000);
	client = broker_connect(&b, "control.sock", 10000);
	usleep(200000);
	ms = cpu_ms(b.pid);
	sleep(2);
	ms = cpu_ms(b.pid) - ms;
	ktap_ok(ms < 500, "without any descriptor left it does not spin (%ld ms of CPU in 2 s)", ms);
	prlimit(b.pid, RLIMIT_NOFILE, &some, NULL);
	dprintf(client, "{\"execute\":\"list\"}\n");
	ktap_ok(recv(client, &byte, 1, 0) == 1, "who waited is served when there are some again");
	ktap_ok(recv(conn, &byte, 1, 0) == 1, "and so is QEMU");
	close(client);
	close(conn);
	broker_stop(&b);
}

static void check_window(void)
{
	struct rlimit small = { 4096, RLIM_INFINITY }, large = { RLIM_INFINITY, RLIM_INFINITY };
	struct broker b = { 0 };
	unsigned int nr;
	int conn;

	broker_start(&b, "--vectors", "2");
	conn = broker_connect(&b, "ivshmem.sock", 500);
	shake_hands(conn);
	prlimit(b.pid, RLIMIT_FSIZE, &small, NULL);
	close(conn);
	conn = broker_connect(&b, "ivshmem.sock", 2000);
	ktap_ok(!shake_hands(conn), "without room for another window the next QEMU gets none");
	ktap_ok(answers(&b), "the broker lives");
	prlimit(b.pid, RLIMIT_FSIZE, &large, NULL);
	nr = shake_hands(conn);
	ktap_ok(nr == 3 + 2 * 2, "when there is room it gets one");
	close(conn);
	broker_stop(&b);
}

static void check_storm(void)
{
	struct timespec start, now;
	struct broker b = { 0 };
	unsigned int nr = 0;
	long restarts;
	int conn;

	broker_start(&b, "--vectors", "1");
	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		conn = knock(&b, "ivshmem.sock");
		if (conn >= 0) {
			close(conn);
			nr++;
		}
		usleep(10000);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec - start.tv_sec < 3);
	restarts = broker_number(broker_ask(&b, "status"), "restarts");
	ktap_ok(restarts >= 0 && restarts <= 12, "%u visits in 3 s cost %ld lives of the worker", nr, restarts);
	broker_stop(&b);
}

int main(void)
{
	struct rlimit limit = { 1024, 1024 };

	setrlimit(RLIMIT_NOFILE, &limit);
	ktap_plan(14);
	check_idle_clients();
	check_refused();
	check_no_descriptors();
	check_window();
	check_storm();
	return ktap_finish();
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Disks that nbdkit, qemu-nbd and qemu-storage-daemon serve, raw and qcow2, keep what was written, while the
 * server is killed and started again, and while the worker is: I/O waits, then goes on, and nobody
 * loses or repeats a request. The next connection is made when the server has ended the last one, also by a
 * pvhostd that has become another.
 * timeout: 180
 */
#include "testqemu.h"

#include "testdrv.h"

#include <netinet/in.h>
#include <poll.h>

#define SIZE		(16U << 20)
#define IO		16384U
#define DEPTH		16
#define DATA_LEN	(DEPTH * IO)
#define ROUNDS		45

static char dir[TMP_LEN];
static char path[DEPTH][96];
static struct broker b = { .prepare = NULL };
static struct qemu qemu;
static struct testdrv drv;
static struct testdrv_queue q;
static uint8_t model[SIZE / IO];
static pid_t server;

static void pump(void *ctx)
{
	const uint64_t one = 1;

	(void)ctx;
	if (write(qemu.kicks[0], &one, sizeof(one)) < 0)
		ktap_bail("%s", "doorbell");
	usleep(500);
}

/* Run a program to its end; false if it fails, or is not there. */
static bool run(const char *const *argv)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		dup2(STDERR_FILENO, STDOUT_FILENO);
		execvp(argv[0], (char **)argv);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

static void start(const char *const *argv)
{
	server = fork();
	if (server)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execvp(argv[0], (char **)argv);
	_exit(127);
}

static void kill_server(void)
{
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	/* What it leaves there is in the way of some. */
	unlink(path[0]);
}

static bool hello(void)
{
	return testdrv_hello(&drv) == PVBUS_R_OK && testdrv_run(&drv, 0, &q, 64, DATA_LEN);
}

static void submit(unsigned int slot, bool write, uint32_t at, uint8_t fill)
{
	struct pvblk_sqe sqe = testdrv_request(&q, write ? PVBLK_OP_WRITE : PVBLK_OP_READ, at * (IO / 512), IO / 512,
					       slot * IO);

	sqe.id = htole32(slot);
	memset(testdrv_data(&drv, &q) + slot * IO, write ? fill : ~fill, IO);
	testdrv_submit(&q, &sqe);
}

static bool reap_all(unsigned int left)
{
	int64_t until_ms = testdrv_now_ms() + 20000;
	struct pvblk_cqe cqe;

	while (left && testdrv_now_ms() < until_ms) {
		pump(NULL);
		for (; left && testdrv_reap(&q, &cqe); left--)
			if (cqe.status)
				return false;
	}
	return !left;
}

/*
 * Rounds of writes and reads at once, each to a place of its own. @disturb is called in the middle of some
 * of them, and gives what is left to be submitted again.
 */
static bool is_kept(void (*disturb)(unsigned int round))
{
	static uint32_t at[DEPTH];
	static bool writes[DEPTH];
	unsigned int round, i;

	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < DEPTH; i++) {
			at[i] = rand() % (SIZE / IO / DEPTH) * DEPTH + i;
			writes[i] = rand() % 2;
			if (writes[i])
				model[at[i]] = rand();
			submit(i, writes[i], at[i], model[at[i]]);
		}
		if (disturb && round % 15 == 7)
			disturb(round);
		if (!reap_all(DEPTH))
			return false;
		for (i = 0; i < DEPTH; i++)
			if (testdrv_data(&drv, &q)[i * IO + rand() % IO] != model[at[i]])
				return false;
	}
	for (round = 0; round < SIZE / IO / DEPTH; round++) {
		for (i = 0; i < DEPTH; i++)
			submit(i, false, round * DEPTH + i, model[round * DEPTH + i]);
		if (!reap_all(DEPTH))
			return false;
		for (i = 0; i < DEPTH; i++)
			if (testdrv_data(&drv, &q)[i * IO + rand() % IO] != model[round * DEPTH + i])
				return false;
	}
	return true;
}

static const char *const *command;

static void restart_server(unsigned int round)
{
	kill_server();
	if (round > 15)
		usleep(300000);		/* so that some attempts find nobody */
	start(command);
}

/* What a driver does in another life: the same again. */
static void restart_worker(unsigned int round)
{
	uint64_t before = qemu_epoch(&qemu);
	uint32_t first = q.submitted - DEPTH;
	static uint8_t sqes[64 * 64];
	unsigned int i;

	(void)round;
	memcpy(sqes, q.drv + 64, sizeof(sqes));
	kill(broker_number(strstr(broker_ask(&b, "status"), "\"worker\""), "pid"), SIGKILL);
	if (!qemu_is_served(&qemu, before) || !hello())
		ktap_bail("%s", "no other life");
	for (i = 0; i < DEPTH; i++)
		testdrv_submit(&q, (void *)(sqes + (first + i) % 64 * 64));
}

static bool add(const char *uri, const char *more)
{
	char args[512];

	snprintf(args, sizeof(args), "{\"id\":\"d0\",\"nbd\":\"%s\",\"queue-size\":64%s}", uri, more);
	return wait_until(strstr(broker_command(&b, "add-disk", args), "\"return\""));
}

static void check(const char *name, const char *uri, const char *more, const char *const *argv)
{
	command = argv;
	memset(model, 0, sizeof(model));
	start(argv);
	if (!add(uri, more))
		ktap_bail("%s: %s", name, broker_command(&b, "list", "{}"));
	if (!hello())
		ktap_bail("%s: %s", name, "no life");
	ktap_ok(is_kept(NULL), "%s: what is written is read", name);
	ktap_ok(is_kept(restart_server), "%s: while the server is killed and started again", name);
	ktap_ok(is_kept(restart_worker), "%s: while the worker is", name);
	ktap_ok(wait_until(strstr(broker_command(&b, "remove", "{\"id\":\"d0\",\"force\":true}"), "\"return\"") ||
			   !strstr(broker_ask(&b, "list"), "\"d0\"")), "%s: it is removed", name);
	kill_server();
}

/* Between pvhostd and a server: connections that have written, and have not ended; and those that came meanwhile. */
static struct {
	int open;
	int early;
} *between;

#define END_US	700000

static int listen_at(const char *at)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", at);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 16))
		ktap_bail("%s: %s", at, strerror(errno));
	return fd;
}

static int connect_to(const char *at)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), tries;

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", at);
	for (tries = 0; tries < 500; tries++) {
		if (!connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
			return fd;
		usleep(10000);
	}
	_exit(1);
}

/* One connection: when it is over, what was sent is done some time later, and then it ends. */
static void __attribute__((noreturn)) pass_on(int client)
{
	struct pollfd pfd[2] = { { client, POLLIN, 0 }, { connect_to(path[0]), POLLIN, 0 } };
	bool has_written = false;
	static char buf[IO];
	ssize_t len, i;

	do {
		poll(pfd, 2, -1);
		i = !pfd[0].revents;
		len = recv(pfd[i].fd, buf, sizeof(buf), 0);
		if (!i && len > 4096 && !has_written) {
			has_written = true;
			__atomic_add_fetch(&between->open, 1, __ATOMIC_SEQ_CST);
		}
	} while (len > 0 && send(pfd[!i].fd, buf, len, MSG_NOSIGNAL) == len);
	usleep(END_US);
	if (has_written)
		__atomic_sub_fetch(&between->open, 1, __ATOMIC_SEQ_CST);
	_exit(0);
}

static pid_t stand_between(const char *at)
{
	int listener = listen_at(at), client;
	pid_t pid = fork();

	if (pid) {
		close(listener);
		return pid;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGCHLD, SIG_IGN);
	while ((client = accept(listener, NULL, NULL)) >= 0) {
		if (__atomic_load_n(&between->open, __ATOMIC_SEQ_CST))
			between->early++;
		if (!fork())
			pass_on(client);
		close(client);
	}
	_exit(1);
}

static void check_upgrade(const char *const *argv)
{
	uint64_t before;
	char uri[160];
	pid_t pid;

	between = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (between == MAP_FAILED)
		ktap_bail("%s", "mmap");
	memset(model, 0, sizeof(model));
	start(argv);
	pid = stand_between(path[3]);
	snprintf(uri, sizeof(uri), "nbd+unix:///?socket=%s", path[3]);
	if (!add(uri, "") || !hello() || !is_kept(NULL) || !between->open)
		ktap_bail("%s", "a server behind another");
	before = qemu_epoch(&qemu);
	ktap_ok(strstr(broker_ask(&b, "upgrade"), "\"return\"") && qemu_is_served(&qemu, before) &&
		wait_until(strstr(broker_ask(&b, "list"), "\"state\":\"served\"")) && hello() && is_kept(NULL),
		"a pvhostd that has become another goes on with the disk");
	ktap_ok(!between->early, "when its server has ended the last connection");
	broker_command(&b, "remove", "{\"id\":\"d0\",\"force\":true}");
	wait_until(!strstr(broker_ask(&b, "list"), "\"d0\""));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	unlink(path[3]);
	kill_server();
}

static char port[16];

/* One that is free now. */
static void choose_port(void)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, len) || getsockname(fd, (struct sockaddr *)&addr, &len))
		ktap_bail("%s", "no port");
	snprintf(port, sizeof(port), "%d", ntohs(addr.sin_port));
	close(fd);
}

int main(void)
{
	char uri[128], named[128], tcp[64], raw_file[128], node[160], listen[160], image[160];
	const char *const make_raw[] = { "truncate", "-s", "16M", path[1], NULL };
	const char *const make_qcow2[] = { "qemu-img", "create", "-q", "-f", "qcow2", path[2], "16M", NULL };
	const char *const nbdkit[] = { "nbdkit", "-f", "-U", path[0], "file", path[1], NULL };
	const char *const nbdkit_tcp[] = { "nbdkit", "-f", "-i", "127.0.0.1", "-p", port, "file", path[1], NULL };
	const char *const nbdkit_qcow2[] = { "nbdkit", "-f", "-U", path[0], "nbd", "command=qemu-nbd", "arg=--format=qcow2", image,
					     "retry=5", NULL };
	const char *const qemu_nbd[] = { "qemu-nbd", "-t", "-f", "qcow2", "-k", path[0], "-x", "disk one", path[2], NULL };
	const char *const qsd[] = { "qemu-storage-daemon", "--blockdev", raw_file, "--blockdev",
				    "qcow2,node-name=disk,file=file", "--nbd-server", listen, "--export", node, NULL };

	ktap_plan(22);
	if (!mkdtemp(tmp_path(dir, "nbd")))
		ktap_bail("%s", "mkdtemp");
	snprintf(path[0], sizeof(path[0]), "%s/socket", dir);
	snprintf(path[1], sizeof(path[1]), "%s/raw", dir);
	snprintf(path[2], sizeof(path[2]), "%s/qcow2", dir);
	snprintf(path[3], sizeof(path[3]), "%s/between", dir);
	snprintf(uri, sizeof(uri), "nbd+unix:///?socket=%s", path[0]);
	snprintf(named, sizeof(named), "nbd+unix:///disk%%20one?socket=%s", path[0]);
	snprintf(raw_file, sizeof(raw_file), "file,node-name=file,filename=%s", path[2]);
	snprintf(listen, sizeof(listen), "addr.type=unix,addr.path=%s", path[0]);
	snprintf(node, sizeof(node), "nbd,id=e,node-name=disk,writable=on,name=disk one");
	snprintf(image, sizeof(image), "arg=%s", path[2]);
	choose_port();
	snprintf(tcp, sizeof(tcp), "nbd://127.0.0.1:%s", port);

	broker_start(&b, "--vectors", TEST_VECTORS_TEXT);
	qemu_connect(&qemu, &b);
	if (!qemu_is_served(&qemu, 0))
		ktap_bail("%s", "no worker");
	drv.base = mmap(NULL, 1 << 24, PROT_READ | PROT_WRITE, MAP_SHARED, qemu.memfd, 0);
	drv.pump = pump;
	if (drv.base == MAP_FAILED || !run(make_raw) || !run(make_qcow2))
		ktap_bail("%s", "setup");
	check("nbdkit, raw", uri, "", nbdkit);
	unlink(path[1]);
	run(make_raw);
	check_upgrade(nbdkit);
	unlink(path[1]);
	run(make_raw);
	check("nbdkit, raw, by TCP", tcp, "", nbdkit_tcp);
	/* Its own cache, of tables, dies with it. */
	check("qemu-nbd, qcow2", named, ",\"cache\":\"none\"", qemu_nbd);
	unlink(path[2]);
	run(make_qcow2);
	check("qemu-storage-daemon, qcow2", named, ",\"cache\":\"none\"", qsd);
	unlink(path[2]);
	run(make_qcow2);
	check("nbdkit, qcow2 by qemu-nbd", uri, ",\"cache\":\"none\"", nbdkit_qcow2);
	qemu_leave(&qemu);
	broker_stop(&b);
	unlink(path[1]);
	unlink(path[2]);
	rmdir(dir);
	return ktap_finish();
}

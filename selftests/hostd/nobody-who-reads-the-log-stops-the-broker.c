// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nobody who takes what the broker writes can stop or end it: a reader of its log that does not
 * read, or has gone, a terminal that is stopped, whoever waits for its readiness, a client that
 * reads no answer. What found no room in the log is counted.
 */
#include <poll.h>
#include <termios.h>

#include "testlinger.h"

#define PIPE_LEN	4096

static int log_fd;

/* The pipe is its log, and nothing of it is ours but what the test holds. */
static void take_log(void)
{
	dup2(log_fd, STDERR_FILENO);
}

static int make_pipe(int fds[2])
{
	if (pipe2(fds, O_CLOEXEC) || fcntl(fds[1], F_SETPIPE_SZ, PIPE_LEN) < 0)
		ktap_bail("%s: %s", "pipe", strerror(errno));
	return fds[1];
}

/* To the last byte, though others have the description, too. */
static void fill(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	while (write(fd, ".", 1) == 1)
		;
	fcntl(fd, F_SETFL, flags);
}

/* Has it a word to say, and does it go on after that? */
static bool goes_on(struct broker *b)
{
	const char *answer = broker_ask(b, "restart-worker");

	if (strstr(answer, "\"return\""))
		answer = broker_ask(b, "list");
	if (!strstr(answer, "\"return\""))
		ktap_note("the answer is: %s", answer);
	return strstr(answer, "\"return\"");
}

/* What was read within 5 s, until a text came. */
static bool reads(int fd, const char *text)
{
	static char all[65536];
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	size_t len = 0;
	ssize_t done;

	while (poll(&pfd, 1, 5000) > 0) {
		if (pfd.revents & POLLHUP)
			break;
		done = read(fd, all + len, sizeof(all) - 1 - len);
		if (done <= 0)
			break;
		len += done;
		all[len] = 0;
		if (strstr(all, text))
			return true;
	}
	return false;
}

static pid_t worker_pid(struct broker *b)
{
	return broker_number(strstr(broker_ask(b, "status"), "\"worker\"") ?: "", "pid");
}

/* Lines are those of errors and warnings; a death of the worker's is one, and there is another. */
static bool kill_worker(struct broker *b)
{
	pid_t pid = worker_pid(b), next = pid;
	unsigned int ms;

	if (pid <= 0 || kill(pid, SIGKILL))
		return false;
	for (ms = 0; ms < 10000 && (next <= 0 || next == pid); ms += 20) {
		usleep(20000);
		next = worker_pid(b);
	}
	return next > 0 && next != pid;
}

static void check_full_pipe(void)
{
	struct broker b = { .prepare = take_log };
	unsigned int i;
	int fds[2];

	log_fd = make_pipe(fds);
	broker_start(&b, "--vectors", "1");
	fill(fds[1]);
	for (i = 0; i < 3 && kill_worker(&b); i++)
		;
	ktap_ok(i == 3 && goes_on(&b), "a full pipe that is the log does not stop it");
	ktap_ok(reads(fds[0], ".") && kill_worker(&b) && goes_on(&b) &&
		reads(fds[0], "were dropped"), "when it is read again, what was dropped is counted");
	broker_stop(&b);
	close(fds[0]);
	close(fds[1]);
}

static void check_gone_reader(void)
{
	struct broker b = { .prepare = take_log };
	int fds[2];

	log_fd = make_pipe(fds);
	broker_start(&b, "--vectors", "1");
	close(fds[0]);
	close(fds[1]);
	ktap_ok(kill_worker(&b) && goes_on(&b), "a reader of the log that is gone does not end it");
	broker_stop(&b);
}

static void check_socket(void)
{
	struct broker b = { .prepare = take_log };
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		ktap_bail("%s: %s", "socketpair", strerror(errno));
	log_fd = ends[1];
	broker_start(&b, "--vectors", "1");
	fill(ends[1]);
	ktap_ok(kill_worker(&b) && goes_on(&b), "a full socket does not stop it, as the journal's");
	close(ends[0]);
	ktap_ok(kill_worker(&b) && goes_on(&b), "nor does its end");
	close(ends[1]);
	broker_stop(&b);
}

static void check_terminal(void)
{
	struct broker b = { .prepare = take_log };
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (master < 0 || grantpt(master) || unlockpt(master))
		ktap_bail("%s: %s", "pty", strerror(errno));
	log_fd = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	broker_start(&b, "--vectors", "1");
	tcflow(log_fd, TCOOFF);
	ktap_ok(kill_worker(&b) && goes_on(&b), "a terminal after Ctrl-S does not stop it");
	tcflow(log_fd, TCOON);
	close(log_fd);
	close(master);
	ktap_ok(kill_worker(&b) && goes_on(&b), "nor does the end of a terminal");
	broker_stop(&b);
}

/* The process that writes a log on a disk, as seen by its name and the log. */
static pid_t find_scribe(const char *log)
{
	char path[64], target[128];
	ssize_t len;
	pid_t pid;

	for (pid = getpid() + 1; pid < getpid() + 4000; pid++) {
		snprintf(path, sizeof(path), "/proc/%d/fd/1", (int)pid);
		len = readlink(path, target, sizeof(target) - 1);
		target[len > 0 ? len : 0] = 0;
		if (!strcmp(target, log))
			return pid;
	}
	return -1;
}

static void check_killed_writer(struct broker *b, pid_t scribe)
{
	unsigned int ms;
	off_t before;

	kill(scribe, SIGKILL);
	for (ms = 0; ms < 10000 && !kill(scribe, 0); ms++)
		usleep(1000);
	before = lseek(log_fd, 0, SEEK_END);
	ktap_ok(kill_worker(b) && goes_on(b), "its writer is killed: pvhostd goes on");
	for (ms = 0; ms < 10000 && lseek(log_fd, 0, SEEK_END) == before; ms++)
		usleep(1000);
	ktap_ok(lseek(log_fd, 0, SEEK_END) > before, "and has another one");
}

static void check_slow_disk(void)
{
	struct broker b = { .prepare = take_log };
	unsigned int i;
	char log[TMP_LEN];
	pid_t scribe;

	log_fd = mkostemp(tmp_path(log, "log"), O_CLOEXEC);
	broker_start(&b, "--vectors", "1");
	scribe = find_scribe(log);
	if (scribe < 0) {
		ktap_skip("a disk", "temporary files are in memory");
	} else {
		kill(scribe, SIGSTOP);
		ktap_ok(kill_worker(&b) && goes_on(&b), "a log on a disk that hangs does not stop it");
		kill(scribe, SIGCONT);
	}
	ktap_ok(kill_worker(&b) && goes_on(&b) && lseek(log_fd, 0, SEEK_END) > 0,
		"the log is written as soon as it was said");
	if (scribe < 0)
		for (i = 0; i < 2; i++)
			ktap_skip("its writer is killed", "temporary files are in memory");
	else
		check_killed_writer(&b, scribe);
	broker_stop(&b);
	close(log_fd);
	unlink(log);
}

static bool ends(pid_t pid)
{
	unsigned int ms;

	for (ms = 0; ms < 10000; ms += 10) {
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return true;
		usleep(10000);
	}
	return false;
}

/* Start one that tells @fd of readiness, and nobody else. */
static void start_telling(struct broker *b, int fd, const char *option, const char *value)
{
	char *exe = host_program("pvhostd"), number[16];

	if (!mkdtemp(tmp_path(b->dir, "test")))
		ktap_bail("%s: %s", b->dir, strerror(errno));
	b->pid = fork();
	if (!b->pid) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		fcntl(fd, F_SETFD, 0);
		snprintf(number, sizeof(number), "%d", fd);
		execl(exe, "pvhostd", "--quiet", "--run-dir", b->dir, "--ready-fd", number, option, value, NULL);
		_exit(127);
	}
	free(exe);
}

/* Wait until its status has a text, which it may have after a while. */
static bool becomes(struct broker *b, const char *text)
{
	const char *answer = ".";
	unsigned int i;
	char path[128];

	snprintf(path, sizeof(path), "%s/control.sock", b->dir);
	for (i = 0; i < 200 && *answer && !strstr(answer, text); i++, usleep(100000)) {
		/* Bound first, and listened to only then. */
		if (!access(path, F_OK))
			answer = (usleep(100000), broker_ask(b, "status"));
	}
	return strstr(answer, text);
}

static bool serves_without_telling(struct broker *b, int fd)
{
	start_telling(b, fd, "--vectors", "1");
	return becomes(b, "serving") && goes_on(b);
}

static bool upgrades(struct broker *b)
{
	const char *answer = broker_ask(b, "upgrade");

	if (!strstr(answer, "\"return\""))
		ktap_note("the answer is: %s", answer);
	return strstr(answer, "\"return\"");
}

/* Is he told, once, and does nobody but this process have the other end then? */
static bool is_told_once(int fds[2])
{
	struct pollfd pfd = { .fd = fds[0], .events = POLLIN };
	bool is_told = reads(fds[0], "\n");
	char byte;

	close(fds[1]);
	return is_told && poll(&pfd, 1, 10000) == 1 && !read(fds[0], &byte, 1);
}

/* Whoever waits for readiness gave a pipe that is full. */
static void check_readiness(void)
{
	struct broker b = { 0 };
	int fds[2];

	make_pipe(fds);
	fill(fds[1]);
	ktap_ok(serves_without_telling(&b, fds[1]), "who waits for readiness and takes nothing does not stop it");
	ktap_ok(reads(fds[0], "\n"), "and hears of it when he does");
	kill(b.pid, SIGTERM);
	ktap_ok(ends(b.pid), "and SIGTERM ends it");
	rmdir(b.dir);
	close(fds[0]);
	close(fds[1]);
}

/* It becomes another program before he has taken it. */
static void check_upgraded_readiness(void)
{
	struct broker b = { 0 };
	int fds[2];

	make_pipe(fds);
	fill(fds[1]);
	ktap_ok(serves_without_telling(&b, fds[1]) && upgrades(&b) && upgrades(&b), "nor does he stop an upgrade");
	ktap_ok(is_told_once(fds), "after which he hears of it all the same, once");
	kill(b.pid, SIGTERM);
	ktap_ok(ends(b.pid), "and SIGTERM ends it, too");
	rmdir(b.dir);
	close(fds[0]);
}

/* It becomes another program before there is anything to tell: a disk has to be waited for. */
static void check_readiness_after_upgrade(void)
{
	static const char asks[] = "{\"execute\":\"upgrade\"}\n";
	struct broker b = { 0 };
	char value[TMP_LEN + 32], answer[4096] = "";
	struct slow slow;
	int fds[2], conn;

	make_pipe(fds);
	if (!slow_start(&slow)) {
		close(fds[1]);
		ktap_skip("it is handed over", "no FUSE here");
		ktap_skip("and told when there is something to tell", "no FUSE here");
	} else {
		fill(fds[1]);
		/* Nobody is to wait in closing it. */
		close(slow.fd);
		slow.fd = -1;
		kill(slow.server, SIGSTOP);
		snprintf(value, sizeof(value), "id=d,file=%s/disk.img", slow.dir);
		start_telling(&b, fds[1], "--disk", value);
		ktap_ok(becomes(&b, "\"return\""), "whoever waits for readiness waits while a disk cannot be had");
		conn = broker_connect(&b, "control.sock", 20000);
		if (send(conn, asks, strlen(asks), MSG_NOSIGNAL) < 0)
			ktap_bail("%s", "upgrade");
		sleep(2);
		kill(slow.server, SIGCONT);
		if (recv(conn, answer, sizeof(answer) - 1, 0) < 0)
			ktap_note("%s", strerror(errno));
		close(conn);
		ktap_ok(strstr(answer, "\"return\"") && goes_on(&b) && is_told_once(fds),
			"and hears of it from the next program: %s", answer);
		kill(b.pid, SIGTERM);
		waitpid(b.pid, NULL, 0);
		rmdir(b.dir);
	}
	slow_stop(&slow);
	close(fds[0]);
}

/* Or it is a file of a file system that does not answer. */
static void check_stuck_readiness(void)
{
	char dir[TMP_LEN], command[256], byte = 0;
	struct broker b = { 0 };
	int fd = -1;

	if (!mkdtemp(tmp_path(dir, "frozen")))
		ktap_bail("%s", dir);
	snprintf(command, sizeof(command), "cd %s && truncate -s 16M fs && mkfs.ext4 -q fs && mkdir mnt && mount -o loop fs mnt", dir);
	if (!geteuid() && !system(command)) {
		snprintf(command, sizeof(command), "%s/mnt/ready", dir);
		fd = open(command, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	}
	if (fd < 0) {
		ktap_skip("a file system that is frozen", "there is none to freeze");
		ktap_skip("an upgrade meanwhile", "there is none to freeze");
		ktap_skip("readiness when it is thawed", "there is none to freeze");
	} else {
		snprintf(command, sizeof(command), "fsfreeze -f %s/mnt", dir);
		if (system(command))
			ktap_bail("%s", command);
		ktap_ok(serves_without_telling(&b, fd), "nor does a file system that takes no word of readiness");
		ktap_ok(upgrades(&b) && goes_on(&b), "which does not stop an upgrade, either");
		command[strlen("fsfreeze -")] = 'u';
		if (system(command))
			ktap_bail("%s", command);
		for (int i = 0; i < 1000 && pread(fd, &byte, 1, 0) < 1; i++)
			usleep(10000);
		ktap_ok(byte == '\n' && lseek(fd, 0, SEEK_END) == 1, "when it does it has it, once");
		kill(b.pid, SIGTERM);
		waitpid(b.pid, NULL, 0);
		rmdir(b.dir);
		close(fd);
	}
	snprintf(command, sizeof(command), "umount -l %s/mnt 2> /dev/null; rm -rf %s", dir, dir);
	if (system(command))
		ktap_note("%s", command);
}

/* Or where the log is to be opened again. Whoever hangs in that has nothing that the next pvhostd needs. */
static void check_stuck_log(void)
{
	char dir[TMP_LEN], log[TMP_LEN + 16], command[256];
	struct broker b = { 0 };

	if (!mkdtemp(tmp_path(dir, "frozen")))
		ktap_bail("%s", dir);
	snprintf(command, sizeof(command), "cd %s && truncate -s 16M fs && mkfs.ext4 -q fs && mkdir mnt && mount -o loop fs mnt", dir);
	if (geteuid() || system(command)) {
		ktap_skip("a log on a file system that is frozen", "there is none to freeze");
		ktap_skip("the next pvhostd", "there is none to freeze");
	} else {
		snprintf(log, sizeof(log), "%s/mnt/log", dir);
		broker_start(&b, "--log", log);
		unlink(log);
		snprintf(command, sizeof(command), "fsfreeze -f %s/mnt", dir);
		if (system(command))
			ktap_bail("%s", command);
		kill(b.pid, SIGHUP);
		ktap_ok(goes_on(&b) && goes_on(&b), "a log that is opened again where nothing answers does not stop it");
		broker_kill(&b);
		ktap_ok(broker_try(&b, "--vectors", "1") && goes_on(&b), "nor the next, when it is killed");
		snprintf(command, sizeof(command), "fsfreeze -u %s/mnt", dir);
		if (system(command))
			ktap_bail("%s", command);
		broker_stop(&b);
	}
	snprintf(command, sizeof(command), "umount -l %s/mnt 2> /dev/null; rm -rf %s", dir, dir);
	if (system(command))
		ktap_note("%s", command);
}

static void check_client(void)
{
	struct broker b = { 0 };
	int conn, small = 1024;
	unsigned int i;

	broker_start(&b, "--vectors", "1");
	conn = broker_connect(&b, "control.sock", 1000);
	setsockopt(conn, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	for (i = 0; i < 5000; i++) {
		if (send(conn, "{\"execute\":\"status\"}\n", 21, MSG_DONTWAIT | MSG_NOSIGNAL) != 21)
			break;
	}
	ktap_ok(goes_on(&b), "a client that asks and reads nothing does not stop it");
	close(conn);
	broker_stop(&b);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	ktap_plan(19 + 6);
	check_full_pipe();
	check_gone_reader();
	check_socket();
	check_terminal();
	check_slow_disk();
	check_readiness();
	check_upgraded_readiness();
	check_readiness_after_upgrade();
	check_stuck_readiness();
	check_stuck_log();
	check_client();
	return ktap_finish();
}

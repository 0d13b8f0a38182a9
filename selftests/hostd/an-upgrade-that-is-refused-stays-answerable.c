// SPDX-License-Identifier: GPL-2.0-only
/*
 * A pvhostd that has become another, and is refused by the host what it needs, says so once, answers, and ends
 * when it is told to; it serves as soon as it may, and so does one that is started again. One that cannot become
 * the other goes on, and nothing of what was being done is left half done.
 * timeout: 120
 */
#include "testqemu.h"
#include "testdeny.h"

static const int calls[] = {
	SCMP_SYS(memfd_create), SCMP_SYS(signalfd4), SCMP_SYS(execveat), SCMP_SYS(ftruncate), SCMP_SYS(clone), -1
};
static struct broker b;
static struct deny d;
static struct qemu q;
static char image[TMP_LEN + 16];

/* A command whose answer is for later. */
static int begin(const char *execute, const char *args)
{
	int conn = broker_connect(&b, "control.sock", 20000);

	dprintf(conn, "{\"execute\":\"%s\",\"arguments\":%s}\n", execute, args);
	return conn;
}

static const char *finish(int conn)
{
	static char answer[4096];
	ssize_t len = recv(conn, answer, sizeof(answer) - 1, 0);

	answer[len > 0 ? len : 0] = 0;
	close(conn);
	return answer;
}

static bool ends(void)
{
	kill(b.pid, SIGTERM);
	return wait_until(waitpid(b.pid, NULL, WNOHANG) == b.pid);
}

static unsigned int count(const char *text, const char *what)
{
	unsigned int nr = 0;

	for (; (text = strstr(text, what)); text++)
		nr++;
	return nr;
}

static bool serves(void)
{
	return wait_until(strstr(broker_ask(&b, "status"), "\"serving\""));
}

/* Nobody can be asked whether the program fits. */
static void check_asking(void)
{
	static const struct { int call, error; } refused[] = {
		{ SCMP_SYS(clone), EAGAIN }, { SCMP_SYS(memfd_create), EMFILE },
	};
	const char *answer;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		deny_last(&d, DENY_BROKER, refused[i].call, refused[i].error, 1);
		answer = broker_ask(&b, "upgrade");
		if (!ktap_ok(deny_end(&d) && strstr(answer, strerror(refused[i].error)),
			     "an upgrade that nobody can be asked about is refused, with the reason"))
			ktap_note("%s", answer);
	}
}

/* The exec fails while a disk is being changed. */
static void check_exec(void)
{
	char args[128];
	const char *answer;
	int conn, fd;

	snprintf(image, sizeof(image), "%s.image", b.dir);
	fd = open(image, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, 1 << 20))
		ktap_bail("%s", image);
	close(fd);
	snprintf(args, sizeof(args), "{\"id\":\"d0\",\"file\":\"%s\"}", image);
	broker_command(&b, "add-disk", args);
	deny_begin(&d, DENY_OTHERS, SCMP_SYS(ftruncate), DENY_HOLD, 1);
	conn = begin("resize", "{\"id\":\"d0\",\"size\":2097152}");
	ktap_ok(wait_until(deny_count(&d)), "a disk is being changed");
	deny_begin(&d, DENY_BROKER, SCMP_SYS(execveat), EACCES, 1);
	answer = broker_ask(&b, "upgrade");
	if (!ktap_ok(strstr(answer, "cannot be executed: Permission denied") && deny_end(&d) == 1,
		     "an upgrade that cannot be executed is refused, with the reason"))
		ktap_note("%s", answer);
	ktap_ok(strstr(finish(conn), "try again"), "who was changing it hears so");
	wait_until(strstr(broker_ask(&b, "list"), "\"state\":\"served\""));
	answer = broker_command(&b, "resize", "{\"id\":\"d0\",\"size\":2097152}");
	ktap_ok(strstr(answer, "\"return\""), "it can be changed again: %s", answer);
	ktap_ok(serves(), "a worker serves");
}

/* It is refused what tells of signals. */
static void check_signals(void)
{
	const char *answer;

	broker_said(&b);
	deny_last(&d, DENY_BROKER, SCMP_SYS(signalfd4), EMFILE, 1);
	answer = finish(begin("upgrade", "{}"));
	ktap_ok(strstr(answer, "\"return\"") && deny_count(&d), "without signalfd one that was upgraded serves: %s", answer);
	answer = broker_ask(&b, "restart-worker");
	ktap_ok(strstr(answer, "\"return\""), "hears of a worker's death: %s", answer);
	ktap_ok(count(broker_said(&b), "no descriptor tells of signals") == 1, "and says what is missing once");
	deny_begin(&d, DENY_BROKER, -1, 0, 0);
	ktap_ok(wait_until(d.seen[DENY_BROKER][SCMP_SYS(signalfd4)]) && strstr(broker_ask(&b, "restart-worker"), "\"return\"") &&
		d.seen[DENY_BROKER][SCMP_SYS(signalfd4)] == 1, "it is asked for again until it is there");
}

/* It is refused what a worker needs. Two are made before: the state, for the other to look at and to have. */
static void check_memory(void)
{
	const char *answer;
	int conn;

	broker_said(&b);
	deny_last(&d, DENY_BROKER, SCMP_SYS(memfd_create), EMFILE, 3);
	conn = begin("upgrade", "{}");
	ktap_ok(wait_until(deny_count(&d) >= 3), "without memory to share it tries again");
	answer = broker_ask(&b, "status");
	ktap_ok(strstr(answer, "\"return\""), "and answers: %s", answer);
	ktap_ok(count(broker_said(&b), "cannot start a worker: Too many open files: trying again each second") == 1,
		"says so once");
	deny_end(&d);
	answer = finish(conn);
	ktap_ok(strstr(answer, "\"return\"") && serves(), "and serves as soon as it may: %s", answer);
	deny_last(&d, DENY_BROKER, SCMP_SYS(memfd_create), EMFILE, 3);
	conn = begin("upgrade", "{}");
	ktap_ok(wait_until(deny_count(&d)) && ends(), "one that still waits ends when it is told to");
	close(conn);
	deny_end(&d);
}

/* Nor has it a window for the next QEMU. */
static void check_window(void)
{
	int conn;

	broker_said(&b);
	deny_last(&d, DENY_BROKER, SCMP_SYS(memfd_create), EMFILE, 3);
	conn = begin("upgrade", "{}");
	ktap_ok(wait_until(strstr(broker_ask(&b, "status"), "\"return\"") && deny_count(&d) > 3),
		"without a window it answers, and tries again");
	ktap_ok(count(broker_said(&b), "no new window: Too many open files: the next QEMU waits") == 1, "says so once");
	deny_end(&d);
	ktap_ok(strstr(finish(conn), "\"return\"") && serves(), "and serves when there is one");
}

int main(void)
{
	ktap_plan(20);
	signal(SIGPIPE, SIG_IGN);
	if (!mkdtemp(tmp_path(b.dir, "test")))
		ktap_bail("%s", b.dir);
	broker_log_here(&b);
	if (!deny_start(&d, &b, calls, "--vectors", TEST_VECTORS_TEXT))
		ktap_bail("pvhostd does not start: %s", broker_said(&b));
	check_window();
	qemu_connect(&q, &b);
	check_asking();
	check_exec();
	check_signals();
	check_memory();
	ktap_ok(broker_try(&b, "--vectors", TEST_VECTORS_TEXT) && qemu_is_served(&q, 0),
		"another one that is started then serves the same window");
	broker_stop(&b);
	state_remove(&b);
	unlink(image);
	qemu_leave(&q);
	return ktap_finish();
}

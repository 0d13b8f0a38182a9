// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whoever connects, sends along what takes long to close, and leaves, again and again, makes some processes hang and
 * no more: beyond that he hears why nothing is taken, and the log says so once; devices have what they need. Nor does
 * the broker close such a thing itself where no process can be started: it keeps it until one can. An upgrade changes
 * none of that: what hung before counts.
 * needs: root
 * timeout: 180
 */
#include "testdeny.h"
#include "testlinger.h"
#include "testqemu.h"

#define ANSWER_MS	10000
#define HANG_MAX	64	/* broker/errand/errand.c */
#define KEPT_MAX	64	/* broker/control.c: what may still be to be closed when the next client is taken */
#define ASKS_LIST	"{\"execute\":\"list\"}\n"

static struct broker b;

static bool goes_on(void)
{
	return strstr(broker_ask(&b, "list"), "\"return\"");
}

/* Lines of the log that have a text. */
static unsigned int count_said(const char *text)
{
	const char *at = broker_said(&b);
	unsigned int nr = 0;

	while ((at = strstr(at, text))) {
		at++;
		nr++;
	}
	return nr;
}

/* The answer to a command that nothing should come with. */
static const char *ask_within(int ms, int fd)
{
	int conn = broker_connect(&b, "control.sock", ms);
	const char *answer;

	send_with(conn, ASKS_LIST, &fd, 1);
	answer = answer_to(conn);
	close(conn);
	return answer;
}

static const char *ask_with(int fd)
{
	return ask_within(ANSWER_MS, fd);
}

static bool is_looked_at(const char *answer)
{
	return strstr(answer, "descriptors came along, and it takes none");
}

static bool is_refused(const char *answer)
{
	return strstr(answer, "its descriptors cannot be taken") && strstr(answer, "such processes hang already");
}

/* As many as are let in. */
static void check_bound(const struct slow *slow)
{
	unsigned int nr, nr_looked = 0, nr_refused = 0;
	const char *answer = "";

	for (nr = 0; nr < HANG_MAX + KEPT_MAX - 10; nr++) {
		answer = ask_with(slow->fd);
		nr_looked += is_looked_at(answer);
		nr_refused += is_refused(answer);
	}
	ktap_note("the last answer: %s", answer);
	ktap_ok(nr_looked == HANG_MAX && nr_refused == nr - HANG_MAX, "%u are looked at, %u refused, with the reason",
		nr_looked, nr_refused);
	nr = broker_count_children(&b);
	ktap_ok(nr >= HANG_MAX && nr < HANG_MAX + 10, "so %u processes hang, and no more", nr);
	nr = count_said("so it stays open for now");
	ktap_ok(nr == 1, "which is said %u times", nr);
}

/* An image is opened by such processes, too. */
static bool can_add_disk(void)
{
	char path[TMP_LEN], args[256];
	int fd = mkostemp(tmp_path(path, "image"), O_CLOEXEC);
	bool is_there;

	if (fd < 0 || ftruncate(fd, 1 << 20))
		ktap_bail("%s", path);
	close(fd);
	snprintf(args, sizeof(args), "{\"id\":\"d\",\"file\":\"%s\"}", path);
	is_there = strstr(broker_command(&b, "add-disk", args), "\"return\"");
	broker_command(&b, "remove", "{\"id\":\"d\",\"force\":true}");
	unlink(path);
	return is_there;
}

/* The program that takes this one's place has the processes that hang. */
static void check_upgraded(const struct slow *slow)
{
	const char *answer;
	unsigned int nr;

	if (!strstr(broker_ask(&b, "upgrade"), "\"return\""))
		ktap_bail("%s", "no upgrade");
	answer = ask_with(slow->fd);
	ktap_note("the first answer after an upgrade: %s", answer);
	nr = broker_count_children(&b);
	ktap_ok(is_refused(answer) && nr < HANG_MAX + 10, "after an upgrade they count (%u processes)", nr);
}

/* Then nobody is let in, who could bring more, until something has been closed. */
static void check_full(struct slow *slow)
{
	unsigned int i;
	int conn;
	char byte;

	for (i = 0; i < 10; i++)
		ask_within(500, slow->fd);
	conn = broker_connect(&b, "control.sock", 2000);
	send_with(conn, ASKS_LIST, &slow->fd, 1);
	ktap_ok(recv(conn, &byte, 1, 0) < 0 && errno == EAGAIN, "when there is much to be closed the next has to wait");
	kill(slow->server, SIGCONT);
	ktap_ok(wait_until(recv(conn, &byte, 1, MSG_DONTWAIT) == 1), "until the server answers");
	close(conn);
}

static void check_hung(void)
{
	unsigned int fds, children;
	struct slow slow;
	bool is_over;
	int i;

	broker_log_here(&b);
	broker_start(&b, "--vectors", TEST_VECTORS_TEXT);
	/* Some descriptors come with the first. */
	can_add_disk();
	fds = broker_count_fds(&b);
	children = broker_count_children(&b);
	if (!slow_start(&slow)) {
		for (i = 0; i < 9; i++)
			ktap_skip("a file whose server does not answer", "no FUSE here");
	} else {
		kill(slow.server, SIGSTOP);
		check_bound(&slow);
		ktap_ok(can_add_disk(), "a disk can be added");
		check_upgraded(&slow);
		check_full(&slow);
		is_over = wait_until(broker_count_fds(&b) <= fds && broker_count_children(&b) <= children);
		ktap_ok(is_over, "then nothing of all that is left (%u descriptors, there were %u)", broker_count_fds(&b), fds);
		ktap_ok(is_looked_at(ask_with(slow.fd)), "and the next is looked at");
	}
	slow_stop(&slow);
	close(b.log_fd);
	b.log_fd = 0;
	broker_stop(&b);
}

/* Ten that come with what hangs. Return: whether each hears why that is not taken. */
static bool are_refused(void)
{
	const char *answer = "";
	unsigned int i;
	int conn;

	for (i = 0; i < 10; i++) {
		conn = broker_connect(&b, "control.sock", ANSWER_MS);
		send_lingering(conn, ASKS_LIST, false);
		answer = answer_to(conn);
		close(conn);
		if (!strstr(answer, "no process can be started"))
			break;
	}
	ktap_note("%s", answer);
	return i == 10;
}

static void check_no_process(void)
{
	static const int calls[] = { SCMP_SYS(clone), -1 };
	static struct deny d;
	unsigned int fds, nr;

	if (!mkdtemp(tmp_path(b.dir, "test")) || !deny_start(&d, &b, calls, "--vectors", TEST_VECTORS_TEXT))
		ktap_bail("%s", "pvhostd does not start");
	goes_on();
	fds = broker_count_fds(&b);
	deny_last(&d, DENY_BROKER, SCMP_SYS(clone), EAGAIN, 1);
	ktap_ok(are_refused() && goes_on(), "where no process can be started what hangs is not taken");
	ktap_ok(broker_count_fds(&b) > fds + 5, "but kept");
	deny_end(&d);
	ktap_ok(wait_until(broker_count_fds(&b) <= fds) && goes_on(), "until one can");
	deny_last(&d, DENY_BROKER, SCMP_SYS(clone), EAGAIN, 1);
	are_refused();
	/* Just after an attempt, so that it is the next program that makes the next. */
	nr = deny_count(&d);
	wait_until(deny_count(&d) > nr);
	deny_end(&d);
	ktap_ok(strstr(broker_ask(&b, "upgrade"), "\"return\"") && goes_on(), "it is kept over an upgrade, too");
	ktap_ok(wait_until(broker_count_fds(&b) <= fds) && goes_on(), "and closed by the next program");
	kill(b.pid, SIGTERM);
	ktap_ok(wait_until(waitpid(b.pid, NULL, WNOHANG) == b.pid), "and pvhostd ends when it is told to");
	rmdir(b.dir);
}

int main(void)
{
	ktap_plan(9 + 6);
	signal(SIGPIPE, SIG_IGN);
	start_listener();
	check_hung();
	check_no_process();
	return ktap_finish();
}

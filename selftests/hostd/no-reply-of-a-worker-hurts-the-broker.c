// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whatever a worker says, in whatever order, or does not say: the broker lives, says in one line what
 * was wrong, and has another worker soon; whoever waits for an answer gets one.
 */
#include "testlife.h"

#include <fcntl.h>

#include "broker/errand/errand.h"
#include "lib/parcel.h"
#include "lib/proc/process.h"

#define ANSWER_MS	20000

/* What the worker does instead of answering @on; once, but for @always. */
static struct {
	const char *on;
	const char *text;
	bool silent;
	bool after;
	bool always;
} lie;

static struct json_object *answer(struct testlife *t, struct json_object *req, const char *op)
{
	struct json_object *reply;
	char text[4096];

	if (!lie.on || strcmp(op, lie.on))
		return testlife_honest(t, req, op);
	if (!lie.always)
		lie.on = NULL;
	if (lie.after) {
		reply = testlife_honest(t, req, op);
		if (reply)
			testlife_send(t, reply);
	}
	if (lie.silent)
		return NULL;
	snprintf(text, sizeof(text), lie.text, (int)hostd_json_u64(req, "id", 0));
	testlife_say(t, text);
	return NULL;
}

#define TARGET	"{\"execute\":\"balloon\",\"arguments\":{\"target\":4096}}"

static const struct {
	const char *command;	/* NULL: one is not needed */
	const char *on;
	bool after;
	const char *text;
} lies[] = {
	{ NULL, "init", false, "{\"re\":%d,\"ok\":1}" },
	{ NULL, "init", false, "{\"re\":%d}" },
	{ NULL, "init", false, "{\"re\":%d,\"ok\":true,\"protocol\":\"" TESTLIFE_PROTOCOL "\"}" },
	{ NULL, "init", false, "{\"re\":%d,\"ok\":true,\"protocol\":" TESTLIFE_PROTOCOL ",\"poll_us\":-1}" },
	{ NULL, "init", true, "{\"re\":%d,\"ok\":true}" },
	{ NULL, "init", true, "{\"event\":\"epoch\",\"epoch\":5}" },
	{ NULL, "hold", false, "{\"re\":%d,\"ok\":null}" },
	{ NULL, "go", false, "{\"re\":%d,\"ok\":true}" },
	{ NULL, "go", false, "{\"re\":%d,\"ok\":true,\"epoch\":0}" },
	{ NULL, "go", false, "{\"re\":%d,\"ok\":true,\"epoch\":\"7\"}" },
	{ NULL, "go", false, "{\"re\":%d,\"ok\":true,\"epoch\":99999999999999999999}" },
	{ NULL, "go", false, "{\"re\":%d,\"ok\":true,\"epoch\":1,\"epoch\":2}" },
	{ NULL, "go", false, "{\"re\":\"%d\",\"ok\":true,\"epoch\":1}" },
	{ NULL, "go", false, "{\"re\":-%d,\"ok\":true,\"epoch\":1}" },
	{ NULL, "go", false, "{\"re\":%d,\"ok\":false}" },
	{ NULL, "go", false, "{\"re\":%d,\"ok\":false,\"error\":5}" },
	{ NULL, "go", false, "[%d]" },
	{ NULL, "go", false, "{\"re\":%d" },
	{ NULL, "go", false, "{\"re\":%d,\"ok\":true,\"epoch\":1} {}" },
	{ NULL, "go", false, "{\"what\":%d}" },
	{ NULL, "go", false, "{\"event\":[%d]}" },
	{ NULL, "go", false, "{\"event\":\"waiting\",\"slot\":0,\"generation\":1}" },
	{ NULL, "go", false, "{\"event\":\"removed\",\"slot\":64,\"generation\":1}" },
	{ NULL, "go", false, "{\"event\":\"removed\",\"slot\":0,\"generation\":1}" },
	{ NULL, "go", false, "{\"event\":\"removed\",\"slot\":9,\"generation\":7}" },
	{ NULL, "go", false, "{\"event\":\"removed\",\"slot\":0}" },
	{ NULL, "go", false, "{\"event\":\"log\",\"level\":9,\"text\":\"x\"}" },
	{ NULL, "go", false, "{\"event\":\"log\",\"level\":1,\"text\":null}" },
	{ NULL, "go", true, "{\"event\":\"epoch\",\"epoch\":0}" },
	{ NULL, "go", true, "{\"event\":\"removed\",\"slot\":0,\"generation\":1}" },
	{ "{\"execute\":\"add-disk\",\"arguments\":{\"id\":\"w\",\"null\":4096}}", "add", false,
	  "{\"re\":%d,\"ok\":true,\"device\":7}" },
	{ "{\"execute\":\"status\"}", "status", false, "{\"re\":%d,\"ok\":true,\"devices\":5}" },
	{ "{\"execute\":\"status\"}", "status", false,
	  "{\"re\":%d,\"ok\":true,\"epoch\":1,\"driver\":\"me\",\"devices\":[]}" },
	{ "{\"execute\":\"status\"}", "status", false,
	  "{\"re\":%d,\"ok\":true,\"epoch\":1,\"driver\":{\"refused\":\"yes\"},\"devices\":[]}" },
	{ "{\"execute\":\"list\"}", "status", false,
	  "{\"re\":%d,\"ok\":true,\"epoch\":1,\"devices\":[5]}" },
	{ "{\"execute\":\"list\"}", "status", false,
	  "{\"re\":%d,\"ok\":true,\"epoch\":1,\"devices\":[{\"slot\":0,\"status\":5}]}" },
	{ "{\"execute\":\"list\"}", "status", false,
	  "{\"re\":%d,\"ok\":true,\"epoch\":1,\"devices\":[{\"slot\":0},{\"slot\":0}]}" },
	{ "{\"execute\":\"stats\"}", "stats", false, "{\"re\":%d,\"ok\":true}" },
	{ "{\"execute\":\"stats\"}", "stats", false,
	  "{\"re\":%d,\"ok\":true,\"devices\":[],\"next\":0}" },
	{ "{\"execute\":\"stats\"}", "stats", false,
	  "{\"re\":%d,\"ok\":true,\"devices\":[],\"next\":64}" },
	{ "{\"execute\":\"stats\"}", "stats", false,
	  "{\"re\":%d,\"ok\":true,\"devices\":[{\"slot\":5}],\"next\":3}" },
	{ "{\"execute\":\"stats\"}", "stats", false,
	  "{\"re\":%d,\"ok\":true,\"devices\":[],\"a\\u001bb\":1}" },
	{ "{\"execute\":\"stats\",\"arguments\":{\"id\":\"d0\"}}", "stats", false,
	  "{\"re\":%d,\"ok\":true,\"devices\":[{\"slot\":3}]}" },
	{ TARGET, "set", false, "{\"re\":%d,\"ok\":true,\"device\":5}" },
	{ TARGET, "set", false, "{\"re\":%d,\"ok\":true}" },
	{ "{\"execute\":\"resize\",\"arguments\":{\"id\":\"d0\",\"size\":8192}}", "set", false,
	  "{\"re\":%d,\"ok\":\"yes\"}" },
	{ "{\"execute\":\"resize\",\"arguments\":{\"id\":\"d0\",\"size\":8192}}", "set", false,
	  "{\"re\":99%d,\"ok\":true}" },
	{ "{\"execute\":\"continue\",\"arguments\":{\"id\":\"d0\"}}", "continue", false,
	  "{\"re\":%d,\"ok\":true,\"held\":-1}" },
	{ "{\"execute\":\"remove\",\"arguments\":{\"id\":\"x\"}}", "remove", false,
	  "{\"re\":%d,\"ok\":[]}" },
};

static bool is_well(struct testlife *t)
{
	return testlife_until(t, testlife_serves(t), ANSWER_MS) &&
	       !strcmp(testlife_state(t, "d0"), "served") && !t->b->stopping;
}

/* The life that lies, and the next one. */
static void check_lie(struct testlife *t, unsigned int i)
{
	unsigned int lives = t->lives, lines = t->nr_lines;
	const char *error = "";

	t->b->life.short_lives = 0;
	/* As if the last ones had died long ago: the log has room for this one. */
	t->b->life.ends.used = 0;
	lie.on = lies[i].on;
	lie.text = lies[i].text;
	lie.after = lies[i].after;
	lie.silent = false;
	if (lies[i].command)
		error = testlife_error(t, lies[i].command, ANSWER_MS);
	else
		hostd_life_kill(t->b, NULL);
	testlife_until(t, t->lives >= lives + 1 + !lies[i].command, ANSWER_MS);
	ktap_ok(error && is_well(t) && t->lives == lives + 1 + !lies[i].command && t->nr_lines == lines + 1,
		"%s: %s", lies[i].on, lies[i].text);
	if (t->nr_lines == lines)
		ktap_note("no line, %u lives", t->lives - lives);
}

/* A worker that does not answer is replaced, and the operator hears of it. */
static void check_silence(struct testlife *t, const char *on, const char *command)
{
	unsigned int lives = t->lives;
	const char *error = "";
	uint64_t start_ms;

	lie.on = on;
	lie.silent = true;
	lie.after = false;
	start_ms = hostd_now_ms();
	if (command)
		error = testlife_error(t, command, ANSWER_MS);
	else
		hostd_life_kill(t->b, NULL);
	ktap_ok(error && testlife_until(t, t->lives >= lives + 1 + !command, ANSWER_MS) && is_well(t) &&
		hostd_now_ms() - start_ms < 15000, "silent on '%s'", on);
}

static void check_frozen(struct testlife *t)
{
	unsigned int lives = t->lives;
	uint64_t start_ms = hostd_now_ms();

	t->frozen = true;
	ktap_ok(testlife_until(t, t->lives > lives, ANSWER_MS) && hostd_now_ms() - start_ms < 8000,
		"one that does not beat");
	t->frozen = false;
	if (!is_well(t))
		ktap_note("the next one does not serve");
	lives = t->lives;
	start_ms = hostd_now_ms();
	close(t->worker_fd);
	t->worker_fd = -1;
	ktap_ok(testlife_until(t, t->lives > lives, ANSWER_MS) && is_well(t) && hostd_now_ms() - start_ms < 5000,
		"one that closes its connection, and lives");
}

/* Each fault costs a longer pause: a worker that always lies does not start 5 times a second. */
static void check_pauses(struct testlife *t)
{
	unsigned int lives = t->lives;

	t->b->life.short_lives = 0;
	lie.silent = lie.after = false;
	lie.always = true;
	lie.text = "nonsense %d";
	lie.on = "init";
	hostd_life_kill(t->b, NULL);
	testlife_pass(t, 60000);
	ktap_ok(t->lives - lives > 10 && t->lives - lives < 30, "a minute of lies takes few lives");
	ktap_note("%u", t->lives - lives);
	lie.always = false;
	lie.on = NULL;
	ktap_ok(is_well(t), "and the first honest worker serves");
}

/* A program that was replaced and does not fit: the old one serves on, with one line. */
static void check_upgrade(struct testlife *t, const char *text)
{
	unsigned int lives = t->lives, lines = t->nr_lines;

	t->b->exe.is_other = true;
	lie.on = "init";
	lie.silent = lie.after = false;
	lie.text = text;
	hostd_life_kill(t->b, NULL);
	ktap_ok(testlife_until(t, t->lives >= lives + 2, ANSWER_MS) && is_well(t) &&
		t->lives == lives + 2 && t->nr_lines == lines + 1 && !t->b->exe.is_other,
		"another program: %s", text);
}

/* What the worker says is a part of the answer, and never overrides the broker's word. */
static void check_words(struct testlife *t)
{
	struct json_object *reply, *value;

	lie.on = "set";
	lie.silent = lie.after = false;
	lie.text = "{\"re\":%d,\"ok\":true,\"device\":{\"id\":\"other\",\"given\":5,\"note\":\"a\\u001b[31mb\\nc\"}}";
	reply = testlife_ask(t, TARGET, ANSWER_MS);
	value = hostd_json_get(reply, "return");
	ktap_ok(value && !strcmp(hostd_json_str(value, "id"), "balloon") &&
		hostd_json_u64(value, "given", 0) == 5, "the broker's word stands");
	ktap_ok(value && !strcmp(hostd_json_str(value, "note"), "a?[31mb?c"), "text can be printed");
	json_object_put(reply);
	lie.on = "set";
	lie.text = "{\"re\":%d,\"ok\":false,\"error\":\"no\\nforged line\"}";
	ktap_ok(!strcmp(testlife_error(t, "{\"execute\":\"resize\",\"arguments\":{\"id\":\"d0\",\"size\":32768}}",
				       ANSWER_MS), "d0: no?forged line"), "an error is one line");
}

/* A lock of this process' goes when it closes any descriptor of the file. */
static bool is_locked(int fd)
{
	struct flock lock = { .l_type = F_WRLCK };
	int status = 0;
	pid_t pid = fork();

	if (!pid)
		_exit(!fcntl(fd, F_GETLK, &lock) && lock.l_type != F_UNLCK);
	return waitpid(pid, &status, 0) == pid && status;
}

/* A worker's descriptors never are the broker's: to close one may wait for what it is of. */
static void check_descriptors(struct testlife *t)
{
	struct flock lock = { .l_type = F_WRLCK };
	int fds[2] = { memfd_create("sent", MFD_CLOEXEC) };
	unsigned int left = hostd_fds_left(), i;
	struct json_object *msg = json_object_new_object();

	hostd_json_add_str(msg, "event", "log");
	hostd_json_add_u64(msg, "level", HOSTD_LOG_INFO);
	hostd_json_add_str(msg, "text", "with descriptors");
	fds[1] = fds[0];
	if (fds[0] < 0 || fcntl(fds[0], F_SETLK, &lock))
		ktap_bail("setup");
	for (i = 0; i < 20; i++)
		if (hostd_ipc_send(t->worker_fd, msg, fds, HOSTD_ARRAY_SIZE(fds)))
			ktap_bail("send");
	for (i = 0; i < 40; i++)
		testlife_step(t);
	ktap_ok(is_well(t) && hostd_fds_left() == left && is_locked(fds[0]),
		"descriptors that come unasked are neither taken nor closed");
	close(fds[0]);
	json_object_put(msg);
}

/* A broker that was stopped for a while finds the answers that came in time. */
static void check_pause(struct testlife *t)
{
	static const char stats[] = "{\"execute\":\"stats\"}\n";
	unsigned int lives = t->lives, i;
	struct json_object *reply;
	int fd = t->client_fd;

	lie.on = NULL;
	if (send(fd, stats, strlen(stats), MSG_NOSIGNAL) < 0)
		ktap_bail("send");
	for (i = 0; i < 100 && !t->b->requests; i++)
		if (hostd_loop_step(&t->b->loop))
			ktap_bail("the loop fails");
	if (!t->b->requests)
		ktap_bail("no request");
	/* Somebody else is heard first. */
	t->client_fd = -1;
	testlife_connect(t);
	while (testlife_work(t))
		;
	testlife_leap_ms += 60000;
	close(t->client_fd);
	t->client_fd = fd;
	reply = testlife_ask(t, NULL, ANSWER_MS);
	ktap_ok(is_well(t) && t->lives == lives, "a worker that answered while the broker was stopped is not blamed");
	json_object_put(reply);
}

/* What an errand says: all of it lies, with or without descriptors; or the truth. */
struct errand {
	enum { LIES, DESCRIPTORS, TRUTH } says;
	int said_fd;
};

static struct {
	unsigned int nr;
	struct hostd_errand_report report;
} told;

static void say(const void *job, int sock)
{
	const struct errand *errand = job;
	struct hostd_errand_report report = { 0 };
	const int fds[] = { sock, sock };

	if (errand->says != TRUTH)
		memset(&report, '\33', sizeof(report));
	report.waiting = errand->says != TRUTH;
	hostd_parcel_send(sock, &report, sizeof(report), fds, errand->says == DESCRIPTORS ? 2 : 0);
	if (write(errand->said_fd, "", 1) == 1)
		poll(&(struct pollfd) { .fd = sock }, 1, -1);
}

static void hear(void *owner, const struct hostd_errand_report *report, int *fds)
{
	(void)owner;
	told.nr++;
	told.report = *report;
	if (fds[0] >= 0 || fds[1] >= 0)
		told.nr = 1000;
}

/* Start one, and wait until it has spoken. */
static void send_errand(struct testlife *t, int says)
{
	struct errand errand = { .says = says };
	struct hostd_errand_op op = {
		.work = say, .job = &errand, .report_len = sizeof(told.report), .doing = "asking", .shown = "somebody",
		.suspect = "nobody", .told = hear, .owner = &told,
	};
	char err[HOSTD_ERROR_MAX], byte;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		ktap_bail("pipe");
	errand.said_fd = op.keep_fd = fds[1];
	told.nr = 0;
	if (hostd_errand_start(t->b, &op, err))
		ktap_bail("%s", err);
	close(fds[1]);
	if (read(fds[0], &byte, 1) != 1)
		ktap_bail("it says nothing");
	close(fds[0]);
}

/* A process that has dealt with others, as with an NBD server, is believed no more than a worker. */
static void check_errands(struct testlife *t)
{
	unsigned int left = hostd_fds_left();

	send_errand(t, LIES);
	testlife_until(t, told.nr && !t->b->errands, ANSWER_MS);
	ktap_ok(told.nr == 1 && !told.report.waiting && strlen(told.report.text) < HOSTD_ERROR_MAX &&
		told.report.text[0] == '?', "an errand's text ends, and can be printed");
	send_errand(t, DESCRIPTORS);
	testlife_until(t, told.nr && !t->b->errands, ANSWER_MS);
	ktap_ok(told.nr == 1 && told.report.error == -EMFILE && hostd_fds_left() == left,
		"descriptors that an errand has no right to are not taken");
	testlife_connect(t);
	send_errand(t, TRUTH);
	testlife_leap_ms += 60000;
	testlife_until(t, told.nr && !t->b->errands, ANSWER_MS);
	ktap_ok(told.nr == 1 && !told.report.error, "one that spoke while the broker was stopped was in time");
}

int main(void)
{
	const unsigned int nr = HOSTD_ARRAY_SIZE(lies);
	struct testlife t;
	unsigned int i;

	ktap_plan(2 + nr + 8 + 2 + 2 + 4 + 3 + 1 + 1 + 3 + 1);
	testlife_start(&t, answer);
	ktap_ok(testlife_until(&t, testlife_serves(&t), ANSWER_MS), "the first worker serves");
	testlife_error(&t, "{\"execute\":\"add-disk\",\"arguments\":{\"id\":\"d0\",\"null\":4096}}", ANSWER_MS);
	testlife_error(&t, "{\"execute\":\"add-balloon\",\"arguments\":{\"id\":\"balloon\",\"ram\":\"off\"}}",
		       ANSWER_MS);
	testlife_error(&t, "{\"execute\":\"add-disk\",\"arguments\":{\"id\":\"x\",\"null\":4096}}", ANSWER_MS);
	ktap_ok(is_well(&t), "with a disk");
	for (i = 0; i < nr; i++)
		check_lie(&t, i);
	check_silence(&t, "init", NULL);
	check_silence(&t, "hold", NULL);
	check_silence(&t, "go", NULL);
	check_silence(&t, "add", "{\"execute\":\"add-disk\",\"arguments\":{\"id\":\"y\",\"null\":4096}}");
	check_silence(&t, "set", "{\"execute\":\"resize\",\"arguments\":{\"id\":\"d0\",\"size\":16384}}");
	check_silence(&t, "stats", "{\"execute\":\"stats\"}");
	check_silence(&t, "status", "{\"execute\":\"status\"}");
	check_silence(&t, "set", TARGET);
	check_frozen(&t);
	check_pauses(&t);
	check_upgrade(&t, "{\"re\":%d,\"ok\":true,\"protocol\":99}");
	check_upgrade(&t, "{\"re\":%d,\"ok\":true}");
	check_upgrade(&t, "{\"re\":%d,\"ok\":false,\"error\":\"its worker speaks 99\"}");
	check_upgrade(&t, "{\"re\":%d,\"ok\":true,\"protocol\":0}");
	check_words(&t);
	check_descriptors(&t);
	check_pause(&t);
	check_errands(&t);
	ktap_ok(!testlife_stop(&t), "the broker ends well");
	return ktap_finish();
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * What others cause to be logged or kept has a bound in the broker: a worker that talks without end
 * fills no disk, what it says cannot pass for a line of somebody else's, and a client that
 * says nothing is let go.
 */
#include "testlife.h"

#define HOUR_MS		3600000

/* Says of itself what every worker must. */
static struct json_object *answer(struct testlife *t, struct json_object *req, const char *op)
{
	return testlife_honest(t, req, op);
}

static void check_flood(struct testlife *t)
{
	unsigned int i, before = t->nr_lines;
	uint64_t start_ms;

	for (i = 0; i < 5000; i++) {
		testlife_say(t, "{\"event\":\"log\",\"level\":0,\"text\":\"again\"}");
		if (i % 50 == 49)
			testlife_pass(t, 1);
	}
	ktap_ok(t->nr_lines - before > 0 && t->nr_lines - before <= 110, "of 5000 lines at once %u are written",
		t->nr_lines - before);
	before = t->nr_lines;
	start_ms = hostd_now_ms();
	for (i = 0; hostd_now_ms() - start_ms < HOUR_MS; i++) {
		testlife_say(t, "{\"event\":\"log\",\"level\":1,\"text\":\"and again\"}");
		testlife_pass(t, 100);
	}
	ktap_ok(t->nr_lines - before > 10 && t->nr_lines - before <= 520, "and of %u in an hour %u", i,
		t->nr_lines - before);
	for (i = 0; i < 10; i++)
		testlife_say(t, "{\"event\":\"log\",\"level\":1,\"text\":\"too much\"}");
	testlife_pass(t, HOUR_MS / 10);
	before = t->nr_lines;
	testlife_say(t, "{\"event\":\"log\",\"level\":0,\"text\":\"at last\"}");
	testlife_pass(t, 10);
	ktap_ok(t->nr_lines == before + 2 && strstr(t->line, "at last"), "those that were dropped are counted");
}

static void end_worker(struct testlife *t)
{
	if (t->b->life.pid)
		kill(t->b->life.pid, SIGTERM);
}

/* Each serves, and dies. */
static void check_deaths(struct testlife *t)
{
	unsigned int before, lives = t->lives;
	uint64_t start_ms = hostd_now_ms();

	before = t->nr_lines;
	while (hostd_now_ms() - start_ms < HOUR_MS) {
		end_worker(t);
		testlife_pass(t, 1000);
	}
	ktap_note("%u deaths, %u lines", t->lives - lives, t->nr_lines - before);
	ktap_ok(t->lives - lives > 500 && t->nr_lines - before >= 30 && t->nr_lines - before <= 4 * (30 + HOUR_MS / 300000),
		"of workers that die again and again the log says so, with a bound");
	testlife_pass(t, HOUR_MS);
	before = t->nr_lines;
	end_worker(t);
	testlife_pass(t, 10);
	ktap_ok(t->nr_lines >= before + 2, "and how many died unsaid, when the next one does");
}

static void check_text(void)
{
	static const char * const texts[][2] = {
		{ "plain", "plain" },
		{ "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\xa7", "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\xa7" },
		{ "a\nforged: line\r\t", "a?forged: line??" },
		{ "\x1b[2J\x07", "?[2J?" },
		{ "\302\2332J", "?2J" },		/* the same in one character, as UTF-8 */
		{ "\2332J", "?2J" },			/* and as a byte */
		{ "a\342\200\256b", "a?b" },		/* turns the direction */
		{ "a\342\200\250b", "a?b" },		/* is a line's end */
		{ "\xc0\x8a", "??" },			/* a newline, longer than need be */
		{ "\xed\xa0\x80\xe2\x82", "?????" },	/* half a pair; the start of a character */
		{ "", "" },
	};
	unsigned int i, wrong = 0;
	char text[64];

	for (i = 0; i < HOSTD_ARRAY_SIZE(texts); i++) {
		strcpy(text, texts[i][0]);
		hostd_text_clean(text);
		if (!strcmp(text, texts[i][1]))
			continue;
		ktap_note("text %u becomes '%s'", i, text);
		wrong++;
	}
	ktap_ok(!wrong, "no text can move a cursor, begin a line or turn its direction");
}

static void check_idle(struct testlife *t)
{
	char byte;
	int fd;

	testlife_connect(t);
	fd = t->client_fd;
	testlife_pass(t, 200000);
	ktap_ok(recv(fd, &byte, 1, 0) < 0 && errno == EAGAIN, "a client may be idle for minutes");
	testlife_pass(t, 200000);
	ktap_ok(recv(fd, &byte, 1, 0) == 0, "and not for ever");
	close(fd);
	t->client_fd = -1;
}

int main(void)
{
	struct testlife t;

	ktap_plan(10);
	testlife_start(&t, answer);
	ktap_ok(testlife_until(&t, testlife_serves(&t), 10000), "a worker serves");
	check_flood(&t);
	check_deaths(&t);
	check_text();
	check_idle(&t);
	ktap_ok(!testlife_stop(&t), "the broker ends well");
	return ktap_finish();
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Commands that are almost right, and a worker that lies almost well: from dice, or from a fuzzer.
 *
 * However it goes on, each command is answered, by one line of JSON, in bounded time, and the broker
 * serves again when the worker is honest again.
 */
#ifndef SELFTESTS_HOSTD_FUZZLIFE_H
#define SELFTESTS_HOSTD_FUZZLIFE_H

#include "testlife.h"

#define FUZZLIFE_ROOM	8192
#define FUZZLIFE_MS	700000	/* a release may take ten minutes */

/**
 * struct fuzzlife - the state of it
 * @t: broker, worker, operator
 * @data: the fuzzer's bytes
 * @len: how many are left; then @seed is used
 * @seed: of the dice
 * @lies: how many of 8 answers are lies
 * @nr_commands: so far
 * @nr_lies: so far
 */
struct fuzzlife {
	struct testlife t;
	const uint8_t *data;
	size_t len;
	uint64_t seed;
	unsigned int lies;
	unsigned int nr_commands;
	unsigned int nr_lies;
};

static struct fuzzlife fuzz;

static const char *const fuzzlife_commands[] = {
	"{\"execute\":\"list\",\"id\":1}",
	"{\"execute\":\"status\"}",
	"{\"execute\":\"stats\"}",
	"{\"execute\":\"stats\",\"arguments\":{\"id\":\"d1\"}}",
	"{\"execute\":\"add-disk\",\"arguments\":{\"id\":\"d1\",\"null\":1048576}}",
	"{\"execute\":\"add-disk\",\"arguments\":{\"id\":\"d2\",\"null\":4096,\"queues\":4,\"serial\":\"S\"}}",
	("{\"execute\":\"add-disk\",\"arguments\":{\"id\":\"d4\",\"null\":8192,\"logical-block\":512,"
	 "\"physical-block\":4096,\"max-io\":131072,\"queue-size\":256,\"cache\":\"none\",\"wait\":true}}"),
	"{\"execute\":\"add-clock\",\"arguments\":{\"id\":\"c\"}}",
	"{\"execute\":\"add-balloon\",\"arguments\":{\"id\":\"b\",\"ram\":\"off\",\"target\":\"auto\"}}",
	"{\"execute\":\"balloon\",\"arguments\":{\"id\":\"b\",\"target\":4096,\"rate\":1}}",
	"{\"execute\":\"resize\",\"arguments\":{\"id\":\"d1\",\"size\":2097152}}",
	"{\"execute\":\"resize\",\"arguments\":{\"id\":\"d2\",\"size\":4096,\"shrink\":true}}",
	"{\"execute\":\"add\",\"arguments\":{\"type\":\"disk\",\"id\":\"d1\",\"null\":1048576,\"on-error\":\"stop\"}}",
	"{\"execute\":\"set\",\"arguments\":{\"id\":\"d1\",\"werror\":\"stop\",\"size\":2097152,\"shrink\":true}}",
	"{\"execute\":\"set\",\"arguments\":{\"id\":\"b\",\"stats\":0,\"target\":\"auto\"}}",
	"{\"execute\":\"show\",\"arguments\":{\"id\":\"b\"}}",
	"{\"execute\":\"balloon\"}",
	"{\"execute\":\"query-classes\"}",
	"{\"execute\":\"remove\",\"arguments\":{\"id\":\"d1\",\"force\":true}}",
	"{\"execute\":\"remove\",\"arguments\":{\"id\":\"d2\"}}",
	"{\"execute\":\"remove\",\"arguments\":{\"id\":\"b\"}}",
	"{\"execute\":\"continue\",\"arguments\":{\"id\":\"d1\"}}",
	"{\"execute\":\"pcap\",\"arguments\":{\"id\":\"d1\",\"snaplen\":64}}",
	"{\"execute\":\"pcap\",\"arguments\":{\"id\":\"d1\",\"snaplen\":64}}",
	"{\"execute\":\"restart-worker\"}",
	"{\"execute\":\"release\"}",
	"{\"execute\":\"qemu-args\",\"id\":{\"a\":[1,2,{\"b\":null}]}}",
};

static const char *const fuzzlife_replies[] = {
	"{\"re\":%u,\"ok\":true}",
	"{\"re\":%u,\"ok\":false,\"error\":\"no\"}",
	"{\"re\":%u,\"ok\":true,\"protocol\":" TESTLIFE_PROTOCOL ",\"poll_us\":50,\"engine\":\"sync\"}",
	"{\"re\":%u,\"ok\":true,\"epoch\":4294967297}",
	"{\"re\":%u,\"ok\":true,\"device\":{\"engine\":\"uring\",\"id\":\"x\",\"given\":1}}",
	"{\"re\":%u,\"ok\":true,\"devices\":[{\"slot\":0,\"status\":\"running\",\"name\":\"d1\"}],\"next\":1}",
	("{\"re\":%u,\"ok\":true,\"epoch\":1,\"driver\":{\"ident\":\"d\",\"kernel\":\"k\"},\"devices\":"
	 "[{\"slot\":0,\"status\":\"reset\",\"stopped\":\"why\",\"held\":3,\"host_errors\":{\"read\":1}}]}"),
	"{\"re\":%u,\"ok\":true,\"held\":7}",
	"{\"event\":\"removed\",\"slot\":0,\"generation\":%u}",
	"{\"event\":\"epoch\",\"epoch\":%u}",
	"{\"event\":\"log\",\"level\":%u,\"text\":\"hello\"}",
};

static const char *const fuzzlife_words[] = {
	"null", "true", "-1", "0", "64", "1e999", "9223372036854775807", "18446744073709551615",
	"99999999999999999999999", "{}", "[]", "[[[[[[[[[[[[[[[[[[[[", "\"\"", "\"slot\":", "\"id\":",
	"\"ok\":", "\"re\":", "\\u0000", "\\ud800", "\xff", "\xc2\x9b", ",", ":", "}", "{", "\"", "'",
	"\\", "/*", "\"arguments\":{}", "\"execute\":\"list\"", "\"wait\":true", "\"file\":\"/\"",
};

static inline uint8_t fuzzlife_byte(void)
{
	if (fuzz.len) {
		fuzz.len--;
		return *fuzz.data++;
	}
	fuzz.seed ^= fuzz.seed << 13;
	fuzz.seed ^= fuzz.seed >> 7;
	fuzz.seed ^= fuzz.seed << 17;
	return fuzz.seed >> 24;
}

static inline unsigned int fuzzlife_dice(unsigned int sides)
{
	unsigned int n = fuzzlife_byte();

	return sides > 256 ? (n << 8 | fuzzlife_byte()) % sides : n % sides;
}

static inline void fuzzlife_insert(char *text, size_t at, const char *what)
{
	size_t len = strlen(text), more = strlen(what);

	if (len + more >= FUZZLIFE_ROOM)
		return;
	memmove(text + at + more, text + at, len - at + 1);
	memcpy(text + at, what, more);
}

/* Change some of it, or nothing. */
static inline void fuzzlife_spoil(char *text)
{
	unsigned int nr = fuzzlife_dice(4), at, cut;
	char word[64];

	while (nr-- && *text) {
		at = fuzzlife_dice(strlen(text));
		cut = fuzzlife_dice(24);
		switch (fuzzlife_dice(5)) {
		case 0:
			text[at] = fuzzlife_byte() | 1;
			break;
		case 1:
			fuzzlife_insert(text, at, fuzzlife_words[fuzzlife_dice(HOSTD_ARRAY_SIZE(fuzzlife_words))]);
			break;
		case 2:		/* in the place of a value */
			while (text[at] && text[at] != ':')
				at++;
			if (!text[at])
				break;
			cut = strcspn(text + at + 1, ",}]");
			memmove(text + at + 1, text + at + 1 + cut, strlen(text + at + 1 + cut) + 1);
			fuzzlife_insert(text, at + 1,
					fuzzlife_words[fuzzlife_dice(HOSTD_ARRAY_SIZE(fuzzlife_words))]);
			break;
		case 3:
			cut = cut > strlen(text + at) ? strlen(text + at) : cut;
			memmove(text + at, text + at + cut, strlen(text + at + cut) + 1);
			break;
		default:
			snprintf(word, sizeof(word), "%.*s", (int)cut, text + at);
			fuzzlife_insert(text, at, word);
		}
	}
}

static inline void fuzzlife_lie(struct testlife *t, unsigned int number)
{
	char text[FUZZLIFE_ROOM];

	snprintf(text, sizeof(text), fuzzlife_replies[fuzzlife_dice(HOSTD_ARRAY_SIZE(fuzzlife_replies))],
		 number);
	fuzzlife_spoil(text);
	fuzz.nr_lies++;
	testlife_say(t, text);
}

/* In the place of the truth, before it, or after it; or nothing at all. */
static inline struct json_object *fuzzlife_answer(struct testlife *t, struct json_object *req,
						  const char *op)
{
	unsigned int number = hostd_json_u64(req, "id", 0);

	if (fuzzlife_dice(8) >= fuzz.lies)
		return testlife_honest(t, req, op);
	switch (fuzzlife_dice(8)) {
	case 0:
		return NULL;
	case 1:
		fuzzlife_lie(t, fuzzlife_dice(5));
		return testlife_honest(t, req, op);
	case 2:
		close(t->worker_fd);
		t->worker_fd = -1;
		return NULL;
	default:
		fuzzlife_lie(t, number);
		return NULL;
	}
}

static inline void fuzzlife_start(uint64_t seed, unsigned int lies)
{
	fuzz.seed = seed | 1;
	fuzz.lies = 0;
	testlife_start(&fuzz.t, fuzzlife_answer);
	if (!testlife_until(&fuzz.t, testlife_serves(&fuzz.t), FUZZLIFE_MS))
		ktap_bail("no worker serves");
	fuzz.lies = lies;
}

/* A command: answered, or the connection is closed because it was none. False: neither. */
static inline bool fuzzlife_command(void)
{
	char text[FUZZLIFE_ROOM];
	struct json_object *answer;
	bool good;

	strcpy(text, fuzzlife_commands[fuzzlife_dice(HOSTD_ARRAY_SIZE(fuzzlife_commands))]);
	fuzzlife_spoil(text);
	if (strpbrk(text, "\r\n") || !text[strspn(text, " \t")])
		return true;	/* not one line, to which there is one answer */
	fuzz.nr_commands++;
	answer = testlife_ask(&fuzz.t, text, FUZZLIFE_MS);
	good = hostd_json_get(answer, "return") || hostd_json_str(hostd_json_get(answer, "error"), "desc");
	if (!good)
		ktap_note("no answer to: %s", text);
	json_object_put(answer);
	fuzz.t.b->life.short_lives = 0;
	return good;
}

/* With an honest worker all is well again. */
static inline bool fuzzlife_recovers(void)
{
	unsigned int lies = fuzz.lies;
	const char *error;
	bool good;

	fuzz.lies = 0;
	fuzz.t.b->life.short_lives = 0;
	error = testlife_error(&fuzz.t, "{\"execute\":\"restart-worker\"}", FUZZLIFE_MS);
	good = error && testlife_until(&fuzz.t, testlife_serves(&fuzz.t), FUZZLIFE_MS);
	fuzz.lies = lies;
	return good;
}

#endif /* SELFTESTS_HOSTD_FUZZLIFE_H */

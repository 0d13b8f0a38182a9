// SPDX-License-Identifier: GPL-2.0-only
/*
 * pvctl: the word of a class of which a VM has one, as a command: "balloon 1G --wait".
 */
#include "pvctl/word.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keys/class.h"
#include "lib/util.h"
#include "pvctl/pvctl.h"

#define DEF_WAIT_S	60
#define LOOK_MS		100
#define FIRST_KEY	1000	/* code of the first key's option */

/**
 * struct request - what is asked for
 * @word: the command
 * @class: whose
 * @main: the key of VALUE; NULL: nothing may change
 * @args: what changes
 * @wait_s: how long to wait; 0: not at all
 */
struct request {
	const char *word;
	const struct pv_class *class;
	const struct hostd_key *main;
	struct json_object *args;
	uint64_t wait_s;
};

static const struct hostd_key *first_live(const struct hostd_key *key)
{
	for (; key && key->name; key++) {
		if (key->live && key->kind != HOSTD_KEY_NAME)
			return key;
	}
	return NULL;
}

/* What a value of a key is called. */
static const char *noun(const struct hostd_key *key)
{
	return key->kind == HOSTD_KEY_SIZE ? "size" : key->kind == HOSTD_KEY_NUMBER ? "number" : key->name;
}

static bool is_value(const struct request *rq, const char *text)
{
	char err[512];
	struct json_object *val = rq->main ? hostd_key_parse(rq->main, text, err, sizeof(err)) : NULL;

	json_object_put(val);
	return val;
}

static void take_value(struct request *rq, const struct hostd_key *key, const char *text)
{
	char err[512];
	struct json_object *val = hostd_key_parse(key, text, err, sizeof(err));

	if (!val && key == rq->main)
		pvctl_fail(PVCTL_USAGE, "%s: %s", rq->word, err);
	if (!val)
		pvctl_fail(PVCTL_USAGE, "%s: --%s %s is not a %s: " HOSTD_SIZE_ADVICE, rq->word, key->name,
			   text, noun(key));
	json_object_object_add(rq->args, key->name, val);
}

static void take_wait(struct request *rq, const char *text)
{
	rq->wait_s = DEF_WAIT_S;
	if (text && (hostd_parse_size(text, &rq->wait_s) || !rq->wait_s))
		pvctl_fail(PVCTL_USAGE, "%s: --wait=%s: give seconds, at least 1", rq->word, text);
}

/* VM, VALUE or both; a word that is a value is one. */
static void take_words(struct request *rq, struct pvctl *ctl, int nr, char **words)
{
	if (nr > 2)
		pvctl_fail(PVCTL_USAGE, "%s: '%s' is too much: 'pvctl help %s' shows what it takes",
			   rq->word, words[2], rq->word);
	if (nr == 2 || (nr == 1 && !is_value(rq, words[0]))) {
		if (ctl->control || (ctl->name && strcmp(ctl->name, words[0])))
			pvctl_fail(PVCTL_USAGE, "%s: '%s' is not a %s, and another VM than that of %s: give one of them",
				   rq->word, words[0], rq->main ? noun(rq->main) : "value",
				   ctl->control ? "--control" : "--name");
		ctl->name = words[0];
		words++;
		nr--;
	}
	if (nr)
		take_value(rq, rq->main, words[0]);
}

/* --wait, if there is something to wait for, and an option for each other key that may change. */
static struct option *make_options(const struct request *rq)
{
	const struct hostd_key *key;
	struct option *options;
	unsigned int nr = 0, i = 0;

	for (key = rq->class->keys; key && key->name; key++)
		nr++;
	options = calloc(nr + 2, sizeof(*options));
	if (!options)
		pvctl_fail(1, "out of memory");
	if (rq->main && rq->main->reached)
		options[i++] = (struct option) { "wait", optional_argument, NULL, 'w' };
	for (key = rq->main; key && key->name; key++) {
		if (key != rq->main && key->live)
			options[i++] = (struct option) { key->name, required_argument, NULL,
							 FIRST_KEY + (key - rq->class->keys) };
	}
	return options;
}

static void take_options(struct request *rq, struct pvctl *ctl, int argc, char **argv)
{
	struct option *options = make_options(rq);
	int c;

	optind = 0;		/* begin anew, and take words from between options */
	opterr = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (c == 'w')
			take_wait(rq, optarg);
		else if (c >= FIRST_KEY)
			take_value(rq, &rq->class->keys[c - FIRST_KEY], optarg);
		else
			pvctl_fail(PVCTL_USAGE, "%s: '%s' is not an option or lacks its value: 'pvctl help %s' lists them",
				   rq->word, argv[optind - 1], rq->word);
	}
	free(options);
	take_words(rq, ctl, argc - optind, argv + optind);
}

static uint64_t reached(const struct request *rq, struct json_object *dev)
{
	return hostd_json_u64(dev, rq->main->reached, UINT64_MAX);
}

/* To 1 %. */
static bool has_arrived(const struct request *rq, struct json_object *dev)
{
	uint64_t want = hostd_json_u64(dev, rq->main->name, 0), have = reached(rq, dev);

	return (have > want ? have - want : want - have) <= want / 100;
}

/* @obj: a request or an answer */
static void refuse_word(const struct request *rq, struct json_object *obj)
{
	const char *text = hostd_json_str(obj, rq->main->name);

	if (text)
		pvctl_fail(PVCTL_USAGE, "%s: with %s there is nothing to wait for: give a %s, or leave --wait out",
			   rq->word, text, noun(rq->main));
}

/* Ask again until it is there, or the time is up. */
static struct json_object *wait_for(const struct request *rq, const struct pvctl *ctl,
				    struct json_object *dev)
{
	uint64_t end_ms = hostd_now_ms() + rq->wait_s * 1000;

	refuse_word(rq, dev);
	while (!has_arrived(rq, dev) && hostd_now_ms() < end_ms) {
		usleep(LOOK_MS * 1000);
		json_object_put(dev);
		dev = pvctl_call(ctl, rq->word, NULL);
	}
	return dev;
}

static int complain(const struct request *rq, struct json_object *dev)
{
	char have[32], want[32];

	fprintf(stderr, "pvctl: %s: the guest has %s %s of %s after %llu s: it goes on, see 'pvctl %s'\n",
		rq->word, rq->main->reached,
		hostd_format_size(hostd_json_u64(dev, rq->main->reached, 0), have, sizeof(have)),
		hostd_format_size(hostd_json_u64(dev, rq->main->name, 0), want, sizeof(want)),
		(unsigned long long)rq->wait_s, rq->word);
	return 1;
}

int pvctl_word(const struct pvctl *ctl, const struct pv_class *class, int argc, char **argv)
{
	struct request rq = {
		.word = class->word, .class = class, .main = first_live(class->keys),
		.args = json_object_new_object(),
	};
	struct json_object *dev;
	struct pvctl mine = *ctl;
	int code = 0;

	take_options(&rq, &mine, argc, argv);
	if (rq.wait_s)
		refuse_word(&rq, rq.args);
	pvctl_find_control(&mine);
	dev = pvctl_call(&mine, argv[0], rq.args);
	if (rq.wait_s) {
		dev = wait_for(&rq, &mine, dev);
		if (!has_arrived(&rq, dev))
			code = complain(&rq, dev);
	}
	if (ctl->json)
		pvctl_print_json(dev);
	else if (!code)
		pvctl_print_summary(dev);
	json_object_put(dev);
	return code;
}

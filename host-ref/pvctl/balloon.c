// SPDX-License-Identifier: GPL-2.0-only
/*
 * pvctl balloon: shows the balloon, changes its target, and waits for the guest to get there.
 */
#include "pvctl/pvctl.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/util.h"

#define DEF_WAIT_S	60
#define LOOK_MS		100

/**
 * struct request - what is asked for
 * @args: of the command "balloon"
 * @wait_s: how long to wait; 0: not at all
 */
struct request {
	struct json_object *args;
	uint64_t wait_s;
};

static bool is_target(const char *text)
{
	uint64_t size;

	return !strcmp(text, "auto") || !hostd_parse_size(text, &size);
}

static void take_target(struct request *rq, const char *text)
{
	uint64_t size = 0;

	if (!strcmp(text, "auto"))
		hostd_json_add_str(rq->args, "target", text);
	else if (!hostd_parse_size(text, &size))
		hostd_json_add_u64(rq->args, "target", size);
	else
		pvctl_fail(PVCTL_USAGE, "balloon: '%s' is neither a size nor auto: use digits, and K, M, G or T after them",
			   text);
}

static void take_rate(struct request *rq, const char *text)
{
	uint64_t size;

	if (hostd_parse_size(text, &size))
		pvctl_fail(PVCTL_USAGE, "balloon: --rate %s is not a size: use digits, and K, M, G or T after them",
			   text);
	hostd_json_add_u64(rq->args, "rate", size);
}

static void take_wait(struct request *rq, const char *text)
{
	rq->wait_s = DEF_WAIT_S;
	if (text && (hostd_parse_size(text, &rq->wait_s) || !rq->wait_s))
		pvctl_fail(PVCTL_USAGE, "balloon: --wait=%s: give seconds, at least 1", text);
}

/* VM, SIZE or both; a word that is a size is a SIZE. */
static void take_words(struct request *rq, struct pvctl *ctl, int nr, char **words)
{
	if (nr > 2)
		pvctl_fail(PVCTL_USAGE, "balloon: '%s' is too much: 'pvctl help balloon' shows what it takes",
			   words[2]);
	if (nr == 2 || (nr == 1 && !is_target(words[0]))) {
		if (ctl->control || (ctl->name && strcmp(ctl->name, words[0])))
			pvctl_fail(PVCTL_USAGE, "balloon: '%s' is not a size, and another VM than that of %s: give one of them",
				   words[0], ctl->control ? "--control" : "--name");
		ctl->name = words[0];
		words++;
		nr--;
	}
	if (nr)
		take_target(rq, words[0]);
}

static void take_options(struct request *rq, struct pvctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {
		{ "rate", required_argument, NULL, 'r' },
		{ "wait", optional_argument, NULL, 'w' },
		{ 0 },
	};
	int c;

	optind = 0;		/* begin anew, and take words from between options */
	opterr = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (c == 'r')
			take_rate(rq, optarg);
		else if (c == 'w')
			take_wait(rq, optarg);
		else
			pvctl_fail(PVCTL_USAGE, "balloon: '%s' is not an option or lacks its value: 'pvctl help balloon' lists them",
				   argv[optind - 1]);
	}
	take_words(rq, ctl, argc - optind, argv + optind);
}

static bool has_arrived(struct json_object *balloon)
{
	uint64_t target = hostd_json_u64(balloon, "target", 0);
	uint64_t given = hostd_json_u64(balloon, "given", UINT64_MAX);

	return (given > target ? given - target : target - given) <= target / 100;
}

/* @obj: a request or an answer */
static void refuse_auto(struct json_object *obj)
{
	if (hostd_json_str(obj, "target"))
		pvctl_fail(PVCTL_USAGE, "balloon: with auto there is nothing to wait for: give a SIZE, or leave --wait out");
}

/* Ask again until it is there, or the time is up. */
static struct json_object *wait_for(const struct pvctl *ctl, struct json_object *balloon,
				    uint64_t wait_s)
{
	uint64_t end_ms = hostd_now_ms() + wait_s * 1000;

	refuse_auto(balloon);
	while (!has_arrived(balloon) && hostd_now_ms() < end_ms) {
		usleep(LOOK_MS * 1000);
		json_object_put(balloon);
		balloon = pvctl_call(ctl, "balloon", NULL);
	}
	return balloon;
}

static int complain(struct json_object *balloon, uint64_t wait_s)
{
	char given[32], target[32];

	fprintf(stderr, "pvctl: balloon: the guest has given %s of %s after %llu s: it goes on, see 'pvctl balloon'\n",
		hostd_format_size(hostd_json_u64(balloon, "given", 0), given, sizeof(given)),
		hostd_format_size(hostd_json_u64(balloon, "target", 0), target, sizeof(target)),
		(unsigned long long)wait_s);
	return 1;
}

int pvctl_balloon(const struct pvctl *ctl, int argc, char **argv)
{
	struct request rq = { .args = json_object_new_object() };
	struct json_object *balloon;
	struct pvctl mine = *ctl;
	int code = 0;

	take_options(&rq, &mine, argc, argv);
	if (rq.wait_s)
		refuse_auto(rq.args);
	pvctl_find_control(&mine);
	balloon = pvctl_call(&mine, argv[0], rq.args);
	if (rq.wait_s) {
		balloon = wait_for(&mine, balloon, rq.wait_s);
		if (!has_arrived(balloon))
			code = complain(balloon, rq.wait_s);
	}
	if (ctl->json)
		pvctl_print_json(balloon);
	else if (!code)
		pvctl_print_balloon(balloon);
	json_object_put(balloon);
	return code;
}

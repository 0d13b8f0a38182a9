// SPDX-License-Identifier: GPL-2.0-only
/*
 * pvctl: the command line.
 */
#include "pvctl/pvctl.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/proc/process.h"
#include "lib/util.h"

#define REMOVE_WAIT_MS	5000
#define UPGRADE_WAIT_S	90
#define RELEASE_WAIT_S	600	/* what was written goes to the media */

static struct json_object *id_args(const char *id)
{
	struct json_object *args = json_object_new_object();

	hostd_json_add_str(args, "id", id);
	return args;
}

static int cmd_list(const struct pvctl *ctl, int argc, char **argv)
{
	struct json_object *list = pvctl_call(ctl, argv[0], NULL);

	(void)argc;
	ctl->json ? pvctl_print_json(list) : pvctl_print_list(pvctl_classes(ctl), list);
	json_object_put(list);
	return 0;
}

static int cmd_status(const struct pvctl *ctl, int argc, char **argv)
{
	struct json_object *status = pvctl_call(ctl, argv[0], NULL);

	(void)argc;
	ctl->json ? pvctl_print_json(status) : pvctl_print_status(status);
	json_object_put(status);
	return 0;
}

static int cmd_stats(const struct pvctl *ctl, int argc, char **argv)
{
	struct json_object *stats = pvctl_call(ctl, argv[0], argc > 1 ? id_args(argv[1]) : NULL);

	ctl->json ? pvctl_print_json(stats) : pvctl_print_stats(stats);
	json_object_put(stats);
	return 0;
}

static bool is_listed(const struct pvctl *ctl, const char *id)
{
	struct json_object *list = pvctl_call(ctl, "list", NULL);
	bool found = false;
	size_t i;

	for (i = 0; i < json_object_array_length(list); i++)
		if (!strcmp(hostd_json_str(json_object_array_get_idx(list, i), "id") ?: "", id))
			found = true;
	json_object_put(list);
	return found;
}

static int cmd_remove(const struct pvctl *ctl, int argc, char **argv)
{
	struct json_object *args = id_args(argv[1]), *result;
	uint64_t end_ms = hostd_now_ms() + REMOVE_WAIT_MS;
	bool there;

	if (argc > 2 && strcmp(argv[2], "--force"))
		pvctl_fail(PVCTL_USAGE, "remove: '%s' is not an option: use --force or nothing",
			   argv[2]);
	hostd_json_add_bool(args, "force", argc > 2);
	result = pvctl_call(ctl, argv[0], args);
	while ((there = is_listed(ctl, argv[1])) && hostd_now_ms() < end_ms)
		usleep(20000);
	if (there && !ctl->json)
		pvctl_fail(1, "remove: the guest has not let %s go yet: is it running? --force takes it away without asking",
			   argv[1]);
	hostd_json_add_str(result, "state", there ? "removing" : "removed");
	if (ctl->json)
		pvctl_print_json(result);
	else
		printf("%s: removed\n", argv[1]);
	json_object_put(result);
	return there;
}

static int cmd_continue(const struct pvctl *ctl, int argc, char **argv)
{
	struct json_object *result = pvctl_call(ctl, argv[0], id_args(argv[1]));
	unsigned long long held = hostd_json_u64(result, "held", 0);

	(void)argc;
	if (ctl->json)
		pvctl_print_json(result);
	else if (held)
		printf("%s: goes on, with %llu requests that it held\n", argv[1], held);
	else
		printf("%s: it holds no request\n", argv[1]);
	json_object_put(result);
	return 0;
}

static int cmd_restart_worker(const struct pvctl *ctl, int argc, char **argv)
{
	struct json_object *result = pvctl_call(ctl, argv[0], NULL);

	(void)argc;
	if (ctl->json)
		pvctl_print_json(result);
	else
		printf("worker %llu serves after %llu ms\n",
		       (unsigned long long)hostd_json_u64(result, "pid", 0),
		       (unsigned long long)hostd_json_u64(result, "ms", 0));
	json_object_put(result);
	return 0;
}

static int cmd_upgrade(const struct pvctl *ctl, int argc, char **argv)
{
	struct pvctl patient = *ctl;
	struct json_object *result;

	(void)argc;
	patient.timeout_s = UPGRADE_WAIT_S;
	result = pvctl_call(&patient, argv[0], NULL);
	if (ctl->json)
		pvctl_print_json(result);
	else if (hostd_json_u64(result, "pid", 0))
		printf("pvhostd is version %s, worker %llu serves after %llu ms\n",
		       hostd_json_str(result, "version") ?: "?",
		       (unsigned long long)hostd_json_u64(result, "pid", 0),
		       (unsigned long long)hostd_json_u64(result, "ms", 0));
	else
		printf("pvhostd is version %s, the devices are still released\n",
		       hostd_json_str(result, "version") ?: "?");
	json_object_put(result);
	return 0;
}

static int cmd_release(const struct pvctl *ctl, int argc, char **argv)
{
	struct pvctl patient = *ctl;
	struct json_object *result;

	(void)argc;
	patient.timeout_s = RELEASE_WAIT_S;
	result = pvctl_call(&patient, argv[0], NULL);
	if (ctl->json)
		pvctl_print_json(result);
	else
		puts("the devices are released; 'pvctl restart-worker' takes them back");
	json_object_put(result);
	return 0;
}

/* @text as one word of a shell. */
static void print_word(const char *text)
{
	if (!text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_=,./:@+-")]) {
		fputs(text, stdout);
		return;
	}
	putchar('\'');
	for (; *text; text++)
		if (*text == '\'')
			fputs("'\\''", stdout);
		else
			putchar(*text);
	putchar('\'');
}

static void print_words(const struct pvctl_words *words)
{
	unsigned int i;

	for (i = 0; i < words->nr; i++) {
		putchar(' ');
		print_word(words->word[i]);
	}
}

/* For who calls QEMU without a shell. */
static struct json_object *words_as_json(const struct pvctl_words *words)
{
	struct json_object *array = json_object_new_array();
	unsigned int i;

	for (i = 0; i < words->nr; i++)
		json_object_array_add(array, json_object_new_string(words->word[i]));
	return array;
}

static void print_qemu_args(struct json_object *result, const struct pvctl_words *twins)
{
	const char *path = hostd_json_str(result, "path"), *name = hostd_json_str(result, "name");
	char *chardev, *device;

	pvctl_qemu_args(name ? name : "vm0", path ? path : "", hostd_json_u64(result, "nr_vectors", 0),
			&chardev, &device);
	fputs("-chardev ", stdout);
	print_word(chardev);
	fputs(" -device ", stdout);
	print_word(device);
	print_words(twins);
	putchar('\n');
	free(chardev);
	free(device);
}

static int cmd_qemu_args(const struct pvctl *ctl, int argc, char **argv)
{
	bool replace = argc > 1 && !strcmp(argv[1], "--replace");
	struct pvctl_words twins = { 0 };
	char error[PVCTL_ERROR_MAX];
	struct json_object *result;

	if (argc > 1 && !replace)
		pvctl_fail(PVCTL_USAGE, "qemu-args: it takes --replace or nothing");
	result = pvctl_call(ctl, argv[0], NULL);
	if (replace && pvctl_twins(ctl, hostd_json_str(result, "name") ?: "vm0", &twins, error))
		pvctl_fail(1, "qemu-args: %s", error);
	if (ctl->json && replace)
		json_object_object_add(result, "replace", words_as_json(&twins));
	if (ctl->json)
		pvctl_print_json(result);
	else
		print_qemu_args(result, &twins);
	pvctl_free_words(&twins);
	json_object_put(result);
	return 0;
}

static int cmd_help(const struct pvctl *ctl, int argc, char **argv)
{
	return pvctl_help(ctl, argc > 1 ? argv[1] : NULL);
}

static int cmd_completion(const struct pvctl *ctl, int argc, char **argv);

/* @alone: it asks no pvhostd that runs. */
static const struct command {
	const char *name;
	int min_args, max_args;
	const char *usage;
	int (*run)(const struct pvctl *ctl, int argc, char **argv);
	bool alone;
} commands[] = {
	{ "list", 0, 0, "list", cmd_list },
	{ "status", 0, 0, "status", cmd_status },
	{ "stats", 0, 1, "stats [ID]", cmd_stats },
	{ "top", 0, 7, "top [--sort KEY] [--interval SECONDS] [--count N] [--batch]", pvctl_cmd_top },
	{ "metrics", 0, 0, "metrics", pvctl_cmd_metrics },
	{ "show", 1, 1, "show ID", pvctl_cmd_show },
	{ "add", 1, 3, "add TYPE [ID] [KEY=VALUE,...]", pvctl_cmd_add },
	{ "set", 2, 2, "set ID KEY=VALUE,...", pvctl_cmd_set },
	{ "remove", 1, 2, "remove ID [--force]", cmd_remove },
	{ "resize", 2, 3, "resize ID SIZE [--shrink]", pvctl_cmd_resize },
	{ "continue", 1, 1, "continue ID", cmd_continue },
	{ "pcap", 2, 3, "pcap ID FILE|- [snaplen=BYTES,count=FRAMES]", pvctl_cmd_pcap },
	{ "restart-worker", 0, 0, "restart-worker", cmd_restart_worker },
	{ "upgrade", 0, 0, "upgrade", cmd_upgrade },
	{ "release", 0, 0, "release", cmd_release },
	{ "qemu-args", 0, 1, "qemu-args [--replace]", cmd_qemu_args },
	{ "libvirt-xml", 0, 1, "libvirt-xml [--override|--replace]", pvctl_cmd_libvirt_xml },
	{ "doctor", 0, 0, "doctor", pvctl_cmd_doctor },
	{ "completion", 1, 1, "completion bash|zsh", cmd_completion, true },
	{ "help", 0, 1, "help [COMMAND | --mdoc]", cmd_help, true },
};

static int cmd_completion(const struct pvctl *ctl, int argc, char **argv)
{
	const char *names[HOSTD_ARRAY_SIZE(commands) + 2] = { "run" };
	unsigned int i;

	(void)argc;
	for (i = 0; i < HOSTD_ARRAY_SIZE(commands); i++)
		names[i + 1] = commands[i].name;
	return pvctl_print_completion(ctl, argv[1], names);
}

static int run_command(struct pvctl *ctl, int argc, char **argv)
{
	unsigned int i;
	int code;

	if (!strcmp(argv[0], "run")) {
		if (ctl->control)
			pvctl_fail(PVCTL_USAGE, "run: it starts a pvhostd of its own: use --name or nothing, not --control");
		return pvctl_run(ctl->name, argc, argv);
	}
	for (i = 0; i < HOSTD_ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i].name, argv[0]))
			continue;
		if (argc - 1 < commands[i].min_args || argc - 1 > commands[i].max_args)
			pvctl_fail(PVCTL_USAGE, "%s: usage: pvctl %s", argv[0], commands[i].usage);
		if (!commands[i].alone)
			pvctl_find_control(ctl);
		return commands[i].run(ctl, argc, argv);
	}
	if (pvctl_class_command(ctl, argc, argv, &code))
		return code;
	pvctl_fail(PVCTL_USAGE, "unknown command '%s': 'pvctl help' lists them", argv[0]);
}

static const struct option long_options[] = {
	{ "name", required_argument, NULL, 'n' },
	{ "control", required_argument, NULL, 'c' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ 0 },
};

/* --json is also taken after the command, but not from QEMU's arguments. */
static int take_json(struct pvctl *ctl, int argc, char **argv)
{
	int i, kept = 0;

	if (!strcmp(argv[0], "run"))
		return argc;
	for (i = 0; i < argc; i++) {
		if (!strcmp(argv[i], "--json"))
			ctl->json = true;
		else
			argv[kept++] = argv[i];
	}
	return kept;
}

int main(int argc, char **argv)
{
	struct pvctl ctl = { 0 };
	int c;

	hostd_fds_open_std();
	while ((c = getopt_long(argc, argv, "+hn:V", long_options, NULL)) >= 0) {
		switch (c) {
		case 'n':
			ctl.name = optarg;
			break;
		case 'c':
			ctl.control = optarg;
			break;
		case 'j':
			ctl.json = true;
			break;
		case 'h':
			return pvctl_help(&ctl, NULL);
		case 'V':
			puts("pvctl " PVKIT_VERSION);
			return 0;
		default:
			return PVCTL_USAGE;
		}
	}
	if (optind == argc)
		pvctl_fail(PVCTL_USAGE, "a command is missing: 'pvctl help' lists them");
	argv += optind;
	argc = take_json(&ctl, argc - optind, argv);
	return run_command(&ctl, argc, argv);
}

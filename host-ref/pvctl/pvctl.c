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
#include "lib/files/rundir.h"
#include "lib/spec.h"
#include "lib/util.h"

#define REMOVE_WAIT_MS	5000
#define UPGRADE_WAIT_S	90
#define RELEASE_WAIT_S	600	/* what was written goes to the media */

static const char usage_text[] =
	"usage: pvctl [--name NAME | --control PATH] [--json] COMMAND ...\n"
	"\n"
	"  list                      the devices of the VM\n"
	"  status                    pvhostd, its worker, QEMU and the guest's driver\n"
	"  stats [ID]                counters\n"
	"  add-disk ID SPEC          add a disk, to a running VM too\n"
	"  add-clock [ID] [SPEC]     add a clock\n"
	"  add-balloon [ID] [SPEC]   add a balloon\n"
	"  balloon [VM] [SIZE|auto] [--rate SIZE] [--wait[=SECONDS]]\n"
	"                            have the guest give SIZE bytes of its memory, or show what\n"
	"                            it has given; SIZE is the balloon's, not what the guest keeps\n"
	"  remove ID [--force]       take a device away, as if pulled out: unmount a disk in the\n"
	"                            guest first; --force: without asking the guest\n"
	"  resize ID SIZE [--shrink] change the size of a disk; --shrink: it may be smaller\n"
	"  continue ID               have a disk that the host has failed try again\n"
	"  restart-worker            replace the worker\n"
	"  upgrade                   replace pvhostd by the one that is installed by now, and the\n"
	"                            worker, while the VM runs\n"
	"  release                   let the images go, as for a migration, and wait for\n"
	"                            restart-worker\n"
	"  qemu-args                 print what to add to QEMU's command line\n"
	"  run [--window SIZE] [--vectors N] [--disk SPEC]... [--clock[=SPEC]]\n"
	"      [--balloon[=SPEC]] -- QEMU ARG...        start pvhostd, then QEMU, and end with it\n"
	"  help [COMMAND]\n"
	"\n"
	"  --name NAME               name of the VM (vm0)\n"
	"  --control PATH            control socket of its pvhostd\n"
	"  --json                    print what pvhostd answers\n"
	"  --version\n";

static const char help_add_disk[] =
	"usage: pvctl add-disk ID KEY=VALUE,...\n"
	"A comma in a value is written twice.\n"
	"\n"
	HOSTD_SPEC_DISK_USAGE
	"\n"
	"as: pvctl add-disk d0 file=disk.img,serial=data\n"
	"    pvctl run --disk id=d0,file=disk.img -- qemu-system-x86_64 ...\n";

static const char help_add_clock[] =
	"usage: pvctl add-clock [ID] [KEY=VALUE,...]\n"
	"Its ID is \"clock\" if there is none.\n"
	"\n"
	HOSTD_SPEC_CLOCK_USAGE
	"\n"
	"as: pvctl add-clock\n"
	"    pvctl run --clock -- qemu-system-x86_64 ...\n";

static const char help_add_balloon[] =
	"usage: pvctl add-balloon [ID] [KEY=VALUE,...]\n"
	"Its ID is \"balloon\" if there is none. A VM has no more than one.\n"
	"\n"
	HOSTD_SPEC_BALLOON_USAGE
	"\n"
	"For memory to be returned to the host QEMU must share it:\n"
	"    -object memory-backend-memfd,id=ram,size=4G,share=on -machine memory-backend=ram\n"
	"\n"
	"as: pvctl add-balloon target=auto\n"
	"    pvctl run --balloon=target=1G -- qemu-system-x86_64 ...\n";

static const char help_balloon[] =
	"usage: pvctl balloon [VM] [SIZE|auto] [--rate SIZE] [--wait[=SECONDS]]\n"
	"Have the guest give SIZE bytes of its memory: the size of the balloon, not what the\n"
	"guest keeps. auto: what it does not need. Without a SIZE: show what it has given.\n"
	"\n"
	"  VM                 name of the VM, as --name\n"
	"  --rate SIZE        most that it gives in a second from now on; 0: as fast as it can\n"
	"  --wait[=SECONDS]   until it has given that much, to 1 %, for at most so long (60)\n"
	"\n"
	"as: pvctl balloon 512M\n"
	"    pvctl balloon vm0 1G --rate 100M --wait=30\n"
	"    pvctl balloon auto\n";

static struct json_object *id_args(const char *id)
{
	struct json_object *args = json_object_new_object();

	hostd_json_add_str(args, "id", id);
	return args;
}

void pvctl_print_json(struct json_object *value)
{
	puts(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PRETTY |
					    JSON_C_TO_STRING_NOSLASHESCAPE));
}

static int cmd_list(const struct pvctl *ctl, int argc, char **argv)
{
	struct json_object *list = pvctl_call(ctl, argv[0], NULL);

	(void)argc;
	ctl->json ? pvctl_print_json(list) : pvctl_print_list(list);
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

static void print_added(struct json_object *dev)
{
	const char *id = hostd_json_str(dev, "id") ?: "", *state = hostd_json_str(dev, "state") ?: "";
	char size[32];

	if (!strcmp(state, "waiting"))
		printf("%s: waits until %s is let go\n", id, hostd_json_str(dev, "file") ?: "it");
	else if (hostd_json_get(dev, "size"))
		printf("%s: added, %s\n", id,
		       hostd_format_size(hostd_json_u64(dev, "size", 0), size, sizeof(size)));
	else
		printf("%s: added\n", id);
}

static int add_device(const struct pvctl *ctl, const struct hostd_spec *spec, const char *id,
		      const char *text)
{
	struct json_object *args, *dev;
	char err[512];

	args = hostd_spec_parse(spec, id, text, err, sizeof(err));
	if (!args)
		pvctl_fail(PVCTL_USAGE, "%s: %s", spec->command, err);
	dev = pvctl_call(ctl, spec->command, args);
	ctl->json ? pvctl_print_json(dev) : print_added(dev);
	json_object_put(dev);
	return 0;
}

static int cmd_add_disk(const struct pvctl *ctl, int argc, char **argv)
{
	(void)argc;
	return add_device(ctl, &hostd_spec_disk, argv[1], argv[2]);
}

/* A single argument is what it looks like: no id has a '='. */
static int add_named(const struct pvctl *ctl, const struct hostd_spec *spec, int argc, char **argv)
{
	bool has_id = argc > 2 || (argc == 2 && !strchr(argv[1], '='));
	bool has_spec = argc > 1 + has_id;

	return add_device(ctl, spec, has_id ? argv[1] : NULL, has_spec ? argv[argc - 1] : "");
}

static int cmd_add_clock(const struct pvctl *ctl, int argc, char **argv)
{
	return add_named(ctl, &hostd_spec_clock, argc, argv);
}

static int cmd_add_balloon(const struct pvctl *ctl, int argc, char **argv)
{
	return add_named(ctl, &hostd_spec_balloon, argc, argv);
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

static int cmd_resize(const struct pvctl *ctl, int argc, char **argv)
{
	struct json_object *args = id_args(argv[1]), *disk;
	uint64_t size;
	char text[32];
	int err;

	if (argc > 3 && strcmp(argv[3], "--shrink"))
		pvctl_fail(PVCTL_USAGE, "resize: '%s' is not an option: use --shrink or nothing",
			   argv[3]);
	err = hostd_parse_size(argv[2], &size);
	if (err)
		pvctl_fail(PVCTL_USAGE, "resize: '%s' is %s: " HOSTD_SIZE_ADVICE, argv[2],
			   hostd_size_fault(argv[2], err) ?: "not a size");
	hostd_json_add_u64(args, "size", size);
	hostd_json_add_bool(args, "shrink", argc > 3);
	disk = pvctl_call(ctl, argv[0], args);
	if (ctl->json)
		pvctl_print_json(disk);
	else
		printf("%s: now %s\n", argv[1],
		       hostd_format_size(hostd_json_u64(disk, "size", 0), text, sizeof(text)));
	json_object_put(disk);
	return 0;
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
		printf("pvhostd is version %s, the images are still released\n",
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
		puts("the images are released; 'pvctl restart-worker' takes them back");
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

static int cmd_qemu_args(const struct pvctl *ctl, int argc, char **argv)
{
	struct json_object *result = pvctl_call(ctl, argv[0], NULL);
	const char *path = hostd_json_str(result, "path"), *name = hostd_json_str(result, "name");
	char *chardev, *device;

	(void)argc;
	if (ctl->json) {
		pvctl_print_json(result);
	} else {
		pvctl_qemu_args(name ? name : "vm0", path ? path : "",
				hostd_json_u64(result, "nr_vectors", 0),
				&chardev, &device);
		fputs("-chardev ", stdout);
		print_word(chardev);
		fputs(" -device ", stdout);
		print_word(device);
		putchar('\n');
		free(chardev);
		free(device);
	}
	json_object_put(result);
	return 0;
}

static int cmd_help(const struct pvctl *ctl, int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "", *text = usage_text;

	(void)ctl;
	if (!strcmp(command, hostd_spec_disk.command))
		text = help_add_disk;
	else if (!strcmp(command, hostd_spec_clock.command))
		text = help_add_clock;
	else if (!strcmp(command, hostd_spec_balloon.command))
		text = help_add_balloon;
	else if (!strcmp(command, "balloon"))
		text = help_balloon;
	fputs(text, stdout);
	return 0;
}

static const struct command {
	const char *name;
	int min_args, max_args;
	const char *usage;
	int (*run)(const struct pvctl *ctl, int argc, char **argv);
} commands[] = {
	{ "list", 0, 0, "list", cmd_list },
	{ "status", 0, 0, "status", cmd_status },
	{ "stats", 0, 1, "stats [ID]", cmd_stats },
	{ "add-disk", 2, 2, "add-disk ID KEY=VALUE,...", cmd_add_disk },
	{ "add-clock", 0, 2, "add-clock [ID] [KEY=VALUE,...]", cmd_add_clock },
	{ "add-balloon", 0, 2, "add-balloon [ID] [KEY=VALUE,...]", cmd_add_balloon },
	{ "balloon", 0, 6, "balloon [VM] [SIZE|auto] [--rate SIZE] [--wait[=SECONDS]]", pvctl_balloon },
	{ "remove", 1, 2, "remove ID [--force]", cmd_remove },
	{ "resize", 2, 3, "resize ID SIZE [--shrink]", cmd_resize },
	{ "continue", 1, 1, "continue ID", cmd_continue },
	{ "restart-worker", 0, 0, "restart-worker", cmd_restart_worker },
	{ "upgrade", 0, 0, "upgrade", cmd_upgrade },
	{ "release", 0, 0, "release", cmd_release },
	{ "qemu-args", 0, 0, "qemu-args", cmd_qemu_args },
	{ "help", 0, 1, "help [COMMAND]", cmd_help },
};

void pvctl_find_control(struct pvctl *ctl)
{
	char err[256], *dir;

	if (ctl->control)
		return;
	dir = hostd_run_dir(ctl->name ? ctl->name : "vm0", err, sizeof(err));
	if (!dir || asprintf((char **)&ctl->control, "%s/control.sock", dir) < 0)
		pvctl_fail(1, "%s", dir ? "out of memory" : err);
	free(dir);
}

static int run_command(struct pvctl *ctl, int argc, char **argv)
{
	unsigned int i;

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
		/* That of a balloon may name the VM among its arguments. */
		if (commands[i].run != cmd_help && commands[i].run != pvctl_balloon)
			pvctl_find_control(ctl);
		return commands[i].run(ctl, argc, argv);
	}
	pvctl_fail(PVCTL_USAGE, "unknown command '%s': 'pvctl help' lists them", argv[0]);
}

static const struct option long_options[] = {
	{ "name", required_argument, NULL, 'n' },
	{ "control", required_argument, NULL, 'c' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'v' },
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
	while ((c = getopt_long(argc, argv, "+hn:", long_options, NULL)) >= 0) {
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
			fputs(usage_text, stdout);
			return 0;
		case 'v':
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

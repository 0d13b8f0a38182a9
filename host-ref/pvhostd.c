// SPDX-License-Identifier: GPL-2.0-only
/*
 * pvhostd: the command line.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/broker.h"
#include "broker/heir/state.h"
#include "broker/heir/upgrade.h"
#include "broker/run.h"
#include "keys/class.h"
#include "lib/files/rundir.h"
#include "lib/json.h"
#include "lib/proc/process.h"
#include "lib/util.h"
#include "worker/worker.h"

#define WINDOW_MIN	(1ULL << 20)
#define WINDOW_MAX	(1ULL << 36)
#define KEEP_MAX	256	/* descriptors of those that were inherited */

static const char usage_head[] =
	"usage: pvhostd [OPTION]...\n"
	"Serve paravirtual devices to one VM. Start it before QEMU; pvctl talks to it.\n"
	"\n"
	"  --name NAME       name of the VM (vm0)\n"
	"  --run-dir DIR     for sockets and pid file (/run/pvkit/NAME as root, else\n"
	"                    $XDG_RUNTIME_DIR/pvkit/NAME)\n"
	"  --window SIZE     shared memory, a power of two from 1M to 64G (128M)\n"
	"  --vectors N       interrupts and doorbells, 1 to 64 (16)\n"
	"  --device TYPE[,SPEC]\n"
	"                    start with a device; SPEC is id=NAME,KEY=VALUE,...; may be repeated\n";

/* Between them: an option for each class. */
static const char usage_tail[] =
	"  --watchdog SEC    replace a worker that is stuck for so long (5)\n"
	"  --no-watchdog     never do that\n"
	"  --poll-us N       poll for N us after the last work, 0 to 1000000, before sleeping\n"
	"                    (measured at the start, then adapted)\n"
	"  --socket-group GROUP\n"
	"                    let a QEMU of another user connect, as libvirt's, that is in GROUP\n"
	"  --qemu-user USER  let only a QEMU of this user connect\n"
	"  --qemu-label TEXT let only a QEMU of this security label connect (SELinux, AppArmor)\n"
	"  --ivshmem-fd FD   let QEMU connect to a listening socket that was inherited\n"
	"  --daemon          go to the background when the devices are served; append to DIR/log,\n"
	"                    which SIGHUP opens again\n"
	"  --ready-fd FD     write a newline there when the devices are served\n"
	"  --quiet           log only warnings and errors\n"
	"  --query-classes   print the types of devices, and what may be said of each, as JSON\n"
	"  --version, --help\n";

enum {
	OPT_NAME = 256,
	OPT_RUN_DIR,
	OPT_WINDOW,
	OPT_VECTORS,
	OPT_DEVICE,
	OPT_WATCHDOG,
	OPT_NO_WATCHDOG,
	OPT_POLL_US,
	OPT_SOCKET_GROUP,
	OPT_QEMU_USER,
	OPT_QEMU_LABEL,
	OPT_IVSHMEM_FD,
	OPT_DAEMON,
	OPT_READY_FD,
	OPT_QUIET,
	OPT_QUERY_CLASSES,
	OPT_VERSION,
	OPT_CLASS,		/* and its index */
};

static const struct option long_options[] = {
	{ "name", required_argument, NULL, OPT_NAME },
	{ "run-dir", required_argument, NULL, OPT_RUN_DIR },
	{ "window", required_argument, NULL, OPT_WINDOW },
	{ "vectors", required_argument, NULL, OPT_VECTORS },
	{ "device", required_argument, NULL, OPT_DEVICE },
	{ "watchdog", required_argument, NULL, OPT_WATCHDOG },
	{ "no-watchdog", no_argument, NULL, OPT_NO_WATCHDOG },
	{ "poll-us", required_argument, NULL, OPT_POLL_US },
	{ "socket-group", required_argument, NULL, OPT_SOCKET_GROUP },
	{ "qemu-user", required_argument, NULL, OPT_QEMU_USER },
	{ "qemu-label", required_argument, NULL, OPT_QEMU_LABEL },
	{ "ivshmem-fd", required_argument, NULL, OPT_IVSHMEM_FD },
	{ "daemon", no_argument, NULL, OPT_DAEMON },
	{ "ready-fd", required_argument, NULL, OPT_READY_FD },
	{ "quiet", no_argument, NULL, OPT_QUIET },
	{ "query-classes", no_argument, NULL, OPT_QUERY_CLASSES },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

/**
 * struct arguments - the command line as it is being read
 * @opt: what the broker gets
 * @devices: array of "type" and "arguments" of each
 * @daemon: go to the background
 * @only_check: say whether the state that was handed over is understood
 * @err: what is wrong with it
 */
struct arguments {
	struct hostd_options opt;
	struct json_object *devices;
	bool daemon;
	bool only_check;
	char err[HOSTD_ERROR_MAX];
};

static int bad(struct arguments *a, const char *option, const char *text, const char *want)
{
	snprintf(a->err, sizeof(a->err), "%s %s: give %s", option, text, want);
	return -EINVAL;
}

/* The options, and one for each class; of what needs no name all may be left out. */
static struct option *make_options(void)
{
	unsigned int i, nr = HOSTD_ARRAY_SIZE(long_options) - 1, nr_classes = 0;
	struct option *options;

	while (pv_classes[nr_classes])
		nr_classes++;
	options = calloc(nr + nr_classes + 1, sizeof(*options));
	for (i = 0; options && i < nr + nr_classes; i++) {
		if (i < nr)
			options[i] = long_options[i];
		else
			options[i] = (struct option) {
				pv_classes[i - nr]->word,
				pv_classes[i - nr]->id ? optional_argument : required_argument, NULL,
				OPT_CLASS + i - nr,
			};
	}
	return options;
}

static void print_usage(void)
{
	const struct pv_class *const *class;
	char option[32];
	char *help;

	fputs(usage_head, stdout);
	for (class = pv_classes; *class; class++) {
		snprintf(option, sizeof(option), (*class)->id ? "--%s[=SPEC]" : "--%s SPEC", (*class)->word);
		printf("  %-17s start with %s\n", option, (*class)->title);
	}
	fputs(usage_tail, stdout);
	for (class = pv_classes; *class; class++) {
		help = hostd_keys_help((*class)->keys, HOSTD_USE_ADD);
		printf("\nKeys of %s (%s):\n  id=NAME%17sname of the device%s%s%s\n%s", (*class)->title,
		       (*class)->name, "", (*class)->id ? " (" : "", (*class)->id ? (*class)->id : "",
		       (*class)->id ? ")" : "", help ? help : "");
		free(help);
	}
}

static void print_classes(void)
{
	struct json_object *list = hostd_classes_describe(pv_classes);

	puts(json_object_to_json_string_ext(list, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(list);
}

static int take_device(struct arguments *a, const struct pv_class *class, const char *text)
{
	char err[HOSTD_ERROR_MAX - 64];
	struct json_object *args = hostd_class_parse(class, NULL, text, err, sizeof(err));
	struct json_object *device;

	if (!args || hostd_class_complete(class, args, err, sizeof(err))) {
		json_object_put(args);
		snprintf(a->err, sizeof(a->err), "--%s %.32s: %s", class->word, text, err);
		hostd_text_clean(a->err);
		return -EINVAL;
	}
	device = json_object_new_object();
	hostd_json_add_str(device, "type", class->name);
	json_object_object_add(device, "arguments", args);
	json_object_array_add(a->devices, device);
	return 0;
}

/* TYPE[,SPEC] */
static int take_any_device(struct arguments *a, const char *text)
{
	size_t len = strcspn(text, ",");
	const struct pv_class *class;
	char type[32];

	snprintf(type, sizeof(type), "%.*s", (int)len, text);
	class = hostd_class_find(pv_classes, type);
	if (!class)
		return bad(a, "--device", type, "a type that 'pvhostd --help' lists");
	return take_device(a, class, text[len] ? text + len + 1 : "");
}

/* Only root may give a file to a group that it is not a member of. */
static int take_group(struct arguments *a, const char *text)
{
	struct group *group = getgrnam(text);

	if (!group)
		return bad(a, "--socket-group", text, "the name of a group, as in /etc/group");
	if (geteuid() && !group_member(group->gr_gid))
		return bad(a, "--socket-group", text, "a group that the user of pvhostd is in");
	a->opt.socket_gid = group->gr_gid;
	return 0;
}

static int take_user(struct arguments *a, const char *text)
{
	struct passwd *user = getpwnam(text);
	uint64_t n;

	if (!user && (hostd_parse_size(text, &n) || n >= (uid_t)-1))
		return bad(a, "--qemu-user", text, "the name of a user, as in /etc/passwd, or a number");
	a->opt.qemu_uid = user ? user->pw_uid : n;
	return 0;
}

/* A descriptor that was inherited; 0 to 2 have other uses. */
static int take_fd(struct arguments *a, const char *option, const char *text, int *fd)
{
	uint64_t n;

	/* This process has taken it, when it was another program. */
	if (a->opt.handover)
		return 0;
	if (hostd_parse_size(text, &n) || n <= STDERR_FILENO || n > INT_MAX ||
	    fcntl(n, F_SETFD, FD_CLOEXEC) < 0)
		return bad(a, option, text, "the number of an open descriptor above 2");
	*fd = n;
	return 0;
}

static int take_socket(struct arguments *a, const char *text)
{
	int listens = 0, err = take_fd(a, "--ivshmem-fd", text, &a->opt.ivshmem_fd);
	socklen_t len = sizeof(listens);

	if (err || a->opt.handover)
		return err;
	getsockopt(a->opt.ivshmem_fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len);
	return listens ? 0 : bad(a, "--ivshmem-fd", text, "the number of a listening UNIX socket");
}

static int take_option(struct arguments *a, int c, const char *text)
{
	uint64_t n = 0;
	bool number = text && !hostd_parse_size(text, &n);

	if (c >= OPT_CLASS)
		return take_device(a, pv_classes[c - OPT_CLASS], text ? text : "");
	switch (c) {
	case OPT_NAME:
		a->opt.name = text;
		return 0;
	case OPT_RUN_DIR:
		a->opt.run_dir = text;
		return text[0] == '/' ? 0 : bad(a, "--run-dir", text, "an absolute path");
	case OPT_WINDOW:
		a->opt.window_len = n;
		if (!number || !hostd_is_power_of_two(n) || n < WINDOW_MIN || n > WINDOW_MAX)
			return bad(a, "--window", text, "a power of two from 1M to 64G, as 128M");
		return 0;
	case OPT_VECTORS:
		a->opt.nr_vectors = n;
		if (!number || n < 1 || n > HOSTD_VECTORS_MAX)
			return bad(a, "--vectors", text, "a number from 1 to 64");
		return 0;
	case OPT_DEVICE:
		return take_any_device(a, text);
	case OPT_WATCHDOG:
		a->opt.watchdog_ms = n * 1000;
		return number && n && n <= 3600 ? 0 : bad(a, "--watchdog", text, "seconds, 1 to 3600");
	case OPT_NO_WATCHDOG:
		a->opt.watchdog_ms = 0;
		return 0;
	case OPT_POLL_US:
		a->opt.poll_us = n;
		return number && n <= HOSTD_POLL_US_MAX ? 0 :
		       bad(a, "--poll-us", text, "microseconds, 0 to 1000000");
	case OPT_SOCKET_GROUP:
		return take_group(a, text);
	case OPT_QEMU_USER:
		return take_user(a, text);
	case OPT_QEMU_LABEL:
		a->opt.qemu_label = text;
		return 0;
	case OPT_IVSHMEM_FD:
		return take_socket(a, text);
	case OPT_DAEMON:
		a->daemon = true;
		return 0;
	case OPT_READY_FD:
		return take_fd(a, "--ready-fd", text, &a->opt.ready_fd);
	case OPT_QUIET:
		hostd_log_init("pvhostd", HOSTD_LOG_WARN);
		return 0;
	}
	snprintf(a->err, sizeof(a->err), "'pvhostd --help' lists the options");
	return -EINVAL;
}

static void print_and_exit(int c)
{
	if (c == 'h')
		print_usage();
	else if (c == OPT_QUERY_CLASSES)
		print_classes();
	else
		puts("pvhostd " PVKIT_VERSION);
	exit(EXIT_SUCCESS);
}

static void parse_arguments(struct arguments *a, int argc, char **argv)
{
	struct option *options = make_options();
	int c;

	while (options && (c = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
		if (c == 'h' || c == OPT_VERSION || c == OPT_QUERY_CLASSES)
			print_and_exit(c);
		if (c == '?')
			exit(2);
		if (take_option(a, c, optarg))
			goto usage;
	}
	free(options);
	if (optind == argc)
		return;
	snprintf(a->err, sizeof(a->err), "'%s' is not an option: 'pvhostd --help' lists them",
		 argv[optind]);
usage:
	hostd_log(HOSTD_LOG_ERR, "%s", a->err);
	exit(2);
}

/* The child goes on; the parent exits when the child is ready or dead. */
static int go_to_background(struct arguments *a)
{
	char ready;
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid > 0) {
		close(fds[1]);
		_exit(read(fds[0], &ready, 1) == 1 ? EXIT_SUCCESS : EXIT_FAILURE);
	}
	close(fds[0]);
	setsid();
	a->opt.ready_fd = fds[1];
	return 0;
}

/* From now on lines go to DIR/log; errors of the start also to the terminal. */
static int log_to_file(void)
{
	int terminal_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	int err = hostd_log_open();

	if (err) {
		close(terminal_fd);
		return err;
	}
	hostd_log_copy(terminal_fd);
	close(STDIN_FILENO);
	close(STDOUT_FILENO);
	hostd_fds_open_std();
	return 0;
}

/* The state of the pvhostd that this process was, or will be. */
static int take_handover(struct arguments *a)
{
	const char *text = getenv(HOSTD_HANDOVER_ENV);
	size_t len = strlen(HOSTD_HANDOVER_CHECK);

	if (!text)
		return 0;
	a->only_check = !strncmp(text, HOSTD_HANDOVER_CHECK, len);
	a->opt.handover = hostd_upgrade_read(atoi(a->only_check ? text + len : text), pv_classes,
					      a->err);
	unsetenv(HOSTD_HANDOVER_ENV);
	return a->opt.handover ? 0 : -EINVAL;
}

/* Nothing that was inherited reaches a worker; nothing stays open behind a daemon. */
static void shut_inherited(const struct arguments *a)
{
	int keep[KEEP_MAX] = { a->opt.ready_fd, a->opt.ivshmem_fd };
	unsigned int nr = 2 + hostd_class_fds(pv_classes, a->devices, keep + 2, KEEP_MAX - 2);

	if (a->opt.handover)
		hostd_fds_shut(NULL, 0, false);
	else
		hostd_fds_shut(keep, nr, a->daemon);
}

/* @argv: the class, and what its half in the broker has said. */
static int run_helper(int argc, char **argv)
{
	const struct pv_class *class = hostd_class_find(pv_classes, argv[0]);

	return class && class->helper ? class->helper(argc - 1, argv + 1) : 2;
}

int main(int argc, char **argv)
{
	struct arguments a = {
		.opt = { .classes = pv_classes, .name = "vm0", .window_len = 128 << 20, .nr_vectors = 16,
			 .watchdog_ms = 5000, .poll_us = -1, .socket_gid = -1, .qemu_uid = -1, .ivshmem_fd = -1,
			 .ready_fd = -1 },
	};
	int dir_fd, err, code = EXIT_FAILURE;

	hostd_fds_open_std();
	/* The name of a process that was executed by descriptor is that of the descriptor. */
	prctl(PR_SET_NAME, "pvhostd");
	if (argc == 2 && !strcmp(argv[1], "--worker"))
		return hostd_worker_run(HOSTD_IPC_WORKER_FD, pv_classes);
	if (argc > 2 && !strcmp(argv[1], "--helper"))
		return run_helper(argc - 2, argv + 2);

	hostd_log_init("pvhostd", HOSTD_LOG_INFO);
	hostd_signals_ignore(false);
	a.devices = json_object_new_array();
	a.opt.argv = argv;
	if (take_handover(&a))
		goto failed;
	parse_arguments(&a, argc, argv);
	if (a.only_check) {
		puts(HOSTD_HANDOVER_FITS);
		return EXIT_SUCCESS;
	}
	if (!a.opt.run_dir)
		a.opt.run_dir = hostd_run_dir(a.opt.name, a.err, sizeof(a.err));
	if (!a.opt.run_dir)
		goto failed;
	umask(0077);
	if (a.daemon && !a.opt.handover && go_to_background(&a)) {
		snprintf(a.err, sizeof(a.err), "cannot go to the background: %s", strerror(errno));
		goto failed;
	}
	shut_inherited(&a);
	err = hostd_log_start();
	if (err)
		hostd_log(HOSTD_LOG_WARN, "the log may wait for who reads it: %s", strerror(-err));
	dir_fd = hostd_run_dir_take(a.opt.run_dir,
				    hostd_kept_fd(hostd_json_get(a.opt.handover, "fds"), "pid_file"),
				    a.err, sizeof(a.err));
	if (dir_fd < 0)
		goto failed;
	if (a.opt.socket_gid != (gid_t)-1 &&
	    hostd_run_dir_share(a.opt.run_dir, a.opt.socket_gid, a.err, sizeof(a.err)))
		goto leave;
	if (a.daemon)
		err = a.opt.handover ? hostd_log_open() : log_to_file();
	else
		err = 0;
	if (err) {
		snprintf(a.err, sizeof(a.err), "%s/log: %s: make it a file of this user's, or remove it",
			 a.opt.run_dir, strerror(-err));
		goto leave;
	}
	a.opt.pid_fd = dir_fd;
	code = hostd_broker_run(&a.opt, a.devices);
	hostd_run_dir_leave(a.opt.run_dir, dir_fd);
	json_object_put(a.opt.handover);
	json_object_put(a.devices);
	return code;

leave:
	hostd_run_dir_leave(a.opt.run_dir, dir_fd);
failed:
	hostd_log(HOSTD_LOG_ERR, "%s", a.err);
	json_object_put(a.devices);
	return code;
}

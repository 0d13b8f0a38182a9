// SPDX-License-Identifier: GPL-2.0-only
/*
 * pvctl run: starts pvhostd, then QEMU, and ends with QEMU.
 */
#include "pvctl/pvctl.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keys/class.h"
#include "lib/files/rundir.h"
#include "lib/util.h"

#define DEF_VECTORS	16
#define SHORT_MS	1000	/* the life of a pvhostd that is of no use */
#define HOSTD_ARGS_MAX	160
#define FIRST_CLASS	1000	/* code of the first class's option */

/**
 * struct run - a VM and its pvhostd
 * @name: of the VM
 * @dir: run directory
 * @is_private: it was made here, and goes with the VM
 * @vectors: of the window
 * @replace: QEMU gets the emulated devices that devices replace, too
 * @twins: its arguments for that
 * @args: command line of pvhostd
 * @nr_args: its length
 * @hostd: process of pvhostd; 0: it has ended
 * @hostd_ms: when that was started
 * @qemu: process of QEMU; 0: it has not started, or has ended
 * @signals: signalfd
 * @mask: signal mask to give to the children
 * @pipe_handler: what they do with a pipe that nobody reads
 */
struct run {
	const char *name;
	char *dir;
	bool is_private;
	unsigned int vectors;
	bool replace;
	struct pvctl_words twins;
	char *args[HOSTD_ARGS_MAX + 1];
	unsigned int nr_args;
	pid_t hostd;
	uint64_t hostd_ms;
	pid_t qemu;
	int signals;
	sigset_t mask;
	void (*pipe_handler)(int signal);
};

static void add_arg(struct run *run, const char *arg)
{
	if (run->nr_args == HOSTD_ARGS_MAX)
		pvctl_fail(PVCTL_USAGE, "run: too many options: at most 64 devices");
	run->args[run->nr_args] = strdup(arg);
	if (!run->args[run->nr_args++])
		pvctl_fail(1, "out of memory");
}

/* An option whose value may be absent. */
static void add_option(struct run *run, const char *option, const char *spec)
{
	char *arg;

	if (asprintf(&arg, "--%s%s%s", option, spec ? "=" : "", spec ? spec : "") < 0)
		pvctl_fail(1, "out of memory");
	add_arg(run, arg);
	free(arg);
}

/* The options, and one for each class. */
static struct option *make_options(const struct pv_class *const *classes)
{
	static const struct option own[] = {
		{ "name", required_argument, NULL, 'n' },
		{ "window", required_argument, NULL, 'w' },
		{ "vectors", required_argument, NULL, 'v' },
		{ "device", required_argument, NULL, 'd' },
		{ "replace", no_argument, NULL, 'r' },
	};
	unsigned int i, nr = 0, nr_own = HOSTD_ARRAY_SIZE(own);
	struct option *options;

	while (classes[nr])
		nr++;
	options = calloc(nr_own + nr + 1, sizeof(*options));
	if (!options)
		pvctl_fail(1, "out of memory");
	memcpy(options, own, sizeof(own));
	for (i = 0; i < nr; i++)
		options[nr_own + i] = (struct option) {
			classes[i]->word, classes[i]->id ? optional_argument : required_argument, NULL,
			FIRST_CLASS + i,
		};
	return options;
}

static void take_vectors(struct run *run, const char *text)
{
	uint64_t vectors;

	if (hostd_parse_size(text, &vectors) || vectors < 1 || vectors > 64)
		pvctl_fail(PVCTL_USAGE, "run: --vectors %s: give a number from 1 to 64", text);
	run->vectors = vectors;
}

static void take_options(struct run *run, const char **name, int argc, char **argv)
{
	const struct pv_class *const *classes = pvctl_classes(NULL);
	struct option *options = make_options(classes);
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "+", options, NULL)) >= 0) {
		if (c == 'n')
			*name = optarg;
		else if (c == 'w')
			add_option(run, "window", optarg);
		else if (c == 'v')
			take_vectors(run, optarg);
		else if (c == 'r')
			run->replace = true;
		else if (c == 'd')
			add_option(run, "device", optarg);
		else if (c >= FIRST_CLASS)
			add_option(run, classes[c - FIRST_CLASS]->word, optarg);
		else
			exit(PVCTL_USAGE);
	}
	free(options);
	if (optind == argc)
		pvctl_fail(PVCTL_USAGE, "run: QEMU's command is missing: give it after --");
}

static void choose_dir(struct run *run, const char *name)
{
	const char *base = getenv("XDG_RUNTIME_DIR");
	char err[256];

	if (name) {
		run->dir = hostd_run_dir(name, err, sizeof(err));
		if (!run->dir)
			pvctl_fail(1, "run: %s", err);
		add_arg(run, "--name");
		add_arg(run, name);
		return;
	}
	run->is_private = true;
	if (asprintf(&run->dir, "%s/pvkit-XXXXXX", base && base[0] == '/' ? base : "/tmp") < 0)
		pvctl_fail(1, "out of memory");
	if (!mkdtemp(run->dir))
		pvctl_fail(1, "run: no directory %s: %s", run->dir, strerror(errno));
	add_arg(run, "--run-dir");
	add_arg(run, run->dir);
}

static void block_signals(struct run *run)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, &run->mask);
	/* A line of ours that nobody reads is not the end of the VM. */
	run->pipe_handler = signal(SIGPIPE, SIG_IGN);
	run->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (run->signals < 0)
		pvctl_fail(1, "run: signalfd: %s", strerror(errno));
}

/* Fork; the child goes with this process, and not with the terminal if it is @apart. */
static pid_t start_child(struct run *run, char **argv, bool apart)
{
	pid_t self = getpid(), pid = fork();

	if (pid < 0)
		pvctl_fail(1, "run: fork: %s", strerror(errno));
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != self)
		_exit(1);
	if (apart)
		setpgid(0, 0);
	sigprocmask(SIG_SETMASK, &run->mask, NULL);
	signal(SIGPIPE, run->pipe_handler);
	execvp(argv[0], argv);
	fprintf(stderr, "pvctl: run: %s: %s: install it, or correct its name\n", argv[0],
		strerror(errno));
	_exit(127);
}

static void stop_hostd(struct run *run)
{
	int status;

	if (run->hostd) {
		kill(run->hostd, SIGTERM);
		while (waitpid(run->hostd, &status, 0) < 0 && errno == EINTR)
			;
		run->hostd = 0;
	}
	if (run->is_private)
		rmdir(run->dir);
}

/* Start pvhostd and wait until it serves; it says itself why it doesn't. */
static void start_hostd(struct run *run)
{
	struct pollfd fds[2] = { { .events = POLLIN }, { .events = POLLIN } };
	struct signalfd_siginfo info;
	char number[16], ready = 0;
	int ready_fds[2];

	if (pipe(ready_fds) < 0)
		pvctl_fail(1, "run: pipe: %s", strerror(errno));
	fcntl(ready_fds[0], F_SETFD, FD_CLOEXEC);
	snprintf(number, sizeof(number), "%d", ready_fds[1]);
	add_arg(run, "--ready-fd");
	add_arg(run, number);
	run->hostd = start_child(run, run->args, true);
	run->hostd_ms = hostd_now_ms();
	/* That is for the first one only. */
	free(run->args[--run->nr_args]);
	free(run->args[--run->nr_args]);
	run->args[run->nr_args] = NULL;
	close(ready_fds[1]);

	fds[0].fd = ready_fds[0];
	fds[1].fd = run->signals;
	while (poll(fds, 2, -1) >= 0 || errno == EINTR) {
		if (fds[0].revents)
			break;
		if (fds[1].revents && read(run->signals, &info, sizeof(info)) > 0 &&
		    info.ssi_signo != SIGCHLD) {
			stop_hostd(run);
			exit(128 + info.ssi_signo);
		}
	}
	if (read(ready_fds[0], &ready, 1) != 1) {
		stop_hostd(run);
		exit(EXIT_FAILURE);
	}
	close(ready_fds[0]);
}

static void find_twins(struct run *run)
{
	char error[PVCTL_ERROR_MAX], *control;
	struct pvctl ctl = { 0 };

	if (!run->replace)
		return;
	if (asprintf(&control, "%s/control.sock", run->dir) < 0)
		pvctl_fail(1, "out of memory");
	ctl.control = control;
	if (pvctl_twins(&ctl, run->name, &run->twins, error)) {
		stop_hostd(run);
		pvctl_fail(1, "run: %s", error);
	}
	free(control);
}

static char **qemu_command(struct run *run, int argc, char **argv)
{
	char **command = calloc(argc + 5 + run->twins.nr, sizeof(*command)), *path;
	int i;

	if (!command || asprintf(&path, "%s/ivshmem.sock", run->dir) < 0)
		pvctl_fail(1, "out of memory");
	for (i = 0; i < argc; i++)
		command[i] = argv[i];
	command[argc] = "-chardev";
	command[argc + 2] = "-device";
	pvctl_qemu_args(run->name, path, run->vectors, &command[argc + 1], &command[argc + 3]);
	if (run->twins.nr)
		memcpy(command + argc + 4, run->twins.word, run->twins.nr * sizeof(*command));
	free(path);
	return command;
}

/* The VM runs on: the next one finds its window. One that dies at once would do so again. */
static void hostd_ended(struct run *run)
{
	bool again = run->qemu && hostd_now_ms() - run->hostd_ms >= SHORT_MS;

	run->hostd = 0;
	if (!run->qemu)
		return;
	fprintf(stderr, "pvctl: run: pvhostd has ended: %s\n", again ? "it is started again" :
		"the pvkit devices of the VM wait until it is started again");
	if (!again)
		return;
	run->hostd = start_child(run, run->args, true);
	run->hostd_ms = hostd_now_ms();
}

/* Collect the children that have ended. True when QEMU is among them. */
static bool reap(struct run *run, int *status)
{
	bool ended = false;
	int one;
	pid_t pid;

	while ((pid = waitpid(-1, &one, WNOHANG)) > 0) {
		if (pid == run->qemu) {
			*status = one;
			run->qemu = 0;
			ended = true;
		} else if (pid == run->hostd) {
			hostd_ended(run);
		}
	}
	return ended;
}

static int wait_for_qemu(struct run *run)
{
	struct pollfd poll_fd = { .fd = run->signals, .events = POLLIN };
	struct signalfd_siginfo info;
	int status = 0;

	while (!reap(run, &status)) {
		poll(&poll_fd, 1, 1000);
		if (read(run->signals, &info, sizeof(info)) != sizeof(info) ||
		    info.ssi_signo == SIGCHLD)
			continue;
		/* One from the terminal has reached QEMU too. */
		if (info.ssi_code != SI_KERNEL)
			kill(run->qemu, info.ssi_signo);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int pvctl_run(const char *name, int argc, char **argv)
{
	struct run run = { .vectors = DEF_VECTORS };
	char number[16], program[PVCTL_PATH_MAX], **command;
	int i, code;

	pvctl_program(program);
	add_arg(&run, program);
	add_arg(&run, "--quiet");
	take_options(&run, &name, argc, argv);
	for (i = optind; i < argc; i++)
		if (!strcmp(argv[i], "-daemonize") || !strcmp(argv[i], "--daemonize"))
			pvctl_fail(PVCTL_USAGE, "run: -daemonize would end it at once: leave it out, or use pvhostd --daemon and pvctl qemu-args");
	snprintf(number, sizeof(number), "%u", run.vectors);
	add_arg(&run, "--vectors");
	add_arg(&run, number);
	block_signals(&run);
	run.name = name ? name : "vm0";
	choose_dir(&run, name);
	start_hostd(&run);
	find_twins(&run);
	command = qemu_command(&run, argc - optind, argv + optind);
	run.qemu = start_child(&run, command, false);
	code = wait_for_qemu(&run);
	stop_hostd(&run);
	free(command[argc - optind + 1]);
	free(command[argc - optind + 3]);
	free(command);
	pvctl_free_words(&run.twins);
	for (i = 0; i < (int)run.nr_args; i++)
		free(run.args[i]);
	free(run.dir);
	return code;
}

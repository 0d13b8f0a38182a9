// SPDX-License-Identifier: GPL-2.0-only
/*
 * pvhostd: what a process of this program becomes, and how it starts.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/broker.h"
#include "broker/heir/state.h"
#include "broker/heir/upgrade.h"
#include "broker/run.h"
#include "cli/command.h"
#include "cli/options.h"
#include "keys/class.h"
#include "lib/files/rundir.h"
#include "lib/json.h"
#include "lib/proc/memory.h"
#include "lib/proc/process.h"
#include "lib/util.h"
#include "worker/worker.h"

#define KEEP_MAX	256	/* descriptors of those that were inherited */

/* The child goes on; the parent exits when the child is ready or dead. */
static int go_to_background(struct hostd_arguments *a)
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

/* From now on lines go to a file; errors of the start also to the terminal. */
static int log_to_file(const char *path)
{
	int terminal_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	int err = hostd_log_open(path);

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

/* In the run directory. */
static int start_log(struct hostd_arguments *a)
{
	const char *path = a->log ? a->log : a->daemon ? "log" : "stderr";
	bool in_run_dir = path[0] != '/';
	int err = 0;

	if (strcmp(path, "stderr"))
		err = a->opt.handover ? hostd_log_take_over(path) : log_to_file(path);
	/* Lines go where they went: that is no reason to leave a VM alone. */
	if (err && a->opt.handover) {
		hostd_log(HOSTD_LOG_ERR, "the log cannot be opened again: %s: this one goes on", strerror(-err));
		err = 0;
	}
	if (err)
		snprintf(a->err, sizeof(a->err), "%.*s%s%.*s: %s: make it a file of this user's, or remove it",
			 HOSTD_RUN_DIR_MAX, in_run_dir ? a->opt.run_dir : "", in_run_dir ? "/" : "",
			 HOSTD_SHOWN_MAX, path, strerror(-err));
	return err;
}

/* The state of the pvhostd that this process was, or will be: then it is only looked at. */
static int take_handover(struct hostd_arguments *a, bool *only_check)
{
	const char *text = getenv(HOSTD_HANDOVER_ENV);
	size_t len = strlen(HOSTD_HANDOVER_CHECK);

	if (!text)
		return 0;
	*only_check = !strncmp(text, HOSTD_HANDOVER_CHECK, len);
	a->opt.handover = hostd_upgrade_read(atoi(*only_check ? text + len : text), pv_classes, a->err);
	unsetenv(HOSTD_HANDOVER_ENV);
	return a->opt.handover ? 0 : -EINVAL;
}

/* Nothing that was inherited reaches a worker; nothing stays open behind a daemon. */
static void shut_inherited(const struct hostd_arguments *a)
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

/* Own the run directory, have a log in it, and be the broker. Returns the exit code; -1: @a->err says why not. */
static int serve(struct hostd_arguments *a)
{
	struct json_object *fds = hostd_json_get(a->opt.handover, "fds");
	int code = -1;

	hostd_run_dir_keep(hostd_kept_fd(fds, "run_dir"));
	a->opt.pid_fd = hostd_run_dir_take(a->opt.run_dir, hostd_kept_fd(fds, "pid_file"), a->err, sizeof(a->err));
	if (a->opt.pid_fd < 0)
		return -1;
	if ((a->opt.socket_gid == (gid_t)-1 || a->opt.handover ||
	     !hostd_run_dir_share(a->opt.run_dir, a->opt.socket_gid, a->err, sizeof(a->err))) &&
	    !start_log(a))
		code = hostd_broker_run(&a->opt, a->devices);
	hostd_run_dir_leave(a->opt.run_dir, a->opt.pid_fd);
	return code;
}

/* What follows the command line. Returns as serve() does. */
static int start(struct hostd_arguments *a)
{
	int err;

	if (!a->opt.run_dir)
		a->opt.run_dir = hostd_run_dir(a->opt.name, a->err, sizeof(a->err));
	if (!a->opt.run_dir)
		return -1;
	umask(0077);
	if (a->daemon && !a->opt.handover && go_to_background(a)) {
		snprintf(a->err, sizeof(a->err), "cannot go to the background: %s", strerror(errno));
		return -1;
	}
	shut_inherited(a);
	err = hostd_log_start();
	if (err)
		hostd_log(HOSTD_LOG_WARN, "the log may wait for who reads it: %s", strerror(-err));
	return serve(a);
}

int main(int argc, char **argv)
{
	struct hostd_arguments a = {
		.opt = { .classes = pv_classes, .name = "vm0", .window_len = 128 << 20, .nr_vectors = 16,
			 .watchdog_ms = 5000, .poll_us = -1, .nr_threads = 1, .socket_gid = -1, .qemu_uid = -1, .ivshmem_fd = -1,
			 .ready_fd = -1 },
	};
	bool only_check = false;
	int code = -1;

	hostd_fds_open_std();
	hostd_memory_reserve();
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
	if (!take_handover(&a, &only_check)) {
		hostd_command_line_read(&a, argc, argv);
		code = only_check ? puts(HOSTD_HANDOVER_FITS) < 0 : start(&a);
	}
	if (code < 0)
		hostd_log(HOSTD_LOG_ERR, "%s", a.err);
	json_object_put(a.opt.handover);
	json_object_put(a.devices);
	json_object_put(a.opt.refused_drivers);
	free(a.config);
	return code < 0 ? EXIT_FAILURE : code;
}

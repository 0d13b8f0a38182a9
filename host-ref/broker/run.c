// SPDX-License-Identifier: GPL-2.0-only
/*
 * Being the broker: its parts are started, and ended, in their order; its signals.
 */
#include "broker/run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "broker/broker.h"
#include "broker/command/command.h"
#include "broker/control.h"
#include "broker/daemon.h"
#include "broker/errand/errand.h"
#include "broker/errand/gift.h"
#include "broker/heir/restore.h"
#include "broker/heir/state.h"
#include "broker/life/event.h"
#include "broker/life/helpers.h"
#include "broker/life/life.h"
#include "broker/life/lives.h"
#include "broker/life/request.h"
#include "broker/life/session.h"
#include "broker/manager/manager.h"
#include "lib/json.h"
#include "lib/proc/process.h"
#include "lib/proc/stray.h"
#include "lib/util.h"

#define QUIT_MS		1000	/* for the worker to finish what it has begun */
#define UPGRADED_MS	30000	/* for the first life after an upgrade */
#define SIGNALS_LOOK_MS	50	/* where no descriptor tells of them */

static void quit_done(struct hostd_broker *b, void *ctx, struct json_object *reply,
		      const char *error)
{
	(void)b, (void)ctx, (void)reply, (void)error;
}

static int send_quit(struct hostd_broker *b)
{
	struct hostd_request_op op = { .msg = json_object_new_object(), .done = quit_done };

	hostd_json_add_str(op.msg, "op", "quit");
	return hostd_request_send(b, &op);
}

/* The end was asked for, or the worker's time to quit is over. */
static void stop_due(struct hostd_timer *timer)
{
	struct hostd_broker *b = hostd_container_of(timer, struct hostd_broker, stop_timer);

	if (!b->life.pid && !b->life.ending) {
		b->loop.stop = true;
		return;
	}
	hostd_timer_set(timer, QUIT_MS);
	if (!b->quitting) {
		b->quitting = true;
		if (!send_quit(b))
			return;
	}
	/* Its reaping ends the loop; a process that cannot even die does not. */
	if (b->life.state == HOSTD_LIFE_DOWN)
		b->loop.stop = true;
	hostd_life_kill(b, NULL);
}

/* The end of a terminal is not the end of the VM; it is what moves logs away that means it. */
static void reopen_log(void)
{
	int err = hostd_log_open_again();

	if (err)
		hostd_log(HOSTD_LOG_ERR, "the log cannot be opened again: %s: this one goes on",
			  strerror(-err));
}

/* A life that begins here asks anew: what is brought for the last one is dropped. */
static void reap(struct hostd_broker *b)
{
	hostd_strays_reap();
	hostd_upgrade_reap(b);
	hostd_lives_reap(b);
	hostd_errands_reap(b);
	hostd_daemons_reap(b);
}

static void take_signal(struct hostd_broker *b, unsigned int signo)
{
	if (signo == SIGCHLD)
		reap(b);
	else if (signo == SIGHUP)
		reopen_log();
	else
		hostd_broker_stop(b, EXIT_SUCCESS);
}

static void signals_ready(struct hostd_source *src, uint32_t events)
{
	struct signalfd_siginfo info;

	(void)events;
	if (read(src->fd, &info, sizeof(info)) == sizeof(info))
		take_signal(hostd_container_of(src, struct hostd_broker, signals), info.ssi_signo);
}

/* Those that are for the broker: they stay blocked. */
static void block_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGCHLD);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGQUIT);
	sigaddset(set, SIGHUP);
	sigprocmask(SIG_BLOCK, set, NULL);
}

static int watch_signals(struct hostd_broker *b)
{
	sigset_t set;
	int fd, err;

	block_signals(&set);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	b->signals.ready = signals_ready;
	err = hostd_loop_add(&b->loop, &b->signals, fd, EPOLLIN);
	if (err)
		close(fd);
	return err;
}

/* As long as the host refuses the descriptor that tells of signals, they are looked at. */
static void signals_due(struct hostd_timer *timer)
{
	struct hostd_broker *b = hostd_container_of(timer, struct hostd_broker, signals_timer);
	const struct timespec now = { 0 };
	sigset_t set;
	int signo;

	if (!watch_signals(b)) {
		hostd_log(HOSTD_LOG_INFO, "signals are heard at once again");
		return;
	}
	block_signals(&set);
	while ((signo = sigtimedwait(&set, NULL, &now)) > 0)
		take_signal(b, signo);
	hostd_timer_set(timer, SIGNALS_LOOK_MS);
}

/* One that has taken the place of another has a VM, and there is nobody else for that. */
static int start_signals(struct hostd_broker *b)
{
	int err = watch_signals(b);

	/* Of those that died before nobody hears. */
	hostd_strays_reap();
	hostd_timer_init(&b->loop, &b->signals_timer, signals_due);
	if (!err || !b->opt.handover)
		return err;
	hostd_log(HOSTD_LOG_ERR, "no descriptor tells of signals here (%s): they are looked at each %d ms", strerror(-err),
		  SIGNALS_LOOK_MS);
	hostd_timer_set(&b->signals_timer, SIGNALS_LOOK_MS);
	return 0;
}

static int add_devices(struct hostd_broker *b, struct json_object *devices)
{
	const struct pv_class *class;
	struct json_object *item, *args;
	char err[HOSTD_ERROR_MAX];
	size_t i;

	for (i = 0; i < json_object_array_length(devices); i++) {
		item = json_object_array_get_idx(devices, i);
		class = hostd_class_find(b->opt.classes, hostd_json_str(item, "type"));
		args = hostd_json_get(item, "arguments");
		if (hostd_device_add(b, class, args, err))
			continue;
		hostd_log(HOSTD_LOG_ERR, "--%s %s: %s", class->word, hostd_json_str(args, "id"), err);
		return -EINVAL;
	}
	return 0;
}

static int explain_start(int err)
{
	hostd_log(HOSTD_LOG_ERR, "cannot start: %s%s", strerror(-err),
		  err == -EFBIG ? ": the window is larger than a file may be (ulimit -f)" :
		  err == -EEXIST ? ": what is no socket has the name of one in the run directory: remove it" :
		  err == -EMFILE ? ": raise the limit of descriptors (ulimit -n)" : "");
	return err;
}

/* The parts of the broker, with the sockets of the one that it takes the place of. */
static int start_parts(struct hostd_broker *b, struct json_object *fds)
{
	int err = start_signals(b);

	if (!err)
		err = hostd_lives_init(b);
	if (!err)
		err = hostd_control_start(b, hostd_kept_fd(fds, "control"), hostd_command_run);
	if (!err)
		err = hostd_qemu_start(b, hostd_kept_fd(fds, "ivshmem"));
	hostd_request_init(b, hostd_event_take);
	hostd_session_init(b);
	hostd_upgrade_init(b);
	hostd_errands_init(b, hostd_json_get(b->opt.handover, "errands"));
	hostd_closer_init(b, hostd_json_get(fds, "unclosed"));
	if (!err)
		err = hostd_manager_init(b, hostd_kept_fd(fds, "ready"));
	hostd_timer_init(&b->loop, &b->stop_timer, stop_due);
	return err;
}

/* The window and the devices of @left, or else those of the command line. */
static int start_vm(struct hostd_broker *b, struct json_object *left, struct json_object *devices)
{
	int err = left ? hostd_restore_window(b, left) : 0;

	if (err)
		return err;
	if (b->qemu.conn.fd < 0)
		err = hostd_carrier_alloc(&b->window, b->opt.window_len, b->opt.nr_vectors);
	/* Where there was a pvhostd before, there is one until it is ended. */
	if (err && b->opt.handover)
		hostd_qemu_lack_window(b, err);
	else if (err)
		return explain_start(err);
	err = hostd_broker_check_room(b);
	if (err && !b->opt.handover)
		return err;
	return b->qemu.conn.fd >= 0 || b->opt.handover ? hostd_restore_devices(b, left, devices) :
							 add_devices(b, devices);
}

static int start(struct hostd_broker *b, struct json_object *devices)
{
	struct json_object *left = NULL;
	int err = hostd_loop_init(&b->loop);

	if (err)
		return explain_start(err);
	hostd_store_init(&b->store, &b->loop, HOSTD_STATE_FILE,
			 "a pvhostd that takes this one's place will not find the VM's window");
	err = hostd_restore_read(b, &left);
	if (err)
		return err;
	hostd_store_adopt(&b->store, hostd_kept_fd(hostd_json_get(left, "fds"), "state_writer"));
	err = start_parts(b, hostd_json_get(left, "fds"));
	if (err)
		explain_start(err);
	else
		err = start_vm(b, left, devices);
	json_object_put(left);
	if (err)
		return err;
	/* One that is about a QEMU that has left goes. */
	b->has_state = true;
	hostd_state_save(b);
	return 0;
}

/* Who had the broker before upgraded is told when this one serves. */
static void answer_upgrade(struct hostd_broker *b)
{
	struct json_object *request = hostd_json_get(b->opt.handover, "request");
	int fd = hostd_kept_fd(hostd_json_get(b->opt.handover, "fds"), "client");
	struct hostd_call *call;

	if (fd < 0)
		return;
	call = hostd_control_adopt(b, fd, request, UPGRADED_MS);
	if (call) {
		hostd_session_wait_start(call);
		return;
	}
	hostd_gift_leave(b, fd);
	close(fd);
}

struct hostd_broker *hostd_broker_alloc(const struct hostd_options *opt, struct json_object *devices)
{
	struct hostd_broker *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->opt = *opt;
	b->start_ms = hostd_now_ms();
	b->worker_lines = (struct hostd_limit) { .burst = 100, .refill_ms = 15000 };
	b->life.ends = (struct hostd_limit) { .burst = 30, .refill_ms = 300000 };
	b->exe.fd = -1;
	b->life.beat_fd = -1;
	b->signals.fd = b->qemu.listener.src.fd = b->qemu.conn.fd = b->control.src.fd = -1;
	b->life.ipc.fd = -1;
	b->life.fence_fd = b->ready_parcel = -1;
	hostd_carrier_init(&b->window, opt->window_len, opt->nr_vectors);
	hostd_fds_raise();
	if (hostd_exe_init(&b->exe) || start(b, devices)) {
		hostd_broker_free(b);
		return NULL;
	}
	if (b->life.released)
		hostd_manager_tell_ready(b);
	else
		hostd_lives_start(b);
	answer_upgrade(b);
	return b;
}

int hostd_broker_free(struct hostd_broker *b)
{
	unsigned int slot;
	int code;

	b->stopping = true;
	hostd_upgrade_exit(b);
	hostd_helpers_free(b);
	hostd_life_exit(b);
	b->life.state = HOSTD_LIFE_DOWN;
	hostd_request_fail_all(b);
	hostd_session_end_calls(&b->release_calls, "pvhostd ends");
	hostd_session_end_calls(&b->restart_calls, "pvhostd ends");
	for (slot = 0; slot < HOSTD_SLOTS; slot++)
		if (b->slots[slot])
			hostd_device_drop(b, b->slots[slot]);
	hostd_control_stop(b);
	hostd_qemu_stop(b);
	hostd_manager_exit(b);
	hostd_loop_close(&b->loop, &b->signals);
	hostd_closer_exit(b);
	hostd_errands_free(b);
	hostd_daemons_free(b);
	hostd_carrier_free(&b->window);
	hostd_store_exit(&b->store);
	hostd_loop_exit(&b->loop);
	code = b->exit_code;
	hostd_exe_exit(&b->exe);
	free(b);
	return code;
}

int hostd_broker_run(const struct hostd_options *opt, struct json_object *devices)
{
	struct hostd_broker *b = hostd_broker_alloc(opt, devices);
	int err;

	if (!b)
		return EXIT_FAILURE;
	err = hostd_loop_run(&b->loop);
	if (err) {
		hostd_log(HOSTD_LOG_ERR, "the event loop has failed: %s", strerror(-err));
		b->exit_code = EXIT_FAILURE;
	}
	return hostd_broker_free(b);
}

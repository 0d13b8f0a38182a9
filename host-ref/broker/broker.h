/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The broker: what it holds for as long as the VM lives.
 */
#ifndef HOSTD_BROKER_H
#define HOSTD_BROKER_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/json.h"
#include "lib/ipc.h"
#include "broker/listener.h"
#include "lib/loop.h"
#include "lib/util.h"

#define HOSTD_SLOTS		64
#define HOSTD_HEARTBEAT_MS	100
#define HOSTD_BEAT_LEN		4096	/* bytes of the page that the worker beats in */
#define HOSTD_ERROR_MAX		512	/* text of an error with its NUL */

struct hostd_broker;
struct hostd_call;
struct hostd_device;

/**
 * struct hostd_options - the command line
 * @name: name of the VM
 * @run_dir: directory of sockets and pid file
 * @window_len: bytes, a power of two
 * @nr_vectors: 1 to HOSTD_VECTORS_MAX
 * @watchdog_ms: silence after which a worker is killed; 0: never
 * @poll_us: how long a worker polls before it sleeps; -1: it adapts that
 * @socket_gid: group that may connect to the ivshmem socket; -1: only the owner
 * @qemu_uid: the only user whose QEMU may connect; -1: whom the socket lets in
 * @qemu_label: the only security label with which one may; NULL: any
 * @ivshmem_fd: an inherited socket that QEMU connects to; -1: one is made
 * @ready_fd: gets one byte when the devices are served, or wait as they may; -1: none
 */
struct hostd_options {
	const char *name;
	const char *run_dir;
	uint64_t window_len;
	unsigned int nr_vectors;
	unsigned int watchdog_ms;
	int poll_us;
	gid_t socket_gid;
	uid_t qemu_uid;
	const char *qemu_label;
	int ivshmem_fd;
	int ready_fd;
};

/**
 * struct hostd_carrier - the descriptors that make a window
 * @memfd: the memory, sealed
 * @kick_fds: eventfds that the guest's doorbells signal
 * @irq_fds: eventfds that raise the guest's interrupts
 * @uuid: its identity
 */
struct hostd_carrier {
	int memfd;
	int kick_fds[HOSTD_VECTORS_MAX];
	int irq_fds[HOSTD_VECTORS_MAX];
	uint8_t uuid[16];
};

/**
 * struct hostd_qemu - the ivshmem server
 * @listener: the socket that QEMU connects to
 * @conn: the QEMU that has the window
 * @pid: its process
 * @step: next message of the handshake
 * @since_ms: when it connected
 * @short_visits: QEMUs in a row that left within a second
 * @refused: the last connections that were refused, newest first, kept open until their QEMU leaves
 * @refusals: limit of their lines
 * @renew: tries again to make the next window
 * @renewing: that failed
 */
struct hostd_qemu {
	struct hostd_listener listener;
	struct hostd_source conn;
	pid_t pid;
	unsigned int step;
	uint64_t since_ms;
	unsigned int short_visits;
	struct hostd_refused *refused;
	struct hostd_limit refusals;
	struct hostd_timer renew;
	bool renewing;
};

/* The executable as a file: an upgrade makes another. */
struct hostd_exe_id {
	uint64_t dev;
	uint64_t ino;
	uint64_t size;
	int64_t sec;
	int64_t nsec;
};

/**
 * struct hostd_exe - the program of workers and helpers
 * @path: where an upgrade puts the next one
 * @fd: that of this life
 * @is_other: @fd is not what the broker itself executes
 * @refused: that which did not fit; not tried again
 */
struct hostd_exe {
	char *path;
	int fd;
	bool is_other;
	struct hostd_exe_id refused;
};

/* State of the worker, in this order. */
enum hostd_life_state {
	HOSTD_LIFE_DOWN,	/* no process, or one that is being killed or finishes */
	HOSTD_LIFE_STARTING,	/* was told to begin */
	HOSTD_LIFE_FILLING,	/* gets its devices */
	HOSTD_LIFE_GOING,	/* was told to go */
	HOSTD_LIFE_SERVING,
};

/**
 * struct hostd_life - the worker of the moment
 * @pid: process; 0: none, the last one has been reaped
 * @state: what it does
 * @ipc: connection to it
 * @start_ms: when it was started
 * @down_ms: when the one before died, or the start
 * @ready_ms: time from @down_ms to serving
 * @hold_until_ms: until when it waits for devices that were served before
 * @epoch: as it reported; 0: not known
 * @restarts: workers started after the first one
 * @short_lives: workers in a row that died within a second
 * @accepted: it has begun: broker and worker understand each other
 * @killed: the broker kills it
 * @faulty: because something is wrong with it, or with its helper
 * @mute: its end of the connection is closed
 * @status: with which it ended
 * @ending: it has been reaped, and its helpers have not
 * @released: the operator wants no worker: no image is open or locked
 * @restart: starts the next worker
 * @retry: hands over devices that were not ready, and ends the wait for them
 * @watchdog: looks at @beat
 * @beat_fd: memory of @beat, sealed
 * @beat: counter that the worker increments
 * @beat_last: its last value
 * @still: looks at @beat since it last grew
 */
struct hostd_life {
	pid_t pid;
	enum hostd_life_state state;
	struct hostd_source ipc;
	uint64_t start_ms;
	uint64_t down_ms;
	uint64_t ready_ms;
	uint64_t hold_until_ms;
	uint64_t epoch;
	uint64_t restarts;
	unsigned int short_lives;
	bool accepted;
	bool killed;
	bool faulty;
	bool mute;
	int status;
	bool ending;
	bool released;
	struct hostd_timer restart;
	struct hostd_timer retry;
	struct hostd_timer watchdog;
	int beat_fd;
	const uint64_t *beat;
	uint64_t beat_last;
	unsigned int still;
};

/**
 * struct hostd_broker - all of it
 * @opt: command line
 * @exe: the program, for the next worker
 * @loop: event loop
 * @signals: signalfd
 * @start_ms: when it started
 * @window: the window of the moment
 * @qemu: ivshmem server
 * @life: the worker
 * @helpers: helpers of the worker that have not been reaped
 * @openers: processes that do something to an image and have not been reaped
 * @opener_timer: due at the first deadline of @openers
 * @requests: requests that the worker has not answered
 * @next_request: id of the next one
 * @request_timer: due at the first deadline of @requests
 * @worker_lines: limit of the lines that workers may log
 * @call_timer: due at the first deadline of a command
 * @slots: devices
 * @generations: last generation of each slot
 * @control: listening control socket
 * @clients: control connections
 * @nr_clients: their number
 * @idle_timer: looks for those that have been idle for long
 * @crowded: the log has said that they are too many
 * @restart_calls: restart-worker commands that wait
 * @release_calls: release commands that wait
 * @stopping: on the way out
 * @stop_timer: end of the worker's time to quit
 * @began: an epoch of this broker's workers has begun
 * @ready: @opt.ready_fd has been told
 * @exit_code: of the process
 */
struct hostd_broker {
	struct hostd_options opt;
	struct hostd_exe exe;
	struct hostd_loop loop;
	struct hostd_source signals;
	uint64_t start_ms;
	struct hostd_carrier window;
	struct hostd_qemu qemu;
	struct hostd_life life;
	struct hostd_helper *helpers;
	struct hostd_opener *openers;
	struct hostd_timer opener_timer;
	struct hostd_request *requests;
	uint64_t next_request;
	struct hostd_timer request_timer;
	struct hostd_limit worker_lines;
	struct hostd_timer call_timer;
	struct hostd_device *slots[HOSTD_SLOTS];
	uint32_t generations[HOSTD_SLOTS];
	struct hostd_listener control;
	struct hostd_client *clients;
	unsigned int nr_clients;
	struct hostd_timer idle_timer;
	bool crowded;
	struct hostd_call *restart_calls;
	struct hostd_call *release_calls;
	bool stopping;
	struct hostd_timer stop_timer;
	bool began;
	bool ready;
	int exit_code;
};

/* broker.c */

/**
 * hostd_broker_run - be the broker until a signal ends it
 * @opt: command line
 * @devices: to start with: array of the commands that add them, as the control socket takes
 *	them, checked
 *
 * Return: exit code.
 */
int hostd_broker_run(const struct hostd_options *opt, struct json_object *devices);

/**
 * hostd_broker_alloc - begin to be the broker: all that hostd_broker_run() does before its loop
 * @opt: command line
 * @devices: to start with
 *
 * Return: the broker, or NULL; the log says why.
 */
struct hostd_broker *hostd_broker_alloc(const struct hostd_options *opt,
					struct json_object *devices);

/**
 * hostd_broker_free - be the broker no longer: what it does after its loop
 * @b: the broker
 *
 * Return: exit code.
 */
int hostd_broker_free(struct hostd_broker *b);

/**
 * hostd_broker_stop - begin to end: the worker quits, then the loop
 * @b: the broker
 * @exit_code: of the process
 */
void hostd_broker_stop(struct hostd_broker *b, int exit_code);

/**
 * hostd_broker_is_tight - are descriptors left for no more than the next window and the next worker
 * @b: the broker
 * @more: and for so much else
 *
 * Then whoever else wants one has to do without.
 *
 * Return: true if so.
 */
bool hostd_broker_is_tight(const struct hostd_broker *b, unsigned int more);

/* ivshmem.c */

/**
 * hostd_carrier_alloc - make memory and eventfds of a window
 * @win: gets them
 * @opt: size and number of vectors
 *
 * Return: 0 or -errno; @win is then empty.
 */
int hostd_carrier_alloc(struct hostd_carrier *win, const struct hostd_options *opt);

/**
 * hostd_carrier_free - close them
 * @win: a window; may be empty
 */
void hostd_carrier_free(struct hostd_carrier *win);

/**
 * hostd_qemu_start - listen for QEMU
 * @b: the broker, with a window
 *
 * Return: 0 or -errno.
 */
int hostd_qemu_start(struct hostd_broker *b);

/**
 * hostd_qemu_stop - close listener and connections
 * @b: the broker
 */
void hostd_qemu_stop(struct hostd_broker *b);

/* spawn.c */

/**
 * hostd_life_init - prepare for workers
 * @b: the broker
 *
 * Return: 0 or -errno.
 */
int hostd_life_init(struct hostd_broker *b);

/**
 * hostd_life_start - start a worker; the one before has been reaped
 * @b: the broker
 *
 * A failure is logged and tried again later.
 */
void hostd_life_start(struct hostd_broker *b);

/**
 * hostd_life_kill - kill the worker; its reaping starts the next one
 * @b: the broker
 * @why: what is wrong with it, for the log; NULL: nothing is
 */
void hostd_life_kill(struct hostd_broker *b, const char *why);

/**
 * hostd_life_mute - the worker's end of the connection is closed
 * @b: the broker
 *
 * It is dying, then its reaping tells of what; or it is killed a little later.
 */
void hostd_life_mute(struct hostd_broker *b);

/**
 * hostd_life_release - have the worker finish, and start no other
 * @b: the broker
 *
 * Its reaping answers hostd_broker.release_calls.
 */
void hostd_life_release(struct hostd_broker *b);

/**
 * hostd_life_reap - reap a worker and helpers that have died, on SIGCHLD
 * @b: the broker
 */
void hostd_life_reap(struct hostd_broker *b);

/* exe.c */

/* Exit status of a child that could not execute the program. */
#define HOSTD_NO_EXEC	127

/**
 * hostd_exe_init - find the program
 * @exe: gets it; @fd is -1
 *
 * Return: 0 or -errno.
 */
int hostd_exe_init(struct hostd_exe *exe);

/**
 * hostd_exe_exit - forget it
 * @exe: the program; may be empty
 */
void hostd_exe_exit(struct hostd_exe *exe);

/**
 * hostd_exe_choose - choose the program of the life that begins, for its worker and its helpers
 * @exe: the program: the file at @path, unless it is gone or was refused
 *
 * Return: 0 or -errno.
 */
int hostd_exe_choose(struct hostd_exe *exe);

/**
 * hostd_exe_refuse - go back to the program that the broker executes itself, and say so
 * @exe: the program, with @is_other set
 * @why: what is wrong with the other one
 */
void hostd_exe_refuse(struct hostd_exe *exe, const char *why);

/**
 * hostd_spawn - execute the program, in a process that dies with this one
 * @exe: the program, chosen
 * @argv: arguments
 * @fd: becomes HOSTD_IPC_WORKER_FD; stays the caller's
 *
 * Return: the process or -errno.
 */
pid_t hostd_spawn(const struct hostd_exe *exe, char *const argv[], int fd);

/* helpers.c */

/**
 * hostd_helpers_start - start the helpers of devices that are served, if QEMU is there
 * @b: the broker
 */
void hostd_helpers_start(struct hostd_broker *b);

/**
 * hostd_helpers_kill - kill all helpers; @b->helpers is NULL when they have been reaped
 * @b: the broker
 */
void hostd_helpers_kill(struct hostd_broker *b);

/**
 * hostd_helpers_reap - reap those that have died; the worker of one that was not killed is killed
 * @b: the broker
 */
void hostd_helpers_reap(struct hostd_broker *b);

/**
 * hostd_helpers_free - kill and forget them, at the end of the broker
 * @b: the broker
 */
void hostd_helpers_free(struct hostd_broker *b);

/* session.c */

/**
 * hostd_session_start - give a new worker the window, and then the devices
 * @b: the broker
 */
void hostd_session_start(struct hostd_broker *b);

/**
 * hostd_session_add - hand a device to the worker, now or when there is one
 * @b: the broker
 * @dev: a device that is WAITING or NOT_READY
 */
void hostd_session_add(struct hostd_broker *b, struct hostd_device *dev);

/**
 * hostd_session_opened - go on with a device that is OPENING
 * @b: the broker
 * @dev: the device
 * @fd: what the worker gets with it, or -1 if it needs none; taken over
 * @error: why it could not be opened, in one line, or NULL
 */
void hostd_session_opened(struct hostd_broker *b, struct hostd_device *dev, int fd,
			  const char *error);

/**
 * hostd_session_waits - the medium of a device that may wait is in use
 * @b: the broker
 * @dev: the device
 */
void hostd_session_waits(struct hostd_broker *b, struct hostd_device *dev);

/**
 * hostd_session_remove - ask the worker to let a served device go
 * @b: the broker
 * @dev: a device with @removing set
 */
void hostd_session_remove(struct hostd_broker *b, struct hostd_device *dev);

/**
 * hostd_session_forget - drop a device that is not served, here and in the worker
 * @b: the broker
 * @dev: a device that is neither ADDING nor SERVED
 */
void hostd_session_forget(struct hostd_broker *b, struct hostd_device *dev);

/**
 * hostd_session_retry - timer: hand over what could not be handed over
 * @timer: hostd_life.retry
 */
void hostd_session_retry(struct hostd_timer *timer);

/**
 * hostd_session_released - answer those who wait for the release
 * @b: the broker
 * @error: what went wrong, in one line, or NULL
 */
void hostd_session_released(struct hostd_broker *b, const char *error);

/**
 * hostd_session_end_calls - answer all who wait for the same
 * @list: the calls; empty afterwards
 * @error: what went wrong, in one line; NULL: nothing
 */
void hostd_session_end_calls(struct hostd_call **list, const char *error);

/**
 * hostd_session_event - the worker reports something unasked
 * @b: the broker
 * @msg: {"event":...}, as hostd_event_fits() wants it
 *
 * Return: NULL, or what shows that the report is a lie.
 */
const char *hostd_session_event(struct hostd_broker *b, struct json_object *msg);

/* reply.c */

/**
 * hostd_reply_fits - is this an answer to that request
 * @req: the request
 * @reply: the worker's answer; its text is made printable
 *
 * Return: false if a type or a range is wrong, or something is missing.
 */
bool hostd_reply_fits(struct json_object *req, struct json_object *reply);

/**
 * hostd_event_fits - is this a report
 * @msg: the worker's message; its text is made printable
 *
 * Return: false if a type or a range is wrong, or something is missing.
 */
bool hostd_event_fits(struct json_object *msg);

/* request.c */

/**
 * typedef hostd_request_done - the end of a request, called exactly once
 * @b: the broker
 * @ctx: as given with the request
 * @reply: the answer, or NULL
 * @error: without an answer: why, in one line
 */
typedef void (*hostd_request_done)(struct hostd_broker *b, void *ctx, struct json_object *reply,
				   const char *error);

/**
 * struct hostd_request_op - a request to be sent
 * @msg: {"op":...}; the reference is taken over
 * @fds: descriptors, which stay the caller's
 * @nr_fds: their number
 * @timeout_ms: when @done is called without an answer; 0: not before the worker's end
 * @patient: the worker may take as long as it likes; else it is killed when it is silent
 * @done: called at the end, never before hostd_request_send() returns
 * @ctx: for @done
 */
struct hostd_request_op {
	struct json_object *msg;
	const int *fds;
	unsigned int nr_fds;
	unsigned int timeout_ms;
	bool patient;
	hostd_request_done done;
	void *ctx;
};

/**
 * hostd_request_init - prepare for requests
 * @b: the broker
 */
void hostd_request_init(struct hostd_broker *b);

/**
 * hostd_request_send - send a request to the worker
 * @b: the broker
 * @op: the request
 *
 * Return: 0, or -errno and @op->done is not called: -ENOTCONN if there is no worker.
 */
int hostd_request_send(struct hostd_broker *b, const struct hostd_request_op *op);

/**
 * hostd_request_forget - somebody does not wait for answers any more
 * @b: the broker
 * @ctx: the context of that requests; @done is not called
 */
void hostd_request_forget(struct hostd_broker *b, const void *ctx);

/**
 * hostd_request_fail_all - end all requests: the worker is gone
 * @b: the broker
 */
void hostd_request_fail_all(struct hostd_broker *b);

/**
 * hostd_request_ready - the worker's connection is readable
 * @src: hostd_life.ipc
 * @events: EPOLL*
 */
void hostd_request_ready(struct hostd_source *src, uint32_t events);

/**
 * hostd_request_drain - take what a worker that has died said before
 * @b: the broker; the worker has not been reaped
 */
void hostd_request_drain(struct hostd_broker *b);

/* control.c */

/**
 * struct hostd_call - a command that has not been answered yet
 * @b: the broker
 * @client: who gave it; may have left
 * @request: the command as it came
 * @args: its arguments, or NULL
 * @partial: what is there of the answer, or NULL
 * @due_ms: when the client hears that it takes too long
 * @next: for lists of those who wait for the same
 */
struct hostd_call {
	struct hostd_broker *b;
	struct hostd_client *client;
	struct json_object *request;
	struct json_object *args;
	struct json_object *partial;
	uint64_t due_ms;
	struct hostd_call *next;
};

/**
 * hostd_control_start - listen for pvctl
 * @b: the broker
 *
 * Return: 0 or -errno.
 */
int hostd_control_start(struct hostd_broker *b);

/**
 * hostd_control_stop - close listener and connections
 * @b: the broker
 */
void hostd_control_stop(struct hostd_broker *b);

/**
 * hostd_call_return - answer a command and free it
 * @call: the command
 * @value: the result; the reference is taken over; NULL: an empty object
 */
void hostd_call_return(struct hostd_call *call, struct json_object *value);

/**
 * hostd_call_error - refuse a command and free it
 * @call: the command
 * @fmt: printf format of one line: what is wrong and what to do
 */
void hostd_call_error(struct hostd_call *call, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * hostd_call_extend - let a command take longer than others
 * @call: the command
 * @ms: from now
 */
void hostd_call_extend(struct hostd_call *call, unsigned int ms);

/* command.c */

/**
 * hostd_command_run - execute a command of the control socket
 * @call: answered by it, at once or later
 * @name: the command
 */
void hostd_command_run(struct hostd_call *call, const char *name);

/**
 * hostd_command_room - the medium of a device has, or has not, room for the size that was asked for
 * @dev: the device
 * @error: what went wrong, in one line, or NULL
 */
void hostd_command_room(struct hostd_device *dev, const char *error);

#endif /* HOSTD_BROKER_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The broker: what it holds for as long as the VM lives.
 */
#ifndef HOSTD_BROKER_H
#define HOSTD_BROKER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "broker/carrier/carrier.h"
#include "broker/carrier/ivshmem.h"
#include "broker/control.h"
#include "broker/devices.h"
#include "broker/errand/closer.h"
#include "broker/heir/upgrade.h"
#include "broker/life/exe.h"
#include "broker/life/life.h"
#include "broker/life/request.h"
#include "broker/listener.h"
#include "lib/files/store.h"
#include "lib/log/log.h"
#include "lib/loop.h"

struct hostd_daemon;
struct hostd_errand;
struct hostd_helper;
struct hostd_request;

/**
 * struct hostd_options - the command line
 * @classes: of devices, up to NULL
 * @name: name of the VM
 * @run_dir: directory of sockets and pid file
 * @window_len: bytes, a power of two
 * @nr_vectors: 1 to HOSTD_VECTORS_MAX
 * @watchdog_ms: silence after which a worker is killed; 0: never
 * @poll_us: how long a worker polls before it sleeps; -1: it adapts that
 * @nr_threads: loops of a worker, 1 to HOSTD_THREADS_MAX
 * @refused_drivers: array of names of drivers that are not served; NULL: none
 * @socket_gid: group that may connect to the ivshmem socket; -1: only the owner
 * @qemu_uid: the only user whose QEMU may connect; -1: whom the socket lets in
 * @qemu_label: the only security label with which one may; NULL: any
 * @ivshmem_fd: an inherited socket that QEMU connects to; -1: one is made
 * @ready_fd: gets one byte when the devices are served, or wait as they may; -1: none
 * @pid_file: gets the process then; NULL: none
 * @argv: the command line as it was given
 * @pid_fd: the locked pid file
 * @handover: state of the broker that has become this one; NULL: there was none
 */
struct hostd_options {
	const struct pv_class *const *classes;
	const char *name;
	const char *run_dir;
	uint64_t window_len;
	unsigned int nr_vectors;
	unsigned int watchdog_ms;
	int poll_us;
	unsigned int nr_threads;
	struct json_object *refused_drivers;
	gid_t socket_gid;
	uid_t qemu_uid;
	const char *qemu_label;
	int ivshmem_fd;
	int ready_fd;
	const char *pid_file;
	char **argv;
	int pid_fd;
	struct json_object *handover;
};

/**
 * struct hostd_broker - all of it
 * @opt: command line
 * @exe: the program, for the next worker
 * @loop: event loop
 * @signals: signalfd
 * @signals_timer: looks at them where there is no such thing
 * @start_ms: when it started
 * @window: the window of the moment
 * @qemu: ivshmem server
 * @life: the worker
 * @helpers: helpers of the worker that have not been reaped
 * @daemons: programs of others' that devices need, and have not been reaped
 * @errands: processes that do what may wait, and have not been reaped
 * @errand_timer: due at the first deadline of @errands
 * @closer: what is still to be closed
 * @requests: requests that the worker has not answered
 * @next_request: id of the next one
 * @request_timer: due at the first deadline of @requests
 * @event: takes what the worker reports unasked
 * @worker_lines: limit of the lines that workers may log
 * @call_timer: due at the first deadline of a command
 * @slots: devices
 * @generations: last generation of each slot
 * @control: listening control socket
 * @run: executes the commands that come by it
 * @clients: control connections
 * @nr_clients: their number
 * @idle_timer: looks for those that have been idle for long
 * @crowded: the log has said that they are too many
 * @restart_calls: restart-worker commands that wait
 * @release_calls: release commands that wait
 * @stopping: on the way out
 * @quitting: the worker has been told
 * @stop_timer: what is due on that way
 * @began: an epoch of this broker's workers has begun
 * @ready: whoever waits for that has been told
 * @pid_file: @opt.pid_file
 * @ready_parcel: @opt.ready_fd, as long as it has not been told, from which nothing but a process that may wait takes it; -1: none
 * @ready_timer: due when that is to be told
 * @alive_timer: due when the service manager wants to hear something
 * @alive_ms: how often; 0: never
 * @store: the file of the state
 * @has_state: there is such a file
 * @upgrade: to become another program
 * @exit_code: of the process
 */
struct hostd_broker {
	struct hostd_options opt;
	struct hostd_exe exe;
	struct hostd_loop loop;
	struct hostd_source signals;
	struct hostd_timer signals_timer;
	uint64_t start_ms;
	struct hostd_carrier window;
	struct hostd_qemu qemu;
	struct hostd_life life;
	struct hostd_helper *helpers;
	struct hostd_daemon *daemons;
	struct hostd_errand *errands;
	struct hostd_timer errand_timer;
	struct hostd_closer closer;
	struct hostd_request *requests;
	uint64_t next_request;
	struct hostd_timer request_timer;
	hostd_request_event event;
	struct hostd_limit worker_lines;
	struct hostd_timer call_timer;
	struct hostd_device *slots[HOSTD_SLOTS];
	uint32_t generations[HOSTD_SLOTS];
	struct hostd_listener control;
	hostd_control_run run;
	struct hostd_client *clients;
	unsigned int nr_clients;
	struct hostd_timer idle_timer;
	bool crowded;
	struct hostd_call *restart_calls;
	struct hostd_call *release_calls;
	bool stopping;
	bool quitting;
	struct hostd_timer stop_timer;
	bool began;
	bool ready;
	struct hostd_store pid_file;
	int ready_parcel;
	struct hostd_timer ready_timer;
	struct hostd_timer alive_timer;
	uint64_t alive_ms;
	struct hostd_store store;
	bool has_state;
	struct hostd_upgrade upgrade;
	int exit_code;
};

/**
 * hostd_broker_stop - have the broker end, in its order, from its loop
 * @b: the broker
 * @exit_code: of the process; the first that is not 0 counts
 */
void hostd_broker_stop(struct hostd_broker *b, int exit_code);

/**
 * hostd_broker_tells_death - has the log room for the end of this worker
 * @b: the broker
 *
 * What makes one die may make the next die as well, without end. All lines about the same one are written, or none.
 *
 * Return: true if so.
 */
bool hostd_broker_tells_death(struct hostd_broker *b);

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

/**
 * hostd_broker_check_room - does the limit of descriptors let the broker begin
 * @b: the broker
 *
 * Return: 0 or -EMFILE; the log says what to do.
 */
int hostd_broker_check_room(const struct hostd_broker *b);

#endif /* HOSTD_BROKER_H */

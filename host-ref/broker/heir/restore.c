// SPDX-License-Identifier: GPL-2.0-only
/*
 * Go on where another broker has stopped.
 *
 * It has died, and left a state file: then the descriptors of the window are asked of the service
 * manager, which may have kept them, and of the QEMU that has them (carrier/find.c). Or it has
 * executed this program in its own place: then everything is here, by number.
 */
#include "broker/heir/restore.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/broker.h"
#include "broker/carrier/find.h"
#include "broker/heir/state.h"
#include "lib/json.h"
#include "lib/proc/notify.h"
#include "lib/proc/pidfd.h"

#define START_ANEW	"end that QEMU, or remove %s/" HOSTD_STATE_FILE " to begin with a new window, which the VM has when it is started again"

/* What a file has no right to say. */
static void strip_fds(struct json_object *state)
{
	struct json_object *devices = hostd_json_get(state, "devices");
	size_t i;

	json_object_object_del(state, "fds");
	if (!json_object_is_type(devices, json_type_array))
		return;
	for (i = 0; i < json_object_array_length(devices); i++) {
		struct json_object *dev = json_object_array_get_idx(devices, i);

		if (json_object_is_type(dev, json_type_object))
			json_object_object_del(dev, "fds");
	}
}

/*
 * A descriptor of the QEMU that a state is about; -ESRCH if it has ended; another -errno if that
 * cannot be said.
 */
static int find_qemu(struct json_object *state, pid_t *pid)
{
	struct json_object *qemu = hostd_json_get(state, "qemu");
	const char *boot = hostd_json_str(state, "boot");
	uint64_t born, wanted = hostd_json_u64(qemu, "start", 0);
	char text[HOSTD_BOOT_ID_TEXT];
	int pidfd, err;

	*pid = hostd_json_u64(qemu, "pid", 0);
	hostd_boot_id(text);
	if (!boot || strcmp(boot, text) || *pid <= 0)
		return -ESRCH;
	pidfd = hostd_pidfd_open(*pid);
	if (pidfd < 0)
		return pidfd;
	/* In this order: what is read is that of the process that the descriptor means. */
	err = hostd_process_start(*pid, &born);
	if (!hostd_pidfd_is_alive(pidfd) || (!err && born != wanted))
		err = -ESRCH;
	if (!err)
		return pidfd;
	close(pidfd);
	return err;
}

static int read_file(struct hostd_broker *b, struct json_object **state)
{
	const char *dir = b->opt.run_dir, *complaint = "";
	char *text;
	int err = hostd_store_read(HOSTD_STATE_FILE, &text);

	if (err == -EPERM)
		hostd_log(HOSTD_LOG_ERR, "%s/" HOSTD_STATE_FILE " is no file of user %u that nobody else can write to: see who has made it, and remove it",
			  dir, (unsigned int)geteuid());
	else if (err && err != -EFBIG && err != -EBADMSG)
		hostd_log(HOSTD_LOG_ERR, "%s/" HOSTD_STATE_FILE " cannot be read: %s: see to that first", dir,
			  strerror(-err));
	if (err ? err != -EFBIG && err != -EBADMSG : !text)
		return err;
	if (err)
		complaint = err == -EFBIG ? "too large" : "a NUL in it";
	else
		*state = hostd_json_parse(text, strlen(text), true, &complaint);
	free(text);
	if (*state)
		return 0;
	hostd_log(HOSTD_LOG_ERR, "%s/" HOSTD_STATE_FILE " is damaged (%s): remove it to begin with a new window; a VM that runs has its pvkit devices again when it is started again",
		  dir, complaint);
	return -EBADMSG;
}

/* What the broker before was, in a file; it matters while its QEMU runs. */
static int read_left(struct hostd_broker *b, struct json_object **state)
{
	char err_text[HOSTD_ERROR_MAX];
	int err = read_file(b, state), pidfd;
	pid_t pid;

	if (err || !*state)
		return err;
	strip_fds(*state);
	pidfd = find_qemu(*state, &pid);
	if (pidfd >= 0)
		close(pidfd);
	if (pidfd == -ESRCH) {
		hostd_log(HOSTD_LOG_INFO, "QEMU (pid %d) has left while there was no pvhostd: a new window for the next one",
			  (int)pid);
	} else if (pidfd < 0) {
		hostd_log(HOSTD_LOG_ERR, "QEMU (pid %d) cannot be looked at: %s: " START_ANEW, (int)pid,
			  strerror(-pidfd), b->opt.run_dir);
		err = pidfd;
	} else if (hostd_state_check(*state, b->opt.classes, err_text)) {
		hostd_log(HOSTD_LOG_ERR, "%s/" HOSTD_STATE_FILE ", by which the window of QEMU (pid %d) is found: %s: install the pvhostd that wrote it, or " START_ANEW,
			  b->opt.run_dir, (int)pid, err_text, b->opt.run_dir);
		err = -EINVAL;
	}
	if (!err && pidfd >= 0)
		return 0;
	json_object_put(*state);
	*state = NULL;
	return err;
}

int hostd_restore_read(struct hostd_broker *b, struct json_object **state)
{
	char err[HOSTD_ERROR_MAX];

	*state = NULL;
	if (!b->opt.handover)
		return read_left(b, state);
	if (hostd_state_check(b->opt.handover, b->opt.classes, err)) {
		hostd_log(HOSTD_LOG_ERR, "the state of the pvhostd before: %s", err);
		return -EINVAL;
	}
	*state = json_object_get(b->opt.handover);
	return 0;
}

static void take_numbers(struct json_object *list, uint64_t *numbers)
{
	size_t i, nr = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;

	for (i = 0; i < nr && i < HOSTD_VECTORS_MAX; i++)
		numbers[i] = json_object_get_int64(json_object_array_get_idx(list, i));
}

/* Returns false if there is no such window. */
static bool take_window(struct hostd_carrier *win, struct hostd_carrier_id *id,
			struct json_object *obj)
{
	uint64_t len = hostd_json_u64(obj, "len", 0), nr = hostd_json_u64(obj, "vectors", 0);
	const char *uuid = hostd_json_str(obj, "uuid");

	if (!hostd_is_power_of_two(len) || !nr || nr > HOSTD_VECTORS_MAX)
		return false;
	hostd_carrier_init(win, len, nr);
	*id = (struct hostd_carrier_id) {
		.dev = hostd_json_u64(obj, "dev", 0), .ino = hostd_json_u64(obj, "ino", 0),
	};
	memset(id->kicks, -1, sizeof(id->kicks));
	memset(id->irqs, -1, sizeof(id->irqs));
	take_numbers(hostd_json_get(obj, "kicks"), id->kicks);
	take_numbers(hostd_json_get(obj, "irqs"), id->irqs);
	return uuid && !hostd_uuid_parse(uuid, win->uuid);
}

/* What the service manager has kept, as far as it is this window's. */
static void take_stored(struct hostd_carrier *win, const struct hostd_carrier_id *id)
{
	int fds[HOSTD_NOTIFY_FDS];
	unsigned int nr = hostd_notify_fds(HOSTD_STORED_NAME, fds, HOSTD_NOTIFY_FDS), i;

	for (i = 0; i < nr; i++)
		if (!hostd_carrier_take(win, id, fds[i]))
			close(fds[i]);
}

static void explain(const struct hostd_broker *b, pid_t pid, int err, unsigned int vector)
{
	if (err == -EPERM || err == -EACCES)
		hostd_log(HOSTD_LOG_ERR, "the window cannot be taken from QEMU (pid %d): %s: it is another user's, or the host forbids it (kernel.yama.ptrace_scope): run pvhostd as root, or as a service with FileDescriptorStoreMax=; or " START_ANEW,
			  (int)pid, strerror(-err), b->opt.run_dir);
	else if (err == -ENODATA)
		hostd_log(HOSTD_LOG_ERR, "QEMU (pid %d) has not the eventfds of vector %u any more: " START_ANEW,
			  (int)pid, vector, b->opt.run_dir);
	else
		hostd_log(HOSTD_LOG_ERR, "the window cannot be taken from QEMU (pid %d): %s: " START_ANEW,
			  (int)pid, strerror(-err), b->opt.run_dir);
}

/* Of a QEMU that runs, and had the window. */
static int find_window(struct hostd_broker *b, struct json_object *state)
{
	struct hostd_carrier_id id;
	struct hostd_carrier win;
	unsigned int vector = 0;
	int pidfd, err = 0;
	pid_t pid;

	pidfd = find_qemu(state, &pid);
	if (pidfd < 0)
		return pidfd == -ESRCH ? 0 : pidfd;
	if (!take_window(&win, &id, hostd_json_get(state, "window"))) {
		close(pidfd);
		explain(b, pid, -EINVAL, 0);
		return -EINVAL;
	}
	take_stored(&win, &id);
	if (hostd_carrier_is_whole(&win, &vector))
		err = hostd_carrier_fetch(&win, &id, pid, pidfd);
	if (!err)
		err = hostd_carrier_is_whole(&win, &vector);
	if (!err) {
		b->window = win;
		err = hostd_qemu_resume(b, pidfd, hostd_json_get(state, "qemu"), true);
		if (!err)
			return 0;
		hostd_carrier_init(&b->window, win.len, win.nr_vectors);
	}
	close(pidfd);
	hostd_carrier_free(&win);
	if (err == -ENOENT) {
		hostd_log(HOSTD_LOG_WARN, "QEMU (pid %d) has let go of the window: a new one for the next QEMU",
			  (int)pid);
		return 0;
	}
	explain(b, pid, err, vector);
	return err;
}

static void take_fd_list(struct json_object *list, int *fds, unsigned int nr)
{
	struct json_object *one = json_object_new_object();
	unsigned int i;

	for (i = 0; i < nr && json_object_is_type(list, json_type_array); i++) {
		json_object_object_add(one, "fd", json_object_get(json_object_array_get_idx(list, i)));
		fds[i] = hostd_kept_fd(one, "fd");
	}
	json_object_put(one);
}

/* Of a broker that has become this one. */
static int take_over_window(struct hostd_broker *b, struct json_object *state)
{
	struct json_object *fds = hostd_json_get(state, "fds"), *qemu = hostd_json_get(state, "qemu");
	struct hostd_carrier *win = &b->window;
	struct hostd_carrier_id id;
	unsigned int vector = 0;
	int conn;

	if (!qemu)
		return 0;
	conn = hostd_kept_fd(fds, "qemu");
	if (!take_window(win, &id, hostd_json_get(state, "window")))
		return -EINVAL;
	win->memfd = hostd_kept_fd(fds, "memfd");
	take_fd_list(hostd_json_get(fds, "kicks"), win->kick_fds, win->nr_vectors);
	take_fd_list(hostd_json_get(fds, "irqs"), win->irq_fds, win->nr_vectors);
	if (conn < 0 || hostd_carrier_is_whole(win, &vector))
		return -EBADF;
	return hostd_qemu_resume(b, conn, qemu, hostd_json_bool(qemu, "adopted", false));
}

int hostd_restore_window(struct hostd_broker *b, struct json_object *state)
{
	int err = b->opt.handover ? take_over_window(b, state) : find_window(b, state);

	if (err && b->opt.handover)
		hostd_log(HOSTD_LOG_ERR, "what was handed over is not a window: %s", strerror(-err));
	if (err || b->qemu.conn.fd < 0)
		return err;
	b->began = hostd_json_bool(state, "began", false);
	if (b->window.len != b->opt.window_len || b->window.nr_vectors != b->opt.nr_vectors)
		hostd_log(HOSTD_LOG_WARN, "--window and --vectors are for the next QEMU: this one has a window of %llu bytes and %u vectors",
			  (unsigned long long)b->window.len, b->window.nr_vectors);
	return 0;
}

static int restore_device(struct hostd_broker *b, struct json_object *obj)
{
	const struct pv_class *class = hostd_class_find(b->opt.classes, hostd_json_str(obj, "class"));
	struct json_object *args = hostd_json_get(obj, "arguments");
	struct hostd_device *dev;
	char err[HOSTD_ERROR_MAX];
	int ret = -EINVAL;

	dev = hostd_device_restore(b, class, args, hostd_json_u64(obj, "slot", 0), err);
	if (dev) {
		dev->fresh = hostd_json_bool(obj, "fresh", false);
		dev->removing = hostd_json_bool(obj, "removing", false);
		dev->force = hostd_json_bool(obj, "force", false);
		ret = dev->ops->restore ? dev->ops->restore(dev, hostd_json_get(obj, "kept"),
							    hostd_json_get(obj, "fds"), err) : 0;
	}
	if (ret)
		hostd_log(HOSTD_LOG_ERR, "%s: it cannot be made again from the state of the pvhostd before: %s",
			  hostd_json_str(args, "id") ?: "?", err);
	return ret;
}

/* Whoever changes the command line of a VM that runs may wonder. */
static void compare(const struct hostd_broker *b, struct json_object *given)
{
	size_t i;

	for (i = 0; i < json_object_array_length(given); i++) {
		struct json_object *args = hostd_json_get(json_object_array_get_idx(given, i),
							  "arguments");
		const char *id = hostd_json_str(args, "id");

		if (id && !hostd_device_find((struct hostd_broker *)b, id))
			hostd_log(HOSTD_LOG_WARN, "%.31s: not added: the VM runs on with the devices that it had: use 'pvctl add'",
				  id);
	}
}

int hostd_restore_devices(struct hostd_broker *b, struct json_object *state,
			  struct json_object *given)
{
	struct json_object *devices = hostd_json_get(state, "devices");
	uint64_t generations[HOSTD_SLOTS > HOSTD_VECTORS_MAX ? HOSTD_SLOTS : HOSTD_VECTORS_MAX] = { 0 };
	int err = 0;
	size_t i;

	take_numbers(hostd_json_get(state, "generations"), generations);
	for (i = 0; i < HOSTD_SLOTS; i++)
		b->generations[i] = generations[i];
	for (i = 0; i < json_object_array_length(devices) && !err; i++)
		err = restore_device(b, json_object_array_get_idx(devices, i));
	if (err)
		return err;
	compare(b, given);
	b->life.released = hostd_json_bool(state, "released", false);
	b->life.down_ms = hostd_json_u64(state, "down_ms", b->life.down_ms);
	b->life.restarts = hostd_json_u64(state, "restarts", 0);
	if (b->qemu.has_window) {
		hostd_log(HOSTD_LOG_INFO, "QEMU (pid %d) still has the window, and its devices are served on",
			  (int)b->qemu.pid);
		hostd_qemu_keep(b);
	}
	return 0;
}

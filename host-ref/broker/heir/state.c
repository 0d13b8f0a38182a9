// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the next broker has to know to go on where this one stops.
 */
#include "broker/heir/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "broker/broker.h"
#include "broker/carrier/find.h"
#include "lib/files/rundir.h"
#include "lib/json.h"
#include "lib/proc/pidfd.h"

static struct json_object *make_numbers(const uint64_t *numbers, unsigned int nr)
{
	struct json_object *list = json_object_new_array();
	unsigned int i;

	for (i = 0; i < nr; i++)
		json_object_array_add(list, json_object_new_int64(numbers[i]));
	return list;
}

/* An eventfd that is none of the kernel's numbers is found only in what is handed over. */
static struct json_object *make_window(const struct hostd_carrier *win)
{
	struct json_object *obj = json_object_new_object();
	struct hostd_carrier_id id;
	char uuid[HOSTD_UUID_TEXT];

	hostd_uuid_format(win->uuid, uuid);
	hostd_json_add_u64(obj, "len", win->len);
	hostd_json_add_u64(obj, "vectors", win->nr_vectors);
	hostd_json_add_str(obj, "uuid", uuid);
	if (hostd_carrier_identify(win, &id))
		return obj;
	hostd_json_add_u64(obj, "dev", id.dev);
	hostd_json_add_u64(obj, "ino", id.ino);
	json_object_object_add(obj, "kicks", make_numbers(id.kicks, win->nr_vectors));
	json_object_object_add(obj, "irqs", make_numbers(id.irqs, win->nr_vectors));
	return obj;
}

static struct json_object *make_device(const struct hostd_device *dev)
{
	struct json_object *obj = json_object_new_object();
	struct json_object *kept = json_object_new_object(), *fds = json_object_new_object();

	hostd_json_add_u64(obj, "slot", dev->slot);
	hostd_json_add_str(obj, "class", dev->class->name);
	json_object_object_add(obj, "arguments", json_object_get(dev->args));
	hostd_json_add_bool(obj, "fresh", dev->fresh);
	hostd_json_add_bool(obj, "removing", dev->removing);
	hostd_json_add_bool(obj, "force", dev->force);
	if (dev->ops->save)
		dev->ops->save(dev, kept, fds);
	json_object_object_add(obj, "kept", kept);
	json_object_object_add(obj, "fds", fds);
	return obj;
}

/* One whose addition has not been answered yet was never there. */
static struct json_object *make_devices(const struct hostd_broker *b)
{
	struct json_object *list = json_object_new_array();
	unsigned int slot;

	for (slot = 0; slot < HOSTD_SLOTS; slot++)
		if (b->slots[slot] && !b->slots[slot]->call)
			json_object_array_add(list, make_device(b->slots[slot]));
	return list;
}

static struct json_object *make_generations(const struct hostd_broker *b)
{
	struct json_object *list = json_object_new_array();
	unsigned int slot;

	for (slot = 0; slot < HOSTD_SLOTS; slot++)
		json_object_array_add(list, json_object_new_int64(b->generations[slot]));
	return list;
}

static struct json_object *make_fd_list(const int *fds, unsigned int nr)
{
	struct json_object *list = json_object_new_array();
	unsigned int i;

	for (i = 0; i < nr; i++)
		json_object_array_add(list, json_object_new_int(fds[i]));
	return list;
}

static struct json_object *make_fds(const struct hostd_broker *b)
{
	struct json_object *obj = json_object_new_object();
	const struct hostd_carrier *win = &b->window;

	hostd_json_add_u64(obj, "pid_file", b->opt.pid_fd);
	hostd_json_add_u64(obj, "control", b->control.src.fd);
	hostd_json_add_u64(obj, "ivshmem", b->qemu.listener.src.fd);
	if (b->ready_parcel >= 0)
		hostd_json_add_u64(obj, "ready", b->ready_parcel);
	if (hostd_run_dir_fd() >= 0)
		hostd_json_add_u64(obj, "run_dir", hostd_run_dir_fd());
	if (b->store.writer.fd >= 0)
		hostd_json_add_u64(obj, "state_writer", b->store.writer.fd);
	if (b->pid_file.loop && b->pid_file.writer.fd >= 0)
		hostd_json_add_u64(obj, "pid_writer", b->pid_file.writer.fd);
	json_object_object_add(obj, "unclosed", hostd_closer_save(b));
	if (b->qemu.conn.fd < 0)
		return obj;
	hostd_json_add_u64(obj, "qemu", b->qemu.conn.fd);
	hostd_json_add_u64(obj, "memfd", win->memfd);
	json_object_object_add(obj, "kicks", make_fd_list(win->kick_fds, win->nr_vectors));
	json_object_object_add(obj, "irqs", make_fd_list(win->irq_fds, win->nr_vectors));
	return obj;
}

static struct json_object *make_qemu(const struct hostd_qemu *qemu)
{
	struct json_object *obj = json_object_new_object();

	hostd_json_add_u64(obj, "pid", qemu->pid);
	hostd_json_add_u64(obj, "start", qemu->born);
	hostd_json_add_u64(obj, "step", qemu->step);
	hostd_json_add_bool(obj, "has_window", qemu->has_window);
	hostd_json_add_bool(obj, "adopted", qemu->adopted);
	return obj;
}

struct json_object *hostd_state_make(const struct hostd_broker *b)
{
	struct json_object *obj = json_object_new_object();
	char boot[HOSTD_BOOT_ID_TEXT];

	hostd_boot_id(boot);
	hostd_json_add_u64(obj, "version", HOSTD_STATE_VERSION);
	hostd_json_add_str(obj, "program", PVKIT_VERSION);
	hostd_json_add_str(obj, "boot", boot);
	if (b->qemu.conn.fd >= 0) {
		json_object_object_add(obj, "qemu", make_qemu(&b->qemu));
		json_object_object_add(obj, "window", make_window(&b->window));
	}
	hostd_json_add_bool(obj, "began", b->began);
	hostd_json_add_bool(obj, "released", b->life.released);
	json_object_object_add(obj, "generations", make_generations(b));
	json_object_object_add(obj, "devices", make_devices(b));
	json_object_object_add(obj, "fds", make_fds(b));
	return obj;
}

void hostd_state_save(struct hostd_broker *b)
{
	struct json_object *state, *devices;
	size_t i;

	if (!b->qemu.has_window) {
		if (b->has_state)
			hostd_store_remove(&b->store);
		b->has_state = false;
		return;
	}
	state = hostd_state_make(b);
	devices = hostd_json_get(state, "devices");
	for (i = 0; i < json_object_array_length(devices); i++)
		json_object_object_del(json_object_array_get_idx(devices, i), "fds");
	json_object_object_del(state, "fds");
	hostd_store_put(&b->store, json_object_to_json_string_ext(state, JSON_C_TO_STRING_PLAIN));
	json_object_put(state);
	b->has_state = true;
}

static int check_device(struct json_object *obj, const struct pv_class *const *classes, char *err)
{
	const char *name = hostd_json_str(obj, "class");
	const struct pv_class *class = hostd_class_find(classes, name);
	char text[HOSTD_ERROR_MAX - 64];

	if (!class)
		snprintf(err, HOSTD_ERROR_MAX, "it has a device of class '%.32s', which this pvhostd has not",
			 name ? name : "");
	else if (hostd_json_u64(obj, "slot", HOSTD_SLOTS) >= HOSTD_SLOTS)
		snprintf(err, HOSTD_ERROR_MAX, "a device in it has no slot");
	else if (hostd_keys_check(class->keys, HOSTD_USE_ADD, hostd_json_get(obj, "arguments"), "add",
				  text, sizeof(text)))
		snprintf(err, HOSTD_ERROR_MAX, "a device in it, %.31s: %s",
			 hostd_json_str(hostd_json_get(obj, "arguments"), "id") ?: "?", text);
	else
		return 0;
	return -EINVAL;
}

int hostd_state_check(struct json_object *state, const struct pv_class *const *classes, char *err)
{
	struct json_object *devices = hostd_json_get(state, "devices");
	uint64_t version = hostd_json_u64(state, "version", 0);
	size_t i;

	if (version < HOSTD_STATE_OLDEST || version > HOSTD_STATE_VERSION) {
		snprintf(err, HOSTD_ERROR_MAX, "it is of version %llu, of pvhostd %.32s, and pvhostd " PVKIT_VERSION " understands %d to %d",
			 (unsigned long long)version, hostd_json_str(state, "program") ?: "?",
			 HOSTD_STATE_OLDEST, HOSTD_STATE_VERSION);
		return -EINVAL;
	}
	if (!json_object_is_type(devices, json_type_array)) {
		snprintf(err, HOSTD_ERROR_MAX, "it has no list of devices");
		return -EINVAL;
	}
	for (i = 0; i < json_object_array_length(devices); i++)
		if (check_device(json_object_array_get_idx(devices, i), classes, err))
			return -EINVAL;
	return 0;
}

int hostd_kept_fd(struct json_object *fds, const char *key)
{
	uint64_t fd = hostd_json_u64(fds, key, UINT64_MAX);

	if (fd > INT32_MAX || (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 && errno == EBADF))
		return -1;
	json_object_object_del(fds, key);
	return fd;
}

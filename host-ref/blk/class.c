// SPDX-License-Identifier: GPL-2.0-only
/*
 * The disk: what the operator asked for, checked, and what the worker is told of it.
 */
#include "blk/class.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pv/bus.h>

#include "blk/image/opener.h"
#include "broker/command/device.h"
#include "broker/heir/state.h"
#include "broker/life/session.h"
#include "lib/json.h"
#include "lib/util.h"

/* For messages: one line, and short enough for an advice to follow. */
static void show_path(char shown[HOSTD_SHOWN_MAX], const char *path)
{
	const unsigned int half = HOSTD_SHOWN_MAX / 2 - 4;
	size_t len = strlen(path);

	if (len < HOSTD_SHOWN_MAX)
		strcpy(shown, path);
	else
		snprintf(shown, HOSTD_SHOWN_MAX, "%.*s...%s", (int)half, path, path + len - half);
	hostd_text_clean(shown);
}

/* What the arguments come to. */
static int take_args(struct hostd_disk *disk, struct json_object *args)
{
	const char *file = hostd_json_str(args, "file");

	if (!hostd_json_get(args, "serial"))
		hostd_json_add_str(args, "serial", disk->dev.id);
	disk->direct = !strcmp(hostd_json_str(args, "cache"), "none");
	disk->raw = hostd_json_get(args, "format");
	disk->ro = hostd_json_bool(args, "ro", false);
	disk->wait = hostd_json_bool(args, "wait", false);
	disk->logical_block = hostd_json_u64(args, "logical-block", 0);
	disk->physical_block = hostd_json_u64(args, "physical-block", 0);
	if (!file)
		return 0;
	disk->file = strdup(file);
	if (!disk->file)
		return -ENOMEM;
	show_path(disk->shown, file);
	disk->dev.needs = disk->shown;
	return 0;
}

/* on-error is the short form for both. */
static void split_policy(struct json_object *args)
{
	const char *both = hostd_json_str(args, "on-error");
	bool reads = both && strcmp(both, "enospc");

	if (both && !hostd_json_get(args, "werror"))
		hostd_json_add_str(args, "werror", both);
	if (both && !hostd_json_get(args, "rerror"))
		hostd_json_add_str(args, "rerror", reads ? both : "report");
	json_object_object_del(args, "on-error");
}

static int refuse(char *err, const char *text)
{
	snprintf(err, HOSTD_ERROR_MAX, "%s", text);
	return -EINVAL;
}

/* Say once what has become of the path. */
static void note_path(struct hostd_disk *disk, const char *note)
{
	if (*note && strcmp(note, disk->note))
		hostd_log(HOSTD_LOG_WARN, "%s: %s", disk->dev.id, note);
	snprintf(disk->note, sizeof(disk->note), "%s", note);
}

static const struct hostd_image_report *report_of(const struct hostd_errand_report *head)
{
	return hostd_container_of(head, const struct hostd_image_report, head);
}

static void disk_looked(void *owner, const struct hostd_errand_report *head, int *fds)
{
	const struct hostd_image_report *report = report_of(head);
	struct hostd_disk *disk = owner;
	char note[HOSTD_ERROR_MAX] = "";

	(void)fds;
	if (report->head.error)
		snprintf(note, sizeof(note), "%s", report->head.text);
	else if (report->is_other || report->is_gone)
		snprintf(note, sizeof(note), "%s names %s by now: the one that was added is served on%s",
			 disk->shown, report->is_gone ? "no file" : "another file",
			 report->is_deleted ? ", and lost with this disk" : "");
	note_path(disk, note);
}

/* The image does not wait for that: what its path names by now may be anything. */
static void look_at_path(struct hostd_disk *disk)
{
	const struct hostd_image_job job = {
		.task = HOSTD_IMAGE_LOOK, .path = disk->file, .shown = disk->shown,
		.hold = disk->hold, .id = disk->id,
	};
	char err[HOSTD_ERROR_MAX];

	hostd_opener_start(disk->dev.b, &job, disk_looked, disk, err);
}

static void note_release(struct hostd_disk *disk, const struct hostd_image_report *report)
{
	char note[HOSTD_ERROR_MAX] = "";

	if (report->is_other)
		snprintf(note, sizeof(note), "%s is another file than before the release, and served from now on",
			 disk->shown);
	note_path(disk, note);
}

static void disk_opened(void *owner, const struct hostd_errand_report *head, int *fds)
{
	const struct hostd_image_report *report = report_of(head);
	int parcel = fds[HOSTD_IMAGE_PARCEL], hold = fds[HOSTD_IMAGE_HOLD];
	struct hostd_disk *disk = owner;
	char err[HOSTD_ERROR_MAX];
	const char *text = NULL;

	if (report->head.waiting) {
		hostd_session_waits(disk->dev.b, &disk->dev);
		return;
	}
	if (report->head.error)
		text = report->head.text;
	else if (hostd_disk_take_image(disk, report, err))
		text = err;
	if (!text) {
		disk->id = report->id;
		if (hold >= 0) {
			disk->hold = hold;
			disk->same = false;
			note_release(disk, report);
		} else {
			look_at_path(disk);
		}
	} else {
		/* Not the last: the process that opened it still has both. */
		if (parcel >= 0)
			close(parcel);
		if (hold >= 0)
			close(hold);
		parcel = -1;
	}
	hostd_session_opened(disk->dev.b, &disk->dev, &parcel, parcel >= 0, text);
}

static bool is_remote(const struct hostd_disk *disk)
{
	return disk->server.line.b;
}

static void server_told(void *owner, const struct hostd_errand_report *head, int *fds)
{
	const struct hostd_nbd_report *report = hostd_container_of(head, const struct hostd_nbd_report, head);
	const char *text = head->error ? head->text : NULL;
	struct hostd_disk *disk = owner;
	char err[HOSTD_ERROR_MAX];
	int parcel = -1;

	(void)fds;
	if (!text && hostd_disk_take_server(disk, &report->facts, err))
		text = err;
	if (!text) {
		parcel = hostd_nbd_server_open(&disk->server, err);
		if (parcel < 0)
			text = err;
	}
	hostd_session_opened(disk->dev.b, &disk->dev, &parcel, parcel >= 0, text);
}

static int disk_open(struct hostd_device *dev, int *fds, unsigned int *nr_fds, char *err)
{
	struct hostd_disk *disk = hostd_container_of(dev, struct hostd_disk, dev);
	const struct hostd_image_job job = {
		.task = HOSTD_IMAGE_OPEN, .path = disk->file, .shown = disk->shown,
		.hold = disk->hold, .id = disk->id, .same = disk->same, .ro = disk->ro,
		.direct = disk->direct,
		.raw = disk->raw, .wait = disk->wait && (dev->fresh || dev->waiting),
	};
	int ret;

	(void)fds;
	(void)nr_fds;
	if (is_remote(disk))
		ret = hostd_nbd_server_ask(&disk->server, server_told, disk, err);
	else if (disk->file)
		ret = hostd_opener_start(dev->b, &job, disk_opened, disk, err);
	else
		return 0;
	return ret ? ret : -EINPROGRESS;
}

static int init_server(struct hostd_disk *disk, struct json_object *args, char *err)
{
	const char *uri = hostd_json_str(args, "nbd");

	if (disk->raw || hostd_json_bool(args, "wait", false))
		return refuse(err, "format= and wait= go with file=");
	show_path(disk->shown, uri);
	disk->dev.needs = disk->shown;
	return hostd_nbd_server_init(&disk->server, disk->dev.b, disk->dev.id, uri, err);
}

static int disk_init(struct hostd_device *dev, struct json_object *args, char *err)
{
	struct hostd_disk *disk = hostd_container_of(dev, struct hostd_disk, dev);
	uint64_t null = hostd_json_u64(args, "null", 0);

	disk->hold = -1;
	if (!!hostd_json_get(args, "file") + !!hostd_json_get(args, "nbd") + !!null != 1)
		return refuse(err, "give one of file=PATH, nbd=URI and null=SIZE");
	split_policy(args);
	if (!hostd_json_get(args, "werror"))
		hostd_json_add_str(args, "werror", "enospc");
	if (!hostd_json_get(args, "rerror"))
		hostd_json_add_str(args, "rerror", "report");
	if (take_args(disk, args))
		return refuse(err, "out of memory");
	if (disk->physical_block && disk->physical_block < disk->logical_block)
		return refuse(err, "physical-block= is at least the logical block");
	if (disk->file)
		return 0;
	if (!null)
		return init_server(disk, args, err);
	if (hostd_disk_choose_blocks(disk, HOSTD_BLK_SECTOR, err))
		return -EINVAL;
	disk->size = null;
	if (null % disk->logical_block)
		return refuse(err, "null=SIZE is a multiple of the logical block");
	return 0;
}

static void disk_released(struct hostd_device *dev)
{
	struct hostd_disk *disk = hostd_container_of(dev, struct hostd_disk, dev);

	hostd_errands_cancel(dev->b, disk);
	if (is_remote(disk))
		hostd_line_forget(&disk->server.line);
	if (dev->set_call)
		hostd_command_prepared(dev, "its image is let go meanwhile");
	hostd_opener_let_go(dev->b, disk->hold);
	disk->hold = -1;
	disk->same = false;
}

static void disk_exit(struct hostd_device *dev)
{
	struct hostd_disk *disk = hostd_container_of(dev, struct hostd_disk, dev);

	if (disk->file || is_remote(disk))
		disk_released(dev);
	hostd_line_exit(&disk->server.line);
	free(disk->file);
}

static void add_medium(const struct hostd_disk *disk, struct json_object *config)
{
	const struct hostd_medium *m = &disk->medium;
	struct json_object *obj = json_object_new_object();

	hostd_json_add_bool(obj, "block", m->is_block);
	hostd_json_add_bool(obj, "direct", m->direct);
	hostd_json_add_bool(obj, "memory", m->in_memory);
	hostd_json_add_bool(obj, "remote", m->is_remote);
	hostd_json_add_bool(obj, "punch", m->punch);
	hostd_json_add_u64(obj, "discard_granularity", m->discard_granularity);
	hostd_json_add_u64(obj, "fallocate_block", m->fallocate_block);
	json_object_object_add(config, "medium", obj);
}

static void disk_configure(const struct hostd_device *dev, struct json_object *config)
{
	const struct hostd_disk *disk = hostd_container_of(dev, struct hostd_disk, dev);

	hostd_json_add_u64(config, "size", disk->size);
	hostd_json_add_u64(config, "logical-block", disk->logical_block);
	hostd_json_add_u64(config, "physical-block", disk->physical_block);
	hostd_json_add_str(config, "path", disk->shown);
	if (disk->max_io)
		hostd_json_add_u64(config, "max-io", disk->max_io);
	if (is_remote(disk))
		hostd_json_add_str(config, "export", disk->server.uri.export);
	if (disk->file)
		add_medium(disk, config);
}

/* The worker chose the engine: it knows what it may use. */
static void disk_added(struct hostd_device *dev, struct json_object *reply)
{
	struct hostd_disk *disk = hostd_container_of(dev, struct hostd_disk, dev);
	const char *engine = hostd_json_str(hostd_json_get(reply, "device"), "engine");

	snprintf(disk->engine_used, sizeof(disk->engine_used), "%.7s", engine ? engine : "");
}

static void add_text(const struct hostd_disk *disk, struct json_object *obj, const char *key)
{
	hostd_json_add_str(obj, key, hostd_json_str(disk->dev.args, key));
}

static void disk_describe(const struct hostd_device *dev, struct json_object *obj)
{
	const struct hostd_disk *disk = hostd_container_of(dev, struct hostd_disk, dev);
	bool no_writes = disk->ro || hostd_json_bool(dev->args, "read-only", false);

	if (disk->size)
		hostd_json_add_u64(obj, "size", disk->size);
	hostd_json_add_bool(obj, "ro", disk->ro);
	hostd_json_add_str(obj, "mode", no_writes ? "ro" : "rw");
	if (!disk->file)
		hostd_json_add_str(obj, "engine", is_remote(disk) ? "nbd" : "null");
	else if (*disk->engine_used)
		hostd_json_add_str(obj, "engine", disk->engine_used);
	else
		add_text(disk, obj, "engine");
	add_text(disk, obj, "cache");
	if (disk->logical_block)
		hostd_json_add_u64(obj, "logical_block", disk->logical_block);
	add_text(disk, obj, "serial");
	add_text(disk, obj, "werror");
	add_text(disk, obj, "rerror");
	add_text(disk, obj, "file");
	if (is_remote(disk))
		hostd_json_add_str(obj, "file", disk->shown);
	if (*disk->note)
		hostd_json_add_str(obj, "note", disk->note);
}

static void disk_has_room(void *owner, const struct hostd_errand_report *report, int *fds)
{
	struct hostd_disk *disk = owner;

	(void)fds;
	hostd_command_prepared(&disk->dev, report->error ? report->text : NULL);
}

/* The image has room for a new size, or gets it. */
static int prepare_size(struct hostd_disk *disk, uint64_t size, bool shrink, char *err)
{
	const struct hostd_image_job job = {
		.task = HOSTD_IMAGE_RESIZE, .path = disk->file, .shown = disk->shown,
		.hold = disk->hold, .ro = disk->ro, .size = size,
	};
	char have[32];
	int ret;

	if (disk->dev.state != HOSTD_DEVICE_SERVED)
		return refuse(err, "it is not served at the moment: see 'pvctl list'");
	if (!size || size % disk->logical_block) {
		snprintf(err, HOSTD_ERROR_MAX,
			 "a size is a multiple of the logical block, %u bytes, and not 0",
			 disk->logical_block);
		return -EINVAL;
	}
	if (size < disk->size && !shrink) {
		snprintf(err, HOSTD_ERROR_MAX,
			 "it has %s, and what is beyond the new size would be out of the guest's reach: add --shrink if that is meant",
			 hostd_format_size(disk->size, have, sizeof(have)));
		return -EINVAL;
	}
	if (is_remote(disk) && size > disk->size)
		return refuse(err, "it is as large as its server says: make it larger there, remove it here, and add it again");
	if (!disk->file || size <= disk->size)
		return 0;
	ret = hostd_opener_start(disk->dev.b, &job, disk_has_room, disk, err);
	return ret ? ret : -EINPROGRESS;
}

static int disk_set(struct hostd_device *dev, struct json_object *args, char *err)
{
	struct hostd_disk *disk = hostd_container_of(dev, struct hostd_disk, dev);

	split_policy(args);
	if (disk->ro && !hostd_json_bool(args, "read-only", true))
		return refuse(err, "it was added with ro=on, and its image is open for reading only: remove it, and add it without");
	if (!hostd_json_get(args, "size"))
		return 0;
	return prepare_size(disk, hostd_json_u64(args, "size", 0), hostd_json_bool(args, "shrink", false), err);
}

static void disk_changed(struct hostd_device *dev, struct json_object *args)
{
	struct hostd_disk *disk = hostd_container_of(dev, struct hostd_disk, dev);

	disk->size = hostd_json_u64(args, "size", disk->size);
}

static void disk_save(const struct hostd_device *dev, struct json_object *kept,
		      struct json_object *fds)
{
	const struct hostd_disk *disk = hostd_container_of(dev, struct hostd_disk, dev);
	const struct hostd_image_id *id = &disk->id;
	struct json_object *obj;

	hostd_json_add_u64(kept, "size", disk->size);
	hostd_json_add_u64(kept, "logical_block", disk->logical_block);
	hostd_json_add_u64(kept, "physical_block", disk->physical_block);
	hostd_json_add_u64(kept, "max_io", disk->max_io);
	if (disk->hold >= 0)
		hostd_json_add_u64(fds, "hold", disk->hold);
	/* Its end is waited for by the next one, too. */
	if (is_remote(disk) && disk->server.line.last >= 0)
		hostd_json_add_u64(fds, "last", disk->server.line.last);
	if (!id->known)
		return;
	obj = json_object_new_object();
	hostd_json_add_u64(obj, "dev", id->dev);
	hostd_json_add_u64(obj, "ino", id->ino);
	hostd_json_add_u64(obj, "rdev", id->rdev);
	hostd_json_add_u64(obj, "diskseq", id->diskseq);
	hostd_json_add_u64(obj, "born_ns", id->born_ns);
	hostd_json_add_bool(obj, "same", disk->same || disk->hold >= 0);
	json_object_object_add(kept, "image", obj);
}

/* What the guest was told holds on, and the image that it was told of. */
static int disk_restore(struct hostd_device *dev, struct json_object *kept,
			struct json_object *fds, char *err)
{
	struct hostd_disk *disk = hostd_container_of(dev, struct hostd_disk, dev);
	struct json_object *image = hostd_json_get(kept, "image");
	uint64_t logical = hostd_json_u64(kept, "logical_block", 0);
	uint64_t physical = hostd_json_u64(kept, "physical_block", 0);
	uint64_t size = hostd_json_u64(kept, "size", 0);

	disk->hold = hostd_kept_fd(fds, "hold");
	if (is_remote(disk))
		disk->server.line.last = hostd_kept_fd(fds, "last");
	if (size > HOSTD_SIZE_MAX || logical > 4096 || physical > HOSTD_BLK_PHYSICAL_MAX ||
	    (size && (!logical || size % logical)) || (!size && !disk->file && !is_remote(disk)))
		return refuse(err, "its size or its blocks are none");
	disk->size = size;
	disk->logical_block = logical;
	disk->physical_block = physical;
	disk->max_io = hostd_json_u64(kept, "max_io", 0);
	if (!image)
		return 0;
	disk->id = (struct hostd_image_id) {
		.known = true,
		.dev = hostd_json_u64(image, "dev", 0),
		.ino = hostd_json_u64(image, "ino", 0),
		.rdev = hostd_json_u64(image, "rdev", 0),
		.diskseq = hostd_json_u64(image, "diskseq", 0),
		.born_ns = hostd_json_u64(image, "born_ns", 0),
	};
	disk->same = disk->hold < 0 && hostd_json_bool(image, "same", true);
	return 0;
}

_Static_assert(!offsetof(struct hostd_disk, dev), "struct hostd_device_ops asks for it");

static const struct hostd_device_ops disk_ops = {
	.size = sizeof(struct hostd_disk),
	.init = disk_init,
	.exit = disk_exit,
	.open = disk_open,
	.added = disk_added,
	.released = disk_released,
	.configure = disk_configure,
	.describe = disk_describe,
	.set = disk_set,
	.changed = disk_changed,
	.save = disk_save,
	.restore = disk_restore,
};

const struct pv_class pv_blk_class = {
	.name = "blk",
	.word = "disk",
	.title = "a disk",
	.type = PVBUS_T_BLK,
	.keys = hostd_blk_keys,
	.columns = hostd_blk_columns,
	.counters = hostd_blk_counters,
	.example = "file=disk.img,serial=data",
	.broker = &disk_ops,
	.worker = &hdev_blk_ops,
};

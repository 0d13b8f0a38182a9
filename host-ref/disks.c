// SPDX-License-Identifier: GPL-2.0-only
/*
 * Configuration of the disks: what the operator asked for, checked, by slot.
 */
#include "broker.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/io_uring.h>
#include <pv/bus.h>
#include <pv/ring.h>

#define DEF_LOGICAL_BLOCK	512
#define DEF_PHYSICAL_BLOCK	4096
#define DEF_QUEUES		4
#define DEF_QUEUE_SIZE		256
#define DEF_MAX_IO		(128 << 10)
#define MAX_MAX_IO		(16 << 20)

struct hostd_disk *hostd_disk_find(struct hostd_broker *b, const char *id)
{
	unsigned int slot;

	for (slot = 0; slot < HOSTD_SLOTS; slot++)
		if (b->slots[slot] && !strcmp(b->slots[slot]->id, id))
			return b->slots[slot];
	return NULL;
}

static bool is_id(const char *text)
{
	size_t i;

	for (i = 0; text[i]; i++)
		if (!isalnum((unsigned char)text[i]) && (!i || !strchr("._-", text[i])))
			return false;
	return i > 0 && i < sizeof(((struct hostd_disk *)0)->id);
}

static bool is_serial(const char *text)
{
	size_t i;

	for (i = 0; text[i]; i++)
		if (text[i] < ' ' || text[i] > '~')
			return false;
	return i < sizeof(((struct hostd_disk *)0)->serial);
}

static bool uring_allowed(void)
{
	struct io_uring_params params = { 0 };
	int fd = syscall(__NR_io_uring_setup, 1, &params);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Text members: id, file, serial, engine, cache, uuid. Returns the complaint. */
static const char *take_texts(struct hostd_disk *disk, struct json_object *args)
{
	const char *id = hostd_json_str(args, "id"), *file = hostd_json_str(args, "file");
	const char *serial = hostd_json_str(args, "serial");
	const char *engine = hostd_json_str(args, "engine");
	const char *cache = hostd_json_str(args, "cache");
	const char *uuid = hostd_json_str(args, "uuid");

	if (!id)
		return "the id is missing: give id=NAME";
	if (!is_id(id))
		return "an id is 1 to 31 letters, digits, '.', '_', '-', and starts with a letter or digit";
	strcpy(disk->id, id);
	if (!file == !hostd_json_get(args, "null"))
		return "give either file=PATH or null=SIZE";
	if (serial && !is_serial(serial))
		return "serial= is at most 47 printable ASCII characters";
	strcpy(disk->serial, serial ? serial : id);
	if (!engine)
		engine = "auto";
	if (strcmp(engine, "auto") && strcmp(engine, "uring") && strcmp(engine, "sync"))
		return "use engine=auto, engine=uring or engine=sync";
	strcpy(disk->engine, file ? engine : "null");
	if (cache && strcmp(cache, "writeback") && strcmp(cache, "none"))
		return "use cache=writeback or cache=none";
	disk->direct = cache && !strcmp(cache, "none");
	if (uuid ? hostd_uuid_parse(uuid, disk->uuid) : hostd_uuid_make(disk->uuid))
		return "uuid= is 8-4-4-4-12 hexadecimal digits";
	if (file)
		disk->file = strdup(file);
	return file && !disk->file ? "out of memory" : NULL;
}

/* Numbers and switches. Returns the complaint. */
static const char *take_numbers(struct hostd_disk *disk, struct json_object *args)
{
	uint64_t logical = hostd_json_u64(args, "logical-block", DEF_LOGICAL_BLOCK);
	uint64_t physical = hostd_json_u64(args, "physical-block",
					   logical > DEF_PHYSICAL_BLOCK ? logical : DEF_PHYSICAL_BLOCK);
	uint64_t queues = hostd_json_u64(args, "queues", DEF_QUEUES);
	uint64_t queue_size = hostd_json_u64(args, "queue-size", DEF_QUEUE_SIZE);
	uint64_t max_io = hostd_json_u64(args, "max-io", DEF_MAX_IO);

	if (!hostd_is_power_of_two(logical) || logical < 512 || logical > 4096)
		return "logical-block= is 512, 1024, 2048 or 4096";
	if (!hostd_is_power_of_two(physical) || physical < logical || physical > 1 << 20)
		return "physical-block= is a power of two, from the logical block to 1M";
	if (queues < 1 || queues > PVBUS_MAX_QUEUES)
		return "queues= is 1 to 64";
	if (!hostd_is_power_of_two(queue_size) || queue_size < PVRING_SIZE_MIN ||
	    queue_size > PVRING_SIZE_MAX)
		return "queue-size= is a power of two, 2 to 4096";
	if (!max_io || max_io % 4096 || max_io > MAX_MAX_IO)
		return "max-io= is a multiple of 4K, at most 16M";
	disk->ro = hostd_json_bool(args, "ro", false);
	disk->discard = hostd_json_bool(args, "discard", true);
	disk->wait = hostd_json_bool(args, "wait", false);
	disk->logical_block = logical;
	disk->physical_block = physical;
	disk->queues = queues;
	disk->queue_size = queue_size;
	disk->max_io = max_io;
	if (disk->file)
		return NULL;
	disk->size = hostd_json_u64(args, "null", 0);
	if (!disk->size || disk->size % logical)
		return "null=SIZE is a multiple of the logical block, and not 0";
	return NULL;
}

static void disk_free(struct hostd_disk *disk)
{
	free(disk->file);
	free(disk);
}

static struct hostd_disk *disk_alloc(struct json_object *args, char *err)
{
	struct hostd_disk *disk = calloc(1, sizeof(*disk));
	const char *complaint = "out of memory";
	int fd;

	if (disk)
		complaint = take_texts(disk, args);
	if (!complaint)
		complaint = take_numbers(disk, args);
	if (!complaint && !strcmp(disk->engine, "uring") && !uring_allowed())
		complaint = "io_uring is not allowed here: use engine=sync or engine=auto";
	if (complaint) {
		snprintf(err, HOSTD_ERROR_MAX, "%s", complaint);
		goto free_disk;
	}
	if (!strcmp(disk->engine, "auto"))
		strcpy(disk->engine, uring_allowed() ? "uring" : "sync");
	if (!disk->file)
		return disk;
	fd = hostd_image_open(disk, err);
	if (fd < 0)
		goto free_disk;
	close(fd);
	return disk;

free_disk:
	if (disk)
		disk_free(disk);
	return NULL;
}

static bool uuid_taken(const struct hostd_broker *b, const uint8_t uuid[16])
{
	unsigned int slot;

	for (slot = 0; slot < HOSTD_SLOTS; slot++)
		if (b->slots[slot] && !memcmp(b->slots[slot]->uuid, uuid, 16))
			return true;
	return false;
}

struct hostd_disk *hostd_disk_add(struct hostd_broker *b, struct json_object *args, char *err)
{
	struct hostd_disk *disk;
	unsigned int slot = 0;

	disk = disk_alloc(args, err);
	if (!disk)
		return NULL;
	while (slot < HOSTD_SLOTS && b->slots[slot])
		slot++;
	if (hostd_disk_find(b, disk->id))
		snprintf(err, HOSTD_ERROR_MAX, "there is a disk of this name already: use another id");
	else if (uuid_taken(b, disk->uuid))
		snprintf(err, HOSTD_ERROR_MAX, "there is a disk of this uuid already: use another one");
	else if (slot == HOSTD_SLOTS)
		snprintf(err, HOSTD_ERROR_MAX, "all %d slots are taken: remove a disk first",
			 HOSTD_SLOTS);
	else
		goto take_slot;
	disk_free(disk);
	return NULL;

take_slot:
	disk->slot = slot;
	disk->generation = ++b->generations[slot];
	disk->fresh = true;
	b->slots[slot] = disk;
	return disk;
}

void hostd_disk_drop(struct hostd_broker *b, struct hostd_disk *disk)
{
	b->slots[disk->slot] = NULL;
	disk_free(disk);
}

static void add_uuid(struct json_object *obj, const struct hostd_disk *disk)
{
	char uuid[HOSTD_UUID_TEXT];

	hostd_uuid_format(disk->uuid, uuid);
	hostd_json_add_str(obj, "uuid", uuid);
}

struct json_object *hostd_disk_config(const struct hostd_disk *disk)
{
	struct json_object *msg = json_object_new_object(), *config = json_object_new_object();

	hostd_json_add_str(msg, "op", "add");
	hostd_json_add_u64(msg, "slot", disk->slot);
	hostd_json_add_u64(msg, "generation", disk->generation);
	hostd_json_add_str(msg, "type", "blk");
	hostd_json_add_str(msg, "name", disk->id);
	add_uuid(msg, disk);
	hostd_json_add_bool(msg, "wait", disk->wait && (disk->fresh || disk->waiting));
	hostd_json_add_u64(config, "size", disk->size);
	hostd_json_add_bool(config, "ro", disk->ro);
	hostd_json_add_str(config, "serial", disk->serial);
	hostd_json_add_u64(config, "logical_block", disk->logical_block);
	hostd_json_add_u64(config, "physical_block", disk->physical_block);
	hostd_json_add_str(config, "engine", disk->engine);
	hostd_json_add_u64(config, "queues", disk->queues);
	hostd_json_add_u64(config, "queue_size", disk->queue_size);
	hostd_json_add_u64(config, "max_io", disk->max_io);
	hostd_json_add_bool(config, "discard", disk->discard);
	hostd_json_add_str(config, "cache", disk->direct ? "none" : "writeback");
	json_object_object_add(msg, "config", config);
	return msg;
}

static const char *state_name(const struct hostd_disk *disk)
{
	if (disk->state == HOSTD_DISK_FAILED)
		return "failed";
	if (disk->removing)
		return "removing";
	return disk->state == HOSTD_DISK_SERVED ? "served" : "waiting";
}

struct json_object *hostd_disk_describe(const struct hostd_disk *disk)
{
	struct json_object *obj = json_object_new_object();

	hostd_json_add_str(obj, "id", disk->id);
	hostd_json_add_u64(obj, "slot", disk->slot);
	hostd_json_add_str(obj, "type", "blk");
	hostd_json_add_str(obj, "state", state_name(disk));
	hostd_json_add_u64(obj, "size", disk->size);
	hostd_json_add_bool(obj, "ro", disk->ro);
	hostd_json_add_str(obj, "engine", disk->engine);
	hostd_json_add_str(obj, "cache", disk->direct ? "none" : "writeback");
	hostd_json_add_str(obj, "serial", disk->serial);
	hostd_json_add_str(obj, "file", disk->file);
	add_uuid(obj, disk);
	if (disk->state == HOSTD_DISK_FAILED)
		hostd_json_add_str(obj, "error", disk->error);
	else if (disk->waiting)
		hostd_json_add_str(obj, "error", "its image is in use by another process");
	return obj;
}

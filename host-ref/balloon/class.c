// SPDX-License-Identifier: GPL-2.0-only
/*
 * The balloon: what the operator asked for, checked; what the worker is told of it, and its helper.
 */
#include "broker/devices.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <pv/balloon.h>

#include "broker/broker.h"
#include "lib/json.h"
#include "lib/util.h"

#define PAGE		4096
#define GRANULE_MAX	(1 << 30)
#define DEF_STATS_MS	1000
#define STATS_MS_MIN	10
#define STATS_MS_MAX	3600000

/**
 * struct hostd_balloon - configuration of a balloon
 * @dev: what all devices have
 * @ram: path of the file with the guest's memory, "auto" or "off"
 * @target: bytes that the guest shall give, a multiple of @granule, or PVBALLOON_TARGET_AUTO
 * @rate: most bytes that it gives in a second; 0: as fast as it can
 * @granule: unit of what is given, bytes
 * @report: the guest may report what is free
 * @stats_ms: time between two reports; 0: none
 */
struct hostd_balloon {
	struct hostd_device dev;
	char *ram;
	uint64_t target;
	uint64_t rate;
	uint32_t granule;
	bool report;
	uint32_t stats_ms;
};

static struct hostd_balloon *balloon_of(const struct hostd_device *dev)
{
	return (struct hostd_balloon *)dev;
}

static int balloon_set(struct hostd_device *dev, struct json_object *args, char *err)
{
	struct hostd_balloon *balloon = balloon_of(dev);

	(void)err;
	balloon->rate = hostd_json_u64(args, "rate", balloon->rate);
	if (hostd_json_str(args, "target"))
		balloon->target = PVBALLOON_TARGET_AUTO;
	else if (hostd_json_get(args, "target"))
		balloon->target = hostd_json_u64(args, "target", 0) & ~(balloon->granule - 1ULL);
	return 0;
}

static int balloon_init(struct hostd_device *dev, struct json_object *args, char *err)
{
	struct hostd_balloon *balloon = balloon_of(dev);
	uint64_t granule = hostd_json_u64(args, "granule", PAGE);
	uint64_t stats_ms = hostd_json_u64(args, "stats", DEF_STATS_MS);
	const char *ram = hostd_json_str(args, "ram"), *complaint = NULL;

	if (!hostd_is_power_of_two(granule) || granule < PAGE || granule > GRANULE_MAX)
		complaint = "granule= is a power of two, from 4K to 1G";
	if (stats_ms && (stats_ms < STATS_MS_MIN || stats_ms > STATS_MS_MAX))
		complaint = "stats= is milliseconds from 10 to 3600000, or 0 for none";
	balloon->ram = strdup(ram ? ram : "auto");
	if (!balloon->ram)
		complaint = "out of memory";
	if (complaint) {
		snprintf(err, HOSTD_ERROR_MAX, "%s", complaint);
		return -EINVAL;
	}
	balloon->granule = granule;
	balloon->report = hostd_json_bool(args, "report", true);
	balloon->stats_ms = stats_ms;
	return balloon_set(dev, args, err);
}

static void balloon_exit(struct hostd_device *dev)
{
	free(balloon_of(dev)->ram);
}

/* The file is opened by the helper, when QEMU has made it; see helpers.c for its start. */
static int balloon_open(struct hostd_device *dev, int *fd, char *err)
{
	int ends[2];

	if (dev->helper_fd >= 0)
		close(dev->helper_fd);
	dev->helper_fd = -1;
	if (!strcmp(balloon_of(dev)->ram, "off"))
		return 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
		snprintf(err, HOSTD_ERROR_MAX, "no connection to a helper: %s", strerror(errno));
		return -errno;
	}
	*fd = ends[0];
	dev->helper_fd = ends[1];
	return 0;
}

/* As hostd_ram_main() takes them. */
static unsigned int balloon_helper(const struct hostd_broker *b, const struct hostd_device *dev,
				   char **argv)
{
	const struct hostd_balloon *balloon = balloon_of(dev);
	struct stat window = { 0 };

	fstat(b->window.memfd, &window);
	argv[0] = strdup("--ram");
	argv[2] = strdup(balloon->ram);
	if (asprintf(&argv[1], "%d", (int)b->qemu.pid) < 0 ||
	    asprintf(&argv[3], "%u", balloon->granule) < 0 ||
	    asprintf(&argv[4], "%x:%x:%llu", major(window.st_dev), minor(window.st_dev),
		     (unsigned long long)window.st_ino) < 0)
		argv[1] = NULL;
	return 5;
}

static void add_target(const struct hostd_balloon *balloon, struct json_object *obj)
{
	if (balloon->target == PVBALLOON_TARGET_AUTO)
		hostd_json_add_str(obj, "target", "auto");
	else
		hostd_json_add_u64(obj, "target", balloon->target);
	hostd_json_add_u64(obj, "rate", balloon->rate);
	hostd_json_add_u64(obj, "granule", balloon->granule);
	hostd_json_add_bool(obj, "report", balloon->report);
	hostd_json_add_u64(obj, "stats_ms", balloon->stats_ms);
}

static void balloon_configure(const struct hostd_device *dev, struct json_object *config)
{
	add_target(balloon_of(dev), config);
}

static void balloon_describe(const struct hostd_device *dev, struct json_object *obj)
{
	add_target(balloon_of(dev), obj);
	hostd_json_add_str(obj, "ram", balloon_of(dev)->ram);
	hostd_json_add_u64(obj, "helper", dev->helper);
}

_Static_assert(!offsetof(struct hostd_balloon, dev), "struct hostd_class asks for it");

const struct hostd_class hostd_balloon_class = {
	.name = "balloon",
	.spec = &hostd_spec_balloon,
	.size = sizeof(struct hostd_balloon),
	.only_one = true,
	.init = balloon_init,
	.exit = balloon_exit,
	.open = balloon_open,
	.helper = balloon_helper,
	.configure = balloon_configure,
	.describe = balloon_describe,
	.set = balloon_set,
};

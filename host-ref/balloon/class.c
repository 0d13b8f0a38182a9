// SPDX-License-Identifier: GPL-2.0-only
/*
 * The balloon: what may be said of it; what the worker is told of it, and its helper.
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

#include <pv/bus.h>

#include "balloon/class.h"
#include "balloon/ram.h"
#include "broker/broker.h"
#include "lib/json.h"
#include "lib/util.h"

static const struct hostd_key keys[] = {
	{ "target", HOSTD_KEY_SIZE, .words = "auto", .def = "0", .live = true, .reached = "given",
	  .help = "what the guest gives, not what it keeps, from the start; auto: what it does not need" },
	{ "rate", HOSTD_KEY_SIZE, .def = "0", .live = true,
	  .help = "most that it gives in a second; 0: as fast as it can" },
	{ "ram", HOSTD_KEY_PATH, .words = "auto|off", .def = "auto",
	  .help = "the file in which QEMU has the guest's memory; auto: look for it in QEMU; off: return nothing, only count" },
	{ "report", HOSTD_KEY_SWITCH, .def = "on",
	  .help = "return what is free in the guest, whatever the target" },
	{ "granule", HOSTD_KEY_SIZE, .min = 4096, .max = 1 << 30, .power_of_two = true, .def = "4K",
	  .help = "unit of what is given: as large as the pages of that file" },
	{ "stats", HOSTD_KEY_NUMBER, .min = 10, .max = 3600000, .or_zero = true, .def = "1000", .live = true,
	  .value = "MS", .help = "time between two reports of the guest's in milliseconds; 0: none" },
	HOSTD_KEYS_COMMON
};

static const struct hostd_column columns[] = {
	{ "SIZE", "target", HOSTD_KEY_SIZE },
	{ "FILE", "ram", HOSTD_KEY_PATH },
	{ 0 },
};

static const struct hostd_counter counters[] = {
	{ "given", "bytes that the guest has given by now" },
	{ "regions", "regions of memory that it has told" },
	{ "proven", "bytes of them that are proven to be in the file" },
	{ "resident", "bytes that the file occupies" },
	{ "ram_size", "bytes of the file" },
	{ "ram_note", "what is wrong with the file" },
	{ "inflated", "bytes given since the worker's start" },
	{ "deflated", "bytes taken back" },
	{ "reported", "bytes reported as free" },
	{ "punched", "bytes returned to the host" },
	{ "refused", "ranges and regions that were not taken" },
	{ "messages", "requests to the helper" },
	{ "guest_stats", "what the guest says of its memory" },
	{ 0 },
};

/* Whole granules. */
static int balloon_set(struct hostd_device *dev, struct json_object *args, char *err)
{
	uint64_t granule = hostd_json_u64(dev->args, "granule", 1);

	(void)err;
	if (json_object_is_type(hostd_json_get(args, "target"), json_type_int))
		hostd_json_add_u64(args, "target", hostd_json_u64(args, "target", 0) & ~(granule - 1));
	return 0;
}

static const char *ram_of(const struct hostd_device *dev)
{
	return hostd_json_str(dev->args, "ram");
}

/* The file is opened by the helper, when QEMU has made it; see helpers.c for its start. */
static int balloon_open(struct hostd_device *dev, int *fds, unsigned int *nr_fds, char *err)
{
	int ends[2];

	if (dev->helper_fd >= 0)
		close(dev->helper_fd);
	dev->helper_fd = -1;
	if (!strcmp(ram_of(dev), "off"))
		return 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
		snprintf(err, HOSTD_ERROR_MAX, "no connection to a helper: %s", strerror(errno));
		return -errno;
	}
	fds[0] = ends[0];
	*nr_fds = 1;
	dev->helper_fd = ends[1];
	return 0;
}

/* As hostd_ram_main() takes them. */
static unsigned int balloon_helper(const struct hostd_broker *b, const struct hostd_device *dev,
				   char **argv)
{
	struct stat window = { 0 };

	fstat(b->window.memfd, &window);
	argv[1] = strdup(ram_of(dev));
	if (asprintf(&argv[0], "%d", (int)b->qemu.pid) < 0 ||
	    asprintf(&argv[2], "%llu",
		     (unsigned long long)hostd_json_u64(dev->args, "granule", 0)) < 0 ||
	    asprintf(&argv[3], "%x:%x:%llu", major(window.st_dev), minor(window.st_dev),
		     (unsigned long long)window.st_ino) < 0)
		argv[0] = NULL;
	return 4;
}

static void balloon_describe(const struct hostd_device *dev, struct json_object *obj)
{
	static const char *const shown[] = { "target", "rate", "granule", "report", "ram" };
	unsigned int i;

	for (i = 0; i < HOSTD_ARRAY_SIZE(shown); i++)
		json_object_object_add(obj, shown[i],
				       json_object_get(hostd_json_get(dev->args, shown[i])));
	hostd_json_add_u64(obj, "stats_ms", hostd_json_u64(dev->args, "stats", 0));
	hostd_json_add_u64(obj, "helper", dev->helper);
}

static const struct hostd_device_ops balloon_ops = {
	.size = sizeof(struct hostd_device),
	.without_helper = "memory is only counted",
	.init = balloon_set,
	.open = balloon_open,
	.helper = balloon_helper,
	.describe = balloon_describe,
	.summarize = hostd_balloon_summarize,
	.set = balloon_set,
};

const struct pv_class pv_balloon_class = {
	.name = "balloon",
	.word = "balloon",
	.title = "a balloon",
	.type = PVBUS_T_BALLOON,
	.only_one = true,
	.id = "balloon",
	.keys = keys,
	.columns = columns,
	.counters = counters,
	.notes = "For memory to be returned to the host QEMU must share it:\n"
		 "    -object memory-backend-memfd,id=ram,size=4G,share=on -machine memory-backend=ram\n",
	.example = "target=auto",
	.broker = &balloon_ops,
	.worker = &hdev_balloon_ops,
	.helper = hostd_ram_main,
};

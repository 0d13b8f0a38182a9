// SPDX-License-Identifier: GPL-2.0-only
/*
 * The NIC: what the operator asked for, checked, and what the worker is told of it.
 */
#include "net/class.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <pv/bus.h>
#include <pv/net.h>

#include "broker/devices.h"
#include "broker/heir/state.h"
#include "lib/json.h"
#include "lib/util.h"
#include "net/tap.h"

/**
 * struct hostd_nic - configuration of a NIC
 * @dev: what all devices have
 * @tap: its tap
 */
struct hostd_nic {
	struct hostd_device dev;
	struct net_tap tap;
};

_Static_assert(!offsetof(struct hostd_nic, dev), "struct hostd_device_ops asks for it");
_Static_assert(PVNET_MAX_PAIRS <= HOSTD_DEVICE_FDS_MAX, "a descriptor for each pair");

/* The back ends, by the key that chooses one. */
static const char *const kinds[] = { "tap", "null" };

static struct hostd_nic *nic_of(const struct hostd_device *dev)
{
	return hostd_container_of(dev, struct hostd_nic, dev);
}

static int refuse(char *err, const char *text)
{
	snprintf(err, HOSTD_ERROR_MAX, "%s", text);
	return -EINVAL;
}

/* The key that says which back end it is; NULL: none does, or two. */
static const char *kind_of(struct json_object *args)
{
	const char *kind = NULL;
	unsigned int i;

	for (i = 0; i < HOSTD_ARRAY_SIZE(kinds); i++) {
		struct json_object *val = hostd_json_get(args, kinds[i]);

		if (!val || (json_object_is_type(val, json_type_boolean) && !json_object_get_boolean(val)))
			continue;
		if (kind)
			return NULL;
		kind = kinds[i];
	}
	return kind;
}

static int take_mac(struct hostd_device *dev, struct json_object *args, char *err)
{
	const char *text = hostd_json_str(args, "mac");
	char made[NET_MAC_TEXT];
	uint8_t mac[6];

	if (text && net_mac_parse(text, mac))
		return refuse(err, "mac= is the address of a single station, as 52:54:00:12:34:56");
	if (text)
		return 0;
	net_mac_make(dev->uuid, made);
	hostd_json_add_str(args, "mac", made);
	return 0;
}

static int check_mtu(struct json_object *args, uint64_t mtu, char *err)
{
	uint64_t max = hostd_json_u64(args, "max-mtu", PVNET_MTU_MAX);

	if (mtu <= max)
		return 0;
	snprintf(err, HOSTD_ERROR_MAX, "mtu=%llu is larger than max-mtu=%llu: change one of them",
		 (unsigned long long)mtu, (unsigned long long)max);
	return -EINVAL;
}

static int nic_init(struct hostd_device *dev, struct json_object *args, char *err)
{
	uint64_t max = hostd_json_u64(args, "max-mtu", PVNET_MTU_MAX);

	if (!kind_of(args))
		return refuse(err, "give one of tap=NAME and null=on");
	if (!hostd_json_get(args, "mtu"))
		hostd_json_add_u64(args, "mtu", max < 1500 ? max : 1500);
	if (check_mtu(args, hostd_json_u64(args, "mtu", 0), err))
		return -EINVAL;
	dev->needs = hostd_json_str(args, "tap");
	return take_mac(dev, args, err);
}

static void nic_exit(struct hostd_device *dev)
{
	net_tap_close(&nic_of(dev)->tap);
}

/* The tap stays open over lives of the worker: its queues keep what comes meanwhile. */
static int nic_open(struct hostd_device *dev, int *fds, unsigned int *nr_fds, char *err)
{
	const char *name = hostd_json_str(dev->args, "tap");
	struct net_tap *tap = &nic_of(dev)->tap;
	unsigned int i;
	int ret = 0;

	if (!name)
		return 0;
	if (!tap->nr)
		ret = net_tap_open(tap, name, hostd_json_u64(dev->args, "queues", 1), err);
	if (ret)
		return ret;
	for (i = 0; i < tap->nr; i++) {
		fds[i] = fcntl(tap->fds[i], F_DUPFD_CLOEXEC, 0);
		if (fds[i] < 0) {
			while (i)
				close(fds[--i]);
			snprintf(err, HOSTD_ERROR_MAX, "the limit of descriptors is reached: raise it for pvhostd (ulimit -n, LimitNOFILE=)");
			return -EMFILE;
		}
	}
	*nr_fds = tap->nr;
	return 0;
}

static void nic_released(struct hostd_device *dev)
{
	net_tap_close(&nic_of(dev)->tap);
}

static void nic_configure(const struct hostd_device *dev, struct json_object *config)
{
	hostd_json_add_str(config, "backend", kind_of(dev->args));
	if (nic_of(dev)->tap.nr)
		hostd_json_add_u64(config, "offloads", nic_of(dev)->tap.offloads);
}

static void nic_describe(const struct hostd_device *dev, struct json_object *obj)
{
	const char *kind = kind_of(dev->args), *place = hostd_json_str(dev->args, kind);

	hostd_json_add_str(obj, "mode", hostd_json_bool(dev->args, "link", true) ? "up" : "down");
	hostd_json_add_str(obj, "backend", kind);
	hostd_json_add_str(obj, "place", place ? place : "-");
	hostd_json_add_str(obj, "mac", hostd_json_str(dev->args, "mac"));
}

static int nic_set(struct hostd_device *dev, struct json_object *args, char *err)
{
	return check_mtu(dev->args, hostd_json_u64(args, "mtu", 0), err);
}

/* Name of a queue of the tap's in what is handed over. */
static const char *fd_key(unsigned int i, char *buf, size_t len)
{
	snprintf(buf, len, "tap%u", i);
	return buf;
}

static void nic_save(const struct hostd_device *dev, struct json_object *kept, struct json_object *fds)
{
	const struct net_tap *tap = &nic_of(dev)->tap;
	char key[16];
	unsigned int i;

	hostd_json_add_u64(kept, "offloads", tap->offloads);
	for (i = 0; i < tap->nr; i++)
		hostd_json_add_u64(fds, fd_key(i, key, sizeof(key)), tap->fds[i]);
}

static int nic_restore(struct hostd_device *dev, struct json_object *kept, struct json_object *fds, char *err)
{
	struct net_tap *tap = &nic_of(dev)->tap;
	char key[16];
	int fd;

	(void)err;
	tap->offloads = hostd_json_u64(kept, "offloads", 0);
	while (tap->nr < PVNET_MAX_PAIRS) {
		fd = hostd_kept_fd(fds, fd_key(tap->nr, key, sizeof(key)));
		if (fd < 0)
			break;
		tap->fds[tap->nr++] = fd;
	}
	return 0;
}

static const struct hostd_device_ops nic_ops = {
	.size = sizeof(struct hostd_nic),
	.init = nic_init,
	.exit = nic_exit,
	.open = nic_open,
	.released = nic_released,
	.configure = nic_configure,
	.describe = nic_describe,
	.set = nic_set,
	.save = nic_save,
	.restore = nic_restore,
};

const struct pv_class pv_net_class = {
	.name = "net",
	.word = "net",
	.title = "a NIC",
	.type = PVBUS_T_NET,
	.keys = hostd_net_keys,
	.columns = hostd_net_columns,
	.counters = hostd_net_counters,
	.example = "tap=tap0",
	.broker = &nic_ops,
	.worker = &hdev_net_ops,
};

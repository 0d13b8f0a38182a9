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

#include "broker/daemon.h"
#include "broker/devices.h"
#include "broker/heir/state.h"
#include "broker/life/session.h"
#include "lib/json.h"
#include "lib/util.h"
#include "net/host/passt.h"
#include "net/host/peer.h"
#include "net/host/tap.h"

/**
 * struct hostd_nic - configuration of a NIC
 * @dev: what all devices have
 * @kind: which back end it has: the key that chooses it
 * @tap: its tap
 * @is_given: the tap came with a command: it cannot be had again
 * @peer: whom it is connected to
 * @passt: its passt
 * @line: the next worker's end of the line to @peer, until that is connected; -1: none
 */
struct hostd_nic {
	struct hostd_device dev;
	const char *kind;
	struct net_tap tap;
	bool is_given;
	struct net_peer peer;
	struct net_passt passt;
	int line;
};

_Static_assert(!offsetof(struct hostd_nic, dev), "struct hostd_device_ops asks for it");
_Static_assert(PVNET_MAX_PAIRS <= HOSTD_DEVICE_FDS_MAX, "a descriptor for each pair");

#define PASST_MTU	65520	/* the largest that it has: fewer and longer packets */

/* The keys that choose a back end. */
static const char *const kinds[] = { "tap", "fd", "passt", "stream", "dgram", "null" };

static struct hostd_nic *nic_of(const struct hostd_device *dev)
{
	return hostd_container_of(dev, struct hostd_nic, dev);
}

static int refuse(char *err, const char *text)
{
	snprintf(err, HOSTD_ERROR_MAX, "%s", text);
	return -EINVAL;
}

/* The key that says which back end it is. */
static int choose_kind(struct hostd_nic *nic, struct json_object *args, char *err)
{
	unsigned int i;

	for (i = 0; i < HOSTD_ARRAY_SIZE(kinds); i++) {
		struct json_object *val = hostd_json_get(args, kinds[i]);

		if (!val || (json_object_is_type(val, json_type_boolean) && !json_object_get_boolean(val)))
			continue;
		if (nic->kind)
			return refuse(err, "give one of tap=NAME, fd=N, passt=on, stream=PATH, dgram=PATH and null=on");
		nic->kind = kinds[i];
	}
	if (!nic->kind)
		nic->kind = "passt";
	return 0;
}

static bool is_passt(const struct hostd_nic *nic)
{
	return !strcmp(nic->kind, "passt");
}

/* Is its tap opened by others? */
static bool is_inherited(const struct hostd_nic *nic)
{
	return !strcmp(nic->kind, "fd");
}

static bool has_tap(const struct hostd_nic *nic)
{
	return !strcmp(nic->kind, "tap") || is_inherited(nic);
}

static int check_paths(struct json_object *args, char *err)
{
	static const char *const paths[] = { "stream", "dgram", "local" };
	unsigned int i;

	for (i = 0; i < HOSTD_ARRAY_SIZE(paths); i++) {
		const char *path = hostd_json_str(args, paths[i]);

		if (!path || strlen(path) <= NET_PEER_PATH_MAX)
			continue;
		snprintf(err, HOSTD_ERROR_MAX, "%s= is longer than the path of a socket may be, %zu characters",
			 paths[i], NET_PEER_PATH_MAX);
		return -EINVAL;
	}
	if (!hostd_json_get(args, "local"))
		return 0;
	if (!hostd_json_get(args, "dgram"))
		return refuse(err, "local= goes with dgram=");
	/* Its own socket would be made in the place of the peer's, and be its own peer. */
	if (!strcmp(hostd_json_str(args, "local"), hostd_json_str(args, "dgram")))
		return refuse(err, "local= and dgram= are one path: each end has its own");
	return 0;
}

static int init_peer(struct hostd_nic *nic, struct json_object *args, char *err)
{
	struct hostd_broker *b = nic->dev.b;
	struct net_peer_spec spec = { .local = hostd_json_str(args, "local"), .is_ours = is_passt(nic) };

	if (is_passt(nic)) {
		if (!hostd_daemon_is_installed("passt"))
			return refuse(err, "passt is not installed: 'apt install passt', or give tap=NAME or another back end");
		if (net_passt_init(&nic->passt, b, nic->dev.id))
			return refuse(err, "the host has no random numbers");
		nic->passt.mtu = hostd_json_u64(args, "mtu", 0);
		nic->passt.options = hostd_json_str(args, "passt-options");
		spec.path = nic->passt.path;
	} else {
		spec.is_dgram = !strcmp(nic->kind, "dgram");
		spec.path = hostd_json_str(args, nic->kind);
		nic->dev.needs = nic->kind;
	}
	net_peer_init(&nic->peer, b, nic->dev.id, &spec);
	return 0;
}

static bool has_peer(const struct hostd_nic *nic)
{
	return nic->peer.line.b;
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

static int take_mtu(struct hostd_nic *nic, struct json_object *args, char *err)
{
	uint64_t max = hostd_json_u64(args, "max-mtu", PVNET_MTU_MAX), usual = is_passt(nic) ? PASST_MTU : 1500;

	if (!hostd_json_get(args, "mtu"))
		hostd_json_add_u64(args, "mtu", max < usual ? max : usual);
	return check_mtu(args, hostd_json_u64(args, "mtu", 0), err);
}

static int nic_init(struct hostd_device *dev, struct json_object *args, char *err)
{
	struct hostd_nic *nic = nic_of(dev);
	int numbers[PVNET_MAX_PAIRS];

	nic->line = -1;
	if (choose_kind(nic, args, err) || take_mtu(nic, args, err) || take_mac(dev, args, err) ||
	    check_paths(args, err))
		return -EINVAL;
	if (hostd_json_get(args, "passt-options") && !is_passt(nic))
		return refuse(err, "passt-options= goes with passt=on");
	if (!has_tap(nic) && strcmp(nic->kind, "null"))
		return init_peer(nic, args, err);
	if (is_inherited(nic) && net_tap_parse(hostd_json_str(args, "fd"), numbers, err) < 0)
		return -EINVAL;
	dev->needs = hostd_json_str(args, "tap");
	return 0;
}

static void drop_line(struct hostd_nic *nic)
{
	if (nic->line >= 0)
		close(nic->line);
	nic->line = -1;
}

static void nic_exit(struct hostd_device *dev)
{
	struct hostd_nic *nic = nic_of(dev);

	net_tap_close(&nic->tap);
	hostd_line_exit(&nic->peer.line);
	net_passt_exit(&nic->passt);
	if (nic->kind)
		drop_line(nic);
}

/* What came with the command that adds it: the tap, by the numbers that its descriptors had there. */
static int nic_take_fds(struct hostd_device *dev, const int *fds, unsigned int nr, char *err)
{
	struct hostd_nic *nic = nic_of(dev);
	int numbers[PVNET_MAX_PAIRS], named;

	if (!is_inherited(nic))
		return refuse(err, "descriptors came along, and only fd= takes any");
	named = net_tap_parse(hostd_json_str(dev->args, "fd"), numbers, err);
	if (named < 0)
		return named;
	if ((unsigned int)named != nr) {
		snprintf(err, HOSTD_ERROR_MAX, "fd= names %d descriptors, and %u came along: send each of them with the command",
			 named, nr);
		return -EINVAL;
	}
	nic->is_given = true;
	return net_tap_take(&nic->tap, fds, numbers, nr, err);
}

/* What pvhostd has inherited has its numbers here, too. */
static int take_inherited(struct hostd_nic *nic, char *err)
{
	int numbers[PVNET_MAX_PAIRS], nr;

	if (nic->is_given)
		return refuse(err, "its tap came with the command that added it, and went with the pvhostd that had it: remove it, and add it anew");
	nr = net_tap_parse(hostd_json_str(nic->dev.args, "fd"), numbers, err);
	return nr < 0 ? nr : net_tap_take(&nic->tap, numbers, numbers, nr, err);
}

/* By its name; one that has been deleted, and made anew, is opened anew. */
static int open_named(struct hostd_nic *nic, char *err)
{
	char name[NET_TAP_NAME], ignored[HOSTD_ERROR_MAX];
	bool is_deleted = nic->tap.nr && !*net_tap_name(&nic->tap, name);
	struct net_tap tap = { 0 };
	int ret;

	if (nic->tap.nr && !is_deleted)
		return 0;
	ret = net_tap_open(&tap, hostd_json_str(nic->dev.args, "tap"), hostd_json_u64(nic->dev.args, "queues", 1),
			   is_deleted ? ignored : err);
	/* Until there is one, it is a NIC without a link. */
	if (ret)
		return is_deleted ? 0 : ret;
	net_tap_close(&nic->tap);
	nic->tap = tap;
	return 0;
}

/* The tap stays open over lives of the worker: its queues keep what comes meanwhile. */
static int open_tap(struct hostd_nic *nic, int *fds, unsigned int *nr_fds, char *err)
{
	int ret = 0;

	if (!is_inherited(nic))
		ret = open_named(nic, err);
	else if (!nic->tap.nr)
		ret = take_inherited(nic, err);
	if (!ret)
		ret = net_tap_dup(&nic->tap, fds, err);
	if (!ret)
		*nr_fds = nic->tap.nr;
	return ret;
}

/* The first attempt to connect has come to this. */
static void peer_told(void *owner, const char *error)
{
	struct hostd_nic *nic = owner;
	int line = nic->line;

	nic->line = -1;
	hostd_session_opened(nic->dev.b, &nic->dev, &line, line >= 0, error);
}

/*
 * Who adds a device is told that its peer is not there; later it is served without a link until that is.
 */
static int open_peer(struct hostd_nic *nic, int *fds, unsigned int *nr_fds, char *err)
{
	bool waits = nic->dev.fresh && !is_passt(nic);
	int line;

	drop_line(nic);
	if (is_passt(nic))
		net_passt_start(&nic->passt);
	line = hostd_line_open(&nic->peer.line, waits ? peer_told : NULL, nic, err);
	if (line < 0)
		return line;
	if (waits) {
		nic->line = line;
		return -EINPROGRESS;
	}
	fds[0] = line;
	*nr_fds = 1;
	return 0;
}

static int nic_open(struct hostd_device *dev, int *fds, unsigned int *nr_fds, char *err)
{
	struct hostd_nic *nic = nic_of(dev);

	if (has_peer(nic))
		return open_peer(nic, fds, nr_fds, err);
	return has_tap(nic) ? open_tap(nic, fds, nr_fds, err) : 0;
}

static void nic_released(struct hostd_device *dev)
{
	struct hostd_nic *nic = nic_of(dev);

	/* What was inherited cannot be had again. */
	if (!strcmp(nic->kind, "tap"))
		net_tap_close(&nic->tap);
	if (has_peer(nic))
		hostd_line_forget(&nic->peer.line);
	drop_line(nic);
	if (is_passt(nic))
		net_passt_stop(&nic->passt);
}

static void nic_configure(const struct hostd_device *dev, struct json_object *config)
{
	const struct hostd_nic *nic = nic_of(dev);

	/* passt speaks the same as any stream. */
	hostd_json_add_str(config, "backend", is_passt(nic) ? "stream" : has_tap(nic) ? "tap" : nic->kind);
	if (nic->tap.nr)
		hostd_json_add_u64(config, "offloads", nic->tap.offloads);
}

static void nic_describe(const struct hostd_device *dev, struct json_object *obj)
{
	const struct hostd_nic *nic = nic_of(dev);
	const char *place = is_passt(nic) ? nic->passt.path : hostd_json_str(dev->args, nic->kind);
	char name[NET_TAP_NAME];

	if (is_inherited(nic) && *net_tap_name(&nic->tap, name))
		place = name;
	hostd_json_add_str(obj, "mode", hostd_json_bool(dev->args, "link", true) ? "up" : "down");
	hostd_json_add_str(obj, "backend", nic->kind);
	hostd_json_add_str(obj, "place", place ? place : "-");
	hostd_json_add_str(obj, "mac", hostd_json_str(dev->args, "mac"));
	if (nic->passt.daemon)
		hostd_json_add_u64(obj, "passt_pid", nic->passt.daemon->pid);
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

	net_passt_save(&nic_of(dev)->passt, kept, fds);
	hostd_json_add_u64(kept, "offloads", tap->offloads);
	hostd_json_add_bool(kept, "given", nic_of(dev)->is_given);
	for (i = 0; i < tap->nr; i++)
		hostd_json_add_u64(fds, fd_key(i, key, sizeof(key)), tap->fds[i]);
}

static int nic_restore(struct hostd_device *dev, struct json_object *kept, struct json_object *fds, char *err)
{
	struct net_tap *tap = &nic_of(dev)->tap;
	char key[16];
	int fd;

	(void)err;
	if (is_passt(nic_of(dev)))
		net_passt_restore(&nic_of(dev)->passt, kept, fds);
	tap->offloads = hostd_json_u64(kept, "offloads", 0);
	nic_of(dev)->is_given = hostd_json_bool(kept, "given", false);
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
	.take_fds = nic_take_fds,
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
	.example = "tap=tap0,mac=52:54:00:12:34:56",
	.notes = "Without another back end it is passt: a network without privileges, with the addresses of the host.\n",
	.broker = &nic_ops,
	.worker = &hdev_net_ops,
};

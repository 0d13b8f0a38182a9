// SPDX-License-Identifier: GPL-2.0-only
/*
 * Taps, as the broker opens them: by name, with as many queues as they have, and a header for each frame.
 */
#include "net/host/tap.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lib/util.h"
#include "net/backend/tun.h"

#define DEVICE		"/dev/net/tun"
#define BIT(n)		(1ULL << (n))

static const char too_many_fds[] = "the limit of descriptors is reached: raise it for pvhostd (ulimit -n, LimitNOFILE=)";

static int explain(int error, const char *name, char *err)
{
	switch (error) {
	case -EBUSY:
		snprintf(err, HOSTD_ERROR_MAX, "tap %s is in use by another process: see who has it ('ip -d link show %s', 'fuser " DEVICE "'), or take another",
			 name, name);
		break;
	case -EPERM:
	case -EACCES:
		snprintf(err, HOSTD_ERROR_MAX, "tap %s may not be used by this user: make it with 'ip tuntap add %s mode tap user USER', or run pvhostd as root",
			 name, name);
		break;
	case -EINVAL:
		snprintf(err, HOSTD_ERROR_MAX, "%s is no tap that can be used: give the name of one that 'ip tuntap add NAME mode tap' has made",
			 name);
		break;
	default:
		snprintf(err, HOSTD_ERROR_MAX, "tap %s: %s", name, strerror(-error));
	}
	return error;
}

/* The header's form is the descriptor's own, and may have another owner's. */
static int set_header(int fd)
{
	int hdr_len = TUN_HDR_LEN, le = 1;

	return ioctl(fd, TUNSETVNETHDRSZ, &hdr_len) < 0 || ioctl(fd, TUNSETVNETLE, &le) < 0 ? -errno : 0;
}

/* One queue; its descriptor or -errno. */
static int open_queue(const char *name, short flags)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | flags };
	int fd = open(DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	err = ioctl(fd, TUNSETIFF, &ifr) < 0 ? -errno : set_header(fd);
	if (!err)
		return fd;
	close(fd);
	return err;
}

/* As many queues as there may be; fewer are no error, if there is one. */
static int open_queues(struct net_tap *tap, const char *name, unsigned int nr, short flags)
{
	int fd = 0;

	while (tap->nr < nr) {
		fd = open_queue(name, flags);
		if (fd < 0)
			break;
		tap->fds[tap->nr++] = fd;
	}
	return tap->nr ? 0 : fd;
}

void net_tap_probe(struct net_tap *tap)
{
	static const struct {
		unsigned int flags;
		uint64_t features;
	} probes[] = {
		{ TUN_F_CSUM, BIT(PVNET_F_CSUM) | BIT(PVNET_F_RX_CSUM) },
		{ TUN_F_CSUM | TUN_F_TSO4, BIT(PVNET_F_TSO4) | BIT(PVNET_F_RX_TSO4) },
		{ TUN_F_CSUM | TUN_F_TSO6, BIT(PVNET_F_TSO6) | BIT(PVNET_F_RX_TSO6) },
		{ TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO_ECN, BIT(PVNET_F_TSO_ECN) | BIT(PVNET_F_RX_TSO_ECN) },
		{ TUN_F_CSUM | TUN_F_USO4 | TUN_F_USO6, BIT(PVNET_F_USO) | BIT(PVNET_F_RX_USO) },
	};
	unsigned int i;

	tap->offloads = 0;
	for (i = 0; i < HOSTD_ARRAY_SIZE(probes); i++)
		if (!ioctl(tap->fds[0], TUNSETOFFLOAD, probes[i].flags))
			tap->offloads |= probes[i].features;
	/* The driver says later what it wants. */
	ioctl(tap->fds[0], TUNSETOFFLOAD, 0);
}

int net_tap_open(struct net_tap *tap, const char *name, unsigned int nr, char *err)
{
	int ret;

	/* The kernel would make one, that ends with its descriptors, and that is in no bridge. */
	if (!if_nametoindex(name)) {
		snprintf(err, HOSTD_ERROR_MAX, "there is no tap %s: 'ip tuntap add %s mode tap%s', and 'ip link set %s up'",
			 name, name, nr > 1 ? " multi_queue" : "", name);
		return -ENODEV;
	}
	/* A tap has one queue or many, as it was made, and has to be opened so. */
	ret = open_queues(tap, name, nr, IFF_MULTI_QUEUE);
	if (ret == -EINVAL)
		ret = open_queues(tap, name, 1, 0);
	if (ret)
		return explain(ret, name, err);
	net_tap_probe(tap);
	return 0;
}

static int refuse(char *err, int number, const char *text)
{
	snprintf(err, HOSTD_ERROR_MAX, "fd=: descriptor %d %s", number, text);
	return -EINVAL;
}

/* It has to be what it needs to be already: a tap keeps its kind. */
static int take_queue(struct net_tap *tap, int fd, int number, char *err)
{
	const short needed = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	struct ifreq ifr = { 0 };
	int flags = fcntl(fd, F_GETFL);
	char name[NET_TAP_NAME];

	if (flags < 0)
		return refuse(err, number, "is not open: see who starts pvhostd, or give tap=NAME");
	if (ioctl(fd, TUNGETIFF, &ifr) < 0 || (ifr.ifr_flags & needed) != needed || set_header(fd) ||
	    fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return refuse(err, number, "is no tap with IFF_NO_PI and IFF_VNET_HDR: open it so (TUNSETIFF), or give tap=NAME");
	if (tap->nr && strcmp(net_tap_name(tap, name), ifr.ifr_name))
		return refuse(err, number, "is a queue of another tap than the first: each NIC is on one");
	tap->fds[tap->nr] = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (tap->fds[tap->nr] < 0) {
		snprintf(err, HOSTD_ERROR_MAX, "%s", too_many_fds);
		return -EMFILE;
	}
	tap->nr++;
	return 0;
}

int net_tap_parse(const char *text, int numbers[PVNET_MAX_PAIRS], char *err)
{
	int nr = 0;
	char *end;

	do {
		unsigned long fd = strtoul(text, &end, 10);

		if (!isdigit((unsigned char)*text) || (*end && *end != ':') || fd > INT_MAX || nr == PVNET_MAX_PAIRS) {
			snprintf(err, HOSTD_ERROR_MAX, "fd= is the number of a descriptor, or up to %d with colons between them, as 5:6",
				 PVNET_MAX_PAIRS);
			return -EINVAL;
		}
		numbers[nr++] = fd;
		text = end + 1;
	} while (*end);
	return nr;
}

int net_tap_take(struct net_tap *tap, const int *fds, const int *numbers, unsigned int nr, char *err)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < nr && !ret; i++)
		ret = take_queue(tap, fds[i], numbers[i], err);
	if (ret)
		net_tap_close(tap);
	else
		net_tap_probe(tap);
	return ret;
}

char *net_tap_name(const struct net_tap *tap, char name[NET_TAP_NAME])
{
	struct ifreq ifr = { 0 };

	_Static_assert(NET_TAP_NAME == IFNAMSIZ, "IFNAMSIZ");
	if (tap->nr && !ioctl(tap->fds[0], TUNGETIFF, &ifr))
		memcpy(name, ifr.ifr_name, NET_TAP_NAME);
	else
		name[0] = 0;
	return name;
}

int net_tap_dup(const struct net_tap *tap, int *fds, char *err)
{
	unsigned int i;

	for (i = 0; i < tap->nr; i++) {
		fds[i] = fcntl(tap->fds[i], F_DUPFD_CLOEXEC, 0);
		if (fds[i] >= 0)
			continue;
		while (i)
			close(fds[--i]);
		snprintf(err, HOSTD_ERROR_MAX, "%s", too_many_fds);
		return -EMFILE;
	}
	return 0;
}

void net_tap_close(struct net_tap *tap)
{
	while (tap->nr)
		close(tap->fds[--tap->nr]);
}

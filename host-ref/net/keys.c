// SPDX-License-Identifier: GPL-2.0-only
/*
 * The NIC: what may be said of it, and what is listed.
 */
#include "net/class.h"

#include <net/if.h>
#include <stddef.h>

#include <pv/net.h>
#include <pv/ring.h>

#include "lib/util.h"

const struct hostd_key hostd_net_keys[] = {
	{ "tap", HOSTD_KEY_TEXT, .max = IFNAMSIZ - 1, .value = "NAME",
	  .help = "a tap of the host's: ip tuntap add NAME mode tap [multi_queue] [user USER]" },
	{ "fd", HOSTD_KEY_TEXT, .max = 200, .is_fds = true, .value = "N[:N...]",
	  .help = "a tap that is open already, where this is said: a descriptor for each of its queues, with IFF_NO_PI and IFF_VNET_HDR" },
	{ "passt", HOSTD_KEY_SWITCH,
	  .help = "a passt of its own, which pvhostd starts; so it is if no other back end is given" },
	{ "passt-options", HOSTD_KEY_TEXT, .max = 1000, .value = "WORDS",
	  .help = "more words for its command line: -t 2222:22" },
	{ "stream", HOSTD_KEY_PATH,
	  .help = "a peer that listens there and speaks as QEMU's -netdev stream: another passt, a guest, a switch" },
	{ "dgram", HOSTD_KEY_PATH, .help = "a peer's datagram socket, as QEMU's -netdev dgram" },
	{ "local", HOSTD_KEY_PATH, .help = "with dgram: where to make the own one, for the peer to answer" },
	{ "null", HOSTD_KEY_SWITCH,
	  .help = "no network, for measuring: what is sent is forgotten" },
	{ "mac", HOSTD_KEY_TEXT, .max = NET_MAC_TEXT - 1, .value = "ADDRESS",
	  .help = "address (made from the uuid)" },
	{ "replaces", HOSTD_KEY_PCI,
	  .help = "an emulated NIC: the guest uses one of the two, under the same name (host-ref.md, 'Takeover')" },
	{ "mtu", HOSTD_KEY_NUMBER, .min = PVNET_MTU_MIN, .max = PVNET_MTU_MAX, .live = true, .value = "BYTES",
	  .help = "longest packet that the guest shall send (1500; with passt 65520)" },
	{ "max-mtu", HOSTD_KEY_NUMBER, .min = PVNET_MTU_MIN, .max = PVNET_MTU_MAX, .def = "65535",
	  .value = "BYTES", .help = "longest that the guest may set" },
	{ "link", HOSTD_KEY_SWITCH, .def = "on", .live = true, .help = "off: as if the cable were out" },
	{ "speed", HOSTD_KEY_NUMBER, .max = 10000000, .def = "10000", .live = true, .value = "MBPS",
	  .help = "what the guest is told in Mbit/s; 0: nothing" },
	{ "rate", HOSTD_KEY_SIZE, .min = NET_RATE_MIN, .max = HOSTD_SIZE_MAX, .or_zero = true, .def = "0", .live = true,
	  .help = "most bytes in a second, each way; what is more waits; 0: no limit" },
	{ "queues", HOSTD_KEY_NUMBER, .min = 1, .max = PVNET_MAX_PAIRS, .def = "4",
	  .help = "most pairs of queues" },
	{ "queue-size", HOSTD_KEY_NUMBER, .min = PVRING_SIZE_MIN, .max = PVRING_SIZE_MAX,
	  .power_of_two = true, .def = "256", .help = "most entries of a queue" },
	{ "csum", HOSTD_KEY_SWITCH, .def = "on",
	  .help = "offer to do checksums; off: nothing else is offered to be done either" },
	{ "tso", HOSTD_KEY_SWITCH, .def = "on", .help = "offer to take and give long segments of TCP" },
	{ "uso", HOSTD_KEY_SWITCH, .def = "on", .help = "the same for UDP (Linux 6.2 or later)" },
	HOSTD_KEYS_COMMON
};

const struct hostd_counter hostd_net_counters[] = {
	{ "carrier", "whether link=on, and the back end is there" },
	{ "sources", "queues of the back end" },
	{ "pairs", "pairs of queues in use" },
	{ "rx_frames", "frames given to the guest" },
	{ "rx_no_link", "frames dropped because they came while there was no link" },
	{ "rx_filtered", "frames that were not for it" },
	{ "rx_no_buffers", "frames dropped because their pair had no buffers" },
	{ "rx_too_long", "frames dropped because they were longer than it takes" },
	{ "rx_bad", "frames dropped because they were none, or with work left that it does not do" },
	{ "rx_starved", "times that the guest had no buffers, and the back end had to wait" },
	{ "tx_frames", "frames given to the back end" },
	{ "tx_no_link", "frames dropped because there was no link" },
	{ "tx_full", "frames dropped because the back end had no room for a second" },
	{ "tx_failed", "frames that the back end did not take" },
	{ "tx_bad", "frames dropped because what was left to be done made no sense" },
	{ 0 },
};

const struct hostd_column hostd_net_columns[] = {
	{ "MODE", "mode", HOSTD_KEY_TEXT },
	{ "ENGINE", "backend", HOSTD_KEY_TEXT },
	{ "FILE", "place", HOSTD_KEY_TEXT },
	{ 0 },
};

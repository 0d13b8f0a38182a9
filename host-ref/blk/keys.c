// SPDX-License-Identifier: GPL-2.0-only
/*
 * The disk: what may be said of it, and what is listed.
 */
#include <stddef.h>

#include <pv/bus.h>
#include <pv/ring.h>

#include "blk/class.h"
#include "lib/util.h"

const struct hostd_key hostd_blk_keys[] = {
	{ "file", HOSTD_KEY_PATH, .help = "raw image or block device" },
	{ "null", HOSTD_KEY_SIZE, .min = 512, .max = HOSTD_SIZE_MAX, .multiple = 512,
	  .help = "no medium, for measuring: a read leaves the buffer as it was, a write is forgotten" },
	{ "nbd", HOSTD_KEY_TEXT, .max = 1000, .value = "URI",
	  .help = "what a server gives by NBD, in any format or store: nbd+unix:///EXPORT?socket=PATH, nbd://HOST:PORT/EXPORT" },
	{ "nbd-timeout", HOSTD_KEY_NUMBER, .max = 86400, .def = "0", .live = true, .value = "SECONDS",
	  .help = "after that a request fails that an NBD server has not answered; 0: it waits" },
	{ "ro", HOSTD_KEY_SWITCH, .def = "off", .help = "read-only for good: the image is opened for reading" },
	{ "read-only", HOSTD_KEY_SWITCH, .def = "off", .live = true,
	  .help = "read-only for now: writes are refused, and the guest knows" },
	{ "serial", HOSTD_KEY_TEXT, .max = HOSTD_BLK_SERIAL_MAX, .help = "serial number, or else the id" },
	{ "engine", HOSTD_KEY_TEXT, .words = "auto|uring|sync", .def = "auto",
	  .help = "how the image is read and written" },
	{ "cache", HOSTD_KEY_TEXT, .words = "writeback|none", .def = "writeback",
	  .help = "none: bypass the page cache; of nbd=: each write is on the server's medium when it is done" },
	{ "discard", HOSTD_KEY_SWITCH, .def = "on", .help = "offer DISCARD and unmapping WRITE_ZEROES" },
	{ "format", HOSTD_KEY_TEXT, .words = "raw",
	  .help = "serve it as it is, though it looks like a qcow2, or another format, or packed (refused when it is added)",
	  .advice = "only raw images are served, convert others (qemu-img convert -O raw)" },
	{ "werror", HOSTD_KEY_TEXT, .words = "report|ignore|enospc|stop", .live = true,
	  .help = "when the host fails a write: tell the guest, or not; stop: hold it and all after it until 'pvctl continue ID', or there is room; enospc: stop when there is no room, else report (enospc)" },
	{ "rerror", HOSTD_KEY_TEXT, .words = "report|ignore|stop", .live = true,
	  .help = "the same for reads (report)" },
	{ "on-error", HOSTD_KEY_TEXT, .words = "report|ignore|enospc|stop", .live = true,
	  .help = "the same for both" },
	{ "iops", HOSTD_KEY_NUMBER, .max = 1000000000, .def = "0", .live = true,
	  .help = "most requests in a second; what is more waits; 0: no limit" },
	{ "bps", HOSTD_KEY_SIZE, .min = 4096, .max = HOSTD_SIZE_MAX, .or_zero = true, .def = "0", .live = true,
	  .help = "most bytes in a second, read and written; 0: no limit" },
	{ "burst", HOSTD_KEY_NUMBER, .min = 1, .max = 3600000, .def = "100", .live = true, .value = "MS",
	  .help = "so much of them may come at once after a pause, as time" },
	{ "logical-block", HOSTD_KEY_NUMBER, .min = 512, .max = 4096, .power_of_two = true, .value = "BYTES",
	  .help = "smallest unit of I/O (512; with cache=none what the medium takes)" },
	{ "physical-block", HOSTD_KEY_NUMBER, .min = 512, .max = HOSTD_BLK_PHYSICAL_MAX, .power_of_two = true,
	  .value = "BYTES", .help = "at least the logical block (4096, or that of the device)" },
	{ "queues", HOSTD_KEY_NUMBER, .min = 1, .max = PVBUS_MAX_QUEUES, .def = "4", .help = "most queues" },
	{ "queue-size", HOSTD_KEY_NUMBER, .min = PVRING_SIZE_MIN, .max = PVRING_SIZE_MAX,
	  .power_of_two = true, .def = "512", .help = "most entries of a queue" },
	{ "max-io", HOSTD_KEY_SIZE, .min = 4096, .max = 16 << 20, .multiple = 4096, .def = "1M",
	  .help = "largest request" },
	{ "wait", HOSTD_KEY_SWITCH, .def = "off",
	  .help = "where the VM will migrate to: wait for as long as another host or process has the image locked" },
	{ "replaces", HOSTD_KEY_PCI,
	  .help = "the controller of an emulated disk with the same image: the guest uses one of the two (host-ref.md, 'Takeover')" },
	{ "size", HOSTD_KEY_SIZE, .max = HOSTD_SIZE_MAX, .live = true, .only_live = true,
	  .help = "the disk becomes so large, and its image at least so" },
	{ "shrink", HOSTD_KEY_SWITCH, .live = true, .only_live = true,
	  .help = "with size: it may become smaller" },
	HOSTD_KEYS_COMMON
};

const struct hostd_counter hostd_blk_counters[] = {
	{ "engine", "what reads and writes the image" },
	{ "latency", "of each queue: how long requests took, from when the worker took them until it completed them" },
	{ "stopped", "why the disk holds its requests: what the host has failed" },
	{ "held", "requests that it holds" },
	{ "connected", "an NBD server is there" },
	{ "connections", "connections to it, one after the other" },
	{ "limit_waits", "how often a queue had to wait for a limit" },
	{ "host_errors", "reads and writes that the host has failed" },
	{ "waits_ms", "milliseconds that a request has waited for the host by now, if that is long" },
	{ 0 },
};

const struct hostd_column hostd_blk_columns[] = {
	{ "SIZE", "size", HOSTD_KEY_SIZE },
	{ "MODE", "mode", HOSTD_KEY_TEXT },
	{ "ENGINE", "engine", HOSTD_KEY_TEXT },
	{ "FILE", "file", HOSTD_KEY_PATH },
	{ 0 },
};

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The helper that holds the guest's memory as a file, and frees in it what a worker asks for.
 *
 * The worker talks to the guest and is not trusted with the file. What it asks for is checked again
 * here: a range is freed only where a proven region is, and a region is proven only by the nonce.
 */
#include "balloon/ram.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "balloon/ram_file.h"
#include "lib/ipc.h"
#include "lib/proc/process.h"
#include "lib/util.h"
#include "worker/sandbox.h"

/* Freed at once: a helper that is killed meanwhile is gone soon. */
#define PUNCH_MAX	(8U << 20)
/* Searches of whole files; a guest that lies about its proofs must not keep the host busy. */
#define SEARCHES_MAX	64
#define EXTENTS_MAX	PVBALLOON_REGIONS_MAX
/*
 * For all of a request: one that is silent for a minute is taken for one that hangs. What a guest can ask
 * for beyond that fails.
 */
#define SEARCH_MS	5000
#define PUNCH_MS	20000

/**
 * struct ram - a helper
 * @opt: what it was told
 * @files: where the guest's memory may be; none before they are opened
 * @session: of the worker
 * @until_ms: when to free no more, of hostd_now_ms()
 * @nr_searches: searches of whole files so far
 * @nr_extents: proven regions
 * @extents: those
 * @msg: the request
 * @reply: its answer
 */
struct ram {
	const struct hostd_ram_options *opt;
	struct hostd_ram_files files;
	uint64_t session;
	uint64_t until_ms;
	unsigned int nr_searches;
	unsigned int nr_extents;
	struct hostd_ram_extent extents[EXTENTS_MAX];
	struct hostd_ram_message msg;
	struct hostd_ram_reply reply;
};

/**
 * struct hole - a part of a file that is to be freed
 * @file: index of the file; -1: there is none
 * @off: its first byte
 * @len: bytes
 * @from: first range of the request that is in it
 * @to: last one
 */
struct hole {
	int file;
	uint64_t off;
	uint64_t len;
	unsigned int from;
	unsigned int to;
};

static void fail(struct ram *ram, unsigned int i)
{
	ram->reply.failed[i / 64] |= 1ULL << i % 64;
}

static void say(struct ram *ram, uint32_t level, const char *text)
{
	ram->reply.level = level;
	snprintf(ram->reply.text, sizeof(ram->reply.text), "%s", text);
}

/* Once the files are open nothing else of the machine is needed. */
static void lock_up(void)
{
	int ret = hostd_sandbox_drop();

	if (!ret)
		ret = hostd_sandbox_enter(&hostd_sandbox_ram, HOSTD_SANITIZED);
	if (!ret)
		return;
	hostd_log(HOSTD_LOG_ERR, "the helper for memory cannot enter its sandbox: %s",
		  strerror(-ret));
	exit(EXIT_FAILURE);
}

/* False: there is no file yet. */
static bool open_files(struct ram *ram)
{
	char text[HOSTD_RAM_TEXT_LEN];

	if (ram->files.nr)
		return true;
	if (hostd_ram_open(&ram->files, ram->opt, text)) {
		say(ram, HOSTD_LOG_WARN, text);
		return false;
	}
	lock_up();
	return true;
}

static bool overlaps(const struct hostd_ram_extent *e, const struct hostd_ram_range *r)
{
	return r->addr >= e->addr ? r->addr - e->addr < e->len : e->addr - r->addr < r->len;
}

static bool is_region(const struct ram *ram, const struct hostd_ram_range *r)
{
	unsigned int i;

	if (r->len < 4096 || r->len - 1 > UINT64_MAX - r->addr || r->proof % 4096)
		return false;
	if (r->proof < r->addr || r->proof - r->addr > r->len - 4096)
		return false;
	for (i = 0; i < ram->nr_extents; i++) {
		if (overlaps(&ram->extents[i], r))
			return false;
	}
	return ram->nr_extents < EXTENTS_MAX;
}

static int find(struct ram *ram, const struct hostd_ram_range *region,
		struct hostd_ram_extent *extent)
{
	const uint8_t *nonce = ram->msg.rq.nonce;
	unsigned int i;

	for (i = 0; i < ram->nr_extents; i++) {
		if (!hostd_ram_continue(&ram->files, region, nonce, &ram->extents[i], extent))
			return 0;
	}
	if (!hostd_ram_find(&ram->files, region, nonce, extent))
		return 0;
	if (ram->nr_searches == SEARCHES_MAX)
		return -ENOENT;
	ram->nr_searches++;
	return hostd_ram_search(&ram->files, region, nonce, extent);
}

static void say_proven(struct ram *ram, const struct hostd_ram_extent *e)
{
	char text[HOSTD_RAM_TEXT_LEN];

	snprintf(text, sizeof(text), "memory is returned to %s", ram->files.all[e->file].name);
	say(ram, HOSTD_LOG_INFO, text);
}

static void say_unproven(struct ram *ram, const struct hostd_ram_range *region)
{
	char text[HOSTD_RAM_TEXT_LEN];

	snprintf(text, sizeof(text), "the guest's memory at %#llx is not in %s%s: give QEMU's memory share=on, or pvhostd ram=PATH: there it is only counted",
		 (unsigned long long)region->addr, ram->files.all[0].name,
		 ram->files.nr > 1 ? " or what else QEMU has mapped" : "");
	say(ram, HOSTD_LOG_WARN, text);
}

static void prove(struct ram *ram)
{
	unsigned int i, nr = ram->msg.rq.nr;
	bool open = open_files(ram);

	for (i = 0; i < nr; i++) {
		const struct hostd_ram_range *region = &ram->msg.ranges[i];
		struct hostd_ram_extent *extent = &ram->extents[ram->nr_extents];

		if (!open || !is_region(ram, region)) {
			fail(ram, i);
		} else if (find(ram, region, extent)) {
			say_unproven(ram, region);
			fail(ram, i);
		} else {
			ram->nr_extents++;
			/* What was not found is said rather. */
			if (!ram->reply.text[0])
				say_proven(ram, extent);
		}
	}
}

/* In pieces. What is free is freed again, which does nothing. */
static int punch(const struct ram *ram, int fd, uint64_t off, uint64_t len)
{
	while (len) {
		uint64_t part = len < PUNCH_MAX ? len : PUNCH_MAX;

		if (hostd_now_ms() >= ram->until_ms)
			return -ETIMEDOUT;

		if (!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off, part)) {
			off += part;
			len -= part;
		} else if (errno != EINTR) {
			return -errno;
		}
	}
	return 0;
}

static void end_hole(struct ram *ram, struct hole *hole)
{
	unsigned int i;

	if (hole->file < 0)
		return;
	if (!punch(ram, ram->files.all[hole->file].fd, hole->off, hole->len)) {
		ram->reply.punched += hole->len;
	} else {
		for (i = hole->from; i <= hole->to; i++)
			fail(ram, i);
	}
	hole->file = -1;
}

/* What of a range is in an extent; false: nothing. */
static bool cut(const struct hostd_ram_extent *e, const struct hostd_ram_range *r,
		struct hole *part)
{
	uint64_t skip = r->addr < e->addr ? e->addr - r->addr : 0;
	uint64_t in = r->addr > e->addr ? r->addr - e->addr : 0;

	if (skip >= r->len || in >= e->len)
		return false;
	part->file = e->file;
	part->off = e->off + in;
	part->len = r->len - skip < e->len - in ? r->len - skip : e->len - in;
	return true;
}

static void add_range(struct ram *ram, struct hole *hole, unsigned int index)
{
	struct hole part = { .from = index, .to = index };
	unsigned int i;

	for (i = 0; i < ram->nr_extents; i++) {
		if (!cut(&ram->extents[i], &ram->msg.ranges[index], &part))
			continue;
		if (hole->file == part.file && hole->off + hole->len == part.off) {
			hole->len += part.len;
			hole->to = index;
			continue;
		}
		end_hole(ram, hole);
		*hole = part;
	}
}

static void punch_all(struct ram *ram)
{
	struct hole hole = { .file = -1 };
	unsigned int i;

	for (i = 0; i < ram->msg.rq.nr; i++)
		add_range(ram, &hole, i);
	end_hole(ram, &hole);
}

static void measure(struct ram *ram)
{
	bool proven[HOSTD_RAM_FILES_MAX] = { false };
	struct stat st;
	unsigned int i;

	for (i = 0; i < ram->nr_extents; i++) {
		ram->reply.proven += ram->extents[i].len;
		proven[ram->extents[i].file] = true;
	}
	for (i = 0; i < ram->files.nr; i++) {
		if (!proven[i] || hostd_fstat(ram->files.all[i].fd, &st) < 0)
			continue;
		ram->reply.resident += (uint64_t)st.st_blocks * 512;
		ram->reply.size += ram->files.all[i].size;
	}
}

static bool is_message(const struct ram *ram, ssize_t len)
{
	const struct hostd_ram_request *rq = &ram->msg.rq;

	return len >= (ssize_t)sizeof(*rq) && rq->op <= HOSTD_RAM_PUNCH &&
	       rq->nr <= HOSTD_RAM_RANGES_MAX &&
	       len == (ssize_t)(sizeof(*rq) + rq->nr * sizeof(ram->msg.ranges[0]));
}

static void answer(struct ram *ram)
{
	const struct hostd_ram_request *rq = &ram->msg.rq;

	memset(&ram->reply, 0, sizeof(ram->reply));
	ram->reply.tag = rq->tag;
	if (rq->session != ram->session)
		ram->nr_extents = 0;
	ram->session = rq->session;
	ram->files.until_ms = hostd_now_ms() + SEARCH_MS;
	ram->until_ms = hostd_now_ms() + PUNCH_MS;
	if (rq->op == HOSTD_RAM_PROVE)
		prove(ram);
	else
		punch_all(ram);
	measure(ram);
}

static bool send_reply(int fd, struct hostd_ram_reply *reply)
{
	return send(fd, reply, sizeof(*reply), MSG_NOSIGNAL) == (ssize_t)sizeof(*reply);
}

int hostd_ram_serve(int fd, const struct hostd_ram_options *opt)
{
	static struct ram ram;
	struct iovec iov = { .iov_base = &ram.msg, .iov_len = sizeof(ram.msg) };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t len;

	ram.opt = opt;
	for (;;) {
		len = recvmsg(fd, &mh, 0);
		if (len < 0 && errno == EINTR)
			continue;
		if (len <= 0)
			return 0;
		if (!is_message(&ram, len))
			return 1;
		answer(&ram);
		if (!send_reply(fd, &ram.reply))
			return 0;
	}
}

int hostd_ram_main(int argc, char **argv)
{
	struct hostd_ram_options opt = { 0 };
	unsigned int major_nr, minor_nr;
	unsigned long long ino;

	hostd_signals_ignore(true);
	hostd_log_init("pvhostd", HOSTD_LOG_INFO);
	if (argc != 4 || sscanf(argv[3], "%x:%x:%llu", &major_nr, &minor_nr, &ino) != 3) {
		hostd_log(HOSTD_LOG_ERR, "--helper is for pvhostd itself: see 'pvhostd --help'");
		return 2;
	}
	opt.qemu = atoi(argv[0]);
	opt.ram = argv[1];
	opt.granule = strtoul(argv[2], NULL, 10);
	opt.window_dev = makedev(major_nr, minor_nr);
	opt.window_ino = ino;
	return hostd_ram_serve(HOSTD_IPC_WORKER_FD, &opt);
}

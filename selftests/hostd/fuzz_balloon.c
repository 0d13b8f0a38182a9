// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer: whatever the driver of a balloon says, the device side neither crashes nor asks its
 * helper for what is not in a region that was told, counts no page twice, and a RESET recovers.
 *
 * The input is a sequence of requests of 8 bytes, each followed by its ranges of 8 bytes, which
 * become addresses near one another, so that they meet.
 */
#include <stdlib.h>
#include <sys/socket.h>

#include "balloon/device.h"
#include "testballoon.h"

#define MIB	(1ULL << 20)
#define GIB	(1ULL << 30)

static struct testballoon b;
static int helper = -1;
static unsigned int mood;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct balloon *balloon(void)
{
	return b.t.bus->devices[0].priv;
}

static void connect_helper(void)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		abort();
	testballoon_init(&b, "{}", ends[0]);
	helper = ends[1];
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	connect_helper();
	return 0;
}

/* In a region, and not empty: what is punched is nothing else. */
static void check_range(const struct hostd_ram_range *r)
{
	const struct hostd_given *g = &balloon()->given;
	unsigned int i;

	if (!r->len || r->addr % 4096 || r->len % 4096)
		abort();
	for (i = 0; i < g->nr_regions; i++) {
		const struct hostd_given_region *region = &g->regions[i];

		if (r->addr >= region->addr && r->len <= region->len &&
		    r->addr - region->addr <= region->len - r->len)
			return;
	}
	abort();
}

/* One message, answered as the mood is: all done, some failed. */
static bool help(void)
{
	static struct hostd_ram_message msg;
	struct hostd_ram_reply reply = { 0 };
	ssize_t len = recv(helper, &msg, sizeof(msg), MSG_DONTWAIT);
	unsigned int i;

	if (len <= 0)
		return false;
	if (len != (ssize_t)(sizeof(msg.rq) + msg.rq.nr * sizeof(msg.ranges[0])))
		abort();
	for (i = 0; i < msg.rq.nr && msg.rq.op == HOSTD_RAM_PUNCH; i++)
		check_range(&msg.ranges[i]);
	reply.tag = msg.rq.tag;
	reply.proven = mood & 8;
	for (i = 0; i < HOSTD_RAM_RANGES_MAX / 64; i++)
		reply.failed[i] = mood & 1 ? 0x5 * mood : 0;
	return send(helper, &reply, sizeof(reply), MSG_NOSIGNAL) == sizeof(reply);
}

/* What is noted is bounded, and agrees with itself. */
static void check_count(void)
{
	uint64_t pages = balloon()->given.nr_pages;
	static struct hostd_given copy;

	copy = balloon()->given;
	if (pages && !copy.nr_chunks)
		abort();
	if (!pages && copy.nr_chunks)
		abort();
	if (copy.nr_regions > PVBALLOON_REGIONS_MAX || copy.nr_chunks > HOSTD_GIVEN_CHUNKS_MAX)
		abort();
}

static uint64_t place(uint16_t seed)
{
	return (seed & 0x8000 ? GIB - 4 * MIB : 0) + (seed & 0xfff) * 4096ULL -
	       (seed & 0x4000 ? 8 * MIB : 0) + (seed & 0x3000 ? 0 : seed & 7);
}

/* @nr ranges or regions from as many seeds as there are; the rest stays from before. */
static void make_data(uint8_t op, unsigned int nr, const uint8_t *seeds, size_t len)
{
	struct pvballoon_region *regions = testballoon_data(&b);
	struct pvballoon_range *ranges = testballoon_data(&b);
	uint16_t seed[4];
	unsigned int i;

	for (i = 0; i < nr && i < PVBALLOON_RANGES_MAX && len >= 8; i++, seeds += 8, len -= 8) {
		memcpy(seed, seeds, sizeof(seed));
		if (op == PVBALLOON_OP_REGION && i < PVBALLOON_REGIONS_MAX) {
			regions[i].addr = htole64(place(seed[0]));
			regions[i].len = htole64(seed[2] & 0x100 ? seed[1] * GIB : seed[1] * 4096ULL);
			regions[i].proof = htole64(place(seed[3]));
		} else if (op != PVBALLOON_OP_REGION) {
			ranges[i].addr = htole64(place(seed[0]));
			ranges[i].nr_pages = htole32(seed[2] & 0x700 ? seed[1] & 0x3ff : seed[1] << 12);
		}
	}
}

static void reap(void)
{
	struct pvballoon_cqe cqe;

	while (testballoon_reap(&b, &cqe)) {
		if (le32toh(cqe.status) > PVBALLOON_S_UNSUPP)
			abort();
	}
}

static void die(void)
{
	close(helper);
	testballoon_pump(&b);
	reap();
	testbus_exit(&b.t);
	connect_helper();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pvballoon_sqe sqe;
	unsigned int nr;

	if (!testballoon_start(&b, 0))
		abort();
	while (size >= 8) {
		uint8_t how = data[0], op = data[1] % 7;

		nr = data[2] | (how & 1 ? data[3] << 8 : 0);
		sqe = testballoon_request(&b, op, nr);
		if (how & 2)
			sqe.data_off = htole64(le64toh(sqe.data_off) + data[4] * 8192ULL + (data[5] & 12) - data[6]);
		make_data(op, nr, data + 8, size - 8);
		data += 8;
		size -= 8;
		testballoon_submit(&b, &sqe);
		mood = how >> 2;
		if ((how & 0xc0) == 0xc0)
			continue;
		testbus_pump(&b.t);
		while ((how & 0x30) && help())
			;
		testballoon_pump(&b);
		reap();
		check_count();
		if (how == 0x7f)
			die();
		if (testdrv_status(&b.t.drv, 0) != PVBUS_S_RUNNING)
			break;
	}
	/* RESET waits for what is in flight (BUS-D8). */
	do {
		testballoon_pump(&b);
	} while (help());
	testballoon_pump(&b);
	return 0;
}

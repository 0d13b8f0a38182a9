// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a balloon's driver says is held against what it told and gave before (BALLOON-D2, D4, D5);
 * what breaks the ABI breaks its queue (BALLOON-D6); and no lie uses up the worker's memory.
 */
#include <stdlib.h>
#include <time.h>

#include "balloon/device.h"
#include "testballoon.h"

#define MIB	(1ULL << 20)
#define GIB	(1ULL << 30)
#define TIB	(1ULL << 40)
#define PAGE	4096U

#define OK	PVBALLOON_S_OK
#define OUTSIDE	PVBALLOON_S_OUTSIDE
#define TWICE	PVBALLOON_S_TWICE
#define UNKNOWN	PVBALLOON_S_UNKNOWN
#define REFUSED	PVBALLOON_S_REFUSED
#define UNPROVEN PVBALLOON_S_UNPROVEN

static struct testballoon b;

static uint32_t tell(uint64_t addr, uint64_t len)
{
	return testballoon_tell(&b, addr, len, addr);
}

static uint32_t inflate(uint64_t addr, uint64_t len)
{
	return testballoon_range(&b, PVBALLOON_OP_INFLATE, addr, len / PAGE);
}

static uint32_t deflate(uint64_t addr, uint64_t len)
{
	return testballoon_range(&b, PVBALLOON_OP_DEFLATE, addr, len / PAGE);
}

static uint64_t given(void)
{
	const struct balloon *balloon = b.t.bus->devices[0].priv;

	return balloon->given.nr_pages * PAGE;
}

static void expect(const char *what, uint32_t status, uint32_t want)
{
	ktap_ok(status == want, "%s: status %u", what, want);
	if (status != want)
		ktap_note("got %u", status);
}

static void check_regions(void)
{
	unsigned int i, refused = 0;

	expect("a region", tell(GIB, GIB), UNPROVEN);
	expect("told again in the same place", tell(GIB, GIB), UNPROVEN);
	expect("in a part of it", tell(GIB + MIB, MIB), OUTSIDE);
	expect("longer", tell(GIB, GIB + PAGE), OUTSIDE);
	expect("around it", tell(GIB - PAGE, 2 * GIB), OUTSIDE);
	expect("into it by a byte", tell(GIB - PAGE, PAGE + 1), OUTSIDE);
	expect("from its last byte on", tell(2 * GIB - 1, PAGE), OUTSIDE);
	expect("one beside it", tell(2 * GIB, MIB), UNPROVEN);
	expect("one of nothing", tell(8 * GIB, 0), OUTSIDE);
	expect("one that wraps around", tell(-MIB, MIB + 1), OUTSIDE);
	expect("all addresses but one", tell(0, -1ULL), OUTSIDE);
	expect("the last addresses", tell(-MIB, MIB), UNPROVEN);
	for (i = 3; i < PVBALLOON_REGIONS_MAX; i++)
		refused += tell(i * TIB, GIB) != UNPROVEN;
	expect("64 regions", refused, 0);
	expect("the 65th", tell(100 * TIB, GIB), REFUSED);
	expect("one of the 64 again", tell(63 * TIB, GIB), UNPROVEN);
	expect("a range in the 65th", inflate(100 * TIB, MIB), OUTSIDE);
	expect("one in the 64th", inflate(63 * TIB, MIB), OK);
	testballoon_start(&b, 0);
	expect("all of it after RESET", inflate(63 * TIB, MIB), OUTSIDE);
	ktap_ok(!given(), "nothing is given then");
}

static void check_ranges(void)
{
	tell(GIB, GIB);
	tell(2 * GIB, GIB + 1023);
	tell(-MIB, MIB);
	expect("a range", inflate(GIB + MIB, MIB), OK);
	expect("the same", inflate(GIB + MIB, MIB), TWICE);
	expect("its last page", inflate(GIB + 2 * MIB - PAGE, PAGE), TWICE);
	expect("one that begins with its last page", inflate(GIB + 2 * MIB - PAGE, MIB), TWICE);
	expect("one around it", inflate(GIB, 8 * MIB), TWICE);
	expect("the one behind it", inflate(GIB + 2 * MIB, PAGE), OK);
	expect("the one before it", inflate(GIB + MIB - PAGE, PAGE), OK);
	ktap_ok(given() == MIB + 2 * PAGE, "each page is counted once");
	expect("one across two regions", inflate(2 * GIB - PAGE, 2 * PAGE), OUTSIDE);
	expect("the end of a region", inflate(2 * GIB - PAGE, PAGE), OK);
	expect("one beyond a region that ends in a page", inflate(3 * GIB, PAGE), OUTSIDE);
	expect("no page", inflate(GIB + 8 * MIB, 0), OUTSIDE);
	expect("not at a page", inflate(GIB + 8 * MIB + 512, PAGE), OUTSIDE);
	expect("in no region", inflate(8 * GIB, PAGE), OUTSIDE);
	expect("one that wraps around", inflate(-PAGE, 2 * PAGE), OUTSIDE);
	expect("the last page", inflate(-(uint64_t)PAGE, PAGE), OK);
	expect("the longest", testballoon_range(&b, PVBALLOON_OP_INFLATE, GIB, -1U), OUTSIDE);
	ktap_ok(given() == MIB + 4 * PAGE, "what is refused is not counted");
}

static void check_deflate(void)
{
	expect("back, a part", deflate(GIB + MIB, 16 * PAGE), OK);
	expect("again", deflate(GIB + MIB, 16 * PAGE), UNKNOWN);
	expect("with a page that is not given", deflate(GIB + MIB + 15 * PAGE, MIB / 2), UNKNOWN);
	expect("of two that were given apart", deflate(GIB + 2 * MIB - PAGE, 2 * PAGE), OK);
	expect("what was never given", deflate(GIB + 64 * MIB, MIB), UNKNOWN);
	expect("in no region", deflate(8 * GIB, PAGE), OUTSIDE);
	expect("no page", deflate(GIB + MIB, 0), OUTSIDE);
	expect("given again", inflate(GIB + MIB, 16 * PAGE), OK);
	ktap_ok(given() == MIB + 2 * PAGE, "each page is counted once");
	expect("across 1 GiB", inflate(2 * GIB + MIB, GIB - 2 * MIB), OK);
	expect("the rest of that region is free", inflate(2 * GIB, MIB), OK);
	expect("and can be taken back in one", deflate(2 * GIB, GIB - MIB), OK);
}

/* Bits at the edges of words and chunks, against a plain array. */
static void check_bits(void)
{
	enum { PAGES = 2 * HOSTD_GIVEN_CHUNK_PAGES };
	static uint8_t model[PAGES];
	struct hostd_given g = { .granule = PAGE };
	unsigned int i, j, first, nr, wrong = 0, sum = 0;
	bool any, all;

	srand(1);
	hostd_given_tell(&g, GIB, 2 * GIB);
	for (i = 0; i < 20000; i++) {
		first = rand() % PAGES;
		if (rand() % 4)
			first = HOSTD_GIVEN_CHUNK_PAGES - 300 + first % 600;
		nr = 1 + rand() % (i % 50 ? 200 : PAGES);
		if (nr > PAGES - first)
			nr = PAGES - first;
		for (any = false, all = true, j = 0; j < nr; j++) {
			any |= model[first + j];
			all &= model[first + j];
		}
		wrong += hostd_given_report(&g, GIB + first * 4096ULL, nr) != (any ? TWICE : OK);
		if (i & 1) {
			wrong += hostd_given_inflate(&g, GIB + first * 4096ULL, nr) != (any ? TWICE : OK);
			memset(model + first, any ? model[first] : 1, any ? 0 : nr);
			sum += any ? 0 : nr;
		} else if (i % 6) {
			wrong += hostd_given_deflate(&g, GIB + first * 4096ULL, nr) != (all ? OK : UNKNOWN);
			memset(model + first, 0, all ? nr : 0);
			sum -= all ? nr : 0;
		} else {
			for (j = 0; j < nr; j++)
				sum -= model[first + j];
			hostd_given_forget(&g, GIB + first * 4096ULL, nr);
			memset(model + first, 0, nr);
		}
		wrong += g.nr_pages != sum;
	}
	ktap_ok(!wrong, "20000 random ranges around the edge of a chunk (%u wrong)", wrong);
	hostd_given_forget(&g, GIB, PAGES);
	ktap_ok(!g.nr_pages && !g.nr_chunks, "no memory is held for what is not given");
	hostd_given_reset(&g);
}

static void check_granule(void)
{
	testbus_exit(&b.t);
	testballoon_init(&b, "{\"granule\":2097152}", -1);
	ktap_ok(le32toh(testballoon_config(&b)->granule) == 2 * MIB, "a granule of 2 MiB");
	tell(GIB, GIB);
	expect("a granule", inflate(GIB, 2 * MIB), OK);
	expect("a part of one", inflate(GIB + 2 * MIB, MIB), OUTSIDE);
	expect("at a part of one", inflate(GIB + 5 * MIB, 2 * MIB), OUTSIDE);
	testbus_exit(&b.t);
	testballoon_init(&b, "{}", -1);
}

/* Every chunk of as much memory as a guest claims to have, a page in each. */
static void check_bound(void)
{
	struct hostd_given g = { .granule = PAGE };
	unsigned int i, taken = 0;

	hostd_given_tell(&g, 0, 1ULL << 60);
	for (i = 0; i < HOSTD_GIVEN_CHUNKS_MAX; i++)
		taken += hostd_given_inflate(&g, i * 3 * GIB, 1) == OK;
	ktap_ok(taken == HOSTD_GIVEN_CHUNKS_MAX && g.nr_chunks == taken, "pages in %u places", taken);
	expect("in one more", hostd_given_inflate(&g, 1ULL << 50, 1), REFUSED);
	expect("beside those that are given", hostd_given_inflate(&g, PAGE, 1), OK);
	expect("one that reaches further", hostd_given_inflate(&g, 2 * PAGE, HOSTD_GIVEN_CHUNK_PAGES), REFUSED);
	expect("which changed nothing", hostd_given_report(&g, 2 * PAGE, HOSTD_GIVEN_CHUNK_PAGES), OK);
	expect("the longest", hostd_given_inflate(&g, 3 * PAGE, -1U - PAGE), TWICE);
	expect("one is taken back", hostd_given_deflate(&g, 3 * GIB, 1), OK);
	expect("and another fits", hostd_given_inflate(&g, 1ULL << 50, 1), OK);
	hostd_given_reset(&g);
	hostd_given_tell(&g, 0, 1ULL << 60);
	expect("more than a guest has, at once", hostd_given_inflate(&g, 0, -1U), REFUSED);
	ktap_ok(!g.nr_chunks && !g.nr_pages, "leaves nothing behind");
}

/* What a guest asks for takes no more than a turn, whatever it is. */
static void check_patience(void)
{
	struct pvballoon_range *r = testballoon_data(&b);
	struct hostd_given g = { .granule = PAGE };
	clock_t start = clock();
	struct pvballoon_sqe sqe;
	struct pvballoon_cqe cqe;
	unsigned int i, nr, refused = 0;

	hostd_given_tell(&g, 0, 1ULL << 60);
	for (i = 0; i < PVBALLOON_RANGES_MAX; i++) {
		refused += hostd_given_inflate(&g, i * 16 * TIB, -1U) == REFUSED;
		refused += hostd_given_deflate(&g, i * 16 * TIB, -1U) == UNKNOWN;
		refused += hostd_given_report(&g, i * 16 * TIB, -1U) == OK;
	}
	start = (clock() - start) * 1000 / CLOCKS_PER_SEC;
	ktap_ok(refused == 3 * PVBALLOON_RANGES_MAX && start < 2000,
		"a request of absurd ranges costs little (%ld ms)", (long)start);

	testballoon_start(&b, 0);
	tell(0, 4 * TIB);
	for (i = 0; i < PVBALLOON_RANGES_MAX; i++)
		r[i] = (struct pvballoon_range) { htole64(i * GIB), htole32(GIB / PAGE), 0 };
	for (i = 0; i < 16; i++) {
		sqe = testballoon_request(&b, i % 2 ? PVBALLOON_OP_DEFLATE : PVBALLOON_OP_INFLATE,
					  PVBALLOON_RANGES_MAX);
		testballoon_submit(&b, &sqe);
	}
	nr = hdev_balloon_poll(b.t.bus->loop.running[0], 32);
	ktap_ok(nr && nr < 16, "others have their turn after %u of 16 large requests", nr);
	while (nr < 16 && (i = hdev_balloon_poll(b.t.bus->loop.running[0], 32)))
		nr += i;
	for (i = 0; testballoon_reap(&b, &cqe) && !cqe.status; i++)
		;
	ktap_ok(nr == 16 && i == 16, "and all of them are served");
}

/* BALLOON-D5, with each kind of status in one request. */
static void check_statuses(void)
{
	struct pvballoon_sqe sqe = testballoon_request(&b, PVBALLOON_OP_INFLATE, 4);
	struct pvballoon_range *r = testballoon_data(&b);

	testballoon_start(&b, 0);
	tell(GIB, GIB);
	memset(r, 0, 4 * sizeof(*r));
	r[0] = (struct pvballoon_range) { htole64(GIB), htole32(4), htole32(77) };
	r[1] = (struct pvballoon_range) { htole64(GIB + 3 * PAGE), htole32(4), htole32(77) };
	r[2] = (struct pvballoon_range) { htole64(4 * GIB), htole32(1), htole32(77) };
	r[3] = (struct pvballoon_range) { htole64(GIB + 4 * PAGE), htole32(4), htole32(77) };
	expect("two of four are not taken", testballoon_do(&b, &sqe), PVBALLOON_S_SOME);
	ktap_ok(!r[0].status && le32toh(r[1].status) == TWICE && le32toh(r[2].status) == OUTSIDE &&
		!r[3].status, "each has its status");
	ktap_ok(given() == 8 * PAGE && le64toh(r[3].addr) == GIB + 4 * PAGE && le32toh(r[3].nr_pages) == 4,
		"the others are taken, and nothing else of the data is changed");
	sqe = testballoon_request(&b, PVBALLOON_OP_DEFLATE, 4);
	r[1].addr = htole64(GIB + 4 * PAGE);
	r[2].addr = htole64(GIB + 2 * PAGE);
	r[2].nr_pages = htole32(2);
	r[0].nr_pages = htole32(2);
	r[3] = r[0];
	expect("DEFLATE, of which one comes twice", testballoon_do(&b, &sqe), PVBALLOON_S_SOME);
	ktap_ok(!r[0].status && !r[1].status && !r[2].status && le32toh(r[3].status) == UNKNOWN &&
		!given(), "in the order of the data");
	sqe = testballoon_request(&b, PVBALLOON_OP_INFLATE, 1);
	r[0].status = htole32(77);
	expect("all taken", testballoon_do(&b, &sqe), OK);
	ktap_ok(le32toh(r[0].status) == 77, "leaves the data as it was");
}

static void expect_broken(const char *what, struct pvballoon_sqe sqe)
{
	uint32_t status = testballoon_do(&b, &sqe);

	ktap_ok(status == TESTDRV_SILENT && testdrv_status(&b.t.drv, 0) == PVBUS_S_BROKEN &&
		le32toh(testdrv_dev_ctrl(&b.q)->error) == PVRING_E_ENTRY, "%s: broken", what);
	testballoon_start(&b, 0);
}

static struct pvballoon_sqe with_data(uint8_t op, uint16_t nr, int64_t at)
{
	struct pvballoon_sqe sqe = testballoon_request(&b, op, nr);

	sqe.data_off = htole64(le64toh(b.q.desc.data_off) + at);
	return sqe;
}

static void check_requests(void)
{
	int64_t end = TESTBALLOON_DATA;
	struct pvballoon_sqe sqe;

	expect_broken("no range", with_data(PVBALLOON_OP_INFLATE, 0, 0));
	expect_broken("no region", with_data(PVBALLOON_OP_REGION, 0, 0));
	expect_broken("1025 ranges", with_data(PVBALLOON_OP_DEFLATE, PVBALLOON_RANGES_MAX + 1, 0));
	expect_broken("65 regions", with_data(PVBALLOON_OP_REGION, PVBALLOON_REGIONS_MAX + 1, 0));
	expect_broken("65535 ranges", with_data(PVBALLOON_OP_INFLATE, -1, 0));
	expect_broken("two statistics", with_data(PVBALLOON_OP_STATS, 2, 0));
	expect_broken("no statistics", with_data(PVBALLOON_OP_STATS, 0, 0));
	expect_broken("data before the extent", with_data(PVBALLOON_OP_INFLATE, 1, -16));
	expect_broken("data beyond it", with_data(PVBALLOON_OP_INFLATE, 2, end - 16));
	expect_broken("statistics beyond it", with_data(PVBALLOON_OP_STATS, 1, end - 248));
	expect_broken("misaligned data", with_data(PVBALLOON_OP_INFLATE, 1, 4));
	sqe = with_data(PVBALLOON_OP_INFLATE, 1, 0);
	sqe.data_off = htole64(-8ULL);
	expect_broken("data that overflows", sqe);
	sqe = with_data(99, 0, 0);
	expect("an unknown operation", testballoon_do(&b, &sqe), PVBALLOON_S_UNSUPP);
	sqe = with_data(PVBALLOON_OP_NOTHING, 1, 0);
	expect("NOTHING", testballoon_do(&b, &sqe), PVBALLOON_S_UNSUPP);
	sqe = with_data(PVBALLOON_OP_REPORT, 1, 0);
	expect("REPORT that was not offered", testballoon_do(&b, &sqe), PVBALLOON_S_UNSUPP);
	testballoon_start(&b, 1 << PVBALLOON_F_STATS);
	sqe = with_data(PVBALLOON_OP_STATS, 1, 0);
	expect("STATS that was not taken", testballoon_do(&b, &sqe), PVBALLOON_S_UNSUPP);
	testballoon_start(&b, 0);
	expect("STATS that was", testballoon_do(&b, &sqe), OK);
}

static uint64_t stat_of(const char *key)
{
	struct json_object *obj = json_object_new_object(), *guest = NULL, *val = NULL;
	uint64_t n = UINT64_MAX;

	b.t.bus->devices[0].ops->describe(&b.t.bus->devices[0], obj);
	if (json_object_object_get_ex(obj, "guest_stats", &guest) &&
	    json_object_object_get_ex(guest, key, &val))
		n = json_object_get_uint64(val);
	json_object_put(obj);
	return n;
}

static void check_stats(void)
{
	struct pvballoon_sqe sqe = testballoon_request(&b, PVBALLOON_OP_STATS, 1);
	struct pvballoon_stats *stats = testballoon_data(&b);

	memset(stats, 0xff, sizeof(*stats));
	stats->valid = htole64(~(1ULL << PVBALLOON_STAT_CACHES));
	stats->val[PVBALLOON_STAT_FREE] = htole64(123 * MIB);
	expect("STATS", testballoon_do(&b, &sqe), OK);
	ktap_ok(stat_of("free") == 123 * MIB && stat_of("caches") == UINT64_MAX,
		"what is valid is shown, and nothing else");
}

/* Whether the config area says so, under a config_seq that is new and even. */
static bool change(const char *text, uint64_t target, uint64_t rate)
{
	struct json_object *config = json_tokener_parse(text);
	uint32_t seq = le32toh(testdrv_entry(&b.t.drv, 0)->config_seq);
	struct hdev *dev = &b.t.bus->devices[0];
	char error[HDEV_ERROR_LEN];
	bool ok;

	testbus_irqs(&b.t, 0);
	ok = !dev->ops->set(dev, config, error) && le64toh(testballoon_config(&b)->target) == target &&
	     le64toh(testballoon_config(&b)->rate) == rate && testbus_irqs(&b.t, 0) &&
	     le32toh(testdrv_entry(&b.t.drv, 0)->config_seq) == seq + 2;
	json_object_put(config);
	return ok;
}

static void check_target(void)
{
	uint8_t nonce[PVBALLOON_NONCE_LEN];

	memcpy(nonce, testballoon_config(&b)->nonce, sizeof(nonce));
	ktap_ok(change("{\"target\":1048576}", MIB, 0), "a new target is published, with an interrupt");
	ktap_ok(change("{\"target\":\"auto\",\"rate\":5}", PVBALLOON_TARGET_AUTO, 5), "auto, and a rate");
	ktap_ok(change("{\"target\":0}", 0, 5), "back to nothing");
	ktap_ok(!memcmp(nonce, testballoon_config(&b)->nonce, sizeof(nonce)), "with the same nonce");
	hostd_bus_begin_epoch(b.t.bus);
	ktap_ok(memcmp(nonce, testballoon_config(&b)->nonce, sizeof(nonce)) &&
		le64toh(testballoon_config(&b)->rate) == 5, "which is another one in the next epoch");
}

int main(void)
{
	ktap_plan(99);
	testballoon_init(&b, "{}", -1);
	check_regions();
	check_ranges();
	check_deflate();
	check_bits();
	check_granule();
	check_bound();
	check_patience();
	check_statuses();
	check_requests();
	check_stats();
	check_target();
	testbus_exit(&b.t);
	return ktap_finish();
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The reader of the page against a writer at full speed: what it returns was one writing (CLOCK-G1),
 * and a page that is being written for ever costs a bounded time. pvclock/math.c as it is.
 */
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "../../pvclock/math.h"

#include "ktap.h"
#include "worker/bus/shmem.h"

#define ROUNDS	2000000		/* at least, and until the writer has had its turns */
#define CHANGES	1000
#define LIMIT_S	40

static _Alignas(64) struct pvclock_page shared;
static bool stop;

/* Writing number n: every member follows from n. */
static void fill(struct pvclock_page *page, uint64_t n)
{
	*page = (struct pvclock_page) {
		.counter_id = PVCLOCK_COUNTER_X86_TSC,
		.shift = n % 64,
		.epoch = htole64(n),
		.counter = htole64(n * 3),
		.raw_ns = htole64(n * 5),
		.real_ns = htole64(n * 7),
		.raw_mult = htole64(n * 11),
		.real_mult = htole64(n * 13),
		.error_ns = htole32(n),
		.error_ppb = htole32(n * 17),
	};
}

static bool is_whole(const struct pvclk_page *page)
{
	uint64_t n = page->epoch;

	return page->shift == n % 64 && page->counter == n * 3 && page->raw_ns == n * 5 &&
	       page->real_ns == n * 7 && page->raw_mult == n * 11 && page->real_mult == n * 13 &&
	       page->error_ns == (uint32_t)n && page->error_ppb == (uint32_t)(n * 17);
}

static void write_page(uint64_t n)
{
	const size_t head = offsetof(struct pvclock_page, counter_id);
	struct pvclock_page page;

	fill(&page, n);
	hostd_store32(&shared.seq, 2 * n - 1);
	hostd_full_barrier();
	hostd_copy_out((uint8_t *)&shared + head, (uint8_t *)&page + head, sizeof(page) - head);
	hostd_store32_release(&shared.seq, 2 * n);
}

static void *write_on(void *unused)
{
	uint64_t n = 1;

	(void)unused;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		write_page(++n);
	return NULL;
}

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

int main(void)
{
	unsigned int i, whole = 0, torn = 0, changed = 0;
	struct pvclk_page page, last = { 0 };
	pthread_t writer;
	double start;

	ktap_plan(5);
	write_page(1);
	ktap_ok(pvclk_page_read(&page, &shared, 1) && is_whole(&page), "a page at rest is read");

	start = seconds();
	pthread_create(&writer, NULL, write_on, NULL);
	for (i = 0; (i < ROUNDS || changed < CHANGES) && seconds() - start < LIMIT_S; i++) {
		if (!pvclk_page_read(&page, &shared, 100))
			continue;
		whole++;
		torn += !is_whole(&page);
		changed += page.epoch != last.epoch;
		last = page;
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(writer, NULL);
	ktap_note("%u of %u reads succeeded, %u of them saw a new page", whole, i, changed);
	ktap_ok(!torn, "no read is torn (%u)", torn);
	ktap_ok(changed >= CHANGES, "the writer wrote meanwhile");

	hostd_store32(&shared.seq, 1);
	start = seconds();
	ktap_ok(!pvclk_page_read(&page, &shared, 1000), "a page that is being written is not read");
	ktap_ok(seconds() - start < 1, "nor waited for without end");
	return ktap_finish();
}

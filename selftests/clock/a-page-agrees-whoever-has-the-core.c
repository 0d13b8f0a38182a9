// SPDX-License-Identifier: GPL-2.0-only
/*
 * The worker may lose its core between any two readings of counter and clocks, for a millisecond or some seconds: what
 * it answers, and the page that the driver finds after that, are true and agree, within the bounds that both give
 * (CLOCK-D2, CLOCK-D4). So they do when it has stood still for hours. host-ref/clock/device.c with a counter and
 * clocks that stand still at each place, looked at by pvclock/math.c.
 */
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "../../pvclock/math.h"

#include "ktap.h"

#define READING_NS	200
#define COUNTS_PER_NS	3
#define MS		1000000ULL
#define HOUR		(3600 * 1000 * MS)
/* Within so many places of the end of the first measurement, each is tried; before that, some. */
#define NEAR		60
#define STRIDE		19

static uint64_t true_ns, lost_ns, place, lost_at, nr_lost = 1;

static uint64_t read_time(void)
{
	true_ns += READING_NS;
	place++;
	if (lost_at && place >= lost_at && place < lost_at + nr_lost)
		true_ns += lost_ns;
	return true_ns;
}

/* In the place of clock/counter.h and the host's clocks. */
#define HOSTD_COUNTER_H

static uint8_t hostd_counter_id(void)
{
	return PVCLOCK_COUNTER_X86_TSC;
}

static uint64_t hostd_counter(void)
{
	return read_time() * COUNTS_PER_NS;
}

static int fake_gettime(clockid_t id, struct timespec *ts)
{
	uint64_t ns = read_time() + (id == CLOCK_REALTIME ? 50 * 365 * 24 * HOUR : 0);

	ts->tv_sec = ns / 1000000000;
	ts->tv_nsec = ns % 1000000000;
	return 0;
}

#define clock_gettime	fake_gettime
#include "clock/device.c"

static _Alignas(64) uint8_t window[sizeof(struct hostd_shadow)];
static struct hostd_bus bus = { .win = { .base = window, .epoch = 1 } };
static struct hdev dev = { .bus = &bus };
static struct hdev_queue queue = { .dev = &dev };
static struct pvclock_cqe answered;
static bool is_asked;

void hdev_set_config(struct hdev *d, const void *config, size_t len)
{
	memcpy(hostd_window_config(&d->bus->win, d->slot), config, len);
}

bool hdev_queue_pop(struct hdev_queue *q, void *sqe)
{
	(void)q;
	memset(sqe, 0, sizeof(struct pvclock_sqe));
	return is_asked && !(is_asked = false);
}

void hdev_queue_push(struct hdev_queue *q, const void *cqe, bool ok)
{
	(void)q;
	(void)ok;
	answered = *(const struct pvclock_cqe *)cqe;
}

/* What no driver sees: was counter that when the clock was this, within the bound that is given? */
static bool is_true(uint64_t counter, uint64_t raw_ns, uint32_t error_ns)
{
	return distance(counter / COUNTS_PER_NS, raw_ns) <= (uint64_t)error_ns + 1;
}

/* What the driver finds wrong with an answer, and the page after it. */
static const char *ask(void)
{
	struct pvclk_sample sample;
	struct pvclk_page page;
	const char *why;

	is_asked = true;
	hdev_clock_ops.poll(&queue, 1);
	sample = (struct pvclk_sample) {
		.counter = le64toh(answered.counter),
		.raw_ns = le64toh(answered.raw_ns),
		.real_ns = le64toh(answered.real_ns),
		.error_ns = le32toh(answered.error_ns),
	};
	if (!pvclk_page_read(&page, hostd_window_config(&bus.win, 0), 1))
		return "its page is being written";
	if (!is_true(sample.counter, sample.raw_ns, sample.error_ns) || !is_true(page.counter, page.raw_ns, page.error_ns))
		return "it is not true";
	why = pvclk_page_check(&page);
	return why ? why : pvclk_sample_check(&sample, &page, 0);
}

/* A life of the device, asked soon and late, with and without a beat between. */
static const char *live(uint64_t *nr_begun)
{
	static const uint64_t pauses[] = { 0, 10000, MS, 100 * MS, 900 * MS };
	const struct pvclock_page *shared = hostd_window_config(&bus.win, 0);
	const char *why = NULL;
	uint32_t seq = 0;
	char error[HDEV_ERROR_LEN];
	unsigned int i;

	place = 0;
	true_ns = HOUR;
	if (hdev_clock_ops.create(&dev, NULL, NULL, 0, error))
		ktap_bail("no clock");
	*nr_begun = place;
	hdev_clock_ops.start(&queue);
	for (i = 0; i < 2 * ARRAY_SIZE(pauses) && !why; i++) {
		if (i >= ARRAY_SIZE(pauses))
			hdev_clock_ops.beat(&dev);
		true_ns += pauses[i % ARRAY_SIZE(pauses)];
		seq = pvclk_page_seq(shared);
		why = ask();
	}
	/* It is of no use to a driver that finds it written anew with each answer (CLOCK-G6). */
	if (!why && seq != pvclk_page_seq(shared))
		why = "it does not find the rate";
	hdev_clock_ops.destroy(&dev);
	return why;
}

static bool agrees_at(uint64_t nr)
{
	uint64_t nr_begun;
	const char *why;

	lost_at = nr;
	why = live(&nr_begun);
	if (why)
		ktap_note("core lost for %llu ms at place %llu: %s", (unsigned long long)(lost_ns / MS),
			  (unsigned long long)nr, why);
	return !why;
}

static void loses_core_for(uint64_t ns)
{
	uint64_t nr, end, nr_begun;
	bool ok = true;

	lost_at = 0;
	lost_ns = ns;
	ok = !live(&nr_begun);
	end = nr_begun + NEAR;
	for (nr = 1; nr < end && ok; nr += nr < NEAR || nr + STRIDE >= nr_begun - NEAR ? 1 : STRIDE)
		ok = agrees_at(nr);
	ktap_ok(ok, "a core lost for %llu ms, %llu times in a row", (unsigned long long)(ns / MS),
		(unsigned long long)nr_lost);
}

/* The device stands still, and is asked before its next beat. */
static void stands_still(void)
{
	const char *why;
	char error[HDEV_ERROR_LEN];

	lost_at = 0;
	if (hdev_clock_ops.create(&dev, NULL, NULL, 0, error))
		ktap_bail("no clock");
	hdev_clock_ops.start(&queue);
	true_ns += 10 * HOUR;
	why = ask();
	hdev_clock_ops.destroy(&dev);
	ktap_ok(!why, "a device that stood still for hours%s%s", why ? ": " : "", why ? why : "");
}

int main(void)
{
	ktap_plan(11);
	loses_core_for(1 * MS);
	loses_core_for(3 * MS);
	loses_core_for(10 * MS);
	loses_core_for(30 * MS);
	loses_core_for(100 * MS);
	/* Half of that fits into no 32 bits of nanoseconds, but for what looks like a good reading. */
	loses_core_for((1ULL << 33) - READING_NS);
	stands_still();
	nr_lost = 9;
	loses_core_for(1 * MS);
	loses_core_for(3 * MS);
	loses_core_for(10 * MS);
	loses_core_for(30 * MS);
	return ktap_finish();
}

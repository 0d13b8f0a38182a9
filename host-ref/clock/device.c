// SPDX-License-Identifier: GPL-2.0-only
/*
 * The clock device (Documentation/abi/clock.md): tells the host's clocks, and relates them to
 * the host's counter on a page that it writes with each beat.
 */
#include "clock/device.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <pv/clock.h>

#include "clock/counter.h"
#include "worker/bus/bus.h"
#include "worker/bus/shmem.h"

#define NS_PER_S	1000000000LL
/* A reading with a worse bound is tried again: it was interrupted. */
#define READ_TRIES	3
#define READ_GOOD_NS	100
/*
 * How long the counter is first measured: 12 ppm, with readings good to 30 ns. For longer if they are worse than a
 * part of that, as they are when this process loses its core amid one; the driver allows for SLEW_PPB.
 */
#define FIRST_RATE_NS	5000000
#define FIRST_RATE_MAX_NS	100000000
#define FIRST_RATE_PART	10000
/* The wall clock's rate is measured over one to two of these. */
#define REAL_RATE_NS	NS_PER_S
/* A clock or counter that is further off its rate was set or stopped, not slewed. */
#define STEP_NS		1000000
/* A page that is older has missed a beat (CLOCK-D1). */
#define STALE_NS	(2 * NS_PER_S)
/* adjtimex(2) slews by at most 500 ppm, either way. */
#define SLEW_PPB	1000000
/* Multipliers of counters from PVCLK_HZ_MIN on fit. */
#define SHIFT		50

/**
 * struct reading - counter and clocks at one moment
 * @counter: the host's counter; 0 without one
 * @raw_ns: CLOCK_MONOTONIC_RAW
 * @real_ns: CLOCK_REALTIME
 * @error_ns: bound of the distance between them
 */
struct reading {
	uint64_t counter;
	uint64_t raw_ns;
	uint64_t real_ns;
	uint32_t error_ns;
};

/**
 * struct clock - a clock device
 * @id: PVCLOCK_COUNTER_*
 * @raw_mult: ns of the unadjusted clock for each count, times 2^SHIFT
 * @real_mult: ns of the wall clock for each count, times 2^SHIFT
 * @base: since when the counter is measured
 * @real_base: since when the wall clock's rate is measured
 * @real_next: what becomes of @real_base next
 * @page: what the page says, as of its last writing
 * @seq: of the page
 * @jumped: the clock had left the counter when that was written
 */
struct clock {
	uint8_t id;
	uint64_t raw_mult;
	uint64_t real_mult;
	struct reading base;
	struct reading real_base;
	struct reading real_next;
	struct reading page;
	uint32_t seq;
	bool jumped;
};

static uint64_t now(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

static uint64_t to_ns(uint64_t counts, uint64_t mult)
{
	return (unsigned __int128)counts * mult >> SHIFT;
}

/* Half the time that a reading took; UINT32_MAX: so long that it is not to be used. */
static uint32_t bound_ns(uint64_t took_ns)
{
	return took_ns / 2 < UINT32_MAX ? took_ns / 2 + 1 : UINT32_MAX;
}

static struct reading read_once(const struct clock *clock)
{
	uint64_t before, after;
	struct reading r;

	if (clock->id == PVCLOCK_COUNTER_NONE) {
		before = now(CLOCK_MONOTONIC_RAW);
		r.real_ns = now(CLOCK_REALTIME);
		after = now(CLOCK_MONOTONIC_RAW);
		r.raw_ns = before + (after - before) / 2;
		r.counter = 0;
		r.error_ns = bound_ns(after - before);
		return r;
	}
	before = hostd_counter();
	r.real_ns = now(CLOCK_REALTIME);
	r.raw_ns = now(CLOCK_MONOTONIC_RAW);
	after = hostd_counter();
	r.counter = before + (after - before) / 2;
	r.error_ns = bound_ns(to_ns(after - before, clock->raw_mult));
	return r;
}

static struct reading read_clocks(const struct clock *clock)
{
	struct reading best = read_once(clock), r;
	unsigned int i;

	for (i = 1; best.error_ns == UINT32_MAX || (i < READ_TRIES && best.error_ns > READ_GOOD_NS); i++) {
		r = read_once(clock);
		if (r.error_ns < best.error_ns)
			best = r;
	}
	return best;
}

static uint64_t rate(uint64_t ns, uint64_t counts)
{
	return counts ? ((unsigned __int128)ns << SHIFT) / counts : 0;
}

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

/* Begin to measure anew, with the rates that are known. */
static void rebase(struct clock *clock, const struct reading *r)
{
	clock->base = *r;
	clock->real_base = *r;
	clock->real_next = *r;
	clock->real_mult = clock->raw_mult;
}

/* Whether the unadjusted clock has left the counter: the host slept, or was moved. */
static bool counter_jumped(const struct clock *clock, const struct reading *r)
{
	uint64_t counts = r->counter - clock->page.counter;

	return distance(clock->page.raw_ns + to_ns(counts, clock->raw_mult), r->raw_ns) >
	       STEP_NS + (r->raw_ns - clock->page.raw_ns) / 10000;
}

/*
 * Do page and reading contradict each other, by more than both may be wrong (CLOCK-D2)? So they do for a driver that
 * finds a page too old to reckon with, as it is when this process stood still.
 */
static bool page_is_wrong(const struct clock *clock, const struct reading *r)
{
	uint64_t ns = to_ns(r->counter - clock->page.counter, clock->raw_mult);

	if (r->counter < clock->page.counter || r->raw_ns - clock->page.raw_ns > STALE_NS)
		return true;
	return distance(clock->page.raw_ns + ns, r->raw_ns) >
	       clock->page.error_ns + r->error_ns + ns / (NS_PER_S / SLEW_PPB);
}

/*
 * The clock leaves the counter each time: the rate is wrong, as it was measured without a core. Take that since the
 * last writing, if both readings are good enough for one.
 */
static void measure_anew(struct clock *clock, const struct reading *r)
{
	uint64_t ns = r->raw_ns - clock->page.raw_ns;
	uint64_t error_ns = (uint64_t)clock->page.error_ns + r->error_ns;

	if (r->counter > clock->page.counter && ns > FIRST_RATE_NS && error_ns < ns / FIRST_RATE_PART)
		clock->raw_mult = rate(ns, r->counter - clock->page.counter);
}

static void measure(struct clock *clock, const struct reading *r)
{
	uint64_t counts = r->counter - clock->real_base.counter;
	uint64_t real_ns = r->real_ns - clock->real_base.real_ns;

	if (counter_jumped(clock, r)) {
		if (clock->jumped)
			measure_anew(clock, r);
		clock->jumped = true;
		rebase(clock, r);
		return;
	}
	clock->jumped = false;
	if (r->raw_ns - clock->base.raw_ns > FIRST_RATE_NS)
		clock->raw_mult = rate(r->raw_ns - clock->base.raw_ns,
				       r->counter - clock->base.counter);
	if (distance(real_ns, to_ns(counts, clock->real_mult)) > STEP_NS) {
		clock->real_base = *r;
		clock->real_next = *r;
		clock->real_mult = clock->raw_mult;
		return;
	}
	if (r->raw_ns - clock->real_next.raw_ns < REAL_RATE_NS)
		return;
	clock->real_mult = rate(real_ns, counts);
	clock->real_base = clock->real_next;
	clock->real_next = *r;
}

/* CLOCK-D1 */
static void write_page(struct hdev *dev, const struct reading *r)
{
	struct clock *clock = dev->priv;
	bool counter = clock->id != PVCLOCK_COUNTER_NONE;
	struct pvclock_page *shared = hostd_window_config(&dev->bus->win, dev->slot);
	struct pvclock_page page = {
		.counter_id = clock->id,
		.shift = counter ? SHIFT : 0,
		.epoch = htole64(dev->bus->win.epoch),
		.counter = htole64(r->counter),
		.raw_ns = htole64(r->raw_ns),
		.real_ns = htole64(r->real_ns),
		.error_ns = htole32(r->error_ns),
		.error_ppb = htole32(SLEW_PPB),
	};
	const size_t head = offsetof(struct pvclock_page, counter_id);

	if (counter) {
		measure(clock, r);
		page.raw_mult = htole64(clock->raw_mult);
		page.real_mult = htole64(clock->real_mult);
	}
	clock->page = *r;
	hostd_store32(&shared->seq, ++clock->seq);
	/* Partner: the driver's read barrier before its second read of seq. */
	hostd_full_barrier();
	hostd_copy_out((uint8_t *)shared + head, (uint8_t *)&page + head, sizeof(page) - head);
	/* Partner: the driver's acquire of seq; the page is complete then. */
	hostd_store32_release(&shared->seq, ++clock->seq);
}

/* Return: within how many counts of the counter the clock was read. */
static uint64_t read_closely(struct reading *r)
{
	uint64_t before, after, ns, best = UINT64_MAX;
	unsigned int i;

	for (i = 0; i < READ_TRIES; i++) {
		before = hostd_counter();
		ns = now(CLOCK_MONOTONIC_RAW);
		after = hostd_counter();
		if (after - before >= best)
			continue;
		best = after - before;
		r->counter = before + best / 2;
		r->raw_ns = ns;
	}
	return best;
}

static void calibrate(struct clock *clock)
{
	struct reading first, last;
	uint64_t begin = read_closely(&first), width, counts, ns;

	do {
		width = begin + read_closely(&last);
		counts = last.counter - first.counter;
		ns = last.raw_ns - first.raw_ns;
	} while (ns < FIRST_RATE_NS || (width / 2 > counts / FIRST_RATE_PART && ns < FIRST_RATE_MAX_NS));
	clock->raw_mult = rate(ns, counts);
}

static int clock_create(struct hdev *dev, struct json_object *config, const int *fds,
			unsigned int nr_fds, char *error)
{
	static const struct pvclock_page empty;
	struct clock *clock;

	(void)config;			/* it has no options, and no descriptors */
	(void)fds;
	(void)nr_fds;
	clock = calloc(1, sizeof(*clock));
	if (!clock) {
		snprintf(error, HDEV_ERROR_LEN, "out of memory");
		return -ENOMEM;
	}
	clock->id = hostd_counter_id();
	if (clock->id != PVCLOCK_COUNTER_NONE)
		calibrate(clock);
	clock->page = read_clocks(clock);
	rebase(clock, &clock->page);
	dev->max_queues = 1;
	dev->max_queue_size = 64;
	dev->priv = clock;
	hdev_set_config(dev, &empty, sizeof(empty));
	return 0;
}

static void clock_destroy(struct hdev *dev)
{
	free(dev->priv);
	dev->priv = NULL;
}

static void clock_beat(struct hdev *dev)
{
	struct reading r = read_clocks(dev->priv);

	write_page(dev, &r);
}

static int clock_start(struct hdev_queue *q)
{
	clock_beat(q->dev);
	return 0;
}

static void clock_stop(struct hdev_queue *q)
{
	(void)q;
}

static void answer(struct hdev_queue *q, const struct pvclock_sqe *sqe)
{
	struct clock *clock = q->dev->priv;
	struct pvclock_cqe cqe = { .id = sqe->id };
	struct reading r;

	if (sqe->op != PVCLOCK_OP_READ) {
		cqe.status = htole32(PVCLOCK_S_UNSUPP);
	} else {
		r = read_clocks(clock);
		/* What the driver sees after this answer must agree with it (CLOCK-D2). */
		if (clock->id != PVCLOCK_COUNTER_NONE && page_is_wrong(clock, &r))
			write_page(q->dev, &r);
		cqe.counter = htole64(r.counter);
		cqe.raw_ns = htole64(r.raw_ns);
		cqe.real_ns = htole64(r.real_ns);
		cqe.error_ns = htole32(r.error_ns);
	}
	hdev_queue_push(q, &cqe, !cqe.status);
}

static unsigned int clock_poll(struct hdev_queue *q, unsigned int budget)
{
	_Alignas(8) struct pvclock_sqe sqe;
	unsigned int nr;

	for (nr = 0; nr < budget && hdev_queue_pop(q, &sqe); nr++)
		answer(q, &sqe);
	return nr;
}

const struct pvdev_ops hdev_clock_ops = {
	.sqe_shift = PVCLOCK_SQE_SHIFT,
	.cqe_shift = PVCLOCK_CQE_SHIFT,
	.create = clock_create,
	.destroy = clock_destroy,
	.start = clock_start,
	.stop = clock_stop,
	.poll = clock_poll,
	.beat = clock_beat,
};

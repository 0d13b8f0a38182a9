// SPDX-License-Identifier: GPL-2.0-only
/*
 * The arithmetic of the clock, written from Documentation/abi/clock.md.
 *
 * Everything that comes from the host is taken for a lie: each product stays below 2^128
 * and each quotient below 2^64, or the value is refused before.
 */
#include <linux/math64.h>
#include <linux/string.h>
#include <asm/barrier.h>
#include <asm/byteorder.h>
#include <pv/shm.h>
#include "math.h"

#define NS_PER_S	1000000000ULL
/* Least time between two points that give a rate, and when a longer one adds nothing. */
#define RATE_MIN_NS	(NS_PER_S / 2)
#define RATE_MAX_NS	(100 * NS_PER_S)
/* After so many contradictions in a row it is the rate that has changed. */
#define JUMPS_MAX	3
/* A wall clock is slewed by at most a tenth (adjtimex(2), ADJ_TICK). */
#define SLEW_PART	8

/**
 * pvclk_counts_to_ns() - a length in counts as time, rounded down
 * @counts: at most PVCLK_SPAN_MAX
 * @hz: frequency, at least PVCLK_HZ_MIN
 */
u64 pvclk_counts_to_ns(u64 counts, u64 hz)
{
	return mul_u64_u64_div_u64(counts, NS_PER_S, hz);
}

/**
 * pvclk_ns_to_counts() - a time as a length in counts, rounded down
 * @ns: below 2^36, a minute
 * @hz: frequency, at most PVCLK_HZ_MAX
 */
u64 pvclk_ns_to_counts(u64 ns, u64 hz)
{
	return mul_u64_u64_div_u64(ns, hz, NS_PER_S);
}

/**
 * pvclk_rate_ppb() - how much two frequencies differ
 * @hz: one, PVCLK_HZ_MIN to PVCLK_HZ_MAX
 * @other_hz: the other
 *
 * Return: parts in 10^9 of @hz.
 */
u64 pvclk_rate_ppb(u64 hz, u64 other_hz)
{
	u64 diff = hz > other_hz ? hz - other_hz : other_hz - hz;

	return mul_u64_u64_div_u64(diff, NS_PER_S, hz);
}

static bool hz_is_possible(u64 hz)
{
	return hz >= PVCLK_HZ_MIN && hz <= PVCLK_HZ_MAX;
}

/**
 * pvclk_page_seq() - by what it is seen whether the page has been written since
 * @shared: the page in the window
 *
 * Return: its number; odd while it is being written. What is read later is of that writing, or a later one.
 */
u32 pvclk_page_seq(const struct pvclock_page *shared)
{
	/* Pairs with the release in host-ref/clock/device.c, after the page was written. */
	return le32_to_cpu(virt_load_acquire(&shared->seq));
}

/**
 * pvclk_page_read() - consistent private copy of the page (CLOCK-G1)
 * @page: the copy
 * @shared: the page in the window
 * @tries: how often to try while it is being written
 *
 * Return: false if it was being written all the time.
 */
bool pvclk_page_read(struct pvclk_page *page, const struct pvclock_page *shared,
		     unsigned int tries)
{
	struct pvclock_page copy;
	u32 seq;

	while (tries--) {
		seq = pvclk_page_seq(shared);
		if (seq & 1)
			continue;
		pvshm_copy(&copy, shared, sizeof(copy));
		/* The copy before the second look; pairs with the writer's fence. */
		virt_rmb();
		if (seq != le32_to_cpu(READ_ONCE(shared->seq)))
			continue;
		*page = (struct pvclk_page) {
			.seq		= seq,
			.epoch		= le64_to_cpu(copy.epoch),
			.counter	= le64_to_cpu(copy.counter),
			.raw_ns		= le64_to_cpu(copy.raw_ns),
			.real_ns	= le64_to_cpu(copy.real_ns),
			.raw_mult	= le64_to_cpu(copy.raw_mult),
			.real_mult	= le64_to_cpu(copy.real_mult),
			.error_ns	= le32_to_cpu(copy.error_ns),
			.error_ppb	= le32_to_cpu(copy.error_ppb),
			.counter_id	= copy.counter_id,
			.shift		= copy.shift,
		};
		return true;
	}
	return false;
}

/**
 * pvclk_page_hz() - frequency of the host's counter
 * @page: a copy whose raw_mult is not 0, and whose shift is in range
 *
 * Return: Hz; 0 if no counter can have it.
 */
u64 pvclk_page_hz(const struct pvclk_page *page)
{
	u64 hz;

	/* 10^9 * 2^shift / mult does not fit unless mult >= 10^9 * 2^shift / 2^64. */
	if (page->shift > PVCLOCK_SHIFT_MAX ||
	    page->raw_mult <= mul_u64_u64_shr(NS_PER_S, 1ULL << page->shift, 64))
		return 0;
	hz = mul_u64_u64_div_u64(NS_PER_S, 1ULL << page->shift, page->raw_mult);
	return hz_is_possible(hz) ? hz : 0;
}

/**
 * pvclk_page_check() - does the page make sense (CLOCK-G2)
 * @page: the copy
 *
 * Return: NULL, or what is wrong with it.
 */
const char *pvclk_page_check(const struct pvclk_page *page)
{
	u64 diff;

	if (page->raw_ns >= PVCLK_TIME_MAX || page->real_ns >= PVCLK_TIME_MAX)
		return "its page holds a time beyond the year 2116";
	if (page->counter_id == PVCLOCK_COUNTER_NONE)
		return NULL;
	if (!page->raw_mult || !page->real_mult)
		return "its page has a multiplier of 0";
	if (page->shift > PVCLOCK_SHIFT_MAX)
		return "its page has a shift beyond 63";
	if (!pvclk_page_hz(page))
		return "its page has a frequency that no counter has";
	diff = page->real_mult > page->raw_mult ? page->real_mult - page->raw_mult :
						  page->raw_mult - page->real_mult;
	if (diff > page->raw_mult / SLEW_PART)
		return "its page has a wall clock that is no clock";
	return NULL;
}

/* Growth of an error of @ppb over @ns, rounded up; @ns is below 2^54 here. */
static u64 growth(u64 ns, u32 ppb)
{
	return mul_u64_u64_div_u64(ns, ppb, NS_PER_S) + 1;
}

/**
 * pvclk_page_raw() - the host's unadjusted clock, by the page
 * @page: a copy that passed pvclk_page_check(), with a counter
 * @counter: value of the host's counter
 * @ns: gets the time
 * @error_ns: gets the bound of its error
 *
 * Return: false if @counter is too far from the page's.
 */
bool pvclk_page_raw(const struct pvclk_page *page, u64 counter, u64 *ns, u64 *error_ns)
{
	bool back = (s64)(counter - page->counter) < 0;
	u64 span = back ? page->counter - counter : counter - page->counter;
	u64 dist;

	if (span > PVCLK_SPAN_MAX)
		return false;
	/* The frequency is at least PVCLK_HZ_MIN: dist is below 2^44 * 10^3. */
	dist = mul_u64_u64_shr(span, page->raw_mult, page->shift);
	if (back && dist > page->raw_ns)
		return false;
	*ns = back ? page->raw_ns - dist : page->raw_ns + dist;
	*error_ns = page->error_ns + growth(dist, page->error_ppb);
	return true;
}

/**
 * pvclk_page_real() - the host's wall clock, by the page
 * @page: a copy that passed pvclk_page_check()
 * @raw_ns: the host's unadjusted clock at that moment
 * @ns: gets the time
 * @error_ns: gets the bound of its error, without that of @raw_ns
 *
 * Return: false if @raw_ns is more than an hour from the page's.
 */
bool pvclk_page_real(const struct pvclk_page *page, u64 raw_ns, u64 *ns, u64 *error_ns)
{
	bool back = raw_ns < page->raw_ns;
	u64 dist = back ? page->raw_ns - raw_ns : raw_ns - page->raw_ns;
	u64 span = dist;

	if (span > 3600 * NS_PER_S)
		return false;
	if (page->counter_id != PVCLOCK_COUNTER_NONE)
		span = mul_u64_u64_div_u64(dist, page->real_mult, page->raw_mult);
	if (back && span > page->real_ns)
		return false;
	*ns = back ? page->real_ns - span : page->real_ns + span;
	*error_ns = page->error_ns + growth(dist, page->error_ppb);
	return true;
}

/**
 * pvclk_sample_middle() - the moment for which an exchange speaks, within its error
 * @sample: the exchange
 *
 * Return: value of the guest's counter.
 */
u64 pvclk_sample_middle(const struct pvclk_sample *sample)
{
	return sample->before + (sample->after - sample->before) / 2;
}

/**
 * pvclk_sample_error() - bound of the error of an exchange (CLOCK-G3)
 * @sample: an exchange that passed pvclk_sample_check()
 * @hz: frequency of the guest's counter
 *
 * Return: ns.
 */
u64 pvclk_sample_error(const struct pvclk_sample *sample, u64 hz)
{
	return pvclk_counts_to_ns((sample->after - sample->before) / 2 + 1, hz) + 1 +
	       sample->error_ns;
}

/**
 * pvclk_sample_check() - can an exchange be true
 * @sample: the exchange
 * @page: a copy of the page that passed pvclk_page_check(), or NULL
 * @last_raw_ns: of the exchange before, in this epoch
 *
 * Return: NULL, or what is wrong with it.
 */
const char *pvclk_sample_check(const struct pvclk_sample *sample, const struct pvclk_page *page,
			       u64 last_raw_ns)
{
	u64 raw_ns, error_ns, diff;

	if (sample->raw_ns >= PVCLK_TIME_MAX || sample->real_ns >= PVCLK_TIME_MAX)
		return "it tells a time beyond the year 2116";
	if (sample->raw_ns < last_raw_ns)
		return "its clock goes back";
	if (!page || page->counter_id == PVCLOCK_COUNTER_NONE)
		return NULL;
	if (!pvclk_page_raw(page, sample->counter, &raw_ns, &error_ns))
		return "its counter is far from its page";
	diff = raw_ns > sample->raw_ns ? raw_ns - sample->raw_ns : sample->raw_ns - raw_ns;
	if (diff > error_ns + sample->error_ns)
		return "its page and its answer contradict each other";
	return NULL;
}

/**
 * pvclk_line_raw() - the host's unadjusted clock, by the line
 * @line: the line
 * @counter: value of the guest's counter
 * @ns: gets the time
 * @error_ns: gets the bound of its error
 *
 * Return: false if no rate is known yet, or @counter is too far.
 */
bool pvclk_line_raw(const struct pvclk_line *line, u64 counter, u64 *ns, u64 *error_ns)
{
	const struct pvclk_point *last = &line->last;
	bool back = (s64)(counter - last->counter) < 0;
	u64 span = back ? last->counter - counter : counter - last->counter;
	u64 dist;

	if (!line->valid || !line->hz || span > PVCLK_SPAN_MAX)
		return false;
	dist = pvclk_counts_to_ns(span, line->hz);
	if (back && dist > last->raw_ns)
		return false;
	*ns = back ? last->raw_ns - dist : last->raw_ns + dist;
	*error_ns = last->error_ns + growth(dist, line->ppb);
	return true;
}

/* The rate between the first point and this one, once they are far enough apart. */
static void measure_rate(struct pvclk_line *line, const struct pvclk_point *point)
{
	const struct pvclk_point *first = &line->first;
	u64 counts = point->counter - first->counter;
	u64 ns = point->raw_ns - first->raw_ns;
	u64 hz, ppb;

	if (ns < RATE_MIN_NS || ns > RATE_MAX_NS || counts > PVCLK_SPAN_MAX)
		return;
	hz = mul_u64_u64_div_u64(counts, NS_PER_S, ns);
	ppb = mul_u64_u64_div_u64(first->error_ns + point->error_ns, NS_PER_S, ns) + 1;
	if (!hz_is_possible(hz) || ppb > NS_PER_S || (line->hz && ppb >= line->ppb))
		return;
	line->hz = hz;
	/* hz is rounded down to a whole number. */
	line->ppb = ppb + NS_PER_S / hz + 1;
}

/* Time was disrupted, or the line begins. The rate outlives that unless it is what has changed. */
static void begin_line(struct pvclk_line *line, const struct pvclk_point *point)
{
	struct pvclk_line new = { .first = *point, .last = *point, .valid = true };

	if (line->confirmed && line->jumps < JUMPS_MAX) {
		new.hz = line->hz;
		new.ppb = line->ppb;
		new.confirmed = true;
		new.jumps = line->jumps + 1;
	}
	*line = new;
}

/**
 * pvclk_line_add() - take an exchange into the line
 * @line: the line; begins with the first exchange
 * @sample: an exchange that passed pvclk_sample_check(), later than the ones before
 * @hz_hint: frequency of the guest's counter, as far as is known
 *
 * Return: false if it contradicts the line: time was disrupted, and a new line has begun.
 */
bool pvclk_line_add(struct pvclk_line *line, const struct pvclk_sample *sample, u64 hz_hint)
{
	struct pvclk_point point = {
		.counter	= pvclk_sample_middle(sample),
		.raw_ns		= sample->raw_ns,
		.error_ns	= pvclk_sample_error(sample, line->hz ? line->hz : hz_hint),
	};
	u64 raw_ns, error_ns = 0, diff;

	if (!line->valid) {
		begin_line(line, &point);
		return true;
	}
	if (line->hz) {
		if (!pvclk_line_raw(line, point.counter, &raw_ns, &error_ns)) {
			begin_line(line, &point);
			return false;
		}
		diff = raw_ns > point.raw_ns ? raw_ns - point.raw_ns : point.raw_ns - raw_ns;
		if (diff > error_ns + point.error_ns + PVCLK_JUMP_NS) {
			begin_line(line, &point);
			return false;
		}
		line->confirmed = true;
		line->jumps = 0;
	}

	measure_rate(line, &point);
	/* A line that began with a slow exchange would know its rate late. */
	if (point.error_ns < line->first.error_ns / 4)
		line->first = point;
	/* What is known of old can be better than what was seen just now. */
	if (!line->hz || !error_ns || point.error_ns <= error_ns)
		line->last = point;
	return true;
}

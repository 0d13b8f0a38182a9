// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page's formulas against the same in arithmetic of 128 bits: within their bounds, over wraps
 * of the counter, and refused where they would overflow (CLOCK-G2). pvclock/math.c as it is; the
 * shim's division aborts where the kernel's would trap.
 */
#include <math.h>
#include <string.h>

#include "../../pvclock/math.h"

#include "ktap.h"

#define SHIFT	50
#define YEAR_NS	(365ULL * 86400 * 1000000000)

static struct pvclk_page make_page(double hz)
{
	return (struct pvclk_page) {
		.epoch = 1,
		.counter = 1ULL << 40,
		.raw_ns = 1000000000000,
		.real_ns = 56 * YEAR_NS,
		.raw_mult = 1e9 / hz * (1ULL << SHIFT),
		.real_mult = 1e9 / hz * (1ULL << SHIFT),
		.error_ns = 30,
		.error_ppb = 1000000,
		.counter_id = PVCLOCK_COUNTER_X86_TSC,
		.shift = SHIFT,
	};
}

static bool raw_is_right(const struct pvclk_page *page, double hz, s64 distance)
{
	long double want = page->raw_ns + (long double)distance * 1e9L / hz;
	u64 ns, error_ns;

	if (!pvclk_page_raw(page, page->counter + distance, &ns, &error_ns))
		return false;
	/* The multiplier itself is rounded: one part in 2^48 at worst. */
	return fabsl(want - ns) <= 2 + fabsl(want - page->raw_ns) / 1e12L &&
	       error_ns >= page->error_ns;
}

static bool frequencies_are_right(void)
{
	static const double hz[] = { 1e6, 24e6, 1e9, 2.1e9, 2999999999., 5.7e9, 1e11 };
	static const s64 distances[] = { 0, 1, -1, 1000, -1000, 1000000000, 1LL << 43, 1LL << 44 };
	unsigned int i, j;
	bool right = true;

	for (i = 0; i < sizeof(hz) / sizeof(hz[0]); i++) {
		struct pvclk_page page = make_page(hz[i]);

		if (pvclk_page_check(&page) || fabs(pvclk_page_hz(&page) - hz[i]) > hz[i] / 1e6) {
			ktap_note("%.0f Hz: %s, %llu", hz[i], pvclk_page_check(&page),
				  (unsigned long long)pvclk_page_hz(&page));
			right = false;
		}
		for (j = 0; j < sizeof(distances) / sizeof(distances[0]); j++) {
			if (!raw_is_right(&page, hz[i], distances[j])) {
				ktap_note("%.0f Hz, distance %lld", hz[i], (long long)distances[j]);
				right = false;
			}
		}
	}
	return right;
}

static bool wraps(void)
{
	struct pvclk_page page = make_page(1e9);
	u64 ns, error_ns;

	page.counter = -1000ULL;
	return pvclk_page_raw(&page, 1000, &ns, &error_ns) && ns == page.raw_ns + 2000 &&
	       pvclk_page_raw(&page, -2000ULL, &ns, &error_ns) && ns == page.raw_ns - 1000;
}

static bool far_is_refused(void)
{
	struct pvclk_page page = make_page(1e9);
	u64 ns, error_ns;

	return !pvclk_page_raw(&page, page.counter + (1ULL << 44) + 1, &ns, &error_ns) &&
	       !pvclk_page_raw(&page, page.counter + (1ULL << 63), &ns, &error_ns) &&
	       !pvclk_page_raw(&page, page.counter - (1ULL << 43), &ns, &error_ns) &&
	       !pvclk_page_real(&page, page.raw_ns + 3601000000000, &ns, &error_ns) &&
	       !pvclk_page_real(&page, ~0ULL, &ns, &error_ns);
}

static bool slew_is_followed(void)
{
	struct pvclk_page page = make_page(1e9);
	u64 ns, error_ns;

	page.real_mult += page.real_mult / 10000;	/* 100 ppm fast */
	return pvclk_page_real(&page, page.raw_ns + 1000000000, &ns, &error_ns) &&
	       ns - page.real_ns >= 1000099998 && ns - page.real_ns <= 1000100001 &&
	       error_ns >= 1000030 && error_ns <= 1000032;
}

static bool refused(struct pvclk_page page, const char *word)
{
	const char *why = pvclk_page_check(&page);

	if (why && strstr(why, word))
		return true;
	ktap_note("%s: %s", word, why ? why : "nothing wrong");
	return false;
}

static bool absurd_pages_are_refused(void)
{
	struct pvclk_page page = make_page(1e9), p;
	bool ok = true;

#define ABSURD(member, value, word)		\
	do {					\
		p = page;			\
		p.member = (value);		\
		ok &= refused(p, word);		\
	} while (0)

	ABSURD(raw_mult, 0, "of 0");
	ABSURD(real_mult, 0, "of 0");
	ABSURD(shift, 64, "shift");
	ABSURD(shift, 255, "shift");
	ABSURD(raw_mult, 1, "frequency");
	ABSURD(raw_mult, ~0ULL, "frequency");
	ABSURD(real_mult, ~0ULL, "wall clock");
	ABSURD(real_mult, page.raw_mult * 2, "wall clock");
	ABSURD(real_mult, page.raw_mult / 2, "wall clock");
	ABSURD(raw_ns, 1ULL << 62, "beyond");
	ABSURD(real_ns, ~0ULL, "beyond");
	return ok;
}

static bool no_counter_needs_no_multiplier(void)
{
	struct pvclk_page page = { .epoch = 1, .raw_ns = 5, .real_ns = 50 * YEAR_NS };
	u64 ns, error_ns;

	return !pvclk_page_check(&page) && pvclk_page_real(&page, 1005, &ns, &error_ns) &&
	       ns == page.real_ns + 1000;
}

static bool lies_are_seen(void)
{
	struct pvclk_page page = make_page(1e9);
	struct pvclk_sample sample = {
		.before = 77, .after = 1077, .counter = page.counter + 1000000,
		.raw_ns = page.raw_ns + 1000000, .real_ns = page.real_ns, .error_ns = 20,
	}, lie;
	bool ok = !pvclk_sample_check(&sample, &page, page.raw_ns) &&
		  !pvclk_sample_check(&sample, NULL, 0);

	lie = sample;
	lie.raw_ns += 5000;
	ok &= !!pvclk_sample_check(&lie, &page, 0);
	lie = sample;
	lie.counter += 1ULL << 50;
	ok &= !!pvclk_sample_check(&lie, &page, 0);
	lie = sample;
	lie.real_ns = ~0ULL;
	ok &= !!pvclk_sample_check(&lie, NULL, 0);
	return ok && pvclk_sample_check(&sample, NULL, sample.raw_ns + 1);
}

int main(void)
{
	ktap_plan(8);
	ktap_ok(frequencies_are_right(), "counters from 1 MHz to 100 GHz");
	ktap_ok(wraps(), "a counter may wrap");
	ktap_ok(far_is_refused(), "what is too far is refused");
	ktap_ok(slew_is_followed(), "a slewed wall clock is followed, with its bound");
	ktap_ok(absurd_pages_are_refused(), "absurd pages are refused, with a reason");
	ktap_ok(no_counter_needs_no_multiplier(), "a host without a counter tells the time");
	ktap_ok(lies_are_seen(), "a clock that goes back or contradicts its page is seen");
	ktap_ok(pvclk_rate_ppb(1000000000, 999999000) == 1000 &&
		pvclk_counts_to_ns(3000000000, 3000000000) == 1000000000 &&
		pvclk_ns_to_counts(1000, 2100000000) == 2100, "conversions");
	return ktap_finish();
}

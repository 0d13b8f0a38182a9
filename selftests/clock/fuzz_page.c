// SPDX-License-Identifier: GPL-2.0-only
/*
 * The clock driver's arithmetic against a host that writes what it likes: no product overflows,
 * no division traps (the shim aborts where x86 would), and what passed the checks is a time
 * (CLOCK-G2, ABI-4). pvclock/math.c as it is.
 */
#include <string.h>

#include "../../pvclock/math.h"

#include "fuzz.h"

static void tell_times(const struct pvclk_page *page, u64 counter, u64 raw_ns)
{
	u64 ns, error_ns;

	if (page->counter_id != PVCLOCK_COUNTER_NONE &&
	    pvclk_page_raw(page, counter, &ns, &error_ns))
		FUZZ_CHECK(ns < 2 * PVCLK_TIME_MAX && error_ns >= page->error_ns);
	if (pvclk_page_real(page, raw_ns, &ns, &error_ns))
		FUZZ_CHECK(ns < 2 * PVCLK_TIME_MAX && error_ns >= page->error_ns);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_input in = { data, len };
	struct pvclk_line line = { 0 };
	struct pvclock_page shared;
	struct pvclk_page page;
	u64 hint = fuzz_number(&in, 8), last_raw_ns = 0;
	bool good;

	if (hint < PVCLK_HZ_MIN || hint > PVCLK_HZ_MAX)
		hint = PVCLK_HZ_MIN;
	memset(&shared, 0, sizeof(shared));
	memcpy(&shared, in.data, in.len < sizeof(shared) ? in.len : sizeof(shared));
	in.data += in.len < sizeof(shared) ? in.len : sizeof(shared);
	in.len -= in.len < sizeof(shared) ? in.len : sizeof(shared);

	good = pvclk_page_read(&page, &shared, 2) && !pvclk_page_check(&page);
	FUZZ_CHECK(!good || page.counter_id == PVCLOCK_COUNTER_NONE || pvclk_page_hz(&page));
	while (in.len) {
		struct pvclk_sample sample = {
			.before = fuzz_number(&in, 8),
			.counter = fuzz_number(&in, 8),
			.raw_ns = fuzz_number(&in, 8),
			.real_ns = fuzz_number(&in, 8),
			.error_ns = fuzz_number(&in, 4),
		};
		u64 ns, error_ns;

		sample.after = sample.before + (fuzz_number(&in, 6) & (PVCLK_SPAN_MAX - 1));
		if (good)
			tell_times(&page, sample.counter, sample.raw_ns);
		if (pvclk_sample_check(&sample, good ? &page : NULL, last_raw_ns))
			continue;
		last_raw_ns = sample.raw_ns;
		FUZZ_CHECK(pvclk_sample_error(&sample, hint) >= sample.error_ns);
		pvclk_line_add(&line, &sample, hint);
		FUZZ_CHECK(line.valid);
		if (line.hz) {
			FUZZ_CHECK(line.hz >= PVCLK_HZ_MIN && line.hz <= PVCLK_HZ_MAX);
			pvclk_rate_ppb(line.hz, hint);
		}
		if (pvclk_line_raw(&line, sample.counter, &ns, &error_ns))
			FUZZ_CHECK(error_ns >= line.last.error_ns);
	}
	return 0;
}

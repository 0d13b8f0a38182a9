/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The arithmetic of the clock: the page, and the guest's counter as a function of the
 * host's unadjusted clock. Pure: no state but what is passed, no kernel but its types, so
 * that the tests build it in user space.
 */
#ifndef _PVCLK_MATH_H
#define _PVCLK_MATH_H

#include <linux/types.h>
#include <uapi/pv/clock.h>

/* Frequencies that a counter can have. */
#define PVCLK_HZ_MIN		1000000ULL
#define PVCLK_HZ_MAX		100000000000ULL
/* Counts over which anything is computed: no product below overflows. */
#define PVCLK_SPAN_MAX		(1ULL << 44)
/* 1970 + 2^62 ns is the year 2116; the kernel's own times end in 2262. */
#define PVCLK_TIME_MAX		(1ULL << 62)
/* A difference from the prediction that is no error of a rate: time was disrupted. */
#define PVCLK_JUMP_NS		100000

/**
 * struct pvclk_page - private copy of the page, in the CPU's byte order
 * @seq: of that writing
 * @epoch: in which it was written
 * @counter: host's counter
 * @raw_ns: host's unadjusted clock at @counter
 * @real_ns: host's wall clock at @counter
 * @raw_mult: ns for each count, times 2^shift
 * @real_mult: ns for each count, times 2^shift
 * @error_ns: bound of the error at @counter
 * @error_ppb: its growth, ns per s
 * @counter_id: PVCLOCK_COUNTER_*
 * @shift: of the multipliers
 */
struct pvclk_page {
	u32	seq;
	u64	epoch;
	u64	counter;
	u64	raw_ns;
	u64	real_ns;
	u64	raw_mult;
	u64	real_mult;
	u32	error_ns;
	u32	error_ppb;
	u8	counter_id;
	u8	shift;
};

/**
 * struct pvclk_sample - one exchange
 * @before: guest's counter before the submission
 * @after: guest's counter after the completion was copied
 * @counter: host's counter in between
 * @raw_ns: host's unadjusted clock
 * @real_ns: host's wall clock
 * @error_ns: of the host's reading
 */
struct pvclk_sample {
	u64	before;
	u64	after;
	u64	counter;
	u64	raw_ns;
	u64	real_ns;
	u32	error_ns;
};

/**
 * struct pvclk_point - a value of the guest's counter and the host's unadjusted clock then
 * @counter: guest's counter
 * @raw_ns: host's unadjusted clock
 * @error_ns: bound of the error of @raw_ns
 */
struct pvclk_point {
	u64	counter;
	u64	raw_ns;
	u64	error_ns;
};

/**
 * struct pvclk_line - the host's unadjusted clock as a function of the guest's counter
 * @first: where the line began
 * @last: the best point of late
 * @hz: frequency of the guest's counter; 0: not measured yet
 * @ppb: bound of the error of @hz, parts in 10^9
 * @jumps: contradictions in a row
 * @valid: it has begun
 * @confirmed: a later point has borne @hz out: nothing happened while it was measured
 */
struct pvclk_line {
	struct pvclk_point	first;
	struct pvclk_point	last;
	u64			hz;
	u32			ppb;
	u8			jumps;
	bool			valid;
	bool			confirmed;
};

u32 pvclk_page_seq(const struct pvclock_page *shared);
bool pvclk_page_read(struct pvclk_page *page, const struct pvclock_page *shared,
		     unsigned int tries);
const char *pvclk_page_check(const struct pvclk_page *page);
u64 pvclk_page_hz(const struct pvclk_page *page);
bool pvclk_page_raw(const struct pvclk_page *page, u64 counter, u64 *ns, u64 *error_ns);
bool pvclk_page_real(const struct pvclk_page *page, u64 raw_ns, u64 *ns, u64 *error_ns);

const char *pvclk_sample_check(const struct pvclk_sample *sample, const struct pvclk_page *page,
			       u64 last_raw_ns);
u64 pvclk_sample_middle(const struct pvclk_sample *sample);
u64 pvclk_sample_error(const struct pvclk_sample *sample, u64 hz);

bool pvclk_line_add(struct pvclk_line *line, const struct pvclk_sample *sample, u64 hz_hint);
bool pvclk_line_raw(const struct pvclk_line *line, u64 counter, u64 *ns, u64 *error_ns);

u64 pvclk_counts_to_ns(u64 counts, u64 hz);
u64 pvclk_ns_to_counts(u64 ns, u64 hz);
u64 pvclk_rate_ppb(u64 hz, u64 other_hz);

#endif /* _PVCLK_MATH_H */

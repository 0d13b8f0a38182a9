/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Histograms of times: how many took how long, in powers of two.
 */
#ifndef HOSTD_HISTOGRAM_H
#define HOSTD_HISTOGRAM_H

#include <stdint.h>

struct json_object;

/* What took less than 2^(SHIFT + i) ns, and not less than half of it, is counted in place i; the first has all
 * below 1 us, the last all from some 34 s on.
 */
#define HOSTD_HISTOGRAM_SHIFT	10
#define HOSTD_HISTOGRAM_LEN	26

/**
 * struct hostd_histogram - a histogram
 * @count: how many
 * @sum_ns: how long all of them took
 */
struct hostd_histogram {
	uint64_t count[HOSTD_HISTOGRAM_LEN];
	uint64_t sum_ns;
};

/**
 * hostd_histogram_place - where a time is counted
 * @ns: the time
 *
 * Return: index of @count.
 */
static inline unsigned int hostd_histogram_place(uint64_t ns)
{
	unsigned int place = ns >> HOSTD_HISTOGRAM_SHIFT ? 64 - __builtin_clzll(ns >> HOSTD_HISTOGRAM_SHIFT) : 0;

	return place < HOSTD_HISTOGRAM_LEN ? place : HOSTD_HISTOGRAM_LEN - 1;
}

/**
 * hostd_histogram_add - count what took some time
 * @h: the histogram
 * @ns: the time
 * @nr: how many
 */
static inline void hostd_histogram_add(struct hostd_histogram *h, uint64_t ns, uint64_t nr)
{
	h->count[hostd_histogram_place(ns)] += nr;
	h->sum_ns += ns * nr;
}

/**
 * hostd_histogram_describe - add a histogram to an object, unless it is empty
 * @h: the histogram
 * @obj: gets it, as { "sum_ns": N, "log2": [ @count ... ] }, without zeroes at the end
 * @name: of the member
 */
void hostd_histogram_describe(const struct hostd_histogram *h, struct json_object *obj, const char *name);

/**
 * hostd_histogram_parse - the other way round
 * @obj: what hostd_histogram_describe() has made, or anything; NULL: nothing
 * @h: is added to
 *
 * Return: how many were counted in @obj.
 */
uint64_t hostd_histogram_parse(struct json_object *obj, struct hostd_histogram *h);

/**
 * hostd_histogram_quantile - below which time some part of all is
 * @h: the histogram
 * @percent: the part
 *
 * Return: ns, twice as much as the truth at most; 0: it is empty.
 */
uint64_t hostd_histogram_quantile(const struct hostd_histogram *h, double percent);

#endif /* HOSTD_HISTOGRAM_H */

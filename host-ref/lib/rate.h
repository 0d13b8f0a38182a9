/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Limits of a rate: so much in a second, on average, and so much at once.
 *
 * Nothing is ever dropped or refused for a limit: what is beyond it waits. What is taken may be larger than
 * what is allowed at once; what follows waits longer then.
 */
#ifndef HOSTD_RATE_H
#define HOSTD_RATE_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct hostd_rate - a limit
 * @per_second: in a second; 0: there is none
 * @burst_ns: so much may come at once, as time at that rate
 * @due_ns: when what was taken would have been, at exactly that rate
 */
struct hostd_rate {
	uint64_t per_second;
	uint64_t burst_ns;
	uint64_t due_ns;
};

/**
 * hostd_rate_at - when may more be taken
 * @rate: the limit
 *
 * Return: the time; 0: at once.
 */
static inline uint64_t hostd_rate_at(const struct hostd_rate *rate)
{
	return rate->per_second && rate->due_ns > rate->burst_ns ? rate->due_ns - rate->burst_ns : 0;
}

/**
 * hostd_rate_allows - may more be taken
 * @rate: the limit
 * @now_ns: the time
 *
 * Return: true if so, whatever its amount.
 */
static inline bool hostd_rate_allows(const struct hostd_rate *rate, uint64_t now_ns)
{
	return now_ns >= hostd_rate_at(rate);
}

/**
 * hostd_rate_take - something was taken
 * @rate: the limit
 * @now_ns: the time
 * @amount: how much; at most 2^34
 */
static inline void hostd_rate_take(struct hostd_rate *rate, uint64_t now_ns, uint64_t amount)
{
	if (!rate->per_second)
		return;
	if (rate->due_ns < now_ns)
		rate->due_ns = now_ns;
	rate->due_ns += amount * 1000000000ULL / rate->per_second;
}

/**
 * hostd_rate_set - change a limit while it holds
 * @rate: the limit
 * @now_ns: the time
 * @per_second: from now on; 0: there is none any more
 * @burst_ns: likewise
 *
 * What was taken beyond the old one does not count against the new one.
 */
static inline void hostd_rate_set(struct hostd_rate *rate, uint64_t now_ns, uint64_t per_second, uint64_t burst_ns)
{
	if (rate->per_second == per_second && rate->burst_ns == burst_ns)
		return;
	*rate = (struct hostd_rate) { .per_second = per_second, .burst_ns = burst_ns, .due_ns = now_ns };
}

#endif /* HOSTD_RATE_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A limit of bytes in a second, for one direction.
 *
 * It is kept on average, with bursts of NET_RATE_BURST_NS, and never by dropping: what is beyond it waits.
 */
#ifndef HOSTD_NET_RATE_H
#define HOSTD_NET_RATE_H

#include <stdbool.h>
#include <stdint.h>

/* So much may come at once, as time. */
#define NET_RATE_BURST_NS	20000000ULL
/* Least limit: then the longest frame takes a second. */
#define NET_RATE_MIN		(64U << 10)

/**
 * struct net_rate - a limit
 * @bytes: in a second; 0: there is none
 * @due_ns: when what was taken would have been, at exactly that rate
 */
struct net_rate {
	uint64_t bytes;
	uint64_t due_ns;
};

/**
 * net_rate_at - when may a frame be taken
 * @rate: the limit
 *
 * Return: the time; 0: at once.
 */
static inline uint64_t net_rate_at(const struct net_rate *rate)
{
	return rate->bytes && rate->due_ns > NET_RATE_BURST_NS ? rate->due_ns - NET_RATE_BURST_NS : 0;
}

/**
 * net_rate_allows - may a frame be taken
 * @rate: the limit
 * @now_ns: the time
 *
 * Return: true if so, whatever its length.
 */
static inline bool net_rate_allows(const struct net_rate *rate, uint64_t now_ns)
{
	return now_ns >= net_rate_at(rate);
}

/**
 * net_rate_take - a frame was taken
 * @rate: the limit
 * @now_ns: the time
 * @len: of the frame
 */
static inline void net_rate_take(struct net_rate *rate, uint64_t now_ns, uint32_t len)
{
	if (!rate->bytes)
		return;
	if (rate->due_ns < now_ns)
		rate->due_ns = now_ns;
	rate->due_ns += len * 1000000000ULL / rate->bytes;
}

#endif /* HOSTD_NET_RATE_H */

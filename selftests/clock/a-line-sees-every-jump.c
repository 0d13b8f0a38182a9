// SPDX-License-Identifier: GPL-2.0-only
/*
 * The line through exchanges with a simulated host: the frequency comes out within its
 * bound, the time told between exchanges lies within its bound, and a pause, a restore, a
 * migration is seen by the next exchange while a slow exchange is not taken for one.
 * pvclock/math.c as it is.
 */
#include <stdlib.h>

#include "../../pvclock/math.h"

#include "ktap.h"

/**
 * struct world - a guest and a host whose true relation is known
 * @true_ns: time that has passed on the host
 * @hz: true frequency of the guest's counter
 * @offset: guest's counter at 0 ns
 * @raw0: the host's unadjusted clock at 0 ns
 */
struct world {
	double	true_ns;
	double	hz;
	u64	offset;
	u64	raw0;
};

static u64 guest_counter(const struct world *w, double ns)
{
	return w->offset + (u64)(ns * w->hz / 1e9);
}

/* An exchange of @rtt_ns, the host's reading anywhere in it. */
static struct pvclk_sample exchange(struct world *w, double rtt_ns)
{
	double at = w->true_ns + rtt_ns * (rand() % 1001) / 1000;
	struct pvclk_sample s = {
		.before = guest_counter(w, w->true_ns),
		.after = guest_counter(w, w->true_ns + rtt_ns),
		.raw_ns = w->raw0 + (u64)at,
		.error_ns = 30,
	};

	w->true_ns += rtt_ns;
	return s;
}

static double any_rtt(void)
{
	return rand() % 20 ? 1200 + rand() % 500 : 1200 + rand() % 5000000;
}

static bool add(struct pvclk_line *line, struct world *w)
{
	struct pvclk_sample s = exchange(w, any_rtt());

	return pvclk_line_add(line, &s, w->hz * 1.001);
}

/* Whether the time told now, without an exchange, is true within its bound. */
static bool tells_truth(const struct pvclk_line *line, const struct world *w)
{
	u64 ns, error_ns, truth = w->raw0 + (u64)w->true_ns;

	if (!pvclk_line_raw(line, guest_counter(w, w->true_ns), &ns, &error_ns))
		return false;
	return (ns > truth ? ns - truth : truth - ns) <= error_ns + 1;
}

static bool follows(double hz, u64 offset)
{
	struct world w = { .hz = hz, .offset = offset, .raw0 = 123456789 };
	struct pvclk_line line = { 0 };
	unsigned int i;

	for (i = 0; i < 200; i++) {
		if (!add(&line, &w)) {
			ktap_note("%.0f Hz: a jump at %u that was none", hz, i);
			return false;
		}
		w.true_ns += 1e9;
		if (i > 1 && !tells_truth(&line, &w)) {
			ktap_note("%.0f Hz: out of bounds at %u", hz, i);
			return false;
		}
	}
	return (line.hz > hz ? line.hz - hz : hz - line.hz) <= hz * line.ppb / 1e9 + 1 &&
	       line.ppb < 2000;
}

static bool all_follow(void)
{
	static const double hz[] = { 1e6 + 0.5, 24e6, 1e9, 2.1e9 + 0.3, 3.7e9, 9.9e10 };
	bool ok = true;
	unsigned int i;

	for (i = 0; i < sizeof(hz) / sizeof(hz[0]); i++)
		ok &= follows(hz[i], rand()) && follows(hz[i], -1000ULL);
	return ok;
}

/* What happens in between, and whether the next exchange sees it, and the line is good again. */
static bool sees(const char *what, void (*happen)(struct world *w), bool jump)
{
	struct world w = { .hz = 2.1e9, .offset = 1ULL << 50, .raw0 = 3600ULL * 1000000000 };
	struct pvclk_line line = { 0 };
	unsigned int i;
	bool ok;

	for (i = 0; i < 5; i++) {
		add(&line, &w);
		w.true_ns += 1e9;
	}
	happen(&w);
	ok = add(&line, &w) == !jump;
	for (i = 0; i < 3; i++) {
		w.true_ns += 1e9;
		ok &= add(&line, &w);
	}
	if (!ok || !tells_truth(&line, &w))
		ktap_note("%s: not seen, or not mended", what);
	return ok && tells_truth(&line, &w);
}

/* The counter stands for a while. */
static void pause_1ms(struct world *w)
{
	w->offset -= 2100000;
}

static void pause_an_hour(struct world *w)
{
	w->offset -= 3600 * 2100000000ULL;
}

/* The counter is what it was before. */
static void restore(struct world *w)
{
	w->offset -= 2 * 2100000000ULL;
}

/* Another host: another time since its boot. */
static void migrate_to_older(struct world *w)
{
	w->raw0 += 86400ULL * 1000000000;
}

static void migrate_to_younger(struct world *w)
{
	w->raw0 -= 3000ULL * 1000000000;
}

/* A pause while the rate is measured is not taken for a rate. */
static bool measures_again(void)
{
	struct world w = { .hz = 2.1e9, .offset = 1ULL << 50, .raw0 = 3600ULL * 1000000000 };
	struct pvclk_line line = { 0 };
	unsigned int i;

	add(&line, &w);
	w.true_ns += 1e9;
	pause_1ms(&w);
	for (i = 0; i < 6; i++) {
		add(&line, &w);
		if (line.confirmed && (line.hz < 2099900000 || line.hz > 2100100000)) {
			ktap_note("%llu Hz after a pause", (unsigned long long)line.hz);
			return false;
		}
		w.true_ns += 1e9;
	}
	return line.confirmed;
}

/* Another host, whose counter is another one, is found out, and followed. */
static bool follows_another_rate(void)
{
	struct world w = { .hz = 2.1e9, .offset = 1ULL << 50, .raw0 = 3600ULL * 1000000000 };
	struct pvclk_line line = { 0 };
	unsigned int i;

	for (i = 0; i < 20; i++) {
		if (i == 5) {
			w.offset = guest_counter(&w, w.true_ns) - (u64)(w.true_ns * 3.3);
			w.hz = 3.3e9;
		}
		add(&line, &w);
		w.true_ns += 1e9;
	}
	return line.confirmed && line.hz > 3299900000 && line.hz < 3300100000 &&
	       tells_truth(&line, &w);
}

static void nothing(struct world *w)
{
	w->true_ns += 30e9;
}

int main(void)
{
	srand(1);
	ktap_plan(9);
	ktap_ok(all_follow(), "counters from 1 MHz to 99 GHz are followed within the bounds");
	ktap_ok(sees("nothing", nothing, false), "half a minute without an exchange is no jump");
	ktap_ok(sees("pause", pause_1ms, true), "a pause of 1 ms is a jump");
	ktap_ok(sees("long pause", pause_an_hour, true), "a pause of an hour is a jump");
	ktap_ok(sees("restore", restore, true), "a restored snapshot is a jump");
	ktap_ok(sees("older host", migrate_to_older, true), "so is a host that is up for longer");
	ktap_ok(sees("younger host", migrate_to_younger, true), "and one that is up for less");
	ktap_ok(measures_again(), "a pause while the rate is measured is not taken for a rate");
	ktap_ok(follows_another_rate(), "another rate is followed");
	return ktap_finish();
}

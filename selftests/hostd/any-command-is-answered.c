// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each command of the control socket, right or almost, is answered by one line of JSON in bounded time,
 * with an honest worker and with one that lies, is silent and goes away; afterwards all is well.
 *
 * PVKIT_COMMANDS=100000 makes a night of it, PVKIT_SEED another one.
 */
#include "fuzzlife.h"

static unsigned int from_env(const char *name, unsigned int def)
{
	return getenv(name) ? strtoul(getenv(name), NULL, 0) : def;
}

/* As many as were asked for; true if all were answered. */
static bool run(unsigned int nr, unsigned int lies, uint64_t seed)
{
	bool good = true;

	fuzzlife_start(seed, lies);
	fuzz.nr_commands = fuzz.nr_lies = 0;
	while (good && fuzz.nr_commands < nr) {
		good = fuzzlife_command();
		if (!fuzz.t.b->stopping)
			continue;
		testlife_stop(&fuzz.t);
		fuzzlife_start(seed + fuzz.nr_commands, lies);
	}
	ktap_note("%u commands, %u lies, seed %llu", fuzz.nr_commands, fuzz.nr_lies,
		  (unsigned long long)seed);
	return good;
}

int main(void)
{
	unsigned int nr = from_env("PVKIT_COMMANDS", 4000);
	uint64_t seed = from_env("PVKIT_SEED", 1);

	ktap_plan(6);
	ktap_ok(run(nr, 0, seed), "an honest worker: every command is answered");
	ktap_ok(fuzzlife_recovers(), "and it serves");
	ktap_ok(!testlife_stop(&fuzz.t), "and ends well");
	ktap_ok(run(nr / 10, 4, seed), "a worker that lies: every command is answered");
	ktap_ok(fuzzlife_recovers(), "and an honest one serves");
	ktap_ok(testlife_stop(&fuzz.t) >= 0, "and ends");
	return ktap_finish();
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is in flight is nobody's, however long the device is silent, so it is little (BALLOON-G12): a device that has
 * not answered for a while is given 4 MiB, one that falls silent while it is given memory has no more than the balloon
 * leaves to the guest. When it answers again the balloon goes on, in a few large requests. All else comes
 * back to a guest that is short of memory, also what the balloon just takes, and what another just gives back; the kernel
 * does not kill for memory that comes within half a second.
 * The guest's files as they are, with memory, a kernel and a device that the test plays.
 */
#include <stdio.h>

#include "play.h"

#define MIB		((u64)1 << 20)
/* What the balloon leaves to a guest of so much memory. */
#define RESERVE		(16 * MIB)
/* A large block, or what is taken of small ones at a time. */
#define PORTION		(2 * MIB)

void shim_module_init(void);

static u64 most_in_flight;

static void watch(void)
{
	u64 now = pvballoon_in_flight(balloon());

	most_in_flight = now > most_in_flight ? now : most_in_flight;
}

/* Another target, and so many minutes. */
static void aim(u64 mib, unsigned int minutes)
{
	most_in_flight = 0;
	on_sleep = watch;
	config.target = htole64(mib * MIB);
	driver->config_changed(&pdev);
	run(minutes * MINUTE);
	on_sleep = NULL;
}

/* The kernel is about to kill. Returns how much it hears is free. */
static u64 before_kill(void)
{
	unsigned long pages = 0;

	balloon()->oom.notifier_call(&balloon()->oom, 0, &pages);
	return pages * PAGE_SIZE;
}

static void a_silent_device(bool pieces, const char *what)
{
	begin(0, pieces);
	silent = true;
	aim(100, 10);
	ktap_ok(most_in_flight && most_in_flight <= 4 * MIB && pvballoon_held(balloon()) <= 8 * MIB,
		"a device that is silent is given 4 MiB, in %s: %llu KiB of %llu", what,
		most_in_flight >> 10, pvballoon_held(balloon()) >> 10);
	silent = false;
	aim(100, 1);
	ktap_ok(pvballoon_given(balloon()) == 100 * MIB, "and all when it answers");
	end();
	ktap_ok(!nr_taken && !nr_wrong, "nothing is lost");
}

static void a_device_that_falls_silent(void)
{
	begin(0, false);
	aim(200, 1);
	ktap_ok(pvballoon_given(balloon()) == 200 * MIB && nr_inflates <= 15,
		"200 MiB are given in a few requests: %u", nr_inflates);
	aim(100, 1);
	silent = true;
	aim(200, 10);
	ktap_ok(most_in_flight && most_in_flight <= 4 * MIB, "one that has answered long before is given no more: %llu MiB",
		most_in_flight / MIB);
	silent = false;
	aim(0, 1);
	silent_after = 8;
	aim(200, 10);
	ktap_ok(silent && most_in_flight > 4 * MIB && most_in_flight <= RESERVE,
		"a device that falls silent then has no more than what is left to the guest: %llu MiB",
		most_in_flight / MIB);
	ktap_ok(pvballoon_held(balloon()) - pvballoon_given(balloon()) <= 2 * RESERVE,
		"and no more is taken from that than for another request");
	aim(0, 0);
	flush_work(&balloon()->balance.work);
	ktap_ok(pvballoon_held(balloon()) == pvballoon_in_flight(balloon()), "another target counts at once");
	silent = false;
	aim(200, 1);
	ktap_ok(pvballoon_given(balloon()) == 200 * MIB, "when it answers the balloon goes on");
	end();
	ktap_ok(!nr_taken && !nr_wrong, "nothing is lost");
}

static void another_life(void)
{
	begin(0, false);
	silent_after = 8;
	aim(200, 0);
	flush_work(&balloon()->balance.work);
	ktap_ok(!restart() && !pvballoon_in_flight(balloon()), "nothing is in flight in another life");
	silent = false;
	silent_after = 1;
	aim(200, 10);
	ktap_ok(most_in_flight > 4 * MIB && most_in_flight <= 8 * MIB,
		"which begins with 4 MiB, and goes on with 8: %llu KiB", most_in_flight >> 10);
	silent = false;
	aim(200, 1);
	ktap_ok(pvballoon_given(balloon()) == 200 * MIB, "and goes on when the device answers");
	end();
	ktap_ok(!nr_taken && !nr_wrong, "nothing is lost");
}

/* Another one is short of memory while the balloon takes the 5th block. */
static void fall_short(void)
{
	static unsigned int nr;

	if (++nr % 5)
		return;
	on_alloc = NULL;
	before_kill();
	before_kill();
}

static void relief_while_it_grows(void)
{
	begin(0, false);
	on_alloc = fall_short;
	aim(200, 0);
	flush_work(&balloon()->balance.work);
	/* Two blocks were in flight. */
	ktap_ok(!on_alloc && pvballoon_held(balloon()) <= 4 * MIB + PORTION,
		"a balloon that grows gives up when the guest is short of memory: %llu KiB",
		pvballoon_held(balloon()) >> 10);
	aim(200, 1);
	ktap_ok(pvballoon_given(balloon()) == 200 * MIB, "for a while");
	end();
	ktap_ok(!nr_taken && !nr_wrong, "nothing is lost");
}

static u64 heard;

static void ask(void)
{
	on_free = NULL;
	heard = before_kill();
}

static void answer(void)
{
	flush_work(&balloon()->balance.work);
}

static void kills(void)
{
	unsigned long start;

	begin(60, false);
	on_free = ask;
	pvballoon_shrink(balloon(), U64_MAX);
	ktap_ok(heard == 60 * MIB, "what another just gives back is free");
	ktap_ok(!before_kill(), "once");
	end();

	begin(60, false);
	pvballoon_shrink(balloon(), U64_MAX);
	ktap_ok(before_kill() == 60 * MIB, "what another has given back before is free");
	ktap_ok(!before_kill(), "once");
	end();

	begin(0, false);
	silent = true;
	aim(100, 1);
	before_kill();
	ktap_ok(pvballoon_held(balloon()) == pvballoon_in_flight(balloon()), "all comes back but what is in flight");
	start = jiffies;
	ktap_ok(!before_kill() && jiffies - start <= HZ, "which is waited for, and not for long");
	answer_at = jiffies + 1;
	on_sleep = answer;
	ktap_ok(before_kill() == 4 * MIB, "and comes when the device answers");
	on_sleep = NULL;
	end();
	ktap_ok(!nr_taken && !nr_wrong, "nothing is lost");
}

int main(void)
{
	ktap_plan(28);
	shim_module_init();
	a_silent_device(false, "large blocks");
	a_silent_device(true, "pages");
	a_device_that_falls_silent();
	another_life();
	relief_while_it_grows();
	kills();
	return ktap_finish();
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device that is silent may free, whenever it goes on, what it was told to: memory that was reported is
 * kept until it has answered, however long (BALLOON-G5), and by a driver that leaves too, and none is reported to
 * one that is silent already (BALLOON-G13); of what was about
 * to be given nothing comes back (BALLOON-G3). All else does: relief ends at no number of pieces
 * (BALLOON-G10), and the driver leaves when the kernel has done with pages that made way, not before. What
 * it cannot be is served without: a command that needs no feature is no such. What a new life does not know of is
 * taken note of in portions, as the bus, and all its devices, may wait for the lock.
 * The guest's files as they are, with memory, a kernel and a device that the test plays.
 */
#include <stdio.h>
#include <linux/scatterlist.h>

#include "play.h"

void shim_module_init(void);

static void all_comes_back(void)
{
	begin(64, false);
	ktap_ok(pvballoon_given(balloon()) == 64 << 20 && nr_taken == 16384, "64 MiB are given");
	end();
	ktap_ok(!nr_taken && !nr_wrong, "a driver that leaves gives all back");
}

/* Blocks that are given no more, each time that somebody else may have the lock which the bus wants in freeze. */
static unsigned long last_given, most_forgotten;

void shim_resched(void)
{
	unsigned long given;

	if (!balloon() || balloon()->main.lock.held)
		return;
	given = balloon()->pools[PVBALLOON_SMALL].nr_given;
	if (given < last_given && last_given - given > most_forgotten)
		most_forgotten = last_given - given;
	last_given = given;
}

/* Another life, and then the driver leaves: the device knows nothing of all that it was given. */
static void all_is_forgotten(void)
{
	unsigned long in_new_life;

	begin(100, true);
	last_given = 0;
	shim_resched();
	most_forgotten = 0;
	ktap_ok(last_given == 25600 && !restart(), "100 MiB are given in single pages, and the device forgets all");
	run(2 * HZ);
	in_new_life = most_forgotten;
	most_forgotten = 0;
	end();
	ktap_note("at once: %lu pages, and %lu by a driver that leaves", in_new_life, most_forgotten);
	ktap_ok(in_new_life && in_new_life <= 1024 && most_forgotten && most_forgotten <= 1024,
		"the lock that the bus wants is let go in between");
	ktap_ok(!nr_taken && !nr_wrong, "and nothing is lost");
}

static void relief(void)
{
	u64 given;

	begin(100, true);
	given = pvballoon_given(balloon());
	ktap_ok(given == 100 << 20, "100 MiB are given in single pages");
	silent = true;
	ktap_ok(pvballoon_shrink(balloon(), U64_MAX) == given && !nr_taken,
		"all come back while the device is silent, whatever their number");
	config.target = 0;
	driver->config_changed(&pdev);
	silent = false;
	run(2 * HZ);
	ktap_ok(nr_restarts && balloon()->reset_due, "the device is to forget what it was not told one by one");
	ktap_ok(!restart() && !balloon()->reset_due, "which a restart does");
	run(2 * HZ);
	end();
	ktap_ok(!nr_taken && !nr_wrong, "and nothing is lost");
}

static void pages_make_way(void)
{
	struct balloon_dev_info *info;
	struct page *page;

	begin(8, true);
	info = &balloon()->movable;
	page = list_first_entry(&info->pages, struct page, lru);
	/* The kernel isolates a page, moves it, and is not done with the balloon for a second. */
	list_del(&page->lru);
	info->isolated_pages++;
	info->migratepage(info, NULL, page, MIGRATE_SYNC);
	end();
	ktap_ok(!deflating, "the driver leaves when the kernel has done with a page that made way");
	__free_pages(page, 0);
	ktap_ok(!nr_taken && !nr_wrong, "and nothing is lost");
}

/* In a new life of the device all is given again, but for a page that the kernel may have locked. */
static void pages_are_looked_at(void)
{
	begin(8, true);
	list_first_entry(&balloon()->movable.pages, struct page, lru)->looked_at = true;
	ktap_ok(!restart(), "the device forgets all");
	run(2 * HZ);
	ktap_ok(balloon()->moved == 1 && pvballoon_given(balloon()) == 8 << 20,
		"and is given all again, another page instead of one that somebody looks at");
	end();
	ktap_ok(!nr_taken && !nr_wrong, "and nothing is lost");
}

static void reports(void)
{
	struct scatterlist sg = { .phys = 32 << 20, .length = 2 << 20 };
	struct pvballoon *b;
	unsigned long start;
	int err;

	begin(0, false);
	b = balloon();
	ktap_ok(b->reporting, "free memory is reported");
	silent = true;
	start = jiffies;
	err = b->prdev.report(&b->prdev, &sg, 1);
	ktap_ok(err && b->prdev.report(&b->prdev, &sg, 1) && jiffies - start <= HZ,
		"not to a device that is silent, which is asked once");
	silent = false;
	run(2 * HZ);
	ktap_ok(b->reporting && !b->report_anew && !b->prdev.report(&b->prdev, &sg, 1),
		"and again when it answers");
	falls_silent = true;
	start = jiffies;
	answer_at = jiffies + 10 * MINUTE;
	err = b->prdev.report(&b->prdev, &sg, 1);
	falls_silent = false;
	ktap_ok(!err && jiffies - start >= 10 * MINUTE, "and kept from the guest until the device has answered");

	/* As above, with the queue stopped meanwhile, and started by another life. */
	silent = true;
	start = jiffies;
	answer_at = jiffies + 10 * MINUTE;
	WRITE_ONCE(b->reports.running, false);
	mutex_lock(&b->reports.lock);
	pvballoon_submit(&b->reports, pvballoon_get_slot(&b->reports, 0), &(struct pvballoon_request) {
		.op = PVBALLOON_OP_REPORT, .optional = true }, 1);
	mutex_unlock(&b->reports.lock);
	silent_stops = 100;
	shim_log_lines = 0;
	end();
	ktap_ok(nr_stops > 100 && shim_log_lines, "a driver that leaves asks a silent device until it answers, and says so");

	begin(0, false);
	silent = true;
	b = balloon();
	err = b->prdev.report(&b->prdev, &sg, 1);
	silent_stops = 100;
	end();
	ktap_ok(err && nr_stops == 1, "but not for the answer to a question");
	ktap_ok(!nr_kept, "the kernel's work of one CPU, that reports, waits with no lock of the channel");
}

static void gifts(void)
{
	begin(0, false);
	silent = true;
	config.target = htole64(64 << 20);
	driver->config_changed(&pdev);
	run(HZ);
	silent_stops = 100;
	end();
	ktap_ok(nr_taken && nr_taken <= 16384 && nr_stops == 1, "what a silent device may still be given does not come back");
}

static void unserved(void)
{
	begin(16, false);
	refuses_deflate = true;
	config.target = 0;
	driver->config_changed(&pdev);
	run(2 * HZ);
	ktap_ok(broken, "a device that does not serve DEFLATE lies");
	refuses_deflate = false;
	end();
}

int main(void)
{
	ktap_plan(24);
	shim_module_init();
	all_comes_back();
	all_is_forgotten();
	relief();
	pages_make_way();
	pages_are_looked_at();
	reports();
	gifts();
	unserved();
	return ktap_finish();
}

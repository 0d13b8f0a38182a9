// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device that is silent may free, whenever it goes on, what it was told to: memory that was reported is
 * kept until it has answered, however long (BALLOON-G5), and by a driver that leaves too; of what was about
 * to be given nothing comes back (BALLOON-G3). All else does: relief ends at no number of pieces
 * (BALLOON-G10), and the driver leaves when the kernel has done with pages that made way, not before. What
 * it cannot be is served without: a command that needs no feature is no such.
 * The guest's files as they are, with memory, a kernel and a device that the test plays.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/ioport.h>
#include <linux/module.h>
#include <linux/scatterlist.h>

#include "../../pvballoon/pvballoon.h"

#include "worker/bus/ring.h"
#include "ktap.h"

#define NR_PAGES	65536
#define MINUTE		(60 * HZ)

void shim_module_init(void);

static struct page memory[NR_PAGES];
static unsigned long nr_taken, nr_wrong;
static bool in_pieces;

static struct pvballoon_config config = { .granule = 4096 };
static struct pvbus_device pdev = { .max_queues = 2, .max_queue_size = PVBALLOON_QUEUE_SIZE };
static struct pvbus_queue queue[2];
static struct pvbus_queue *queues[] = { &queue[0], &queue[1] };
static struct hring device[2];
static struct pvbus_driver *driver;
static void (*callback)(struct pvbus_queue *queue);
static bool silent, refuses_deflate;
static const char *broken;
static unsigned int nr_stops, nr_restarts, silent_stops;
static unsigned long answer_at, deflated_at;
static struct balloon_dev_info *deflating;

static struct pvballoon *balloon(void)
{
	return pvbus_get_drvdata(&pdev);
}

/* The guest's memory. */

u64 page_to_phys(const struct page *page)
{
	return (u64)(page - memory) * PAGE_SIZE;
}

struct page *alloc_pages(gfp_t gfp, unsigned int order)
{
	unsigned long nr = 1UL << order, at, i, step = in_pieces ? 2 : nr;

	(void)gfp;
	for (at = 0; at + nr <= NR_PAGES && !(in_pieces && order); at += step) {
		for (i = 0; i < nr && !memory[at + i].taken; i++)
			;
		if (i < nr)
			continue;
		for (i = 0; i < nr; i++)
			memory[at + i].taken = true;
		nr_taken += nr;
		return &memory[at];
	}
	return NULL;
}

void __free_pages(struct page *page, unsigned int order)
{
	unsigned long i;

	for (i = 0; i < 1UL << order; i++) {
		nr_wrong += !page[i].taken || page[i].offline;
		page[i].taken = false;
	}
	nr_taken -= 1UL << order;
}

void *kmap_local_page(struct page *page)
{
	static u8 content[PAGE_SIZE];

	(void)page;
	return content;
}

int walk_iomem_res_desc(unsigned long desc, unsigned long flags, u64 start, u64 end, void *arg,
			int (*fn)(struct resource *res, void *arg))
{
	struct resource all = { 0, NR_PAGES * PAGE_SIZE - 1 };

	(void)desc;
	(void)flags;
	(void)start;
	(void)end;
	return fn(&all, arg);
}

int compat_balloon_deflated(struct balloon_dev_info *info, struct page *page)
{
	(void)page;
	deflating = info;
	deflated_at = jiffies + HZ;
	return 0;
}

/* The device. */

static void serve(unsigned int nr)
{
	struct pvballoon_sqe sqe;
	struct pvballoon_cqe cqe;

	while (!silent && device[nr].size && hring_pop(&device[nr], &sqe) == 1) {
		cqe = (struct pvballoon_cqe) { .id = sqe.id };
		if (refuses_deflate && sqe.op == PVBALLOON_OP_DEFLATE)
			cqe.status = htole32(PVBALLOON_S_UNSUPP);
		hring_push(&device[nr], &cqe, 0);
	}
}

/* Time passes, and others do what they are about to. */
void shim_sleep(unsigned long timeout)
{
	shim_jiffies += timeout < HZ ? timeout : HZ;
	if (answer_at && time_after(jiffies, answer_at)) {
		silent = false;
		answer_at = 0;
	}
	if (deflating && time_after(jiffies, deflated_at)) {
		/* Nobody may have freed the balloon: AddressSanitizer looks. */
		deflating->isolated_pages--;
		deflating = NULL;
	}
	serve(0);
	serve(1);
}

/* The rest of the kernel and of the kit. */

int __pvbus_register_driver(struct pvbus_driver *drv, struct module *owner)
{
	(void)owner;
	driver = drv;
	return 0;
}

void pvbus_unregister_driver(struct pvbus_driver *drv)
{
	(void)drv;
}

int pvbus_read_config(struct pvbus_device *dev, void *copy, size_t len)
{
	(void)dev;
	memcpy(copy, &config, len);
	return 0;
}

int pvbus_alloc_queues(struct pvbus_device *dev, unsigned int nr, const struct pvbus_queue_params *params)
{
	unsigned int i;

	callback = params->callback;
	for (i = 0; i < nr; i++) {
		u64 drv_len = 64 + (params->size << params->sqe_shift), dev_len = 64 + (params->size << params->cqe_shift);
		void *drv_area = aligned_alloc(64, drv_len), *dev_area = aligned_alloc(64, dev_len);

		memset(drv_area, 0, drv_len);
		memset(dev_area, 0, dev_len);
		queue[i].pdev = dev;
		queue[i].data = calloc(1, params->data_len);
		pvring_init(&queue[i].ring, drv_area, dev_area, params->size, params->sqe_shift, params->cqe_shift);
		if (hring_init(&device[i], drv_area, dev_area, params->size, params->sqe_shift, params->cqe_shift))
			abort();
	}
	dev->queues = queues;
	dev->nr_queues = nr;
	return 0;
}

void pvbus_free_queues(struct pvbus_device *dev)
{
	unsigned int i;

	for (i = 0; i < dev->nr_queues; i++) {
		free(queue[i].data);
		free(queue[i].ring.drv);
		free((void *)queue[i].ring.dev);
		hring_exit(&device[i]);
		device[i].size = 0;
	}
	dev->queues = NULL;
	dev->nr_queues = 0;
}

int pvbus_device_start(struct pvbus_device *dev)
{
	(void)dev;
	return 0;
}

int pvbus_device_stop(struct pvbus_device *dev)
{
	(void)dev;
	nr_stops++;
	return nr_stops <= silent_stops ? -ETIMEDOUT : 0;
}

void pvbus_device_broken(struct pvbus_device *dev, const char *why)
{
	(void)dev;
	broken = why;
}

void pvbus_device_restart(struct pvbus_device *dev)
{
	(void)dev;
	nr_restarts++;
}

bool pvbus_epoch_over(struct pvbus_device *dev)
{
	(void)dev;
	return false;
}

u32 pvbus_sleep_ns(const struct pvbus_device *dev)
{
	(void)dev;
	return 10000;
}

void pvbus_kick(struct pvbus_queue *q)
{
	serve(q - queue);
}

const struct attribute_group *pvballoon_groups[1];

int pvballoon_relief_start(struct pvballoon *b)
{
	(void)b;
	return 0;
}

void pvballoon_relief_stop(struct pvballoon *b)
{
	(void)b;
}

u64 pvballoon_headroom(void)
{
	return NR_PAGES * PAGE_SIZE;
}

void pvballoon_stats_collect(struct pvballoon *b)
{
	(void)b;
}

void pvballoon_stats_send(struct pvballoon *b)
{
	(void)b;
}

/* Let the balloon move until nothing moves it. */
static void run(unsigned long time)
{
	unsigned long end = jiffies + time;

	while (time_before(jiffies, end)) {
		flush_work(&balloon()->balance.work);
		flush_work(&balloon()->reporter);
		shim_sleep(1);
		if (!silent)
			driver->watchdog(&pdev);
	}
}

static void begin(u64 mib, bool pieces)
{
	memset(memory, 0, sizeof(memory));
	nr_taken = 0;
	nr_stops = 0;
	silent_stops = 0;
	silent = false;
	in_pieces = pieces;
	config.target = htole64(mib << 20);
	pdev.features[0] = BIT_ULL(PVBALLOON_F_RETURN) | BIT_ULL(PVBALLOON_F_REPORT);
	if (driver->probe(&pdev))
		ktap_bail("no balloon");
	run(10 * HZ);
}

static void end(void)
{
	driver->remove(&pdev);
}

static void all_comes_back(void)
{
	begin(64, false);
	ktap_ok(pvballoon_given(balloon()) == 64 << 20 && nr_taken == 16384, "64 MiB are given");
	end();
	ktap_ok(!nr_taken && !nr_wrong, "a driver that leaves gives all back");
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
	driver->freeze(&pdev);
	ktap_ok(!driver->restore(&pdev) && !balloon()->reset_due, "which a restart does");
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
	answer_at = jiffies + 10 * MINUTE;
	err = b->prdev.report(&b->prdev, &sg, 1);
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
	ktap_plan(14);
	shim_module_init();
	all_comes_back();
	relief();
	pages_make_way();
	reports();
	gifts();
	unserved();
	return ktap_finish();
}

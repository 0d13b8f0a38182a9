/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's files of the balloon as they are, with memory, a kernel and a device that the test plays.
 */
#ifndef PLAY_H
#define PLAY_H

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

static struct page memory[NR_PAGES];
static unsigned long nr_taken, nr_wrong;
static bool in_pieces;
/* What others do meanwhile. */
static void (*on_alloc)(void), (*on_free)(void), (*on_sleep)(void);

static struct pvballoon_config config = { .granule = 4096 };
static struct pvbus_device pdev = { .max_queues = 2, .max_queue_size = PVBALLOON_QUEUE_SIZE };
static struct pvbus_queue queue[2];
static struct pvbus_queue *queues[] = { &queue[0], &queue[1] };
static struct hring device[2];
static struct pvbus_driver *driver;
static const struct pvbus_queue_params *queue_params;
static bool silent, refuses_deflate, falls_silent;
static unsigned int nr_inflates, silent_after;
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
	if (on_alloc)
		on_alloc();
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
		page[i].movable = false;
	}
	nr_taken -= 1UL << order;
	if (on_free)
		on_free();
}

long si_mem_available(void)
{
	return NR_PAGES - nr_taken;
}

unsigned long totalram_pages(void)
{
	return NR_PAGES;
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
		silent = falls_silent && sqe.op == PVBALLOON_OP_NOTHING;
		if (sqe.op != PVBALLOON_OP_INFLATE)
			continue;
		nr_inflates++;
		if (silent_after && !--silent_after)
			silent = true;
	}
}

/* A work that somebody waits for, who is one of one CPU's and may not get it back. */
struct work_struct *shim_last_work;
static bool does_job;
static unsigned int nr_kept;

static void do_job(struct work_struct *work)
{
	does_job = true;
	flush_work(work);
	does_job = false;
}

/* Time passes, and others do what they are about to. */
void shim_sleep(unsigned long timeout)
{
	if (shim_last_work && shim_last_work->on_stack && shim_last_work->pending) {
		do_job(shim_last_work);
		return;
	}
	nr_kept += !does_job && balloon()->reports.lock.held;
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
	if (on_sleep)
		on_sleep();
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

	queue_params = params;
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

int register_oom_notifier(struct notifier_block *nb)
{
	(void)nb;
	return 0;
}

int unregister_oom_notifier(struct notifier_block *nb)
{
	(void)nb;
	return 0;
}

bool pvballoon_psi(u64 *some_us, u64 *full_us)
{
	*some_us = 0;
	*full_us = 0;
	return true;
}

u64 pvballoon_direct_reclaims(void)
{
	return 0;
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
	falls_silent = false;
	silent_after = 0;
	nr_inflates = 0;
	in_pieces = pieces;
	config.target = htole64(mib << 20);
	pdev.features[0] = BIT_ULL(PVBALLOON_F_RETURN) | BIT_ULL(PVBALLOON_F_REPORT);
	if (driver->probe(&pdev))
		ktap_bail("no balloon");
	run(10 * HZ);
}

/* The device begins a new life, in which it is asked for nothing yet. */
static int restart(void)
{
	driver->freeze(&pdev);
	pvbus_free_queues(&pdev);
	pvbus_alloc_queues(&pdev, 2, queue_params);
	return driver->restore(&pdev);
}

static void end(void)
{
	driver->remove(&pdev);
}

#endif

// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the guest's memory is used for, and how much the guest has waited for it.
 */
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/kstrtox.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/string.h>
#include <linux/swap.h>
#include <linux/vmstat.h>
#include "pvballoon.h"

/* The kernel exports no other way to its pressure stall information. */
static char *psi_file = "/sys/fs/cgroup/memory.pressure";
module_param(psi_file, charp, 0444);
MODULE_PARM_DESC(psi_file, "pressure stall information of all memory (/sys/fs/cgroup/memory.pressure)");

#define PSI_LEN		256

static bool parse_total(const char *text, const char *line, u64 *us)
{
	const char *at = strstr(text, line);
	char digits[24];

	at = at ? strstr(at, "total=") : NULL;
	if (!at)
		return false;
	strscpy(digits, at + strlen("total="), sizeof(digits));
	*strchrnul(digits, '\n') = 0;
	return !kstrtou64(digits, 10, us);
}

/**
 * pvballoon_psi() - how long tasks have waited for memory
 * @some_us: gets the time in which some did, us since boot
 * @full_us: gets the time in which all did
 *
 * Context: process. Return: false if the kernel doesn't say.
 */
bool pvballoon_psi(u64 *some_us, u64 *full_us)
{
	/* Whatever was named: the balloon does not wait for it, and the freezer not for the balloon. */
	struct file *file = filp_open(psi_file, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	char text[PSI_LEN];
	ssize_t len;
	loff_t pos = 0;

	if (IS_ERR(file))
		return false;
	len = kernel_read(file, text, sizeof(text) - 1, &pos);
	filp_close(file, NULL);
	if (len <= 0)
		return false;
	text[len] = 0;
	return parse_total(text, "some", some_us) && parse_total(text, "full", full_us);
}

static u64 sum_events(const unsigned long *events, unsigned int first, unsigned int last)
{
	u64 sum = 0;

	while (first <= last)
		sum += events[first++];
	return sum;
}

/**
 * pvballoon_direct_reclaims() - how often a task had to reclaim memory itself
 */
u64 pvballoon_direct_reclaims(void)
{
	unsigned long events[NR_VM_EVENT_ITEMS];

	all_vm_events(events);
	return sum_events(events, ALLOCSTALL_NORMAL, ALLOCSTALL_MOVABLE);
}

static void set(struct pvballoon_stats *stats, unsigned int nr, u64 value)
{
	stats->val[nr] = cpu_to_le64(value);
	stats->valid |= cpu_to_le64(BIT_ULL(nr));
}

static void set_events(struct pvballoon_stats *stats)
{
	unsigned long events[NR_VM_EVENT_ITEMS];

	all_vm_events(events);
	set(stats, PVBALLOON_STAT_SWAP_IN, (u64)events[PSWPIN] << PAGE_SHIFT);
	set(stats, PVBALLOON_STAT_SWAP_OUT, (u64)events[PSWPOUT] << PAGE_SHIFT);
	set(stats, PVBALLOON_STAT_MAJOR_FAULTS, events[PGMAJFAULT]);
	set(stats, PVBALLOON_STAT_MINOR_FAULTS, events[PGFAULT]);
	set(stats, PVBALLOON_STAT_OOM_KILLS, events[OOM_KILL]);
	set(stats, PVBALLOON_STAT_ALLOC_STALLS,
	    sum_events(events, ALLOCSTALL_NORMAL, ALLOCSTALL_MOVABLE));
	set(stats, PVBALLOON_STAT_ASYNC_SCANS, events[PGSCAN_KSWAPD]);
	set(stats, PVBALLOON_STAT_DIRECT_SCANS, events[PGSCAN_DIRECT]);
	set(stats, PVBALLOON_STAT_ASYNC_RECLAIMS, events[PGSTEAL_KSWAPD]);
	set(stats, PVBALLOON_STAT_DIRECT_RECLAIMS, events[PGSTEAL_DIRECT]);
#ifdef CONFIG_HUGETLB_PAGE
	set(stats, PVBALLOON_STAT_HTLB_ALLOCS, events[HTLB_BUDDY_PGALLOC]);
	set(stats, PVBALLOON_STAT_HTLB_FAILS, events[HTLB_BUDDY_PGALLOC_FAIL]);
#endif
}

/**
 * pvballoon_stats_collect() - prepare STATS if the host wants it by now (BALLOON-G11)
 * @balloon: the balloon; of the balance work
 *
 * Without the lock of the main channel, because it allocates memory: the disk that has to be
 * written for that may wait for the balloon to freeze.
 */
void pvballoon_stats_collect(struct pvballoon *balloon)
{
	struct pvballoon_stats *stats = &balloon->stats;
	u32 period_ms = READ_ONCE(balloon->stats_ms);
	struct sysinfo info;
	u64 some_us, full_us;

	if (!period_ms || time_before(jiffies, balloon->stats_next))
		return;
	WRITE_ONCE(balloon->stats_next, jiffies + msecs_to_jiffies(period_ms));
	memset(stats, 0, sizeof(*stats));
	si_meminfo(&info);
	set(stats, PVBALLOON_STAT_TOTAL, (u64)info.totalram << PAGE_SHIFT);
	set(stats, PVBALLOON_STAT_FREE, (u64)info.freeram << PAGE_SHIFT);
	set(stats, PVBALLOON_STAT_AVAILABLE, (u64)max(si_mem_available(), 0L) << PAGE_SHIFT);
	set(stats, PVBALLOON_STAT_CACHES, (u64)global_node_page_state(NR_FILE_PAGES) << PAGE_SHIFT);
	set_events(stats);
	if (pvballoon_psi(&some_us, &full_us)) {
		set(stats, PVBALLOON_STAT_PSI_SOME, some_us);
		set(stats, PVBALLOON_STAT_PSI_FULL, full_us);
	}
	set(stats, PVBALLOON_STAT_GIVEN, pvballoon_held(balloon));
	set(stats, PVBALLOON_STAT_RELIEVED, READ_ONCE(balloon->relieved));
}

static const struct pvballoon_request stats_request = {
	.op		= PVBALLOON_OP_STATS,
	.optional	= true,
};

/**
 * pvballoon_stats_send() - submit what was collected
 * @balloon: the balloon; the lock of the main channel is held, and it runs
 */
void pvballoon_stats_send(struct pvballoon *balloon)
{
	struct pvballoon_channel *channel = &balloon->main;
	struct pvballoon_slot *slot;

	if (!balloon->stats.valid)
		return;
	slot = pvballoon_get_slot(channel, 0);
	if (!slot)
		return;
	memcpy(pvballoon_slot_data(channel, slot), &balloon->stats, sizeof(balloon->stats));
	balloon->stats.valid = 0;
	pvballoon_submit(channel, slot, &stats_request, 1);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The balloon driver's own declarations.
 */
#ifndef _PVBALLOON_H
#define _PVBALLOON_H

#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/page_reporting.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <pv/bus.h>
#include <uapi/pv/balloon.h>
#include "compat_mm.h"
#include "compat_wq.h"

#define PVBALLOON_QUEUE_SIZE	16
#define PVBALLOON_SLOTS		8	/* requests in flight on a queue */
#define PVBALLOON_RECORDS	8192	/* of memory taken back, that the device was not told of */
#define PVBALLOON_PROOFS_MAX	16	/* areas in a request */
#define PVBALLOON_REQUEST_BYTES	SZ_64M	/* in flight while the next request is being prepared */
#define PVBALLOON_WINDOW_MIN	SZ_4M	/* in flight to a device that has not answered for PVBALLOON_WAIT */
#define PVBALLOON_WAIT		(HZ / 2)	/* then the device is looked after */
#define PVBALLOON_HOLD_REFUSED	HZ		/* after the device refused a block */

struct pvballoon;
struct pvballoon_slot;

/**
 * struct pvballoon_request - a kind of request, and what its end means
 * @op: PVBALLOON_OP_*
 * @optional: the device may lack it
 * @size: bytes of an element of its data, if each gets a status of its own; else 0
 * @done: it is completed; with a private copy of the data if that has the device's statuses,
 *	with NULL if all was taken. May be NULL
 * @forgotten: it will have no effect any more (BALLOON-D3). May be NULL
 *
 * Both are called with the channel locked.
 */
struct pvballoon_request {
	u8	op;
	bool	optional;
	size_t	size;
	void	(*done)(struct pvballoon *balloon, struct pvballoon_slot *slot, const void *data);
	void	(*forgotten)(struct pvballoon *balloon, struct pvballoon_slot *slot);
};

/**
 * struct pvballoon_area - part of the guest's memory
 * @start: first byte, guest-physical
 * @end: behind its last byte
 * @told: the device was told of it in this epoch
 * @proven: ... and has found its memory
 * @refused: ... and does not want it
 */
struct pvballoon_area {
	u64	start;
	u64	end;
	bool	told;
	bool	proven;
	bool	refused;
};

/**
 * struct pvballoon_proofs - pages that contain the nonce, of the request REGION in flight
 * @area: where each is
 * @page: the page of each
 * @nr: their number; 0: there is no such request
 * @pool: of the fresh block that is the only one; NULL: they are nobody's
 */
struct pvballoon_proofs {
	struct pvballoon_area	*area[PVBALLOON_PROOFS_MAX];
	struct page		*page[PVBALLOON_PROOFS_MAX];
	unsigned int		nr;
	struct pvballoon_pool	*pool;
};

/**
 * struct pvballoon_record - memory taken back
 * @addr: first byte, guest-physical
 * @len: bytes
 */
struct pvballoon_record {
	u64	addr;
	u64	len;
};

/**
 * struct pvballoon_pool - the blocks of one size that the guest does without
 * @order: of a block
 * @movable: the given ones are in pvballoon.movable, not in @given
 * @fresh: not known to the device in this epoch
 * @given: given to the device
 * @nr_fresh: blocks of @fresh
 * @nr_in_flight: blocks of requests that are not completed
 * @nr_given: blocks that are given
 */
struct pvballoon_pool {
	unsigned int		order;
	bool			movable;
	struct list_head	fresh;
	struct list_head	given;
	unsigned long		nr_fresh;
	unsigned long		nr_in_flight;
	unsigned long		nr_given;
};

/* Pools, the larger blocks first. */
enum { PVBALLOON_HUGE, PVBALLOON_SMALL, PVBALLOON_POOLS };

/**
 * struct pvballoon_slot - a request
 * @request: what it is about
 * @id: of the request, with its generation
 * @busy: it is in flight
 * @nr: ranges or regions in its data
 * @status: of the completion; valid when @busy has become false
 * @pool: whose blocks INFLATE gives
 * @blocks: those
 * @nr_blocks: their number
 */
struct pvballoon_slot {
	const struct pvballoon_request *request;
	u32			id;
	bool			busy;
	u16			nr;
	u32			status;
	struct pvballoon_pool	*pool;
	struct list_head	blocks;
	unsigned int		nr_blocks;
};

/**
 * struct pvballoon_channel - a queue with its requests
 * @balloon: the balloon
 * @lock: queue and slots
 * @queue: the queue
 * @running: it may be used
 * @slots: requests; slot n has the n-th part of the data extent
 * @copy: private copy of the data of one of them
 * @nudged: whoever waits for an answer has something else to look at
 * @wait: woken by an interrupt, and when @running or @nudged has changed
 */
struct pvballoon_channel {
	struct pvballoon	*balloon;
	struct mutex		lock;	/* see above */
	struct pvbus_queue	*queue;
	bool			running;
	struct pvballoon_slot	slots[PVBALLOON_SLOTS];
	void			*copy;
	bool			nudged;
	wait_queue_head_t	wait;
};

/**
 * struct pvballoon - a balloon
 * @pdev: its device
 * @main: channel of all that the balloon does
 * @reports: channel of free page reports; its queue may be NULL
 * @target: bytes, as the host last said, or PVBALLOON_TARGET_AUTO
 * @rate: most bytes given in a second, as the host last said; 0: any
 * @stats_ms: time between two STATS; 0: none, or not served
 * @granule: bytes; of all addresses and lengths
 * @nonce: what a proof begins with
 * @lock: pools, records, and what is counted
 * @pools: blocks
 * @movable: given blocks of the small pool, if they are pages that can be moved
 * @returned: bytes that went, or are about to go, back to the guest's allocator
 * @returning: how many are just giving it some
 * @records: memory taken back since the device was last told
 * @nr_records: their number
 * @retell: the device knows nothing yet: what was given is fresh again
 * @reset_due: more was taken back than @records can note: the device has to forget all
 * @areas: the guest's memory; of the main channel
 * @nr_areas: their number
 * @window: bytes that may be in flight if the device answers; of the main channel
 * @answered_at: jiffies when it last answered what was given; of the main channel
 * @proofs: of those that the device is being told of; of the main channel
 * @warned: that nothing is returned
 * @wq: of @balance
 * @balance: moves towards the target
 * @introduced: the device was told of the areas in this epoch
 * @busy_ns: CPU time that @balance has used since its last pause
 * @ending: the driver leaves: the target is 0
 * @stopped: ... and does not use its queues any more
 * @failed: the device is broken or gone: the guest takes everything back
 * @backoff_ms: how long to wait when an allocation has failed
 * @hold_until: jiffies until which the balloon doesn't grow
 * @hold: for how long it last didn't, because the guest was short of memory
 * @relieved_at: jiffies when it last was
 * @auto_target: bytes, the target of a guest that decides by itself
 * @rate_next: when the next block may be given, ns of ktime_get()
 * @stats_next: jiffies of the next STATS
 * @stats: it, until it is submitted; of the balance work
 * @prdev: free page reporting
 * @reporting: it is registered; of @reporter
 * @reporter: registers it, and waits for a report while it does: nothing waits for this
 * @report_anew: a life of the device has begun that knows of no free memory, or it did not answer
 * @shrinker: gives memory back to a guest that is short of it
 * @oom: the same, when the guest is about to kill for memory
 * @oom_seen: what @returned was when it last was
 * @pressure: looks at the guest's pressure
 * @stall_us: time in which the guest had waited for memory when @pressure last looked
 * @relieved: bytes taken back because the guest was short of memory
 * @refused: blocks that the device refused
 * @failures: allocations that failed
 * @moved: pages that were in the way of a larger block
 * @reported: bytes reported as free
 */
struct pvballoon {
	struct pvbus_device	*pdev;
	struct pvballoon_channel main;
	struct pvballoon_channel reports;
	u64			target;
	u64			rate;
	u32			stats_ms;
	u32			granule;
	u8			nonce[PVBALLOON_NONCE_LEN];
	spinlock_t		lock;	/* see above */
	struct pvballoon_pool	pools[PVBALLOON_POOLS];
	struct balloon_dev_info	movable;
	u64			returned;
	unsigned int		returning;
	struct pvballoon_record	*records;
	unsigned int		nr_records;
	bool			retell;
	bool			reset_due;
	struct pvballoon_area areas[PVBALLOON_REGIONS_MAX];
	unsigned int		nr_areas;
	u64			window;
	unsigned long		answered_at;
	struct pvballoon_proofs	proofs;
	bool			warned;
	struct workqueue_struct	*wq;
	struct delayed_work	balance;
	bool			introduced;
	u64			busy_ns;
	bool			ending;
	bool			stopped;
	bool			failed;
	unsigned int		backoff_ms;
	unsigned long		hold_until;
	unsigned long		hold;
	unsigned long		relieved_at;
	u64			auto_target;
	u64			rate_next;
	unsigned long		stats_next;
	struct pvballoon_stats	stats;
	struct page_reporting_dev_info prdev;
	bool			reporting;
	struct work_struct	reporter;
	bool			report_anew;
	struct shrinker		*shrinker;
	struct notifier_block	oom;
	u64			oom_seen;
	struct delayed_work	pressure;
	u64			stall_us;
	u64			relieved;
	u64			refused;
	u64			failures;
	u64			moved;
	u64			reported;
};

static inline u64 pvballoon_block_bytes(const struct pvballoon_pool *pool)
{
	return (u64)PAGE_SIZE << pool->order;
}

/**
 * pvballoon_kick_balance() - look at the target now
 * @balloon: the balloon; any context
 */
static inline void pvballoon_kick_balance(struct pvballoon *balloon)
{
	mod_delayed_work(balloon->wq, &balloon->balance, 0);
}

/**
 * pvballoon_hold() - don't grow for a while
 * @balloon: the balloon; any context
 * @length: jiffies; a hold that lasts longer goes on
 */
static inline void pvballoon_hold(struct pvballoon *balloon, unsigned long length)
{
	unsigned long until = jiffies + length;

	if (time_before(READ_ONCE(balloon->hold_until), until))
		WRITE_ONCE(balloon->hold_until, until);
}

/**
 * pvballoon_is_held() - may the balloon not grow just now
 * @balloon: the balloon; any context
 */
static inline bool pvballoon_is_held(const struct pvballoon *balloon)
{
	return time_before(jiffies, READ_ONCE(balloon->hold_until));
}

/* balance.c */
void pvballoon_balance(struct work_struct *work);
bool pvballoon_is_balanced(struct pvballoon *balloon);

/* block.c */
u64 pvballoon_grow(struct pvballoon *balloon, u64 bytes);
void pvballoon_free_blocks(struct pvballoon_pool *pool, struct list_head *blocks);

/* pages.c */
int pvballoon_pools_init(struct pvballoon *balloon);
u64 pvballoon_held(struct pvballoon *balloon);
u64 pvballoon_given(struct pvballoon *balloon);
u64 pvballoon_in_flight(struct pvballoon *balloon);
u64 pvballoon_returned(struct pvballoon *balloon);
u64 pvballoon_shrink(struct pvballoon *balloon, u64 bytes);
unsigned long pvballoon_forget(struct pvballoon *balloon);
bool pvballoon_is_moving(struct pvballoon *balloon);
struct page *pvballoon_take_unknown(struct pvballoon *balloon, struct pvballoon_pool **pool);
void pvballoon_put_back(struct pvballoon *balloon, struct pvballoon_pool *pool, struct page *page,
			bool refused);
int pvballoon_migrate(struct balloon_dev_info *info, struct page *newpage, struct page *page,
		      enum migrate_mode mode);

/* channel.c */
int pvballoon_channel_init(struct pvballoon *balloon, struct pvballoon_channel *channel);
struct pvballoon_slot *pvballoon_get_slot(struct pvballoon_channel *channel, unsigned int reserved);
void *pvballoon_slot_data(struct pvballoon_channel *channel, const struct pvballoon_slot *slot);
void pvballoon_submit(struct pvballoon_channel *channel, struct pvballoon_slot *slot,
		      const struct pvballoon_request *request, unsigned int nr);
void pvballoon_reap(struct pvballoon_channel *channel);
bool pvballoon_is_idle(struct pvballoon_channel *channel);
bool pvballoon_is_asked(struct pvballoon_channel *channel, u8 op);
void pvballoon_nudge(struct pvballoon_channel *channel);
void pvballoon_wait(struct pvballoon_channel *channel, unsigned long timeout);
void pvballoon_channel_start(struct pvballoon_channel *channel);
void pvballoon_channel_stop(struct pvballoon_channel *channel);
void pvballoon_channel_forget(struct pvballoon_channel *channel);

/* give.c */
u64 pvballoon_window(const struct pvballoon *balloon);
bool pvballoon_tell_taken_back(struct pvballoon *balloon);
void pvballoon_give_fresh(struct pvballoon *balloon);

/* area.c */
void pvballoon_areas_find(struct pvballoon *balloon);
void pvballoon_areas_forget(struct pvballoon *balloon);
struct pvballoon_area *pvballoon_area_of(struct pvballoon *balloon, u64 addr, u64 len);
bool pvballoon_area_known(struct pvballoon *balloon, struct page *page, unsigned int order);
bool pvballoon_same_area(struct pvballoon *balloon, u64 addr, u64 next);
bool pvballoon_is_proven(struct pvballoon *balloon, u64 addr, u64 len);

/* proof.c */
void pvballoon_areas_introduce(struct pvballoon *balloon);
bool pvballoon_areas_follow(struct pvballoon *balloon);
void pvballoon_drop_proofs(struct pvballoon *balloon);

/* relief.c */
int pvballoon_relief_start(struct pvballoon *balloon);
void pvballoon_relief_stop(struct pvballoon *balloon);
u64 pvballoon_reserve(void);
u64 pvballoon_headroom(void);

/* report.c */
#ifdef CONFIG_PAGE_REPORTING
void pvballoon_report_init(struct pvballoon *balloon);
void pvballoon_report_start(struct pvballoon *balloon);
void pvballoon_report_stop(struct pvballoon *balloon);
#else
static inline void pvballoon_report_init(struct pvballoon *balloon) { }
static inline void pvballoon_report_start(struct pvballoon *balloon) { }
static inline void pvballoon_report_stop(struct pvballoon *balloon) { }
#endif

/* stats.c */
void pvballoon_stats_collect(struct pvballoon *balloon);
void pvballoon_stats_send(struct pvballoon *balloon);
bool pvballoon_psi(u64 *some_us, u64 *full_us);
u64 pvballoon_direct_reclaims(void);

/* sysfs.c */
extern const struct attribute_group *pvballoon_groups[];

#endif /* _PVBALLOON_H */

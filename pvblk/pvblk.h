/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of pvblk share.
 */
#ifndef _PVBLK_H
#define _PVBLK_H

#include <linux/atomic.h>
#include <linux/blk-mq.h>
#include <linux/spinlock.h>
#include <pv/bus.h>
#include <uapi/pv/blk.h>
#include "compat.h"
#include "compat_bh.h"

/* Bytes of the window that each tag has for itself; larger requests want a piece of the pool. */
#define PVBLK_SLOT_LEN		PV_PAGE_SIZE

/* The block layer may ask for as much at once; where there is less room it goes in parts. */
#define PVBLK_IO_MAX		(1U << PVBLK_PIECE_MAX_SHIFT)

#define PVBLK_PIECE_MIN_SHIFT	15
#define PVBLK_PIECE_MAX_SHIFT	20
#define PVBLK_PIECE_ORDERS	(PVBLK_PIECE_MAX_SHIFT - PVBLK_PIECE_MIN_SHIFT + 1)

/**
 * struct pvblk_pool - room in the window for what does not fit a slot
 * @lock: taken with interrupts off
 * @nr: its number of the smallest pieces
 * @free: for each size, from the smallest on: a bit for each piece
 */
struct pvblk_pool {
	spinlock_t	lock;
	unsigned int	nr;
	unsigned long	*free[PVBLK_PIECE_ORDERS];
};

/**
 * struct pvblk_slot - what is in flight under a tag; the private memory that replay starts from
 * @rq: the request, until it ends; NULL: none
 * @started: jiffies when it was given to the driver
 * @life: pvblk_queue.life in which it was last submitted
 * @done: sectors of it that the device has done in this life
 * @part: sectors that follow, and are submitted
 * @off: place of their data in the queue's extent
 * @room: bytes there; 0: none
 * @gen: generation of the id, so that a stale completion is refused
 * @in_flight: the device has it, and may complete it, once
 * @then_flush: the device lost FUA on the way: flush after the write, then complete
 * @status: what the device said when it completed it
 */
struct pvblk_slot {
	struct request	*rq;
	unsigned long	started;
	u32		life;
	u32		done;
	u32		part;
	u32		off;
	u32		room;
	u16		gen;
	bool		in_flight;
	bool		then_flush;
	blk_status_t	status;
};

/* What becomes of a request that comes now. */
enum pvblk_mode {
	PVBLK_PASS,	/* it is submitted */
	PVBLK_HOLD,	/* it stays in its slot, and is submitted by the next restore */
	PVBLK_FAIL,	/* it fails */
};

/**
 * struct pvblk_queue - a hardware queue
 * @q: the queue in the window
 * @blk: the disk
 * @hctx: blk-mq's side of it
 * @polled: its users poll; it is never armed, and has no interrupt
 * @lock: one submitter at a time; taken with interrupts off
 * @mode: guarded by @lock
 * @life: counts the times that it passes anew; guarded by @lock
 * @turn: counts the changes of @mode; guarded by @lock
 * @cq_lock: one at a time takes completions and arms; taken with bottom halves off, never in a
 *	hard interrupt, outside of @lock
 * @closed: nobody takes any: frozen, a lie, or the epoch is over; guarded by @cq_lock
 * @ending: completions that were taken and are still looked after
 * @bh: the bottom half, for what interrupts and submitters leave
 * @slots: by tag
 * @pool: behind the slots' own room in the queue's extent
 * @depth: number of slots
 * @batch_len: bytes of data in the batch that is being submitted; several submitters may lose some
 * @spin_misses: spins in a row that ended without a completion
 * @depth_seen: most requests in flight at the end of a batch, in the last window
 * @depth_now: the same in the current window
 * @batches: length of the current window so far
 */
struct pvblk_queue {
	struct pvbus_queue	*q;
	struct pvblk		*blk;
	struct blk_mq_hw_ctx	*hctx;
	bool			polled;
	spinlock_t		lock;
	enum pvblk_mode		mode;
	u32			life;
	u32			turn;
	spinlock_t		cq_lock;
	bool			closed;
	atomic_t		ending;
	compat_bh		bh;
	struct pvblk_slot	*slots;
	struct pvblk_pool	pool;
	unsigned int		depth;
	u32			batch_len;
	unsigned int		spin_misses;
	u32			depth_seen;
	u32			depth_now;
	unsigned int		batches;
};

/**
 * struct pvblk - a disk
 * @pdev: the device
 * @disk: the disk
 * @set: its tags
 * @queues: its hardware queues
 * @nr_queues: their number
 * @nr_polled: so many of them, the last, are polled
 * @index: N of pvblkN
 * @config: checked copy of the device's config; written by the bus's callbacks
 * @config_lock: for who reads it elsewhere
 * @update: tells the block layer what has changed. It waits for I/O and allocates, so no I/O
 *	waits for it
 * @limits: what the block layer has been told; of @update
 * @write_cache: the user has been told of a volatile write cache
 * @fua: and of writes through it
 */
struct pvblk {
	struct pvbus_device	*pdev;
	struct gendisk		*disk;
	struct blk_mq_tag_set	set;
	struct pvblk_queue	*queues;
	unsigned int		nr_queues;
	unsigned int		nr_polled;
	int			index;
	struct pvblk_config	config;
	spinlock_t		config_lock;
	struct delayed_work	update;
	struct queue_limits	limits;
	bool			write_cache;
	bool			fua;
};

/* disk.c */
extern int pvblk_major;
int pvblk_read_config(struct pvbus_device *pdev, struct pvblk_config *config);
void pvblk_take_config(struct pvblk *blk, const struct pvblk_config *config);
int pvblk_add_disk(struct pvblk *blk);
void pvblk_stop(struct pvblk *blk);
void pvblk_update_work(struct work_struct *work);

/* mq.c */
extern const struct blk_mq_ops pvblk_mq_ops;

/* queue.c */
void pvblk_kick(struct pvblk_queue *queue);
void pvblk_set_mode(struct pvblk_queue *queue, enum pvblk_mode mode);
blk_status_t pvblk_submit(struct pvblk_queue *queue, struct request *rq, bool replay);
int pvblk_submit_rest(struct pvblk_queue *queue, struct pvblk_slot *slot);
unsigned int pvblk_replay(struct pvblk_queue *queue);

/* reap.c */
void pvblk_interrupt(struct pvbus_queue *queue);
void pvblk_bh(compat_bh *bh);
void pvblk_reap(struct pvblk_queue *queue);
int pvblk_poll(struct blk_mq_hw_ctx *hctx, struct io_comp_batch *batch);
void pvblk_complete(struct request *rq);
void pvblk_open(struct pvblk_queue *queue);
void pvblk_shut(struct pvblk_queue *queue);

/* wait.c */
extern int pvblk_spin_us;
u32 pvblk_patience_us(const struct pvblk_queue *queue);
bool pvblk_arm(struct pvblk_queue *queue);
void pvblk_wait(struct pvblk_queue *queue);

/* pool.c */
u32 pvblk_pool_get(struct pvblk_pool *pool, u32 len, u32 *off);
void pvblk_pool_put(struct pvblk_pool *pool, u32 off, u32 len);
int pvblk_pool_init(struct pvblk_pool *pool, u32 len);
void pvblk_pool_exit(struct pvblk_pool *pool);

/* request.c */
u32 pvblk_slot_id(const struct pvblk_slot *slot, u32 tag);
blk_status_t pvblk_build_sqe(struct pvblk_queue *queue, struct request *rq, struct pvblk_sqe *sqe);
void pvblk_put_room(struct pvblk_queue *queue, struct pvblk_slot *slot);
void pvblk_copy_to_window(const struct pvblk_queue *queue, struct request *rq);
void pvblk_copy_from_window(const struct pvblk_queue *queue, struct request *rq);
bool pvblk_has_rest(const struct pvblk_slot *slot);
u32 pvblk_copy_len(const struct pvblk_slot *slot);
struct pvblk_slot *pvblk_check_cqe(struct pvblk_queue *queue, const struct pvblk_cqe *cqe);

/* epoch.c */
void pvblk_freeze(struct pvbus_device *pdev);
int pvblk_restore(struct pvbus_device *pdev);
void pvblk_gone(struct pvbus_device *pdev);
void pvblk_expire(struct pvbus_device *pdev);
int pvblk_suspend(struct pvbus_device *pdev);
void pvblk_resume(struct pvbus_device *pdev);

#endif /* _PVBLK_H */

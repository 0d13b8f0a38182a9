/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of pvblk share.
 */
#ifndef _PVBLK_H
#define _PVBLK_H

#include <linux/atomic.h>
#include <linux/blk-mq.h>
#include <linux/completion.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <pv/bus.h>
#include <uapi/pv/blk.h>
#include "compat.h"
#include "compat_bh.h"

/* Bytes of the window that each tag has for itself; larger requests want pieces of the pool. */
#define PVBLK_SLOT_LEN		PV_PAGE_SIZE
#define PVBLK_PIECE_LEN		SZ_64K

/* The block layer may ask for as much at once; where there is less room it takes turns there. */
#define PVBLK_IO_MAX		SZ_1M

struct pvblk_slot;

/**
 * struct pvblk_part - what the device is given of a request at once, under one id
 * @slot: the request
 * @next: the next part of the request that has room of its own; NULL: none
 * @off: place of its data in the queue's extent; constant, as is @room
 * @room: bytes there
 * @first: sectors of the request before it
 * @nr: its sectors; 0: it is a flush
 * @gen: generation of the id, so that a stale completion is refused
 * @in_flight: the device has it, and may complete it, once
 * @status: what the device said when it completed it
 */
struct pvblk_part {
	struct pvblk_slot	*slot;
	struct pvblk_part	*next;
	u32			off;
	u32			room;
	u32			first;
	u32			nr;
	u16			gen;
	bool			in_flight;
	blk_status_t		status;
};

/**
 * struct pvblk_slot - a request; the private memory that replay starts from
 * @rq: the request, until it is to end; NULL: none
 * @started: jiffies when it was given to the driver
 * @life: pvblk_queue.life in which it was last submitted
 * @pieces: its parts in pieces of the pool; NULL: it has the one of its tag
 * @begun: so many sectors of it have been given to its parts; or more
 * @busy: so many of its parts have something to do
 * @then_flush: flush after the write, then complete
 * @status: what one of its parts has failed with, if any has
 */
struct pvblk_slot {
	struct request		*rq;
	unsigned long		started;
	u32			life;
	struct pvblk_part	*pieces;
	atomic_t		begun;
	atomic_t		busy;
	bool			then_flush;
	blk_status_t		status;
};

/**
 * struct pvblk_pool - the parts that are no tag's own
 * @piece_len: bytes of room of each
 * @lock: taken with interrupts off
 * @free: those that nobody has, by their @next
 * @nr_free: their number
 */
struct pvblk_pool {
	u32			piece_len;
	spinlock_t		lock;
	struct pvblk_part	*free;
	unsigned int		nr_free;
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
 * @poll_lock: of a polled queue: one at a time takes completions and ends them; taken in tasks,
 *	outside of @cq_lock
 * @closed: nobody takes any: frozen, a lie, or the epoch is over; guarded by @cq_lock
 * @ending: completions that were taken and are still looked after, and parts of large requests that
 *	are being submitted
 * @bh: the bottom half, for what interrupts and submitters leave
 * @slots: by tag
 * @parts: by the lower half of their ids: those of the tags, then those of the pool
 * @pool: parts for requests that are larger than a tag's own room
 * @depth: number of slots
 * @nr_parts: number of parts; the ring has as many entries
 * @extra: parts in flight, beyond one for each request
 * @batch_len: bytes of data in the batch that is being submitted; several submitters may lose some
 * @batch_nr: requests in it, likewise
 * @spin_misses: spins in a row that ended without a completion
 * @depth_seen: most requests in flight at the end of a batch, in the last window
 * @depth_now: the same in the current window
 * @before_seen: most that were in flight already when a batch came, in the last window
 * @before_now: the same in the current window
 * @awaited: with as many in flight, none has ended since the last batch, whose submitter waits; U32_MAX: he
 *	does not
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
	spinlock_t		poll_lock;
	bool			closed;
	atomic_t		ending;
	compat_bh		bh;
	struct pvblk_slot	*slots;
	struct pvblk_part	*parts;
	struct pvblk_pool	pool;
	unsigned int		depth;
	unsigned int		nr_parts;
	atomic_t		extra;
	u32			batch_len;
	u32			batch_nr;
	unsigned int		spin_misses;
	u32			depth_seen;
	u32			depth_now;
	u32			before_seen;
	u32			before_now;
	u32			awaited;
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
 * @depth: requests in flight for each queue
 * @pieces: and parts in the pool of each
 * @index: N of pvblkN
 * @config: checked copy of the device's config; written by the bus's callbacks
 * @config_lock: for who reads it elsewhere
 * @show: shows the disk to users; reads its partition tables for that, so others do not wait for it
 *	for long
 * @shown: it has done so, or failed
 * @added: the disk is shown; of @show
 * @update: tells the block layer what has changed. It waits for I/O and allocates, so no I/O
 *	waits for it
 * @limits: what the block layer has been told; of @update
 * @read_only: likewise, that it is
 * @write_cache: the user has been told of a volatile write cache
 * @fua: and of writes through it
 * @failure: what requests end with in PVBLK_FAIL; changed while no queue is in that mode
 */
struct pvblk {
	struct pvbus_device	*pdev;
	struct gendisk		*disk;
	struct blk_mq_tag_set	set;
	struct pvblk_queue	*queues;
	unsigned int		nr_queues;
	unsigned int		nr_polled;
	unsigned int		depth;
	unsigned int		pieces;
	int			index;
	struct pvblk_config	config;
	spinlock_t		config_lock;
	struct work_struct	show;
	struct completion	shown;
	bool			added;
	struct delayed_work	update;
	struct queue_limits	limits;
	bool			read_only;
	bool			write_cache;
	bool			fua;
	blk_status_t		failure;
};

static inline bool pvblk_has_data(const struct request *rq)
{
	return req_op(rq) == REQ_OP_READ || req_op(rq) == REQ_OP_WRITE;
}

/* disk.c */
extern struct workqueue_struct *pvblk_wq;
int pvblk_read_config(struct pvbus_device *pdev, struct pvblk_config *config);
void pvblk_take_config(struct pvblk *blk, const struct pvblk_config *config);
int pvblk_add_disk(struct pvblk *blk);
void pvblk_remove_disk(struct pvblk *blk);
void pvblk_show_work(struct work_struct *work);
void pvblk_update_work(struct work_struct *work);

/* mq.c */
extern const struct blk_mq_ops pvblk_mq_ops;

/* queue.c */
void pvblk_kick(struct pvblk_queue *queue);
void pvblk_set_mode(struct pvblk_queue *queue, enum pvblk_mode mode);
void pvblk_put_ending(struct pvblk_queue *queue);
void pvblk_settle(struct pvblk_queue *queue);
blk_status_t pvblk_submit(struct pvblk_queue *queue, struct request *rq, bool replay);
int pvblk_submit_part(struct pvblk_queue *queue, struct pvblk_part *part);
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
void pvblk_wait_on(struct pvblk_queue *queue);

/* pool.c */
unsigned int pvblk_pool_get(struct pvblk_queue *queue, struct pvblk_slot *slot, unsigned int wanted);
void pvblk_pool_put(struct pvblk_queue *queue, struct pvblk_part *parts);
int pvblk_alloc_parts(struct pvblk_queue *queue, unsigned int nr_pieces, u32 piece_len);

/* request.c */
u32 pvblk_part_id(const struct pvblk_queue *queue, const struct pvblk_part *part);
struct pvblk_part *pvblk_own_part(const struct pvblk_queue *queue, const struct pvblk_slot *slot);
struct pvblk_part *pvblk_divide(struct pvblk_queue *queue, struct request *rq);
struct pvblk_part *pvblk_go_on(struct pvblk_queue *queue, struct pvblk_part *part);
void pvblk_put_parts(struct pvblk_queue *queue, struct pvblk_slot *slot);
void pvblk_build_sqe(const struct pvblk_queue *queue, const struct request *rq,
		     const struct pvblk_part *part, struct pvblk_sqe *sqe);
void pvblk_copy_to_window(const struct pvblk_queue *queue, struct request *rq,
			  const struct pvblk_part *part);
void pvblk_copy_from_window(const struct pvblk_queue *queue, const struct pvblk_part *part);
u32 pvblk_copy_len(const struct pvblk_part *part);
struct pvblk_part *pvblk_check_cqe(struct pvblk_queue *queue, const struct pvblk_cqe *cqe);

/* epoch.c */
void pvblk_freeze(struct pvbus_device *pdev);
int pvblk_restore(struct pvbus_device *pdev);
void pvblk_gone(struct pvbus_device *pdev);
void pvblk_expire(struct pvbus_device *pdev);
int pvblk_suspend(struct pvbus_device *pdev);
void pvblk_resume(struct pvbus_device *pdev);

#endif /* _PVBLK_H */

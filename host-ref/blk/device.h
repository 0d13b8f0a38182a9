/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The block device's own: a disk, and its requests in flight.
 */
#ifndef HOSTD_DEV_BLK_H
#define HOSTD_DEV_BLK_H

#include "backend/backend.h"
#include "lib/histogram.h"
#include "lib/rate.h"
#include "worker/bus/bus.h"
#include "worker/bus/device.h"

#include <pv/blk.h>

#define BLK_SECTOR		(1U << PVBLK_SECTOR_SHIFT)

/* So that one request keeps a thread of the engine for a second at most. */
#define BLK_MAX_DISCARD_SECTORS	((1U << 30) >> PVBLK_SECTOR_SHIFT)
#define BLK_MAX_ZEROES_SECTORS	((32U << 20) >> PVBLK_SECTOR_SHIFT)

/* What to do when the host fails a request (the terms are QEMU's). */
enum blk_policy {
	BLK_REPORT,		/* the guest gets the error */
	BLK_IGNORE,		/* the guest gets OK; what was not read reads as zeroes */
	BLK_ENOSPC,		/* as BLK_STOP for lack of room, else as BLK_REPORT */
	BLK_STOP,		/* the disk holds this request and all after it */
};

/* Kinds of errors that are told apart for the log. */
#define BLK_KINDS		8

/**
 * struct blk_kind - a kind of error: an operation and an error of the host's
 * @op: HOSTD_IO_*
 * @error: errno; 0: not in use
 * @healed: the operation has worked since
 * @count: how often since the last line in the log
 * @logged_ns: time of that
 */
struct blk_kind {
	uint8_t op;
	int error;
	bool healed;
	uint64_t count;
	uint64_t logged_ns;
};

/**
 * struct blk_trouble - what a disk knows of the host's errors
 * @path: of the image, for messages; may be ""
 * @on_read: policy for reads
 * @on_write: policy for everything else
 * @stopped: requests are held
 * @reason: why, in one line
 * @held: requests that are held, those that have failed first
 * @last: where the next one is linked
 * @nr_held: their number
 * @probe: a held request that is tried while the others wait, or NULL
 * @try_ns: when the first of @held is tried again; UINT64_MAX: when the operator says so
 * @pause_ns: time between the last two tries
 * @nr_tries: how often in a row
 * @read_errors: requests that the host failed, reads
 * @write_errors: the others
 * @kinds: what was logged
 * @sick: one of them has not healed
 */
struct blk_trouble {
	char *path;
	enum blk_policy on_read;
	enum blk_policy on_write;
	bool stopped;
	char reason[96];
	struct blk_req *held;
	struct blk_req **last;
	unsigned int nr_held;
	struct blk_req *probe;
	uint64_t try_ns;
	uint64_t pause_ns;
	unsigned int nr_tries;
	uint64_t read_errors;
	uint64_t write_errors;
	struct blk_kind kinds[BLK_KINDS];
	bool sick;
};

/**
 * struct blk_stall - does the file answer
 * @progress: requests that it had answered, at the last look
 * @since_ns: since when that has not changed, though requests are in flight; 0: not looked yet
 * @limit_ns: after so long requests fail, if that can be had; 0: never
 * @told: the log says so
 */
struct blk_stall {
	uint64_t progress;
	uint64_t since_ns;
	uint64_t limit_ns;
	bool told;
};

/**
 * struct blk_limits - how much a disk may do
 * @on: there is a limit
 * @ops: of requests, whatever they are
 * @bytes: of what is read and written
 * @due: when a queue that waits for them goes on
 * @nr_waits: how often one had to wait
 */
struct blk_limits {
	bool on;
	struct hostd_rate ops;
	struct hostd_rate bytes;
	struct hdev_timer due;
	uint64_t nr_waits;
};

/* Operations that are told apart: HOSTD_IO_READ to HOSTD_IO_ZERO. */
#define BLK_OPS			(HOSTD_IO_ZERO + 1)

/**
 * struct blk_latency - how long requests of a queue took, from when they were taken until they were completed
 * @op: by operation
 */
struct blk_latency {
	struct hostd_histogram op[BLK_OPS];
};

/**
 * struct blk_sync - the last FLUSH of a disk that is let go
 * @io: the request; first, so that the one is the other
 * @begun: it was started
 * @done: it is done
 */
struct blk_sync {
	struct hostd_io io;
	bool begun;
	bool done;
};

/**
 * struct blk - a disk
 * @file: where the data is
 * @capacity: sectors
 * @block_sectors: sectors of a logical block
 * @max_sectors: most sectors of a read or write
 * @ro: the medium can only be read
 * @no_writes: it is not to be written for now, says the operator
 * @config: as published
 * @trouble: errors of the host's
 * @stall: silence of the host's
 * @limits: limits of rates
 * @latency: of each queue that there may be
 * @sync: its last FLUSH
 */
struct blk {
	struct hostd_file file;
	uint64_t capacity;
	uint32_t block_sectors;
	uint32_t max_sectors;
	bool ro;
	bool no_writes;
	struct pvblk_config config;
	struct blk_trouble trouble;
	struct blk_stall stall;
	struct blk_limits limits;
	struct blk_latency *latency;
	struct blk_sync sync;
};

/**
 * struct blk_req - a request
 * @io: the engine's part; first, so that the one is the other
 * @q: its queue
 * @id: the driver's
 * @taken_ns: when it was taken
 * @is_at_once: it was done when it was started
 * @is_final: held, but its error cannot be made good any more
 * @next: next free one, or next that is held
 */
struct blk_req {
	struct hostd_io io;
	struct hdev_queue *q;
	uint32_t id;
	uint64_t taken_ns;
	bool is_at_once;
	bool is_final;
	struct blk_req *next;
};

/**
 * struct blk_queue - requests of a queue
 * @free: those that are free; never empty while the ring yields submissions
 * @latency: how long they took
 * @nr_at_once: requests of this turn that were done when they were started, by operation
 * @at_once: which operations there are of such, a bit for each
 * @reqs: all of them
 */
struct blk_queue {
	struct blk_req *free;
	struct blk_latency *latency;
	uint32_t nr_at_once[BLK_OPS];
	uint32_t at_once;
	struct blk_req reqs[];
};

/* latency.c */

/**
 * hdev_blk_count_latency - a request is done
 * @req: the request
 */
static inline void hdev_blk_count_latency(const struct blk_req *req)
{
	uint64_t took_ns = req->q->dev->loop->now_ns - req->taken_ns;
	struct blk_queue *bq = req->q->priv;
	unsigned int op = req->io.op;

	if (took_ns || !req->is_at_once) {
		hostd_histogram_add(&bq->latency->op[op], took_ns, 1);
		return;
	}
	bq->nr_at_once[op]++;
	bq->at_once |= 1U << op;
}

/**
 * hdev_blk_count_at_once - count the requests of a turn that were done when they were started
 * @q: the queue, of which there are some
 * @from_ns: when they were taken
 *
 * One look at the clock is for all of them: each is counted as long as they took together.
 */
void hdev_blk_count_at_once(struct hdev_queue *q, uint64_t from_ns);

/**
 * hdev_blk_describe_queue - pvdev_ops.describe_queue: how long its requests took
 * @dev: a disk
 * @index: of the queue
 * @obj: gets "latency"
 */
void hdev_blk_describe_queue(const struct hdev *dev, unsigned int index, struct json_object *obj);

/* limit.c */

/**
 * hdev_blk_init_limits - prepare; there are none
 * @dev: a disk
 */
void hdev_blk_init_limits(struct hdev *dev);

/**
 * hdev_blk_set_limits - take "iops", "bps" and "burst", if they are there
 * @dev: a disk
 * @config: options
 */
void hdev_blk_set_limits(struct hdev *dev, struct json_object *config);

/**
 * hdev_blk_may_take - do the limits allow another request
 * @q: a running queue; if they do not it is quiet until they do
 *
 * Return: true if so.
 */
bool hdev_blk_may_take(struct hdev_queue *q);

/**
 * hdev_blk_count_taken - a request was taken
 * @q: its queue, of a disk that has limits
 * @len: bytes that it reads or writes
 */
void hdev_blk_count_taken(struct hdev_queue *q, uint64_t len);

/* request.c */

/**
 * hdev_blk_poll - take submissions, check them, and hand them to the engine
 * @q: a running queue
 * @budget: how many at most
 *
 * Return: how many it took.
 */
unsigned int hdev_blk_poll(struct hdev_queue *q, unsigned int budget);

/**
 * hdev_blk_start - hand a request to the engine
 * @req: the request, checked and filled
 */
void hdev_blk_start(struct blk_req *req);

/**
 * hdev_blk_finish - complete a request, and forget it
 * @req: the request; io.result says how it went
 */
void hdev_blk_finish(struct blk_req *req);

/**
 * hdev_blk_is_late - was this taken before the operator said that nothing is to be written
 * @req: a request that is not in flight
 *
 * Return: true if it would change the medium all the same.
 */
static inline bool hdev_blk_is_late(const struct blk_req *req)
{
	const struct blk *blk = req->q->dev->priv;

	return blk->no_writes && req->io.op != HOSTD_IO_READ && req->io.op != HOSTD_IO_FLUSH;
}

/* resume.c */

/**
 * hdev_blk_retry - pvdev_ops.beat: try again, if it is time
 * @dev: a disk
 */
void hdev_blk_retry(struct hdev *dev);

/**
 * hdev_blk_work - pvdev_ops.work: start some of what was held
 * @dev: a disk that goes on
 *
 * Return: true.
 */
bool hdev_blk_work(struct hdev *dev);

/* trouble.c */

/**
 * hdev_blk_init_trouble - take "path", "rerror" and "werror" of a disk's options
 * @blk: the disk
 * @config: the options
 *
 * Return: 0 or -ENOMEM.
 */
int hdev_blk_init_trouble(struct blk *blk, struct json_object *config);

/**
 * hdev_blk_set_policy - take "rerror" and "werror", if they are there
 * @blk: the disk
 * @config: options
 *
 * What is held already stays held.
 */
void hdev_blk_set_policy(struct blk *blk, struct json_object *config);

/**
 * hdev_blk_hold - hold a request, if the disk is stopped
 * @req: the request, not started
 *
 * Return: true if it is held.
 */
bool hdev_blk_hold(struct blk_req *req);

/**
 * hdev_blk_failed - the host has failed a request: log, count, and decide
 * @req: the request; io.result is the error, and what the guest gets when this returns false
 *
 * Return: true if it is held.
 */
bool hdev_blk_failed(struct blk_req *req);

/**
 * hdev_blk_worked - the host has done a request, maybe after it had failed such
 * @req: the request
 */
void hdev_blk_worked(struct blk_req *req);

/**
 * hdev_blk_take_held - take what is held for longest
 * @t: of a disk that holds something
 *
 * Return: the request.
 */
struct blk_req *hdev_blk_take_held(struct blk_trouble *t);

/**
 * hdev_blk_drop_held - forget what is held of a queue that is about to be freed
 * @q: the queue
 */
void hdev_blk_drop_held(struct hdev_queue *q);

/**
 * hdev_blk_continue - pvdev_ops.go_on: try again what is held
 * @dev: a disk
 *
 * Return: number of requests.
 */
unsigned int hdev_blk_continue(struct hdev *dev);

/**
 * hdev_blk_describe_trouble - for pvdev_ops.describe: errors, and whether the disk is stopped
 * @blk: the disk
 * @obj: gets "host_errors", and of a disk that is stopped "stopped" and "held"
 */
void hdev_blk_describe_trouble(const struct blk *blk, struct json_object *obj);

/* stall.c */

/**
 * hdev_blk_look_for_stall - with each beat: has the file been silent for long
 * @dev: a disk
 */
void hdev_blk_look_for_stall(struct hdev *dev);

/**
 * hdev_blk_describe_stall - for pvdev_ops.describe: how long the file has been silent
 * @dev: a disk
 * @obj: gets "waits_ms" of one that is
 */
void hdev_blk_describe_stall(const struct hdev *dev, struct json_object *obj);

#endif /* HOSTD_DEV_BLK_H */

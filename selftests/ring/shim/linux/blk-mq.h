/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_BLK_MQ_H
#define SHIM_LINUX_BLK_MQ_H

#include <linux/bitops.h>
#include <linux/types.h>
#include <string.h>
#include <asm/byteorder.h>
#include <asm/barrier.h>

#define CONFIG_BLK_DEBUG_FS	1

#define SECTOR_SHIFT		9

#define REQ_OP_READ		0u
#define REQ_OP_WRITE		1u
#define REQ_OP_FLUSH		2u
#define REQ_OP_DISCARD		3u
#define REQ_OP_ZONE_APPEND	7u
#define REQ_OP_WRITE_ZEROES	9u
#define REQ_FUA			(1u << 17)
#define REQ_NOUNMAP		(1u << 22)

typedef u8 blk_status_t;

#define BLK_STS_OK		0
#define BLK_STS_NOTSUPP		1
#define BLK_STS_NOSPC		3
#define BLK_STS_IOERR		10

struct gendisk;
struct seq_file;

enum hctx_type { HCTX_TYPE_DEFAULT, HCTX_TYPE_READ, HCTX_TYPE_POLL, HCTX_MAX_TYPES };

struct blk_mq_queue_map {
	unsigned int nr_queues;
	unsigned int queue_offset;
};

struct blk_mq_tag_set {
	struct blk_mq_queue_map	map[HCTX_MAX_TYPES];
	void			*driver_data;
};

static inline void blk_mq_map_queues(struct blk_mq_queue_map *map)
{
	(void)map;
}

struct queue_limits {
	int unused;
};

struct blk_mq_hw_ctx {
	void *driver_data;
};

struct bvec_iter {
	unsigned int	bi_size;
	unsigned int	bi_done;
};

struct page;

struct bio_vec {
	char		*bv_base;
	struct page	*bv_page;
	unsigned int	bv_len;
};

struct bio {
	struct bvec_iter	bi_iter;
	char			*data;
};

/* A request with one segment. */
struct request {
	int			tag;
	u32			cmd_flags;
	u64			sector;
	u32			len;
	char			*data;
	struct blk_mq_hw_ctx	*mq_hctx;
	struct request		*rq_next;
};

static inline u32 req_op(const struct request *rq)
{
	return rq->cmd_flags & 0xff;
}

static inline u64 blk_rq_pos(const struct request *rq)
{
	return rq->sector;
}

static inline u32 blk_rq_sectors(const struct request *rq)
{
	return rq->len >> SECTOR_SHIFT;
}

static inline void bio_advance_iter(const struct bio *bio, struct bvec_iter *iter, unsigned int len)
{
	(void)bio;
	iter->bi_size -= len;
	iter->bi_done += len;
}

#define __rq_for_each_bio(at, rq)					\
	for (struct bio shim_bio = { { (rq)->len, 0 }, (rq)->data },	\
	     *shim_next = &shim_bio; ((at) = shim_next); shim_next = NULL)

#define __bio_for_each_segment(bvec, bio, iter, start)			\
	for ((iter) = (start); (iter).bi_size &&			\
	     ((bvec) = (struct bio_vec) { (bio)->data + (iter).bi_done, NULL, (iter).bi_size }, true); \
	     bio_advance_iter(bio, &(iter), (bvec).bv_len))

#define bvec_kmap_local(bvec)	((void *)(bvec)->bv_base)
#define kunmap_local(at)	((void)(at))
#define flush_dcache_page(page)	((void)(page))

struct io_comp_batch {
	void (*complete)(struct io_comp_batch *batch);
};

/* Each request is ended at once. */
static inline bool blk_mq_add_to_batch(struct request *rq, struct io_comp_batch *batch,
				       bool is_error, void (*complete)(struct io_comp_batch *batch))
{
	(void)rq;
	(void)batch;
	(void)is_error;
	(void)complete;
	return false;
}

static inline void blk_mq_end_request_batch(struct io_comp_batch *batch)
{
	(void)batch;
}

static inline void blk_mq_start_request(struct request *rq)
{
	(void)rq;
}

/* The test's. */
void blk_mq_end_request(struct request *rq, blk_status_t status);

struct blk_mq_queue_data {
	struct request	*rq;
	bool		last;
};

/* The test's: true if it ends elsewhere, by blk_mq_ops.complete. */
bool blk_mq_complete_request_remote(struct request *rq);

struct blk_mq_ops {
	blk_status_t (*queue_rq)(struct blk_mq_hw_ctx *hctx, const struct blk_mq_queue_data *bd);
	void (*queue_rqs)(struct request **list);
	void (*commit_rqs)(struct blk_mq_hw_ctx *hctx);
	void (*complete)(struct request *rq);
	int (*poll)(struct blk_mq_hw_ctx *hctx, struct io_comp_batch *batch);
	void (*map_queues)(struct blk_mq_tag_set *set);
	void (*show_rq)(struct seq_file *file, struct request *rq);
	int (*init_hctx)(struct blk_mq_hw_ctx *hctx, void *data, unsigned int index);
};

#endif

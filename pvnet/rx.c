// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frames received: each is copied out of the buffer into which the device has packed it, once, and
 * all that is looked at is the copy.
 */
#include <linux/etherdevice.h>
#include <linux/nospec.h>
#include <linux/sizes.h>
#include <net/xdp.h>
#include "pvnet.h"
#include "trace.h"

/* A buffer takes many short frames where no long ones come. */
#define BUF_LEN_MIN	SZ_16K
#define BUFS_MAX	16

/* Up to here a frame is in one piece; a longer one has its headers there and the rest in pages. */
#define LINEAR_MAX	2048
#define HEADROOM	(NET_SKB_PAD + NET_IP_ALIGN)
/* Pieces of the rest. */
#define PIECE_MAX	32768

static u32 buf_len(const struct pvnet_config *config)
{
	return round_up(max_t(u32, BUF_LEN_MIN,
			      le32_to_cpu(config->max_frame) + sizeof(struct pvnet_frame)), SZ_4K);
}

static u32 rx_id(const struct pvnet_rx *rx, u32 buf)
{
	return (u32)rx->gens[buf] << PVNET_ID_BITS | buf;
}

static void post(struct pvnet_pair *pair, u32 buf)
{
	struct pvnet_rx *rx = &pair->rx;
	struct pvnet_rx_sqe sqe = {
		.len		= cpu_to_le32(rx->buf_len),
		.data_off	= cpu_to_le64(pvshm_raw(rx->q->data_off) + (u64)buf * rx->buf_len),
	};

	rx->gens[buf]++;
	sqe.id = cpu_to_le32(rx_id(rx, buf));
	__set_bit(buf, rx->posted);
	rx->nr_posted++;
	if (!pvring_put(&rx->q->ring, &sqe))
		pvnet_halt_pair(pair, "it completed more buffers than it was given");
}

/* Give the device as many buffers as are wanted, but for the one that is being read. */
static void fill(struct pvnet_pair *pair)
{
	struct pvnet_rx *rx = &pair->rx;
	u32 wanted = min(READ_ONCE(pair->net->rx_bufs), rx->nr_bufs), buf;

	if (rx->nr_posted >= wanted)
		return;
	for_each_clear_bit(buf, rx->posted, rx->nr_bufs) {
		if (rx->cursor.left && buf == rx->cursor.buf)
			continue;
		post(pair, buf);
		if (rx->nr_posted >= wanted)
			return;
	}
}

/* It asks for the doorbell only where it has run out of buffers, or nearly so (NET-D7). */
static void kick(struct pvnet_rx *rx)
{
	if (pvring_need_kick(&rx->q->ring))
		pvbus_kick(rx->q);
}

/**
 * pvnet_rx_start() - give the device its buffers
 * @pair: the pair; shut, and the device runs
 */
void pvnet_rx_start(struct pvnet_pair *pair)
{
	struct pvnet_rx *rx = &pair->rx;

	rx->buf_len = buf_len(&pair->net->config);
	rx->nr_bufs = min3((u32)(rx->q->data_len / rx->buf_len), rx->q->ring.size, (u32)BUFS_MAX);
	rx->cursor.left = 0;
	bitmap_zero(rx->posted, rx->q->ring.size);
	rx->nr_posted = 0;
	fill(pair);
	kick(rx);
}

/* The one check of what the device says of a buffer (RING-G3, NET-G6). */
static bool check_cqe(struct pvnet_rx *rx, const struct pvnet_rx_cqe *cqe)
{
	u32 id = le32_to_cpu(cqe->id), buf = id & (BIT(PVNET_ID_BITS) - 1);
	u32 used = le32_to_cpu(cqe->used), left = le32_to_cpu(cqe->nr_frames);

	if (buf >= rx->nr_bufs)
		return false;
	buf = array_index_nospec(buf, rx->nr_bufs);
	if (!test_bit(buf, rx->posted) || rx_id(rx, buf) != id)
		return false;
	if (used > rx->buf_len || !left)
		return false;
	rx->cursor = (struct pvnet_rx_cursor){ .buf = buf, .used = used, .left = left };
	return true;
}

static bool next_buffer(struct pvnet_pair *pair)
{
	struct pvnet_rx *rx = &pair->rx;
	struct pvnet_rx_cqe cqe;

	if (!pvring_get(&rx->q->ring, &cqe))
		return false;
	if (!check_cqe(rx, &cqe)) {
		pvnet_halt_pair(pair, "it filled a buffer that it does not have, or past its end");
		return false;
	}
	__clear_bit(rx->cursor.buf, rx->posted);
	rx->nr_posted--;
	pvnet_count(rx->q->ops, 1);
	pvnet_count(rx->stats.buffers, 1);
	return true;
}

/* Header and place of the next frame. NULL: the device lied. */
static const void *next_frame(struct pvnet_pair *pair, struct pvnet_frame *frame)
{
	struct pvnet_rx_cursor *c = &pair->rx.cursor;
	const void *start = pair->rx.q->data + (size_t)c->buf * pair->rx.buf_len;
	u32 max = le32_to_cpu(pair->net->config.max_frame), len, room;

	if (c->pos <= c->used && c->used - c->pos >= sizeof(*frame)) {
		pvshm_copy(frame, start + c->pos, sizeof(*frame));
		len = le32_to_cpu(frame->len);
		room = c->used - c->pos - sizeof(*frame);
		if (len >= PVNET_FRAME_MIN && len <= min(room, max)) {
			start += c->pos + sizeof(*frame);
			c->pos = round_up(c->pos + sizeof(*frame) + len, PVNET_FRAME_ALIGN);
			c->left--;
			return start;
		}
	}
	pvnet_halt_pair(pair, "it packed a frame that is none, or past the end of what it filled");
	return NULL;
}

/* A frame, or its headers, in one piece of the pool; without a piece, where the kernel finds one. */
static struct sk_buff *copy_head(struct pvnet_pair *pair, const void *data, u32 len)
{
	u32 size = SKB_DATA_ALIGN(HEADROOM + len) + SKB_DATA_ALIGN(sizeof(struct skb_shared_info));
	struct sk_buff *skb = NULL;
	struct page *page;
	unsigned int off;
	void *head;

	page = page_pool_dev_alloc_frag(pair->rx.pool, &off, size);
	if (page) {
		head = page_address(page) + off;
		skb = napi_build_skb(head, size);
		if (skb)
			skb_reserve(skb, HEADROOM);
		else
			page_pool_put_full_page(pair->rx.pool, page, true);
	} else {
		skb = napi_alloc_skb(&pair->napi, len);
	}
	if (!skb)
		return NULL;
	/* Also where it is of another allocator: each of its pages is looked at. */
	skb_mark_for_recycle(skb);
	skb_put_data(skb, data, len);
	return skb;
}

/* The rest of a long frame. */
static bool copy_rest(struct pvnet_pair *pair, struct sk_buff *skb, const void *data, u32 len)
{
	unsigned int off, size;
	struct page *page;

	while (len) {
		if (skb_shinfo(skb)->nr_frags == MAX_SKB_FRAGS)
			return false;
		size = min_t(u32, len, PIECE_MAX);
		page = page_pool_dev_alloc_frag(pair->rx.pool, &off, size);
		if (!page) {
			off = 0;
			size = min_t(u32, len, PAGE_SIZE);
			page = alloc_page(GFP_ATOMIC | __GFP_NOWARN);
		}
		if (!page)
			return false;
		pvshm_move(page_address(page) + off, data, size);
		skb_add_rx_frag(skb, skb_shinfo(skb)->nr_frags, page, off, size, size);
		data += size;
		len -= size;
	}
	return true;
}

/* NULL: it is dropped, and counted, or the pair has halted. */
static struct sk_buff *copy_frame(struct pvnet_pair *pair, const void *data, u32 len)
{
	u32 head = len <= LINEAR_MAX ? len : PVNET_HEAD_LEN;
	struct sk_buff *skb = copy_head(pair, data, head);

	if (!skb || !copy_rest(pair, skb, data + head, len - head)) {
		pvnet_count(pair->rx.stats.no_memory, 1);
		dev_kfree_skb_any(skb);
		return NULL;
	}
	/* After the copy: a migration may have replaced the window in its midst (BUS-G4). */
	if (pvbus_epoch_over(pair->net->pdev)) {
		dev_kfree_skb_any(skb);
		WRITE_ONCE(pair->halted, true);
		return NULL;
	}
	return skb;
}

/* Give a frame to the stack. */
static void receive(struct pvnet_pair *pair, const struct pvnet_frame *frame, struct sk_buff *skb)
{
	struct pvnet_rx *rx = &pair->rx;
	unsigned int len = skb->len;

	if (!pvnet_offload_to_skb(pair->net, skb, &frame->offload)) {
		pvnet_count(rx->stats.bad_offload, 1);
		dev_kfree_skb_any(skb);
		return;
	}
	/* One that is no longer in use may still have had it. */
	if (pair->index < READ_ONCE(pair->net->dev->real_num_rx_queues))
		skb_record_rx_queue(skb, pair->index);
	pvnet_hash_to_skb(pair->net, skb, frame);
	skb->protocol = eth_type_trans(skb, pair->net->dev);
	pvnet_count(rx->stats.packets, 1);
	pvnet_count(rx->stats.bytes, len);
	napi_gro_receive(&pair->napi, skb);
}

/* Take the next frame of the buffer. False: there was none, and the pair has halted. */
static bool take_frame(struct pvnet_pair *pair)
{
	struct pvnet_rx *rx = &pair->rx;
	struct pvnet_frame frame;
	struct bpf_prog *prog;
	struct sk_buff *skb;
	const void *data;

	data = next_frame(pair, &frame);
	if (!data)
		return false;
	trace_pvnet_receive(pair->net->dev, pair->index, le32_to_cpu(frame.len), &frame.offload);
	if (!netif_running(pair->net->dev)) {
		pvnet_count(rx->stats.down, 1);
		return true;
	}
	prog = rcu_dereference_bh(pair->net->prog);
	if (prog)
		skb = pvnet_run_xdp(pair, prog, &frame, data);
	else
		skb = copy_frame(pair, data, le32_to_cpu(frame.len));
	if (skb)
		receive(pair, &frame, skb);
	return !READ_ONCE(pair->halted);
}

/**
 * pvnet_rx_poll() - receive what is there, and ask for no interrupt meanwhile
 * @pair: the pair; its NAPI
 * @budget: most frames
 *
 * Return: how many frames.
 */
int pvnet_rx_poll(struct pvnet_pair *pair, int budget)
{
	struct pvnet_rx *rx = &pair->rx;
	int work = 0;

	pvring_disarm(&rx->q->ring);
	while (work < budget && !READ_ONCE(pair->halted)) {
		if (!rx->cursor.left && !next_buffer(pair))
			break;
		work += take_frame(pair);
		if (!rx->cursor.left)
			fill(pair);
	}
	pvnet_xdp_flush(pair);
	/* More may be wanted by now. */
	fill(pair);
	pvring_set_head(&rx->q->ring);
	kick(rx);
	if (work && READ_ONCE(pair->coal.adaptive))
		pvnet_adapt(pair);
	return work;
}

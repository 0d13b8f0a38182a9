/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frames, as far as a driver sees them: a piece with struct skb_shared_info at its end, and more in
 * pages. Where they come from and go to is the test's.
 */
#ifndef SHIM_LINUX_SKBUFF_H
#define SHIM_LINUX_SKBUFF_H

#include <stdlib.h>
#include <linux/mm.h>
#include <linux/types.h>

#define CHECKSUM_NONE		0
#define CHECKSUM_UNNECESSARY	1
#define CHECKSUM_PARTIAL	3

#define SKB_GSO_TCPV4		(1 << 0)
#define SKB_GSO_TCP_ECN		(1 << 2)
#define SKB_GSO_TCPV6		(1 << 4)
#define SKB_GSO_UDP_L4		(1 << 17)

#define MAX_SKB_FRAGS		17
#define NET_SKB_PAD		64
#define NET_IP_ALIGN		0
#define SKB_DATA_ALIGN(len)	(((len) + 63) & ~63U)

enum pkt_hash_types { PKT_HASH_TYPE_NONE, PKT_HASH_TYPE_L2, PKT_HASH_TYPE_L3, PKT_HASH_TYPE_L4 };

struct net_device;

struct skb_frag {
	struct page	*page;
	unsigned int	off;
	unsigned int	size;
};

typedef struct skb_frag skb_frag_t;

struct skb_shared_info {
	u8		nr_frags;
	u16		gso_size;
	unsigned int	gso_type;
	struct skb_frag	frags[MAX_SKB_FRAGS];
};

struct sk_buff {
	struct net_device	*dev;
	u8			*head;
	u8			*data;
	u8			*tail;
	u8			*end;
	unsigned int		len;
	unsigned int		data_len;
	u16			queue_mapping;
	u16			protocol;
	u16			csum_start;
	u16			csum_offset;
	u32			hash;
	u8			ip_summed;
	u8			hash_type;
	bool			pp_recycle;
};

static inline struct skb_shared_info *skb_shinfo(const struct sk_buff *skb)
{
	return (struct skb_shared_info *)skb->end;
}

static inline unsigned int skb_headlen(const struct sk_buff *skb)
{
	return skb->len - skb->data_len;
}

static inline void *skb_frag_address(const skb_frag_t *frag)
{
	return page_address(frag->page) + frag->off;
}

static inline unsigned int skb_frag_size(const skb_frag_t *frag)
{
	return frag->size;
}

#define skb_has_frag_list(skb)	((void)(skb), false)

static inline bool skb_is_gso(const struct sk_buff *skb)
{
	return skb_shinfo(skb)->gso_size;
}

/* Here it counts from the start of the frame in both. */
static inline int skb_checksum_start_offset(const struct sk_buff *skb)
{
	return skb->csum_start;
}

static inline void skb_reserve(struct sk_buff *skb, int len)
{
	skb->data += len;
	skb->tail += len;
}

static inline void *__skb_put(struct sk_buff *skb, unsigned int len)
{
	void *at = skb->tail;

	if (skb->data_len || len > (size_t)(skb->end - skb->tail))
		abort();
	skb->tail += len;
	skb->len += len;
	return at;
}

static inline void skb_put_data(struct sk_buff *skb, const void *data, unsigned int len)
{
	memcpy(__skb_put(skb, len), data, len);
}

static inline void skb_add_rx_frag(struct sk_buff *skb, int i, struct page *page, int off, int size,
				   unsigned int truesize)
{
	struct skb_shared_info *info = skb_shinfo(skb);

	if (i != info->nr_frags || i >= MAX_SKB_FRAGS || truesize < (unsigned int)size)
		abort();
	info->frags[info->nr_frags++] = (struct skb_frag) { page, off, size };
	skb->len += size;
	skb->data_len += size;
}

static inline void skb_mark_for_recycle(struct sk_buff *skb)
{
	skb->pp_recycle = true;
}

static inline void skb_set_hash(struct sk_buff *skb, u32 hash, enum pkt_hash_types type)
{
	skb->hash = hash;
	skb->hash_type = type;
}

static inline void skb_metadata_set(struct sk_buff *skb, u8 len)
{
	if (skb->data - skb->head < len)
		abort();
}

static inline u16 skb_get_queue_mapping(const struct sk_buff *skb)
{
	return skb->queue_mapping;
}

static inline void skb_record_rx_queue(struct sk_buff *skb, u16 queue)
{
	skb->queue_mapping = queue;
}

#define skb_tx_timestamp(skb)	((void)(skb))
#define nf_reset_ct(skb)	((void)(skb))

/* The test's. */
struct sk_buff *napi_build_skb(void *data, unsigned int size);
int skb_copy_bits(const struct sk_buff *skb, int off, void *to, int len);
void dev_kfree_skb_any(struct sk_buff *skb);
void napi_consume_skb(struct sk_buff *skb, int budget);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel around pvnet's files in user space: frames and pages are pieces of memory that are just as long
 * as was asked for, so that the sanitizers see what lies beyond; accounts that must balance do so, or the
 * program ends. Include it once in a program, after pvnet.h.
 */
#ifndef SELFTESTS_TESTSTACK_H
#define SELFTESTS_TESTSTACK_H

#include <linux/bpf.h>
#include <linux/kthread.h>
#include <linux/virtio_net.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Most of what the kernel is told is of no use here. */
#pragma GCC diagnostic ignored "-Wunused-parameter"

#define TESTSTACK_MAX	256

/**
 * struct testpage - a page, or a piece of the pool's
 * @page: as the driver knows it
 * @mem: its memory
 * @len: bytes
 * @off: of @mem in the page; nothing is before it
 * @of_pool: it goes back there and nowhere else
 */
struct testpage {
	struct page	page;
	u8		*mem;
	size_t		len;
	size_t		off;
	bool		of_pool;
};

/**
 * struct teststack - what the test says, and what the driver did
 * @fail: allocations that fail, as bits, the next one first
 * @more: the stack has more to send
 * @epoch_over: as the bus sees it
 * @act: what a program of XDP says
 * @head: by how much it moves the start of a frame
 * @tail: and its end
 * @no_redirect: what it wants to be redirected is not taken
 * @forget: who reads from the window finds something else the next time
 * @received: frames that the stack was given and the test has not taken
 * @nr_received: how many
 * @nr_frames: frames that are alive
 * @nr_pages: pages that are
 * @nr_freed: frames sent that have been let go
 * @kicks: doorbells
 * @restarts: times that the device is to be started anew
 * @broken: what the device is told to be, or NULL
 * @pages: those that are alive
 */
static struct teststack {
	u32		fail;
	bool		more;
	bool		epoch_over;
	u32		act;
	int		head;
	int		tail;
	bool		no_redirect;
	bool		forget;
	struct sk_buff	*received[TESTSTACK_MAX];
	unsigned int	nr_received;
	unsigned int	nr_frames;
	unsigned int	nr_pages;
	unsigned int	nr_freed;
	unsigned int	kicks;
	unsigned int	restarts;
	const char	*broken;
	struct testpage	*pages[2 * TESTSTACK_MAX];
} stack;

static _Noreturn void stack_fault(const char *what)
{
	fprintf(stderr, "the driver broke the rules of the kernel: %s\n", what);
	abort();
}

/* Memory. */

static struct page *new_page(size_t len, size_t off, bool of_pool)
{
	bool fails = stack.fail & 1;
	struct testpage *p;

	stack.fail >>= 1;
	if (fails)
		return NULL;
	if (stack.nr_pages == sizeof(stack.pages) / sizeof(stack.pages[0]))
		stack_fault("pages are leaked");
	p = calloc(1, sizeof(*p));
	*p = (struct testpage) { .mem = malloc(len), .len = len, .off = off, .of_pool = of_pool };
	stack.pages[stack.nr_pages++] = p;
	return &p->page;
}

static void end_page(struct page *page, bool to_pool)
{
	struct testpage *p = (struct testpage *)page;
	unsigned int i;

	for (i = 0; stack.pages[i] != p; i++)
		if (i + 1 >= stack.nr_pages)
			stack_fault("a page is freed that is none");
	if (p->of_pool && !to_pool)
		stack_fault("a piece of the pool goes elsewhere");
	stack.pages[i] = stack.pages[--stack.nr_pages];
	free(p->mem);
	free(p);
}

struct page *page_pool_dev_alloc_frag(struct page_pool *pool, unsigned int *off, unsigned int len)
{
	*off = 64;
	return new_page(len, 64, true);
}

void page_pool_put_full_page(struct page_pool *pool, struct page *page, bool direct)
{
	end_page(page, true);
}

struct page *alloc_pages(gfp_t gfp, unsigned int order)
{
	return new_page(PAGE_SIZE << order, 0, false);
}

void put_page(struct page *page)
{
	end_page(page, false);
}

void *page_address(const struct page *page)
{
	const struct testpage *p = (const struct testpage *)page;

	return (void *)((uintptr_t)p->mem - p->off);
}

struct page *virt_to_head_page(const void *at)
{
	unsigned int i;

	for (i = 0; i < stack.nr_pages; i++)
		if ((u8 *)at >= stack.pages[i]->mem && (u8 *)at < stack.pages[i]->mem + stack.pages[i]->len)
			return &stack.pages[i]->page;
	stack_fault("a place is in no page");
}

/* Frames. */

struct sk_buff *napi_build_skb(void *data, unsigned int size)
{
	unsigned int info = SKB_DATA_ALIGN(sizeof(struct skb_shared_info));
	bool fails = stack.fail & 1;
	struct sk_buff *skb;

	stack.fail >>= 1;
	if (fails)
		return NULL;
	skb = calloc(1, sizeof(*skb));
	skb->head = skb->data = skb->tail = data;
	skb->end = skb->head + size - info;
	memset(skb->end, 0, info);
	stack.nr_frames++;
	return skb;
}

struct sk_buff *napi_alloc_skb(struct napi_struct *napi, unsigned int len)
{
	unsigned int size = NET_SKB_PAD + SKB_DATA_ALIGN(len) + SKB_DATA_ALIGN(sizeof(struct skb_shared_info));
	struct page *page = new_page(size, 0, false);
	struct sk_buff *skb;

	if (!page)
		return NULL;
	skb = napi_build_skb(page_address(page), size);
	if (skb)
		skb_reserve(skb, NET_SKB_PAD);
	else
		end_page(page, false);
	return skb;
}

static void end_frame(struct sk_buff *skb)
{
	struct page *page = virt_to_head_page(skb->head);
	unsigned int i;

	for (i = 0; i < skb_shinfo(skb)->nr_frags; i++)
		end_page(skb_shinfo(skb)->frags[i].page, skb->pp_recycle);
	end_page(page, skb->pp_recycle);
	stack.nr_frames--;
	free(skb);
}

/* As kfree_skb(): none is no fault. */
void dev_kfree_skb_any(struct sk_buff *skb)
{
	if (!skb)
		return;
	stack.nr_freed += !skb->pp_recycle;
	end_frame(skb);
}

void napi_consume_skb(struct sk_buff *skb, int budget)
{
	dev_kfree_skb_any(skb);
}

int skb_copy_bits(const struct sk_buff *skb, int off, void *to, int len)
{
	const struct skb_frag *frag = skb_shinfo(skb)->frags;
	unsigned int i;

	if (off || len != (int)skb->len)
		stack_fault("a frame is not copied whole");
	memcpy(to, skb->data, skb_headlen(skb));
	to += skb_headlen(skb);
	for (i = 0; i < skb_shinfo(skb)->nr_frags; i++) {
		memcpy(to, page_address(frag[i].page) + frag[i].off, frag[i].size);
		to += frag[i].size;
	}
	return 0;
}

u16 eth_type_trans(struct sk_buff *skb, struct net_device *dev)
{
	skb->dev = dev;
	return 0;
}

int napi_gro_receive(struct napi_struct *napi, struct sk_buff *skb)
{
	if (stack.nr_received == TESTSTACK_MAX)
		stack_fault("more frames than a buffer can have");
	stack.received[stack.nr_received++] = skb;
	return 0;
}

/* The part of the kernel's check that does not look at headers. */
int virtio_net_hdr_to_skb(struct sk_buff *skb, const struct virtio_net_hdr *hdr, bool little_endian)
{
	unsigned int start = le16toh((__force u16)hdr->csum_start), off = le16toh((__force u16)hdr->csum_offset);
	u8 type = hdr->gso_type & ~VIRTIO_NET_HDR_GSO_ECN;

	if (!little_endian || (hdr->gso_type && !hdr->gso_size))
		return -1;
	if (hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		if (start < 14 || start + off + 2 > skb->len)
			return -1;
		skb->ip_summed = CHECKSUM_PARTIAL;
		skb->csum_start = start;
		skb->csum_offset = off;
	}
	skb_shinfo(skb)->gso_size = le16toh((__force u16)hdr->gso_size);
	skb_shinfo(skb)->gso_type = type == VIRTIO_NET_HDR_GSO_TCPV4 ? SKB_GSO_TCPV4 :
				    type == VIRTIO_NET_HDR_GSO_TCPV6 ? SKB_GSO_TCPV6 : type ? SKB_GSO_UDP_L4 : 0;
	if (hdr->gso_type & VIRTIO_NET_HDR_GSO_ECN)
		skb_shinfo(skb)->gso_type |= SKB_GSO_TCP_ECN;
	return 0;
}

/* The queue of the stack's, and BQL, which does not bear wrong sums. */

bool netdev_xmit_more(void)
{
	return stack.more;
}

bool __netdev_tx_sent_queue(struct netdev_queue *txq, unsigned int bytes, bool more)
{
	txq->bytes += bytes;
	return !more || txq->stopped;
}

void netdev_tx_completed_queue(struct netdev_queue *txq, unsigned int packets, unsigned int bytes)
{
	if (bytes > txq->bytes || !packets != !bytes)
		stack_fault("BQL: more is completed than was sent");
	txq->bytes -= bytes;
}

void netdev_update_features(struct net_device *dev) { }

void netdev_rss_key_fill(void *key, size_t len)
{
	memset(key, 0x6d, len);
}

/* Programs: this one uses all the room that it is told to have. */
u32 bpf_prog_run_xdp(struct bpf_prog *prog, struct xdp_buff *xdp)
{
	u8 *end = xdp->data_hard_start + xdp->frame_sz - SKB_DATA_ALIGN(sizeof(struct skb_shared_info));
	u8 *data = xdp->data, *data_end = xdp->data_end;
	int room = data - (u8 *)xdp->data_hard_start;

	data -= min(stack.head, room);
	/* As the kernel has it, a header at least is left. */
	data_end += max(min(stack.tail, (int)(end - data_end)), (int)(data + PVNET_FRAME_MIN - data_end));
	memset(data_end, 0x77, end - data_end);
	memset(data, 0x77, data < (u8 *)xdp->data ? (u8 *)xdp->data - data : 0);
	xdp->data = xdp->data_meta = data;
	xdp->data_end = data_end;
	return stack.act;
}

int xdp_do_redirect(struct net_device *dev, struct xdp_buff *xdp, struct bpf_prog *prog)
{
	if (stack.no_redirect)
		return -1;
	end_page(virt_to_head_page(xdp->data_hard_start), true);
	return 0;
}

void xdp_do_flush(void) { }
void xdp_return_frame(struct xdp_frame *frame) { }

/* Its NAPI runs when the test says, and nobody else does. */
bool napi_schedule(struct napi_struct *napi)
{
	napi->state |= BIT(NAPI_STATE_SCHED);
	return true;
}

bool napi_complete_done(struct napi_struct *napi, int work)
{
	napi->state = 0;
	return true;
}

void local_bh_disable(void) { }
void local_bh_enable(void) { }
void set_current_state(int state) { }
void __set_current_state(int state) { }
void schedule(void) { }
bool kthread_should_stop(void) { return true; }
int wake_up_process(struct task_struct *task) { return 0; }
void pvnet_adapt(struct pvnet_pair *pair) { }

/* The bus. */

u32 pvbus_sleep_ns(const struct pvbus_device *pdev)
{
	return 100000;
}

void pvbus_kick(struct pvbus_queue *queue)
{
	stack.kicks++;
}

bool pvbus_epoch_over(struct pvbus_device *pdev)
{
	return stack.epoch_over;
}

void pvbus_device_restart(struct pvbus_device *pdev)
{
	stack.restarts++;
}

void pvbus_device_broken(struct pvbus_device *pdev, const char *why)
{
	if (!stack.broken)
		stack.broken = why;
}

/* A device may change what it has written as soon as it has been read. */
void pvshm_copy(void *dst, const void *src, size_t len)
{
	memcpy(dst, src, len);
	if (stack.forget)
		memset((void *)src, 0xff, len);
}

void pvshm_move(void *dst, const void *src, size_t len)
{
	memcpy(dst, src, len);
}

#endif /* SELFTESTS_TESTSTACK_H */

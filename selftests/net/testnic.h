/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A NIC with one pair, the driver's files as they are, and a window that is just as long as they were told.
 * The test is its device: it looks at what is submitted, and writes completions. teststack.h is the rest of
 * the kernel.
 */
#ifndef SELFTESTS_TESTNIC_H
#define SELFTESTS_TESTNIC_H

#include "../../pvnet/pvnet.h"
#include "teststack.h"

#define TESTNIC_SIZE	8		/* entries of each ring */
#define TESTNIC_CTRL	0
#define TESTNIC_RX	1
#define TESTNIC_TX	2
#define TESTNIC_OFF	0x10000		/* of its data extents in the window */

/* All that the driver can agree to. */
#define TESTNIC_FEATURES	(BIT_ULL(PVNET_F_CSUM) | BIT_ULL(PVNET_F_TSO4) | BIT_ULL(PVNET_F_TSO6) | \
				 BIT_ULL(PVNET_F_TSO_ECN) | BIT_ULL(PVNET_F_USO) | BIT_ULL(PVNET_F_RX_CSUM) | \
				 BIT_ULL(PVNET_F_RX_TSO4) | BIT_ULL(PVNET_F_RX_TSO6) | \
				 BIT_ULL(PVNET_F_RX_TSO_ECN) | BIT_ULL(PVNET_F_RX_USO) | BIT_ULL(PVNET_F_HASH))

/**
 * struct testnic - the NIC
 * @net: what the driver has of it
 * @dev: the interface
 * @pair: its pair
 * @task: its poller, which never runs
 * @txq: the stack's queue
 * @pdev: the device
 * @queues: the queues in the window, by TESTNIC_*
 * @taken: submissions that the test has seen, of each
 * @posted: completions that it has written
 */
static struct testnic {
	struct pvnet		net;
	struct net_device	dev;
	struct pvnet_pair	pair;
	struct task_struct	task;
	struct netdev_queue	txq;
	struct pvbus_device	pdev;
	struct pvbus_queue	queues[3];
	u32			taken[3];
	u32			posted[3];
} nic;

static inline void *nic_memory(size_t len)
{
	void *at = NULL;

	if (posix_memalign(&at, 64, len))
		abort();
	memset(at, 0, len);
	return at;
}

static inline void nic_free_queue(struct pvbus_queue *q)
{
	free(q->ring.drv);
	free((void *)q->ring.dev);
	free(q->data);
	*q = (struct pvbus_queue) { 0 };
}

static inline void nic_make_queue(unsigned int index, u8 sqe_shift, size_t data_len)
{
	struct pvbus_queue *q = &nic.queues[index];

	nic_free_queue(q);
	*q = (struct pvbus_queue) {
		.pdev = &nic.pdev, .priv = &nic.pair, .data = nic_memory(data_len), .data_len = data_len,
		.data_off = pvshm_off(index * TESTNIC_OFF),
	};
	pvring_init(&q->ring, nic_memory(pvring_drv_area_len(TESTNIC_SIZE, sqe_shift)),
		    nic_memory(pvring_dev_area_len(TESTNIC_SIZE, PVNET_CQE_SHIFT)), TESTNIC_SIZE, sqe_shift, PVNET_CQE_SHIFT);
	nic.taken[index] = nic.posted[index] = 0;
}

/**
 * nic_go() - a life of the device begins, as pvnet_go() has it; the pair is on hold, and shut
 * @features: PVNET_F_*, as bits
 * @max_frame: its longest frame
 * @rx_len: bytes for its receive buffers
 * @tx_len: bytes for what is sent
 */
static inline void nic_go(u64 features, u32 max_frame, size_t rx_len, size_t tx_len)
{
	nic_make_queue(TESTNIC_RX, PVNET_RX_SQE_SHIFT, rx_len);
	nic_make_queue(TESTNIC_TX, PVNET_TX_SQE_SHIFT, tx_len);
	nic.pair.rx.q = &nic.queues[TESTNIC_RX];
	nic.pair.tx.q = &nic.queues[TESTNIC_TX];
	nic.net.features = features;
	nic.net.config.max_frame = htole32(max_frame);
	stack.broken = NULL;
	stack.epoch_over = false;
	pvnet_rx_start(&nic.pair);
	pvnet_tx_resume(&nic.pair);
	pvnet_open_pair(&nic.pair);
}

/* Once at the start of each run; then nic_go(). */
static inline void nic_init(void)
{
	static struct pvnet_tx_slot slots[TESTNIC_SIZE];
	static u16 gens[TESTNIC_SIZE];
	static unsigned long posted;

	memset(&nic, 0, sizeof(nic));
	memset(&stack, 0, sizeof(stack));
	memset(slots, 0, sizeof(slots));
	memset(gens, 0, sizeof(gens));
	pvnet_poll_us = 0;
	nic.dev = (struct net_device) { .priv = &nic.net, .running = true, .real_num_tx_queues = 1,
					.real_num_rx_queues = 1, .features = NETIF_F_RXHASH, .mtu = 1500 };
	nic.net = (struct pvnet) { .pdev = &nic.pdev, .dev = &nic.dev, .pairs = &nic.pair, .nr_pairs = 1,
				   .rx_bufs = TESTNIC_SIZE, .tx_frames = TESTNIC_SIZE };
	nic.pair = (struct pvnet_pair) { .net = &nic.net, .poller = &nic.task, .halted = true };
	spin_lock_init(&nic.pair.lock);
	nic.pair.rx.gens = gens;
	nic.pair.rx.posted = &posted;
	nic.pair.tx.txq = &nic.txq;
	nic.pair.tx.slots = slots;
	nic.pair.tx.mode = PVNET_HOLD;
	nic.pair.coal.tx_usecs = 1;
	nic.pair.coal.tx_frames = TESTNIC_SIZE;
}

/* At the end of each run: nothing is left. */
static inline void nic_exit(void)
{
	pvnet_tx_hold(&nic.pair);
	pvnet_tx_drop(&nic.pair);
	while (stack.nr_received)
		end_frame(stack.received[--stack.nr_received]);
	if (stack.nr_frames || stack.nr_pages)
		stack_fault("frames or pages are leaked");
	if (nic.txq.bytes)
		stack_fault("BQL: less is completed than was sent");
	nic_free_queue(&nic.queues[TESTNIC_RX]);
	nic_free_queue(&nic.queues[TESTNIC_TX]);
}

/* The NAPI runs until it has nothing more to do. */
static inline void nic_poll(void)
{
	while (pvnet_poll(&nic.pair.napi, 64) == 64 || nic.pair.napi.state)
		;
}

/* The next submission that the test has not seen, or NULL. */
static inline const void *nic_take(unsigned int index)
{
	const struct pvring *ring = &nic.queues[index].ring;

	if (nic.taken[index] == ring->sq_next)
		return NULL;
	return ring->sq + ((size_t)(nic.taken[index]++ % TESTNIC_SIZE) << ring->sqe_shift);
}

/* The device writes an entry of 16 bytes, but for the sequence word. */
static inline void nic_post(unsigned int index, u32 first, u32 second, u32 third)
{
	struct pvnet_rx_cqe *cqe = (void *)nic.queues[index].ring.cq;

	cqe[nic.posted[index] % TESTNIC_SIZE] = (struct pvnet_rx_cqe) {
		htole32(first), htole32(second), htole32(third), htole32(PVRING_SEQ(nic.posted[index]))
	};
	nic.posted[index]++;
}

/**
 * nic_frame() - a frame to be sent, with content of its own
 * @len: bytes
 * @head: so many of them in its first piece; the rest is in pages
 */
static inline struct sk_buff *nic_frame(u32 len, u32 head)
{
	unsigned int size = SKB_DATA_ALIGN(head) + SKB_DATA_ALIGN(sizeof(struct skb_shared_info));
	u32 fail = stack.fail, at, part, i;
	struct sk_buff *skb;
	struct page *page;
	static u8 content;

	stack.fail = 0;
	skb = napi_build_skb(page_address(new_page(size, 0, false)), size);
	memset(__skb_put(skb, head), ++content, head);
	for (at = head, i = 0; at < len; at += part, i++) {
		part = min(len - at, 8192U);
		page = new_page(part, 0, false);
		memset(page_address(page), ++content, part);
		skb_add_rx_frag(skb, i, page, 0, part, part);
	}
	stack.fail = fail;
	return skb;
}

#endif /* SELFTESTS_TESTNIC_H */

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frames to be sent: copied into the window, and kept until their completion.
 *
 * All of a queue is guarded by the lock of its netdev_queue.
 */
#include <linux/netdevice.h>
#include <linux/nospec.h>
#include "pvnet.h"
#include "trace.h"

static u32 slot_id(const struct pvnet_tx *tx, u32 nr)
{
	return (u32)pvnet_tx_slot(tx, nr)->gen << PVNET_ID_BITS | (nr & (tx->q->ring.size - 1));
}

static u32 max_frame(const struct pvnet_tx *tx)
{
	const struct pvnet_pair *pair = container_of(tx, struct pvnet_pair, tx);

	return le32_to_cpu(pair->net->config.max_frame);
}

static u32 max_flight(const struct pvnet_tx *tx)
{
	const struct pvnet_pair *pair = container_of(tx, struct pvnet_pair, tx);

	return min(READ_ONCE(pair->net->tx_frames), tx->q->ring.size);
}

/**
 * pvnet_tx_has_room() - is there room for frames of any length
 * @tx: the queue; locked
 * @nr: how many
 *
 * With nothing in flight there is never more.
 *
 * Return: true if so.
 */
bool pvnet_tx_has_room(const struct pvnet_tx *tx, u32 nr)
{
	if (tx->head == tx->tail)
		return true;
	if (tx->head - tx->tail + nr > max_flight(tx))
		return false;
	return pvnet_arena_find(&tx->arena, nr * round_up(max_frame(tx), PVNET_ARENA_ALIGN)) !=
	       PVNET_NO_ROOM;
}

/**
 * pvnet_tx_kick() - give what has been submitted to the device
 * @tx: the queue; locked
 */
void pvnet_tx_kick(struct pvnet_tx *tx)
{
	if (pvring_need_kick(&tx->q->ring))
		pvbus_kick(tx->q);
}

/*
 * Take the next slot and its room. There is some: the stack is told to wait before there is none.
 * What is copied there goes by submit().
 */
static struct pvnet_tx_slot *take_slot(struct pvnet_tx *tx, u32 len)
{
	struct pvnet_tx_slot *slot = pvnet_tx_slot(tx, tx->head);
	u32 off;

	if (tx->head - tx->tail >= tx->q->ring.size)
		return NULL;
	off = pvnet_arena_take(&tx->arena, len);
	if (off == PVNET_NO_ROOM)
		return NULL;
	slot->off = off;
	slot->len = len;
	slot->skb = NULL;
	return slot;
}

static void submit(struct pvnet_pair *pair, struct pvnet_tx_slot *slot,
		   const struct pvnet_offload *offload)
{
	struct pvnet_tx *tx = &pair->tx;
	struct pvnet_tx_sqe sqe = {
		.len		= cpu_to_le32(slot->len),
		.data_off	= cpu_to_le64(pvshm_raw(tx->q->data_off) + slot->off),
		.offload	= *offload,
	};

	slot->gen++;
	slot->busy = true;
	if (tx->head == tx->tail)
		tx->since = jiffies;
	tx->bytes += slot->len;
	sqe.id = cpu_to_le32(slot_id(tx, tx->head));
	tx->head++;
	if (!pvring_put(&tx->q->ring, &sqe))
		pvnet_halt_pair(pair, "it completed more than it was given");
}

/* A slot that is not busy is over; the oldest are let go together, in order. */
static void let_go(struct pvnet_tx *tx)
{
	while (tx->tail != tx->head && !pvnet_tx_slot(tx, tx->tail)->busy) {
		tx->tail++;
		tx->since = jiffies;
		pvnet_arena_give(&tx->arena, pvnet_tx_slot(tx, tx->tail)->off);
	}
}

static void count_status(struct pvnet_tx *tx, u32 status, u32 len)
{
	switch (status) {
	case PVNET_S_OK:
		pvnet_count(tx->stats.packets, 1);
		pvnet_count(tx->stats.bytes, len);
		break;
	case PVNET_S_DROPPED:
		pvnet_count(tx->stats.dropped, 1);
		break;
	default:
		pvnet_count(tx->stats.invalid, 1);
	}
}

/* The one check of what the device says (RING-G3). NULL: it broke the ABI. */
static struct pvnet_tx_slot *check_cqe(const struct pvnet_tx *tx, const struct pvnet_cqe *cqe)
{
	u32 id = le32_to_cpu(cqe->id), nr = id & (BIT(PVNET_ID_BITS) - 1);
	struct pvnet_tx_slot *slot;

	if (nr >= tx->q->ring.size)
		return NULL;
	nr = array_index_nospec(nr, tx->q->ring.size);
	slot = &tx->slots[nr];
	if (!slot->busy || slot_id(tx, nr) != id)
		return NULL;
	if (le32_to_cpu(cqe->status) > PVNET_S_INVAL)
		return NULL;
	return slot;
}

static void wake(struct pvnet_tx *tx)
{
	if (tx->mode == PVNET_HOLD || !netif_tx_queue_stopped(tx->txq) || !pvnet_tx_has_room(tx, 2))
		return;
	pvnet_count(tx->stats.wakes, 1);
	netif_tx_wake_queue(tx->txq);
}

/* Take all completions that are there. */
static unsigned int reap(struct pvnet_pair *pair, int budget)
{
	struct pvnet_tx *tx = &pair->tx;
	struct pvnet_tx_slot *slot;
	unsigned int packets = 0, bytes = 0, nr = 0;
	struct pvnet_cqe cqe;

	while (!READ_ONCE(pair->halted) && pvring_get(&tx->q->ring, &cqe)) {
		slot = check_cqe(tx, &cqe);
		if (!slot) {
			pvnet_halt_pair(pair, "it completed a frame that is not in flight");
			break;
		}
		slot->busy = false;
		tx->bytes -= slot->len;
		count_status(tx, le32_to_cpu(cqe.status), slot->len);
		nr++;
		if (!slot->skb)
			continue;
		packets++;
		bytes += slot->skb->len;
		napi_consume_skb(slot->skb, budget);
		slot->skb = NULL;
	}
	if (!nr)
		return 0;
	pvring_set_head(&tx->q->ring);
	pvnet_count(tx->q->ops, nr);
	let_go(tx);
	netdev_tx_completed_queue(tx->txq, packets, bytes);
	wake(tx);
	return nr;
}

/**
 * pvnet_tx_lock() - keep others from the transmit queue of a pair
 * @pair: the pair; softirqs are off
 */
void pvnet_tx_lock(struct pvnet_pair *pair) __acquires(&pair->tx.txq->_xmit_lock)
{
	__netif_tx_lock(pair->tx.txq, smp_processor_id());
}

/**
 * pvnet_tx_unlock() - the other end
 * @pair: the pair
 */
void pvnet_tx_unlock(struct pvnet_pair *pair) __releases(&pair->tx.txq->_xmit_lock)
{
	__netif_tx_unlock(pair->tx.txq);
}

/**
 * pvnet_tx_poll() - reap what was sent, and ask for no interrupt meanwhile
 * @pair: the pair; its NAPI
 * @budget: that of the NAPI
 *
 * Return: how many frames.
 */
unsigned int pvnet_tx_poll(struct pvnet_pair *pair, int budget)
{
	struct pvnet_tx *tx = &pair->tx;
	unsigned int nr;

	pvnet_tx_lock(pair);
	pvring_disarm(&tx->q->ring);
	nr = reap(pair, budget);
	pvnet_tx_unlock(pair);
	return nr;
}

/**
 * pvnet_tx_try_poll() - reap what was sent, unless somebody is about to do something with the queue
 * @pair: the pair; any context
 *
 * He may be who waits for this to end. What was armed for stays so.
 */
void pvnet_tx_try_poll(struct pvnet_pair *pair)
{
	if (!__netif_tx_trylock(pair->tx.txq))
		return;
	/* Whoever has put it on hold waits for nobody who comes here. */
	if (pair->tx.mode == PVNET_PASS)
		reap(pair, 0);
	pvnet_tx_unlock(pair);
}

static void copy_frame(const struct sk_buff *skb, void *to)
{
	const skb_frag_t *frag = skb_shinfo(skb)->frags;
	unsigned int i;

	if (skb_has_frag_list(skb)) {
		skb_copy_bits(skb, 0, to, skb->len);
		return;
	}
	pvshm_move(to, skb->data, skb_headlen(skb));
	to += skb_headlen(skb);
	for (i = 0; i < skb_shinfo(skb)->nr_frags; i++, frag++) {
		pvshm_move(to, skb_frag_address(frag), skb_frag_size(frag));
		to += skb_frag_size(frag);
	}
}

/**
 * pvnet_tx_send() - copy a frame into the window and submit it
 * @pair: the pair; its transmit queue is locked
 * @skb: the frame
 *
 * Return: false: it is to be dropped, and counted.
 */
bool pvnet_tx_send(struct pvnet_pair *pair, struct sk_buff *skb)
{
	struct pvnet_tx *tx = &pair->tx;
	struct pvnet_offload offload;
	struct pvnet_tx_slot *slot;

	if (skb->len < PVNET_FRAME_MIN || skb->len > max_frame(tx)) {
		pvnet_count(tx->stats.bad_len, 1);
		return false;
	}
	if (!pvnet_offload_from_skb(pair->net, skb, &offload)) {
		pvnet_count(tx->stats.stale, 1);
		return false;
	}
	slot = take_slot(tx, skb->len);
	if (!slot) {
		pvnet_count(tx->stats.dropped, 1);
		return false;
	}
	copy_frame(skb, tx->q->data + slot->off);
	slot->skb = skb;
	trace_pvnet_submit(pair->net->dev, pair->index, skb->len, &offload);
	submit(pair, slot, &offload);
	return true;
}

/* The next frame may not fit: let the stack wait, unless what was sent is done by now. */
static void stop_when_full(struct pvnet_pair *pair)
{
	struct pvnet_tx *tx = &pair->tx;

	if (pvnet_tx_has_room(tx, 1))
		return;
	reap(pair, 0);
	if (pvnet_tx_has_room(tx, 1))
		return;
	netif_tx_stop_queue(tx->txq);
	pvnet_count(tx->stats.stops, 1);
}

/* There is no device just now: until it is back frames wait, unless it has failed. */
static netdev_tx_t refuse(struct pvnet_tx *tx, struct sk_buff *skb)
{
	if (tx->mode == PVNET_HOLD) {
		netif_tx_stop_queue(tx->txq);
		return NETDEV_TX_BUSY;
	}
	pvnet_count(tx->stats.dropped, 1);
	dev_kfree_skb_any(skb);
	return NETDEV_TX_OK;
}

/**
 * pvnet_start_xmit() - see net_device_ops.ndo_start_xmit
 * @skb: the frame
 * @dev: the interface
 *
 * Whether it is reaped here, by the poller or after an interrupt: the queue has been armed by the
 * NAPI for all that is sent since, so that nothing waits for the next frame.
 */
netdev_tx_t pvnet_start_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct pvnet *net = netdev_priv(dev);
	struct pvnet_pair *pair = &net->pairs[skb_get_queue_mapping(skb)];
	struct pvnet_tx *tx = &pair->tx;
	unsigned int len = skb->len;
	bool now = !netdev_xmit_more();

	if (tx->mode != PVNET_PASS)
		return refuse(tx, skb);
	if (pvring_pending(&tx->q->ring))
		reap(pair, 0);
	pvnet_pass_by(pair);
	/* Told to wait, the stack is told to go on, too, by who puts the interface up, or wakes it. */
	stop_when_full(pair);
	if (netif_tx_queue_stopped(tx->txq)) {
		pvnet_tx_kick(tx);
		return NETDEV_TX_BUSY;
	}
	skb_tx_timestamp(skb);
	/* It may be kept for as long as the device side is silent. */
	nf_reset_ct(skb);
	if (pvnet_tx_send(pair, skb)) {
		now = __netdev_tx_sent_queue(tx->txq, len, !now);
		stop_when_full(pair);
	} else {
		dev_kfree_skb_any(skb);
	}
	if (now || netif_xmit_stopped(tx->txq))
		pvnet_tx_kick(tx);
	pvnet_sent(pair, tx->bytes);
	return NETDEV_TX_OK;
}

/* Room for a frame that nobody keeps. */
static struct pvnet_tx_slot *find_slot(struct pvnet_pair *pair, u32 len)
{
	struct pvnet_tx *tx = &pair->tx;

	if (tx->mode != PVNET_PASS || len < PVNET_FRAME_MIN || len > max_frame(tx))
		return NULL;
	if (pvring_pending(&tx->q->ring))
		reap(pair, 0);
	return tx->head - tx->tail < max_flight(tx) ? take_slot(tx, len) : NULL;
}

/**
 * pvnet_tx_put() - put a frame of XDP's into the window
 * @pair: the pair; its transmit queue is locked
 * @data: the frame, whole
 * @len: bytes
 *
 * Nobody keeps it: it is lost if the device does not come to it in this life.
 *
 * Return: false: there is no room, or no device. Else pvnet_tx_give() is to follow.
 */
bool pvnet_tx_put(struct pvnet_pair *pair, const void *data, u32 len)
{
	static const struct pvnet_offload whole;
	struct pvnet_tx *tx = &pair->tx;
	struct pvnet_tx_slot *slot = find_slot(pair, len);

	if (!slot) {
		pvnet_count(tx->stats.xdp_full, 1);
		return false;
	}
	memcpy(tx->q->data + slot->off, data, len);
	trace_pvnet_submit(pair->net->dev, pair->index, len, &whole);
	submit(pair, slot, &whole);
	pvnet_count(tx->stats.xdp, 1);
	return true;
}

/**
 * pvnet_tx_give() - give what was put to the device
 * @pair: the pair; its transmit queue is locked
 */
void pvnet_tx_give(struct pvnet_pair *pair)
{
	struct pvnet_tx *tx = &pair->tx;

	if (tx->mode != PVNET_PASS)
		return;
	if (!netif_tx_queue_stopped(tx->txq))
		stop_when_full(pair);
	pvnet_tx_kick(tx);
	txq_trans_cond_update(tx->txq);
	pvnet_sent(pair, tx->bytes);
}

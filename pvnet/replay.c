// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is in flight over an epoch change: held, and sent once more in a new life of the device, or
 * dropped; and whether it is time for a new one.
 */
#include <linux/netdevice.h>
#include "pvnet.h"

/**
 * pvnet_tx_hold() - submit and reap nothing any more
 * @pair: the pair
 *
 * When it returns, nobody does, but that the NAPI of a pair that is not shut reaps. What comes waits in the
 * stack. Context: process.
 */
void pvnet_tx_hold(struct pvnet_pair *pair)
{
	struct pvnet_tx *tx = &pair->tx;

	__netif_tx_lock_bh(tx->txq);
	tx->mode = PVNET_HOLD;
	netif_tx_stop_queue(tx->txq);
	__netif_tx_unlock_bh(tx->txq);
}

/**
 * pvnet_tx_drop() - drop what is in flight
 * @pair: the pair; on hold
 */
void pvnet_tx_drop(struct pvnet_pair *pair)
{
	struct pvnet_tx *tx = &pair->tx;
	unsigned int packets = 0, bytes = 0;
	struct pvnet_tx_slot *slot;

	__netif_tx_lock_bh(tx->txq);
	for (; tx->tail != tx->head; tx->tail++) {
		slot = pvnet_tx_slot(tx, tx->tail);
		pvnet_count(tx->stats.dropped, slot->busy);
		slot->busy = false;
		if (!slot->skb)
			continue;
		packets++;
		bytes += slot->skb->len;
		dev_kfree_skb_any(slot->skb);
		slot->skb = NULL;
	}
	tx->bytes = 0;
	netdev_tx_completed_queue(tx->txq, packets, bytes);
	__netif_tx_unlock_bh(tx->txq);
}

/**
 * pvnet_tx_refuse() - drop what comes, until there is a device again
 * @pair: the pair; on hold
 */
void pvnet_tx_refuse(struct pvnet_pair *pair)
{
	struct pvnet_tx *tx = &pair->tx;

	__netif_tx_lock_bh(tx->txq);
	tx->mode = PVNET_DROP;
	netif_tx_wake_queue(tx->txq);
	__netif_tx_unlock_bh(tx->txq);
}

/*
 * Submit again, in their order, what was in flight up to @end; the slots move up behind it. A
 * frame of XDP's is lost: nobody has kept it.
 */
static unsigned int submit_again(struct pvnet_pair *pair, u32 first, u32 end)
{
	unsigned int packets = 0, bytes = 0, nr = 0;
	struct pvnet_tx *tx = &pair->tx;
	struct pvnet_tx_slot *slot;
	struct sk_buff *skb;

	for (; first != end; first++) {
		slot = pvnet_tx_slot(tx, first);
		if (!slot->busy)
			continue;
		slot->busy = false;
		skb = slot->skb;
		slot->skb = NULL;
		if (skb && pvnet_tx_send(pair, skb)) {
			nr++;
			continue;
		}
		if (!skb) {
			pvnet_count(tx->stats.dropped, 1);
			continue;
		}
		packets++;
		bytes += skb->len;
		dev_kfree_skb_any(skb);
	}
	netdev_tx_completed_queue(tx->txq, packets, bytes);
	pvnet_count(tx->stats.replayed, nr);
	return nr;
}

/**
 * pvnet_tx_resume() - submit again what is in flight, then let pass what comes
 * @pair: the pair; on hold, and the device runs
 *
 * Return: how many frames were submitted again.
 */
unsigned int pvnet_tx_resume(struct pvnet_pair *pair)
{
	struct pvnet_tx *tx = &pair->tx;
	unsigned int nr;
	u32 first, end;

	__netif_tx_lock_bh(tx->txq);
	first = tx->tail;
	end = tx->head;
	/* Nothing is in flight, and slots are taken behind those that are read. */
	tx->head = first;
	tx->bytes = 0;
	pvnet_arena_init(&tx->arena, round_down(tx->q->data_len, PVNET_ARENA_ALIGN));
	nr = submit_again(pair, first, end);
	pvnet_tx_kick(tx);
	tx->mode = PVNET_PASS;
	if (pvnet_tx_has_room(tx, 1))
		netif_tx_wake_queue(tx->txq);
	__netif_tx_unlock_bh(tx->txq);
	return nr;
}

/*
 * For how long the oldest frame in flight has been that, in jiffies; negative: none is in flight. The stack need not
 * look after a queue that is looked after here, however long that is stopped.
 */
static long waited(struct pvnet_pair *pair)
{
	struct pvnet_tx *tx = &pair->tx;
	long age = -1;

	__netif_tx_lock_bh(tx->txq);
	if (tx->mode == PVNET_PASS && tx->tail != tx->head) {
		age = jiffies - tx->since;
		txq_trans_cond_update(tx->txq);
	}
	__netif_tx_unlock_bh(tx->txq);
	return age;
}

/**
 * pvnet_find_stuck() - has a frame been the oldest in flight for too long
 * @net: the NIC
 * @turn: jiffies, that the device may take for a frame
 *
 * Frames behind the oldest may wait for longer, and pairs for each other: where the operator has limited the rate
 * those that have frames take turns (NET-D5).
 *
 * Context: process. Return: the pair of that frame, or NULL.
 */
struct pvnet_pair *pvnet_find_stuck(struct pvnet *net, long turn)
{
	struct pvnet_pair *first = NULL;
	long age, longest = 0, nr = 0;
	unsigned int i;

	for (i = 0; i < net->nr_pairs; i++) {
		age = waited(&net->pairs[i]);
		nr += age >= 0;
		if (age <= longest)
			continue;
		longest = age;
		first = &net->pairs[i];
	}
	return longest > nr * turn ? first : NULL;
}

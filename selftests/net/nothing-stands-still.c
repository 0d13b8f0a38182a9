// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whatever has happened to a pair, in whichever order, nothing of it stands still: once there is a device that does what
 * it was asked for, and the watchdog has looked once, since every interrupt may have been lost, the stack may send, all that
 * it has sent has ended, each frame once, and the device has its buffers. What happens: frames come and go, some or all
 * end, the NAPI runs or does not, the epoch ends, begins and ends again, the device fails and comes back, the
 * interface is taken from the stack and given back, as over a sleep, at any moment of that. And a device that ends frames
 * one by one, as slowly as its operator has it, is not taken for one that ends none. Nor does netpoll, which may come
 * at any time, wait for whom it has interrupted, or take from anybody the interrupt that he waits for. pvnet/ as it is.
 *
 * timeout: 120
 */
#include "testnic.h"

#include "ktap.h"

#define WALKS		500
#define STEPS		200
#define MAX_FRAME	20000
#define RX_LEN		(4 << 16)
#define TX_LEN		(64 << 10)

/**
 * struct walk - one
 * @alive: there is a device
 * @away: the interface is not the stack's, so that it sends nothing
 * @waiting: a frame that the driver did not take yet, or NULL
 * @given: frames that it took, or dropped
 * @come: frames that the device has given
 * @lost: and that ended with its life
 */
static struct walk {
	bool		alive;
	bool		away;
	struct sk_buff	*waiting;
	unsigned int	given;
	unsigned int	come;
	unsigned int	lost;
} w;

static u32 seed;
static u32 tx_ids[TESTNIC_SIZE], rx_ids[TESTNIC_SIZE];
static u64 rx_offs[TESTNIC_SIZE];
static unsigned int nr_tx, nr_rx;

static u32 any(u32 below)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % below;
}

/* What has been submitted, as the device has it. */
static void take(void)
{
	const struct pvnet_tx_sqe *sqe;
	const struct pvnet_rx_sqe *buf;

	while ((sqe = nic_take(TESTNIC_TX)))
		tx_ids[nr_tx++] = le32toh(sqe->id);
	while ((buf = nic_take(TESTNIC_RX))) {
		rx_ids[nr_rx] = le32toh(buf->id);
		rx_offs[nr_rx++] = le64toh(buf->data_off) - TESTNIC_RX * TESTNIC_OFF;
	}
}

/* One frame that was sent, whichever, ends. */
static void end_one(void)
{
	u32 i;

	take();
	if (!nr_tx)
		return;
	i = any(nr_tx);
	nic_post(TESTNIC_TX, tx_ids[i], any(3), 0);
	tx_ids[i] = tx_ids[--nr_tx];
}

static void frame_comes(void)
{
	struct pvnet_frame head = { .len = htole32(100) };

	take();
	if (!nr_rx || stack.nr_received + w.come > TESTSTACK_MAX / 2)
		return;
	memcpy(nic.queues[TESTNIC_RX].data + rx_offs[--nr_rx], &head, sizeof(head));
	nic_post(TESTNIC_RX, rx_ids[nr_rx], sizeof(head) + 100, 1);
	w.come++;
}

/* As the stack does: a frame that is not taken comes first the next time. */
static void send(void)
{
	struct sk_buff *skb = w.waiting;

	if (nic.txq.stopped || w.away)
		return;
	if (!skb)
		skb = nic_frame(60 + any(any(4) ? 1500 : MAX_FRAME - 60), 60);
	stack.more = !any(3);
	if (pvnet_start_xmit(skb, &nic.dev) == NETDEV_TX_BUSY) {
		w.waiting = skb;
		return;
	}
	w.waiting = NULL;
	w.given++;
}

/* As pvnet_freeze() has it: the NAPI stays on. */
static void epoch_ends(void)
{
	pvnet_tx_hold(&nic.pair);
	pvnet_shut_pair(&nic.pair);
	w.alive = false;
}

static void epoch_begins(void)
{
	epoch_ends();
	w.lost += w.come - nic.pair.rx.stats.packets - w.lost;
	nr_tx = nr_rx = 0;
	nic_go(TESTNIC_FEATURES, MAX_FRAME, RX_LEN, TX_LEN);
	w.alive = true;
}

static void device_fails(void)
{
	epoch_ends();
	pvnet_tx_drop(&nic.pair);
	pvnet_tx_refuse(&nic.pair);
}

/* As netif_device_detach() and netif_device_attach() do. */
static void go_away(void)
{
	w.away = true;
	netif_tx_stop_queue(&nic.txq);
}

static void come_back(void)
{
	w.away = false;
	netif_tx_wake_queue(&nic.txq);
}

static void forget_received(void)
{
	while (stack.nr_received)
		end_frame(stack.received[--stack.nr_received]);
}

static void step(void)
{
	switch (any(20)) {
	case 0 ... 6:
		send();
		break;
	case 7 ... 10:
		if (w.alive)
			end_one();
		break;
	case 11 ... 13:
		if (w.alive)
			frame_comes();
		break;
	case 14 ... 15:
		nic_poll();
		break;
	case 16:
		any(4) ? epoch_ends() : device_fails();
		break;
	case 17:
		epoch_begins();
		break;
	case 18:
		go_away();
		break;
	default:
		come_back();
	}
	forget_received();
}

/* pvnet_watchdog() has no more than this for the queues. */
static void watchdog(void)
{
	if (pvring_pending(&nic.pair.rx.q->ring) || pvring_pending(&nic.pair.tx.q->ring))
		nic_poll();
}

static bool all_goes_on(void)
{
	if (!w.alive)
		epoch_begins();
	if (w.away)
		come_back();
	for (take(); nr_tx; take())
		end_one();
	watchdog();
	forget_received();
	if (w.waiting)
		send();
	while (take(), nr_tx)
		end_one();
	watchdog();
	return !nic.txq.stopped && !w.waiting && stack.nr_freed == w.given && !nic.txq.bytes && !stack.broken &&
	       nic.pair.rx.nr_posted == nic.pair.rx.nr_bufs && nic.pair.rx.stats.packets + w.lost == w.come;
}

static bool walk(void)
{
	unsigned int i;
	bool good;

	w = (struct walk) { .alive = true };
	nr_tx = nr_rx = 0;
	nic_init();
	nic_go(TESTNIC_FEATURES, MAX_FRAME, RX_LEN, TX_LEN);
	for (i = 0; i < STEPS; i++)
		step();
	good = all_goes_on();
	if (!good)
		ktap_note("stopped %d, waiting %d, %u sent, %u ended, %u bytes in BQL, %u of %u buffers, %u come, %u of them lost, %llu taken, %s",
			  nic.txq.stopped, !!w.waiting, w.given, stack.nr_freed, (unsigned int)nic.txq.bytes, nic.pair.rx.nr_posted,
			  nic.pair.rx.nr_bufs, w.come, w.lost, (unsigned long long)nic.pair.rx.stats.packets, stack.broken ?: "whole");
	if (w.waiting)
		end_frame(w.waiting);
	nic_exit();
	return good;
}

#define LIMIT	(4 * HZ)

/* Frames end one by one, as where the operator has set a limit; then none does. */
static void check_patience(void)
{
	unsigned int i, patient = 0;

	w = (struct walk) { .alive = true };
	nr_tx = nr_rx = 0;
	nic_init();
	nic_go(TESTNIC_FEATURES, MAX_FRAME, RX_LEN, 2 * TESTNIC_SIZE * MAX_FRAME);
	jiffies += 10 * LIMIT;
	for (i = 0; i < 6; i++)
		send();
	for (i = 0; i < 5; i++) {
		jiffies += LIMIT;
		patient += !pvnet_find_stuck(&nic.net, LIMIT);
		take();
		nic_post(TESTNIC_TX, tx_ids[i], PVNET_S_OK, 0);
		nic_poll();
	}
	ktap_ok(patient == 5, "frames that end one by one are not stuck, however long the last of them waits");
	jiffies += LIMIT;
	ktap_ok(!pvnet_find_stuck(&nic.net, LIMIT), "nor is the last in its time");
	jiffies++;
	ktap_ok(pvnet_find_stuck(&nic.net, LIMIT) == &nic.pair, "and it is after that");
	epoch_begins();
	ktap_ok(!pvnet_find_stuck(&nic.net, LIMIT), "in a new life it has its time anew");
	all_goes_on();
	jiffies += 10 * LIMIT;
	ktap_ok(!pvnet_find_stuck(&nic.net, LIMIT), "nothing is stuck where nothing is in flight");
	nic_exit();
}

/* Pairs that share a limit wait for each other. */
static void check_turns(void)
{
	struct netdev_queue txqs[3] = { { 0 } };
	struct pvnet_pair pairs[3] = { { 0 } };
	struct pvnet net = { .pairs = pairs, .nr_pairs = 3 };
	unsigned long now;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		pairs[i].tx.txq = &txqs[i];
		pairs[i].tx.mode = PVNET_PASS;
		pairs[i].tx.since = jiffies;
	}
	pairs[0].tx.head = pairs[1].tx.head = 1;
	jiffies += 2 * LIMIT;
	now = jiffies;
	ktap_ok(!pvnet_find_stuck(&net, LIMIT), "of two pairs each has the time of both");
	ktap_ok(txqs[1].trans_start == now && !txqs[2].trans_start, "and the stack does not complain of those, but of others");
	jiffies++;
	ktap_ok(pvnet_find_stuck(&net, LIMIT) == &pairs[0], "no more than that");
	pairs[0].tx.since = jiffies;
	ktap_ok(pvnet_find_stuck(&net, LIMIT) == &pairs[1], "whatever the other one does");
	pairs[1].tx.since = jiffies - LIMIT;
	pairs[0].tx.tail = 1;
	ktap_ok(!pvnet_find_stuck(&net, LIMIT), "one that is alone");
	jiffies++;
	ktap_ok(pvnet_find_stuck(&net, LIMIT) == &pairs[1], "has its own");
	pairs[1].tx.mode = PVNET_HOLD;
	ktap_ok(!pvnet_find_stuck(&net, LIMIT), "and on hold none is stuck");
}

static bool is_armed(unsigned int queue)
{
	return nic.queues[queue].ring.armed;
}

/* What the kernel says on the way may go to a console behind the same interface. */
static void check_netpoll(void)
{
	w = (struct walk) { .alive = true };
	nr_tx = nr_rx = 0;
	nic_init();
	nic_go(TESTNIC_FEATURES, MAX_FRAME, RX_LEN, TX_LEN);
	nic_poll();
	send();
	take();
	nic_post(TESTNIC_TX, tx_ids[0], PVNET_S_OK, 0);
	frame_comes();
	pvnet_tx_lock(&nic.pair);
	ktap_ok(!pvnet_poll(&nic.pair.napi, 0) && !stack.nr_freed, "netpoll waits for nobody who has the queue");
	pvnet_tx_unlock(&nic.pair);
	ktap_ok(!pvnet_poll(&nic.pair.napi, 0) && stack.nr_freed == w.given, "else it reaps what was sent");
	ktap_ok(!stack.nr_received && is_armed(TESTNIC_RX) && is_armed(TESTNIC_TX),
		"and receives nothing, and whoever waits for an interrupt still gets one");
	nic_poll();
	ktap_ok(stack.nr_received == w.come, "that then does");
	forget_received();
	send();
	take();
	nic_post(TESTNIC_TX, tx_ids[nr_tx - 1], PVNET_S_OK, 0);
	pvnet_tx_hold(&nic.pair);
	ktap_ok(!pvnet_poll(&nic.pair.napi, 0) && stack.nr_freed == w.given - 1,
		"netpoll reaps nothing on hold, as no freeze waits for it");
	nic_exit();
}

int main(void)
{
	unsigned int i;

	ktap_plan(1 + 5 + 7 + 5);
	for (i = 0; i < WALKS; i++) {
		seed = i;
		if (!walk()) {
			ktap_note("in walk %u", i);
			break;
		}
	}
	ktap_ok(i == WALKS, "after %u walks of %u steps nothing stands still", WALKS, STEPS);
	check_patience();
	check_turns();
	check_netpoll();
	return ktap_finish();
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Of a driver that is behind the last buffers are filled, so that short frames which come one by one do not use
 * them up (NET-D6): it has these frames when it comes to them, each once and in order, and soon also if it gives
 * no buffer; and nobody looks after one that has broken the ABI.
 */
#include "testnet.h"

#define BUFFER	(68U << 10)
#define EACH	(72U << 10)	/* from buffer to buffer */
#define NR	6
#define SHORT	60
#define FRAMES	40

static struct pvnet_rx_cqe cqe;

static struct hdev_queue *queue(void)
{
	return &n.t.bus->devices[0].queues[PVNET_RX_QUEUE(0)];
}

static void restart(unsigned int nr)
{
	unsigned int i;

	testnet_start(0);
	testnet_up(0);
	for (i = 0; i < nr; i++)
		testnet_give(0, i, i * EACH, BUFFER);
	testnet_pump();
}

static void come_one_by_one(unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		testnet_come(SHORT, i);
		testnet_pump();
	}
}

/* Frames for a driver that does not reap: the first four have a buffer each, the others one of the last. */
static uint64_t fall_behind(void)
{
	uint64_t starved;

	restart(NR);
	starved = testnet_sum(rx_starved);
	come_one_by_one(FRAMES);
	return starved;
}

static unsigned int reap_all(void)
{
	unsigned int nr = 0;

	while (testnet_reap(1, &cqe))
		nr += le32toh(cqe.nr_frames);
	return nr;
}

static void let_timers_fire(void)
{
	n.t.bus->loop.now_ns += 10000000;
	hdev_loop_fire(&n.t.bus->loop);
}

/* Does the buffer at @at have those from @first on, as they came? */
static bool has_frames(uint64_t at, unsigned int nr, uint8_t first)
{
	const struct pvnet_frame *f;
	bool ok = true;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		f = (void *)testnet_data(1, at);
		ok &= le32toh(f->len) == SHORT && ((const uint8_t *)(f + 1))[SHORT - 1] == (uint8_t)(first + i);
		at += (sizeof(*f) + SHORT + PVNET_FRAME_ALIGN - 1) & ~(PVNET_FRAME_ALIGN - 1);
	}
	return ok;
}

static void check_filling(void)
{
	uint64_t starved = fall_behind();

	ktap_ok(queue()->ring.cq_next == 4 && n.next_rx == FRAMES && testnet_sum(rx_starved) == starved,
		"of a driver that does not reap, one of the last buffers takes all frames");
	let_timers_fire();
	ktap_ok(queue()->ring.cq_next == 4 && n.net->pack_timer.at_ns != HDEV_NEVER && !queue()->quiet &&
		hdev_queue_arm(queue()), "for as long as it does not; it may ring for the next one that it gives");
	ktap_ok(reap_all() == 4, "it does not have them yet");
	testnet_give(0, NR, 5 * EACH, BUFFER);
	/* The source is not looked at: what is done is for the doorbell. */
	n.net->rx[0]->look_ns = UINT64_MAX;
	n.drv->pump(n.drv->ctx);
	ktap_ok(testnet_reap(1, &cqe) && le32toh(cqe.nr_frames) == FRAMES - 4 && queue()->quiet,
		"when it gives one it has");
	ktap_ok(has_frames(EACH, FRAMES - 4, 4), "each as it came, in order");
}

static void check_ends(void)
{
	struct pvnet_settings same = testnet_settings(PVNET_M_UP);
	uint64_t starved;
	unsigned int i;

	fall_behind();
	ktap_ok(reap_all() == 4 && (let_timers_fire(), reap_all() == FRAMES - 4) && queue()->quiet,
		"or some milliseconds after it has reaped, if it gives none");
	fall_behind();
	testnet_set(&same);
	ktap_ok(reap_all() == FRAMES, "or with the next settings");
	starved = fall_behind();
	for (i = 0; i < NR; i++)
		testnet_come(65000, 0)->offload = (struct net_offload) {
			.flags = 1, .gso_type = PVNET_GSO_UDP, .gso_size = 1000, .csum_start = 34, .csum_offset = 6 };
	testnet_pump();
	ktap_ok(queue()->ring.cq_next == NR && testnet_sum(rx_starved) == starved + 1 && !queue()->quiet,
		"or when it is full");
}

static void check_others(void)
{
	restart(4);
	come_one_by_one(4);
	ktap_ok(queue()->ring.cq_next == 4, "a driver that gives but a few has each at once");
	fall_behind();
	testnet_give(0, NR, TESTNET_DATA, BUFFER);
	testnet_pump();
	let_timers_fire();
	ktap_ok(testdrv_status(&n.t.drv, 0) == PVBUS_S_BROKEN && n.net->pack_timer.at_ns == HDEV_NEVER,
		"and nobody looks after one that has broken the ABI");
}

int main(void)
{
	ktap_plan(5 + 3 + 2);
	testnet_init();
	check_filling();
	check_ends();
	check_others();
	testbus_exit(&n.t);
	return ktap_finish();
}

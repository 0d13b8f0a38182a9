// SPDX-License-Identifier: GPL-2.0-only
/*
 * A limit of a NIC holds both ways, on average, and loses nothing: what is beyond it waits, in the driver's
 * queue and in the back end, while nothing spins; it may change while something waits. Pairs that share it have
 * the same of it, as they do of a back end that takes little at a time, and take turns: even at the least limit
 * the oldest frame of each ends within the time that the driver gives it (NET-D5).
 */
#include "net/class.h"
#include "testnet.h"

#define RATE	(1U << 20)
#define FRAME	1000U
#define MS	1000000ULL

static uint32_t frame_len = FRAME;
static unsigned int nr_pairs = 1, submitted[TESTNET_PAIRS], reaped[TESTNET_PAIRS], arrived;

static bool set_rate(uint64_t rate)
{
	struct json_object *config = json_object_new_object();
	char error[HDEV_ERROR_LEN];
	int ret;

	json_object_object_add(config, "rate", json_object_new_uint64(rate));
	ret = pv_net_class.worker->set(&n.t.bus->devices[0], config, error);
	json_object_put(config);
	return !ret;
}

/* A driver that always has more to send, and buffers. */
static void drive_pair(unsigned int pair)
{
	const unsigned int rxq = PVNET_RX_QUEUE(pair), txq = PVNET_TX_QUEUE(pair);
	struct pvnet_rx_cqe rx;
	struct pvnet_cqe cqe;

	while (testnet_reap(txq, &cqe))
		reaped[pair] += cqe.status == PVNET_S_OK;
	while (submitted[pair] - reaped[pair] < TESTNET_SIZE) {
		struct pvnet_tx_sqe sqe = { .len = htole32(frame_len), .data_off = htole64(testnet_off(txq, 0)) };

		testnet_submit(txq, &sqe);
		submitted[pair]++;
	}
	while (testnet_reap(rxq, &rx)) {
		arrived += le32toh(rx.nr_frames);
		testnet_give(pair, 1, 0, 128 << 10);
	}
}

static void drive(void)
{
	unsigned int i;

	for (i = 0; i < nr_pairs; i++)
		drive_pair(i);
	if (n.next_rx == n.nr_rx) {
		n.nr_rx = n.next_rx = 0;
		while (n.nr_rx < 40)
			testnet_come(FRAME, 1);
	}
}

/* What the loop does in @ms, asleep as it is most of the time; how often a frame was asked for in vain. */
static unsigned int run(unsigned int ms)
{
	uint64_t end_ns = n.t.bus->loop.now_ns + ms * MS;
	struct hdev_queue *queues = n.t.bus->devices[0].queues;
	unsigned int frames = arrived, looks = n.looks, i;

	while (n.t.bus->loop.now_ns < end_ns) {
		drive();
		if ((n.net->watched[0] | n.net->watched[1]) & EPOLLIN)
			hdev_loop_ready_all(&n.t.bus->loop);
		hdev_loop_fire(&n.t.bus->loop);
		for (i = 1; i < 1 + 2 * nr_pairs; i++)
			if (hdev_queue_has_work(&queues[i]))
				queues[i].dev->ops->poll(&queues[i], 32);
		n.t.bus->loop.now_ns += MS / 10;
	}
	drive();
	return n.looks - looks - (arrived - frames);
}

/* Is it RATE, to a tenth, in @ms? */
static bool is_kept(uint64_t nr, unsigned int ms)
{
	uint64_t want = (uint64_t)RATE * ms / 1000 / FRAME;

	ktap_note("%llu frames of %llu", (unsigned long long)nr, (unsigned long long)want);
	return nr * 10 > want * 9 && nr * 10 < want * 11;
}

/* Does each pair have its half, to a tenth of all? */
static bool is_shared(uint64_t first, uint64_t second)
{
	ktap_note("%llu frames, and %llu", (unsigned long long)first, (unsigned long long)second);
	return first + second && 10 * first > 4 * (first + second) && 10 * second > 4 * (first + second);
}

static void start_pairs(uint32_t mtu)
{
	struct pvnet_settings set = testnet_settings(PVNET_M_UP);

	nr_pairs = TESTNET_PAIRS;
	memset(submitted, 0, sizeof(submitted));
	memset(reaped, 0, sizeof(reaped));
	testnet_init();
	n.net->be.nr_sources = TESTNET_PAIRS;
	n.net->be.fds[1] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	set.nr_pairs = htole16(TESTNET_PAIRS);
	set.mtu = htole32(mtu);
	testnet_set(&set);
	testnet_give(0, 1, 0, 128 << 10);
	testnet_give(1, 1, 0, 128 << 10);
}

static void check_pairs(void)
{
	const struct net_counts *count;

	start_pairs(1500);
	count = n.net->count;
	set_rate(RATE);
	run(2000);
	ktap_ok(is_shared(count[0].tx_frames, count[1].tx_frames), "pairs share it: what is sent");
	ktap_ok(is_shared(count[0].rx_frames, count[1].rx_frames), "and what is received");
	testbus_exit(&n.t);
}

/* A back end that takes three frames at a time, and says so. */
static void check_room(void)
{
	const struct net_counts *count;
	unsigned int i;

	start_pairs(1500);
	count = n.net->count;
	for (i = 0; i < 1000; i++) {
		n.room = 3;
		net_tx_go_on(n.net);
		run(1);
	}
	ktap_ok(is_shared(count[0].tx_frames, count[1].tx_frames), "and the room of a back end that has little");
	ktap_ok(!testnet_sum(tx_full), "where none waits for a second");
	testbus_exit(&n.t);
}

/* The longest frames, at the least limit. */
static void check_turns(void)
{
	uint64_t since_ns[TESTNET_PAIRS], longest_ns = 0;
	unsigned int done[TESTNET_PAIRS] = { 0 }, ms, i;

	start_pairs(PVNET_MTU_MAX);
	set_rate(NET_RATE_MIN);
	frame_len = le32toh(n.net->config.max_frame);
	for (i = 0; i < TESTNET_PAIRS; i++)
		since_ns[i] = n.t.bus->loop.now_ns;
	for (ms = 0; ms < 20000; ms += 10) {
		run(10);
		for (i = 0; i < TESTNET_PAIRS; i++) {
			if (longest_ns < n.t.bus->loop.now_ns - since_ns[i])
				longest_ns = n.t.bus->loop.now_ns - since_ns[i];
			if (reaped[i] == done[i])
				continue;
			done[i] = reaped[i];
			since_ns[i] = n.t.bus->loop.now_ns;
		}
	}
	frame_len = FRAME;
	ktap_note("%u and %u frames, one in %llu ms at most", done[0], done[1], (unsigned long long)(longest_ns / MS));
	ktap_ok(done[0] && done[1] && longest_ns < TESTNET_PAIRS * 2000 * MS, "pairs take turns, of two seconds at most");
	testbus_exit(&n.t);
}

int main(void)
{
	unsigned int sent, got, vain;

	ktap_plan(6 + 2 + 2 + 1);
	testnet_init();
	ktap_ok(set_rate(RATE), "a limit");
	testnet_up(0);
	testnet_give(0, 1, 0, 128 << 10);
	run(100);
	sent = n.nr_tx;
	got = arrived;
	vain = run(2000);
	ktap_ok(is_kept(n.nr_tx - sent, 2000), "holds for what is sent");
	ktap_ok(is_kept(arrived - got, 2000), "and for what is received");
	ktap_ok(vain < 100 && !testnet_sum(rx_no_buffers) && !testnet_sum(tx_full), "nothing is lost, nor looked at in vain");
	set_rate(NET_RATE_MIN);
	run(500);
	sent = n.nr_tx;
	set_rate(0);
	run(20);
	ktap_ok(n.nr_tx - sent > 500, "what waits goes when there is no limit any more");
	ktap_ok(submitted[0] - reaped[0] <= TESTNET_SIZE && testdrv_status(n.drv, 0) == PVBUS_S_RUNNING, "each frame was completed once");
	testbus_exit(&n.t);
	check_pairs();
	check_room();
	check_turns();
	return ktap_finish();
}

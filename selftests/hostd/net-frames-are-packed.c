// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frames are packed into the driver's buffers whole, in their order, each once, and by its settings: to the
 * pair and with the hash that it has, or to nobody. Without buffers a back end is not read, waits for nothing,
 * and keeps the loop neither awake nor asking for doorbells; with buffers again it goes on where it stopped. A pair
 * without buffers holds up another for a moment at most, then it loses frames; none is lost while all have none.
 */
#include "testnet.h"

#define BUFFER	(68U << 10)
#define EACH	(72U << 10)	/* from buffer to buffer */

static struct pvnet_rx_cqe cqe;

static void restart(unsigned int mode)
{
	testnet_start(0);
	testnet_up(mode);
	memset(testnet_data(1, 0), 0xee, TESTNET_DATA);
}

/* Frame @i of a buffer at @at, if it is there as a driver checks it; NULL. */
static const uint8_t *frame(unsigned int index, uint64_t at, uint32_t used, unsigned int i, uint32_t *len)
{
	uint32_t pos = 0;

	for (;; i--) {
		const struct pvnet_frame *f = (void *)testnet_data(index, at + pos);

		*len = le32toh(f->len);
		if (pos + sizeof(*f) > used || *len > used - pos - sizeof(*f))
			return NULL;
		if (!i)
			return (const uint8_t *)(f + 1);
		pos = (pos + sizeof(*f) + *len + PVNET_FRAME_ALIGN - 1) & ~(PVNET_FRAME_ALIGN - 1);
	}
}

/* Is it a frame of @len bytes that was filled with @fill? */
static bool has(unsigned int index, uint64_t at, unsigned int i, uint32_t len, uint8_t fill)
{
	uint32_t real, pos;
	const uint8_t *f = frame(index, at, le32toh(cqe.used), i, &real);

	for (pos = 14; f && pos < len; pos++)
		if (f[pos] != fill)
			return false;
	return f && real == len;
}

static void check_packing(void)
{
	unsigned int i;
	bool ok = true;

	restart(0);
	testnet_give(0, 5, 0, BUFFER);
	for (i = 0; i < 5; i++)
		testnet_come(60 + i, i);
	testnet_pump();
	ktap_ok(testnet_reap(1, &cqe) && cqe.id == htole32(5) && cqe.nr_frames == htole32(5) &&
		le32toh(cqe.used) == 4 * 128 + 32 + 64, "what is at hand goes into one buffer");
	for (i = 0; i < 5; i++)
		ok &= has(1, 0, i, 60 + i, i);
	ktap_ok(ok, "each as it came, in order");
	testnet_give(0, 6, 0, BUFFER);
	testnet_come(PVNET_FRAME_MAX, 9)->offload =
		(struct net_offload) { .flags = 1, .gso_type = PVNET_GSO_TCPV4, .gso_size = 1448, .csum_start = 34, .csum_offset = 16 };
	testnet_pump();
	ktap_ok(testnet_reap(1, &cqe) && has(1, 0, 0, PVNET_FRAME_MAX, 9) && testnet_data(1, 16)[1] == PVNET_GSO_TCPV4,
		"the longest segment fits, and says what it is");
	testnet_pump();
	ktap_ok(!testnet_reap(1, &cqe), "a buffer without frames is not completed");
}

static void check_overflow(void)
{
	restart(0);
	testnet_give(0, 1, 0, 4096);
	testnet_give(0, 2, 8192, 4096);
	/* In the order in which they are taken: the last one first. */
	testnet_come(900, 1);
	testnet_come(2500, 2)->offload = (struct net_offload) { .flags = 1, .gso_type = PVNET_GSO_UDP, .gso_size = 1000, .csum_start = 34, .csum_offset = 6 };
	testnet_come(1500, 3);
	testnet_pump();
	ktap_ok(testnet_reap(1, &cqe) && cqe.id == htole32(2) && cqe.nr_frames == htole32(2) && has(1, 8192, 0, 900, 1) &&
		has(1, 8192, 1, 2500, 2), "the buffer that came last is filled first");
	ktap_ok(testnet_reap(1, &cqe) && cqe.id == htole32(1) && has(1, 0, 0, 1500, 3), "the next frame goes to the next one");
	testnet_give(0, 1, 0, 2048);
	testnet_give(0, 2, 8192, 2048);
	testnet_come(500, 4);
	testnet_come(1520, 5);
	testnet_come(600, 6);
	testnet_pump();
	ktap_ok(testnet_reap(1, &cqe) && cqe.nr_frames == htole32(1) && has(1, 8192, 0, 500, 4),
		"a frame that the rest has no room for");
	ktap_ok(testnet_reap(1, &cqe) && cqe.id == htole32(1) && has(1, 0, 0, 1520, 5), "is whole in the next buffer");
	ktap_ok(!testnet_reap(1, &cqe) && n.next_rx == n.nr_rx - 1, "and what no buffer is for is not read");
}

static struct hdev_queue *queue(unsigned int index)
{
	return &n.t.bus->devices[0].queues[index];
}

static void check_starving(void)
{
	unsigned int looks, i;
	bool worked;

	testnet_start(0);
	testnet_give(0, 1, 0, 2048);
	testnet_up(0);
	ktap_ok(queue(1)->quiet && n.net->watched[0] == EPOLLIN, "with buffers: quiet, and watched");
	testnet_come(500, 1);
	testnet_come(1500, 2);
	testnet_come(60, 3);
	testnet_pump();
	ktap_ok(testnet_reap(1, &cqe) && has(1, 0, 0, 500, 1) && n.next_rx == 2 && !testnet_reap(1, &cqe), "one buffer, one of three frames");
	ktap_ok(!queue(1)->quiet && !n.net->watched[0] && hdev_queue_arm(queue(1)),
		"then the queue may be armed, and the back end is not watched");
	looks = n.looks;
	for (i = 0, worked = false; i < 100; i++) {
		n.t.bus->loop.now_ns += 1000000;
		worked |= hdev_loop_work(&n.t.bus->loop);
		hdev_loop_ready_all(&n.t.bus->loop);
	}
	ktap_ok(n.looks == looks && !worked, "nor looked at, however often the loop comes around");
	testnet_give(0, 2, 8192, 4096);
	testnet_pump();
	ktap_ok(testnet_reap(1, &cqe) && cqe.id == htole32(2) && cqe.nr_frames == htole32(2) && has(1, 8192, 0, 1500, 2) &&
		has(1, 8192, 1, 60, 3), "a buffer: the frame that was kept, and those after it");
	ktap_ok(testnet_sum(rx_starved), "and it is counted");
	testnet_give(0, 3, 0, 4096);
	testnet_pump();
	ktap_ok(queue(1)->quiet && n.net->watched[0] == EPOLLIN, "quiet and watched again");
	testnet_give(0, 4, 8192, 64);
	testnet_come(500, 7);
	looks = testnet_sum(rx_too_long);
	testnet_pump();
	ktap_ok(testnet_sum(rx_too_long) == looks + 1 && testdrv_status(&n.t.drv, 0) == PVBUS_S_RUNNING,
		"a buffer that is too short costs its driver a frame");
}

static void set_link(bool on)
{
	struct json_object *config = json_object_new_object();
	char error[HDEV_ERROR_LEN];

	json_object_object_add(config, "link", json_object_new_boolean(on));
	if (pv_net_class.worker->set(&n.t.bus->devices[0], config, error))
		ktap_bail("set");
	json_object_put(config);
}

static void check_states(void)
{
	struct pvnet_settings down = testnet_settings(0);

	testnet_start(0);
	testnet_give(0, 1, 0, BUFFER);
	testnet_come(60, 1);
	testnet_pump();
	ktap_ok(!testnet_reap(1, &cqe) && !n.next_rx && !n.net->watched[0] && !n.t.bus->loop.busy,
		"before the first settings with UP nothing is read");
	set_link(false);
	testnet_up(0);
	testnet_pump();
	ktap_ok(!n.next_rx, "nor without a link");
	set_link(true);
	ktap_ok(n.next_rx == 1 && testnet_sum(rx_no_link) == 1, "what came meanwhile is forgotten with it");
	testnet_come(60, 2);
	testnet_pump();
	ktap_ok(testnet_reap(1, &cqe) && has(1, 0, 0, 60, 2), "with both it comes");
	testnet_set(&down);
	ktap_ok(!n.net->watched[0] && !n.t.bus->loop.busy, "down again: nothing is watched");
	testnet_up(0);
	testdrv_command(&n.t.drv, 0, PVBUS_CMD_RESET);
	ktap_ok(!n.net->watched[0] && !n.t.bus->loop.busy && !n.net->up, "nor after RESET");
	restart(0);
	n.rx_error = -EBADFD;
	testnet_give(0, 1, 0, BUFFER);
	testnet_pump();
	ktap_ok(!n.net->watched[0] && !net_has_link(n.net) &&
		!((struct pvnet_config *)hostd_window_config(&n.t.bus->win, 0))->flags,
		"a back end that is gone is not watched, and the driver sees that there is no link");
	n.net->has_peer = true;
	net_publish(n.net);
}

static struct testnet_frame *to(const char *mac, unsigned int type, unsigned int vlan)
{
	struct testnet_frame *f = testnet_come(100, 1);

	memcpy(f->data, mac, 6);
	f->data[12] = type >> 8;
	f->data[13] = type;
	f->data[14] = vlan >> 8;
	f->data[15] = vlan;
	return f;
}

static bool comes(void)
{
	uint64_t filtered = testnet_sum(rx_filtered);
	bool reaped;

	testnet_give(0, 1, 0, BUFFER);
	testnet_pump();
	reaped = testnet_reap(1, &cqe);
	/* Which of both is counted. */
	return reaped && testnet_sum(rx_filtered) == filtered;
}

static void check_filter(void)
{
	struct pvnet_settings set = testnet_settings(PVNET_M_UP | PVNET_M_VLANS);

	restart(0);
	ktap_ok((to(TESTNET_MAC, 0x800, 0), comes()) && (to("\xff\xff\xff\xff\xff\xff", 0x806, 0), comes()),
		"its own address and all stations");
	ktap_ok((to("\x52\x54\0\x12\x34\x57", 0x800, 0), !comes()) && (to("\x33\x33\0\0\0\1", 0x86dd, 0), !comes()),
		"no other one, no group");
	testnet_up(PVNET_M_ALLMULTI);
	ktap_ok((to("\x52\x54\0\x12\x34\x57", 0x800, 0), !comes()) && (to("\x33\x33\0\0\0\1", 0x86dd, 0), comes()),
		"with ALLMULTI any group");
	memcpy(set.macs[0], "\x33\x33\0\0\0\1", 6);
	memcpy(set.macs[1], "\x52\x54\0\x12\x34\x57", 6);
	set.nr_macs = htole16(1);
	set.vlans[10 / 8] = 1 << 10 % 8;
	testnet_set(&set);
	ktap_ok((to("\x52\x54\0\x12\x34\x57", 0x800, 0), !comes()) && (to("\x33\x33\0\0\0\1", 0x86dd, 0), comes()),
		"the first of a list, not the second");
	ktap_ok((to(TESTNET_MAC, 0x8100, 10), comes()) && (to(TESTNET_MAC, 0x8100, 0x700a), comes()) &&
		(to(TESTNET_MAC, 0x8100, 0), comes()) && (to(TESTNET_MAC, 0x8100, 11), !comes()) &&
		(to(TESTNET_MAC, 0x88a8, 11), comes()), "the VLAN of the list, and none");
	testnet_up(PVNET_M_PROMISC | PVNET_M_VLANS);
	ktap_ok((to(TESTNET_MAC, 0x8100, 11), comes()) && (to("\x52\x54\0\x12\x34\x58", 0x800, 0), comes()), "with PROMISC all");
	testnet_start(1 << PVNET_F_FILTER);
	testnet_up(0);
	ktap_ok((to("\x52\x54\0\x12\x34\x58", 0x800, 0), comes()), "without the feature all");
}

/* TCP over IPv4 with the addresses and ports of the first published vector. */
static struct testnet_frame *tcp(void)
{
	static const uint8_t ip[] = { 0x45, 0, 0, 80, 0, 0, 0, 0, 64, 6, 0, 0, 66, 9, 149, 187, 161, 142, 100, 80,
				      10, 234, 6, 230 };	/* 2794, 1766 */
	struct testnet_frame *f = to(TESTNET_MAC, 0x800, 0);

	memcpy(f->data + 14, ip, sizeof(ip));
	return f;
}

static void pass_ms(unsigned int ms)
{
	n.t.bus->loop.now_ns += ms * 1000000ULL;
	hdev_loop_fire(&n.t.bus->loop);
	testbus_pump(&n.t);
}

/* How many frames of what has come the driver gets with the next completion. */
static unsigned int reaped(unsigned int index)
{
	return testnet_reap(index, &cqe) ? le32toh(cqe.nr_frames) : 0;
}

/* With the table of the last settings. One source has frames of both pairs, and pair 0 has no buffers. */
static void check_holding(struct pvnet_settings *set)
{
	uint64_t dropped;
	unsigned int i, looks;

	restart(0);
	testnet_set(set);
	testnet_give(1, 2, 0, BUFFER);
	testnet_give(1, 3, EACH, BUFFER);
	to(TESTNET_MAC, 0x806, 0);
	tcp();
	tcp();
	dropped = testnet_sum(rx_no_buffers);
	pass_ms(1);
	pass_ms(5);
	ktap_ok(!reaped(3) && !n.next_rx && !n.net->watched[0], "a pair without buffers holds up others at first");
	pass_ms(6);
	ktap_ok(reaped(3) == 2 && n.net->watched[0] == EPOLLIN, "not for longer than 10 ms");
	tcp();
	pass_ms(1);
	ktap_ok(reaped(3) == 1 && testnet_sum(rx_no_buffers) == dropped + 1, "then it is its frames that are dropped");
	ktap_ok(!queue(1)->quiet && hdev_queue_arm(queue(1)), "and its driver may ring");
	testnet_give(0, 1, 0, BUFFER);
	to(TESTNET_MAC, 0x806, 0);
	pass_ms(1);
	ktap_ok(reaped(1) == 1 && testnet_sum(rx_no_buffers) == dropped + 1, "with buffers it gets them again");
	to(TESTNET_MAC, 0x806, 0);
	tcp();
	pass_ms(20);
	looks = n.looks;
	for (i = 0; i < 50; i++)
		pass_ms(20);
	ktap_ok(n.looks == looks && n.next_rx == n.nr_rx - 2 && !n.net->watched[0] && hdev_loop_next_timer(&n.t.bus->loop) == HDEV_NEVER &&
		!queue(1)->quiet && !queue(3)->quiet, "while none has any nothing is read, nor waited for");
	testnet_give(1, 2, 0, BUFFER);
	pass_ms(1);
	ktap_ok(reaped(3) == 1 && testnet_sum(rx_no_buffers) == dropped + 2, "the first that has some goes on at once");
}

/*
 * Who looks at another source may find, and take, the buffers that a starved pair has got. Then its ring is empty,
 * no doorbell follows, and where frames are spread no more nothing else would end its waiting.
 */
static void check_feeding(struct pvnet_settings *set)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	n.net->be.nr_sources = 2;
	n.net->be.fds[1] = fd;
	restart(0);
	testnet_set(set);
	testnet_give(1, 1, 0, BUFFER);
	pass_ms(1);
	ktap_ok(!n.net->watched[0], "a pair without buffers: its source is not watched");
	testnet_give(0, 1, 0, BUFFER);
	to(TESTNET_MAC, 0x806, 0);
	net_rx_look(n.net, 1);
	ktap_ok(reaped(1) == 1 && n.net->watched[0] == EPOLLIN, "some are found by another source's frame: it is");
	testdrv_command(n.drv, 0, PVBUS_CMD_RESET);
	n.net->be.nr_sources = 1;
	close(fd);
}

static void check_spreading(void)
{
	static const uint8_t key[PVNET_RSS_KEY_LEN] = {
		0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0,
		0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c,
		0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
	};
	struct pvnet_settings set = testnet_settings(PVNET_M_UP | PVNET_M_RSS | PVNET_M_HASH);
	uint64_t dropped;

	restart(0);
	memcpy(set.rss_key, key, sizeof(key));
	set.nr_pairs = htole16(2);
	set.hash_types = htole32(PVNET_HASH_IPV4 | PVNET_HASH_TCPV4);
	set.rss_table[0x51ccc178 % PVNET_RSS_SIZE_MAX] = 1;
	ktap_ok(testnet_set(&set) == PVNET_S_OK, "a table");
	testnet_give(0, 1, 0, BUFFER);
	testnet_give(1, 2, 0, BUFFER);
	tcp();
	to(TESTNET_MAC, 0x86dd, 0);
	testnet_pump();
	ktap_ok(testnet_reap(3, &cqe) && le32toh(((struct pvnet_frame *)testnet_data(3, 0))->hash) == 0x51ccc178 &&
		le32toh(((struct pvnet_frame *)testnet_data(3, 0))->hash_type) == PVNET_HASH_TCPV4,
		"a frame goes to the pair of its hash, and has that");
	ktap_ok(testnet_reap(1, &cqe) && cqe.nr_frames == htole32(1) && !((struct pvnet_frame *)testnet_data(1, 0))->hash_type,
		"one without a hash to the first of the table");
	testnet_give(0, 1, 0, BUFFER);
	dropped = testnet_sum(rx_no_buffers);
	tcp();
	to(TESTNET_MAC, 0x86dd, 0);
	testnet_pump();
	ktap_ok(testnet_sum(rx_no_buffers) == dropped + 1 && testnet_reap(1, &cqe) && cqe.nr_frames == htole32(1),
		"a pair without buffers holds up no other");
	testnet_give(0, 1, 0, 2048);
	testnet_give(1, 2, 0, BUFFER);
	to(TESTNET_MAC, 0x806, 0)->len = 700;
	tcp()->len = 1300;
	testnet_pump();
	ktap_ok(testnet_reap(3, &cqe) && le32toh(((struct pvnet_frame *)testnet_data(3, 0))->len) == 1300 &&
		!memcmp(testnet_data(3, 32), TESTNET_MAC, 6), "one that has overflown a buffer of another pair's too");
	check_holding(&set);
	check_feeding(&set);
}

static uint64_t number(struct json_object *obj, const char *name)
{
	return json_object_get_uint64(json_object_object_get(obj, name));
}

/* A frame is kept, and the driver goes. */
static void check_leaving(void)
{
	uint64_t lost = testnet_sum(rx_no_buffers), given = testnet_sum(rx_frames);

	restart(0);
	testnet_give(0, 1, 0, 2048);
	testnet_come(500, 1);
	testnet_come(1500, 2);
	testnet_pump();
	testnet_start(0);
	ktap_ok(testnet_sum(rx_frames) == given + 1 && testnet_sum(rx_no_buffers) == lost + 1,
		"a frame that is kept until its driver goes is counted");
}

/* Frames that were read are in one counter each: of their pair, and of all. */
static void check_sum(void)
{
	struct json_object *all = json_object_new_object(), *of[TESTNET_QUEUES];
	const struct hdev *dev = &n.t.bus->devices[0];
	bool same = true;
	unsigned int i;

	ktap_ok(testnet_sum(rx_frames) && testnet_sum(rx_filtered) && testnet_sum(rx_no_buffers) && testnet_sum(rx_too_long),
		"what was read, kept and dropped is counted");
	pv_net_class.worker->describe(dev, all);
	for (i = 0; i < TESTNET_QUEUES; i++) {
		of[i] = json_object_new_object();
		pv_net_class.worker->describe_queue(dev, i, of[i]);
	}
	json_object_object_foreach(all, name, val) {
		uint64_t sum = 0;

		for (i = 0; i < TESTNET_QUEUES; i++)
			sum += number(of[i], name);
		if (!strncmp(name, "rx_", 3) || !strncmp(name, "tx_", 3))
			same &= json_object_get_uint64(val) == sum;
	}
	ktap_ok(same && !json_object_object_length(of[0]) && number(of[1], "rx_frames") && number(of[3], "rx_frames") &&
		number(of[1], "rx_starved"), "for its queue, and the sums are those of the NIC");
	ktap_ok(number(of[3], "rx_no_buffers") == 1 && number(of[1], "rx_no_buffers") >= 2, "a frame without a buffer counts for the pair that had none");
	for (i = 0; i < TESTNET_QUEUES; i++)
		json_object_put(of[i]);
	json_object_put(all);
}

int main(void)
{
	ktap_plan(4 + 5 + 8 + 7 + 7 + 5 + 7 + 2 + 3 + 1);
	testnet_init();
	check_packing();
	check_overflow();
	check_starving();
	check_states();
	check_filter();
	check_spreading();
	check_sum();
	check_leaving();
	testbus_exit(&n.t);
	return ktap_finish();
}

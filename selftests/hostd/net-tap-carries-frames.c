// SPDX-License-Identifier: GPL-2.0-only
/*
 * Through a tap of the kernel's, by a worker in its sandbox: segments go both ways whole, or cut if the driver
 * does not want them; what comes while there is no worker is not lost; a tap that is down drops, one that is
 * taken away is a link that is down, and neither ends or wakes a worker for long.
 */
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>

#include "lib/util.h"
#include "net/backend/tun.h"
#include "net/host/tap.h"
#include "testnet.h"
#include "testworker.h"

#define TAP	"pvtap0"
#define MSS	1448
#define HEADERS	54

static struct testworker w;
static struct net_tap tap;
static struct pvnet_rx_cqe cqe;
static int packets;
static uint8_t got[70000];

static int control(unsigned long op, void *arg)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), ret = ioctl(fd, op, arg);

	close(fd);
	return ret;
}

static void set_up(bool up)
{
	struct ifreq ifr = { .ifr_name = TAP, .ifr_flags = up ? IFF_UP : 0 };

	if (control(SIOCSIFFLAGS, &ifr))
		ktap_bail("cannot set the tap up or down");
}

/* A namespace of its own, with a tap in it, and nothing else that would send. */
static bool make_tap(void)
{
	struct ifreq ifr = { .ifr_name = TAP, .ifr_flags = IFF_TAP | IFF_NO_PI };
	int fd, off;

	if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET))
		return false;
	off = open("/proc/sys/net/ipv6/conf/default/disable_ipv6", O_WRONLY);
	if (off >= 0 && write(off, "1", 1) != 1)
		ktap_note("the kernel may send on the tap");
	close(off);
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr) || ioctl(fd, TUNSETPERSIST, 1))
		return false;
	close(fd);
	return true;
}

static void remove_tap(void)
{
	struct {
		struct nlmsghdr nl;
		struct ifinfomsg info;
	} msg = {
		.nl = { .nlmsg_len = sizeof(msg), .nlmsg_type = RTM_DELLINK, .nlmsg_flags = NLM_F_REQUEST },
		.info = { .ifi_index = if_nametoindex(TAP) },
	};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (send(fd, &msg, sizeof(msg), 0) != sizeof(msg))
		ktap_bail("RTM_DELLINK");
	close(fd);
}

/* What the host has at the tap: frames with a virtio_net_hdr. */
static void open_packets(void)
{
	struct sockaddr_ll addr = { .sll_family = AF_PACKET, .sll_protocol = htobe16(ETH_P_ALL), .sll_ifindex = if_nametoindex(TAP) };
	int one = 1;

	packets = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htobe16(ETH_P_ALL));
	if (packets < 0 || setsockopt(packets, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)) ||
	    setsockopt(packets, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) ||
	    bind(packets, (struct sockaddr *)&addr, sizeof(addr)))
		ktap_bail("AF_PACKET");
}

/* TCP over IPv4, its checksum partial. */
static void make_tcp(uint8_t *f, uint32_t len)
{
	static const uint8_t head[HEADERS] = {
		0x52, 0x54, 0, 0x12, 0x34, 0x56, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, 0, 0, 1, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1,
		10, 0, 0, 2, 0, 7, 0, 9, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x10, 1, 0, 0, 0, 0, 0,
	};
	unsigned int sum = 0x0a00 + 1 + 0x0a00 + 2 + 6 + (len - 34);
	uint16_t csum;

	memset(f, 0x5a, len);
	memcpy(f, head, sizeof(head));
	f[16] = (len - 14) >> 8;
	f[17] = len - 14;
	csum = net_csum_fold(net_csum_add(0, f + 14, 20));
	memcpy(f + 24, &csum, 2);
	sum = (sum & 0xffff) + (sum >> 16);
	f[50] = sum >> 8;
	f[51] = sum;
}

static bool wait_for(bool (*done)(void))
{
	int64_t until_ms = testdrv_now_ms() + TESTDRV_WAIT_MS;

	while (testdrv_now_ms() < until_ms) {
		if (done())
			return true;
		usleep(1000);
	}
	return false;
}

static uint32_t set(unsigned int mode, uint64_t offloads)
{
	struct pvnet_settings set = testnet_settings(mode);
	struct pvnet_ctrl_sqe sqe = { .data_off = htole64(testnet_off(0, 0)), .len = htole32(sizeof(set)) };

	set.offloads = htole64(offloads & le64toh(testdrv_slot(n.drv, 0)->features[0]));
	memcpy(testnet_data(0, 0), &set, sizeof(set));
	return testnet_do(0, &sqe);
}

static void start_worker(void)
{
	char text[512];

	if (!testworker_spawn(&w, ""))
		ktap_bail("no worker");
	snprintf(text, sizeof(text), "{\"op\":\"add\",\"slot\":0,\"generation\":1,\"type\":\"net\",\"name\":\"n0\","
		 "\"uuid\":\"00000000-0000-4000-8000-000000000001\",\"config\":{\"backend\":\"tap\",\"tap\":\"" TAP "\","
		 "\"mac\":\"52:54:00:12:34:56\",\"mtu\":1500,\"queues\":2,\"queue-size\":16,\"offloads\":%llu}}",
		 (unsigned long long)tap.offloads);
	if (!testworker_tell(&w, text, tap.fds, tap.nr) || !testworker_tell(&w, "{\"op\":\"go\"}", NULL, 0) ||
	    testdrv_hello(n.drv) != PVBUS_R_OK)
		ktap_bail("no device");
	testnet_start(0);
}

/* Send a segment as a driver does, that says so of its headers; its status. */
static uint32_t send_segment_of(uint32_t len, uint16_t headers)
{
	struct pvnet_tx_sqe sqe = {
		.len = htole32(len), .data_off = htole64(testnet_off(2, 0)),
		.offload = { .flags = PVNET_O_CSUM_PARTIAL, .gso_type = PVNET_GSO_TCPV4, .gso_size = htole16(MSS),
			     .hdr_len = htole16(headers), .csum_start = htole16(34), .csum_offset = htole16(16) },
	};

	make_tcp(testnet_data(2, 0), len);
	return testnet_do(2, &sqe);
}

static uint32_t send_segment(uint32_t len)
{
	return send_segment_of(len, HEADERS);
}

static ssize_t got_len;

static bool has_got(void)
{
	got_len = recv(packets, got, sizeof(got), 0);
	return got_len > 0;
}

/* The host sends one to the guest. */
static void send_to_guest(uint32_t len, bool whole)
{
	static uint8_t all[70000];
	struct virtio_net_hdr *hdr = (void *)all;

	*hdr = (struct virtio_net_hdr) { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = 16 };
	if (whole) {
		hdr->gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
		hdr->gso_size = MSS;
		hdr->hdr_len = HEADERS;
	}
	make_tcp(all + sizeof(*hdr), len);
	if (send(packets, all, sizeof(*hdr) + len, 0) < 0)
		ktap_bail("the host cannot send: %s", strerror(errno));
}

static bool has_arrived(void)
{
	return testnet_reap(1, &cqe);
}

static const struct pvnet_frame *first_frame(void)
{
	return (struct pvnet_frame *)testnet_data(1, 0);
}

static void check_opening(void)
{
	struct net_tap other = { 0 };
	char err[HOSTD_ERROR_MAX];

	ktap_ok(net_tap_open(&other, "none0", 2, err) == -ENODEV && strstr(err, "ip tuntap add none0"), "%s", err);
	ktap_ok(net_tap_open(&other, "lo", 2, err) == -EINVAL && strstr(err, "ip tuntap add"), "%s", err);
	ktap_ok(!net_tap_open(&tap, TAP, 2, err) && tap.nr == 1 && tap.offloads & 1 << PVNET_F_TSO4,
		"a tap of one queue is opened with one");
	ktap_ok(net_tap_open(&other, TAP, 2, err) == -EBUSY && !other.nr, "%s", err);
}

static void check_segments(void)
{
	const struct virtio_net_hdr *hdr = (void *)got;

	ktap_ok(set(PVNET_M_UP, TESTNET_RX_FEATURES) == PVNET_S_OK, "settings that want all");
	ktap_ok(send_segment(30000) == PVNET_S_OK && wait_for(has_got) && got_len == (ssize_t)sizeof(*hdr) + 30000 &&
		!memcmp(got + sizeof(*hdr), testnet_data(2, 0), 30000), "the host gets a segment whole");
	ktap_ok(hdr->flags == VIRTIO_NET_HDR_F_NEEDS_CSUM && hdr->gso_type == VIRTIO_NET_HDR_GSO_TCPV4 && hdr->gso_size == MSS,
		"and its checksum is still to be completed");
	/* What is in one piece is told as the length of the headers. */
	ktap_ok(send_segment_of(30000, 1) == PVNET_S_OK && wait_for(has_got) && hdr->hdr_len >= HEADERS &&
		send_segment_of(30000, 0xffff) == PVNET_S_OK && wait_for(has_got) && hdr->hdr_len >= HEADERS && hdr->hdr_len < 1000,
		"and its headers in one piece, whatever the guest says of them");
	testnet_give(0, 1, 0, 128 << 10);
	send_to_guest(30000, true);
	ktap_ok(wait_for(has_arrived) && le32toh(first_frame()->len) == 30000 && first_frame()->offload.gso_type == PVNET_GSO_TCPV4 &&
		first_frame()->offload.flags == PVNET_O_CSUM_PARTIAL && le16toh(first_frame()->offload.gso_size) == MSS,
		"so does the guest");
	set(PVNET_M_UP, 1 << PVNET_F_RX_CSUM);
	testnet_give(0, 1, 0, 128 << 10);
	send_to_guest(HEADERS + 3 * MSS, true);
	ktap_ok(wait_for(has_arrived) && le32toh(first_frame()->len) == HEADERS + MSS && !first_frame()->offload.gso_type,
		"without TSO they are cut");
	set(PVNET_M_UP, 0);
	testnet_give(0, 1, 0, 128 << 10);
	testnet_give(0, 1, 128 << 10, 128 << 10);
	send_to_guest(1000, false);
	ktap_ok(wait_for(has_arrived) && !testnet_data(1, 128 << 10)[16] && net_csum_is_right(testnet_data(1, (128 << 10) + 32), 1000),
		"without checksums they come complete");
}

static void check_lives(void)
{
	kill(w.pid, SIGKILL);
	testworker_wait(&w);
	send_to_guest(500, false);
	start_worker();
	testnet_give(0, 1, 0, 128 << 10);
	usleep(10000);
	n.drv->pump(n.drv->ctx);
	ktap_ok(!has_arrived(), "a new worker reads nothing before settings with UP");
	set(PVNET_M_UP, TESTNET_RX_FEATURES);
	ktap_ok(wait_for(has_arrived) && le32toh(first_frame()->len) == 500, "then comes what came meanwhile");
}

static uint64_t cpu_ticks(void)
{
	unsigned long user = 0, sys = 0;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)w.pid);
	f = fopen(path, "r");
	if (!f || fscanf(f, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &sys) != 2)
		ktap_bail("no %s", path);
	fclose(f);
	return user + sys;
}

/* Ticks of 10 ms in half a second. */
static uint64_t cost(void)
{
	uint64_t before = cpu_ticks();

	usleep(500000);
	return cpu_ticks() - before;
}

static bool link_is_down(void)
{
	return !((struct pvnet_config *)(n.drv->base + le64toh(testdrv_entry(n.drv, 0)->config_off)))->flags;
}

static void check_troubles(void)
{
	unsigned int i;
	uint64_t ticks;

	/* No buffers, and a tap that is readable. */
	for (i = 0; i < 20; i++)
		send_to_guest(500, false);
	usleep(50000);
	while (has_arrived())
		;
	ticks = cost();
	ktap_ok(ticks <= 10, "readable, and no buffers: the worker sleeps (%u ms of 500)", (unsigned int)ticks * 10);
	testnet_give(0, 1, 0, 128 << 10);
	testworker_kick(&w, 0);
	ktap_ok(wait_for(has_arrived) && le32toh(cqe.nr_frames) > 1, "with a buffer all come");
	testnet_give(0, 1, 0, 128 << 10);
	set_up(false);
	ktap_ok(send_segment(3000) == PVNET_S_DROPPED, "a tap that is down drops");
	set_up(true);
	ktap_ok(send_segment(3000) == PVNET_S_OK, "until it is up");
	remove_tap();
	ticks = 0;
	if (wait_for(link_is_down))
		ticks = cost();
	ktap_ok(link_is_down() && ticks <= 10, "one that is taken away is no link, and is not looked at (%u ms of 500)",
		(unsigned int)ticks * 10);
	ktap_ok(send_segment(3000) == PVNET_S_DROPPED, "and drops");
}

int main(void)
{
	if (!make_tap()) {
		printf("1..0 # SKIP no tap in a namespace of its own: needs root, or user namespaces and /dev/net/tun\n");
		return KTAP_EXIT_SKIP;
	}
	ktap_plan(4 + 7 + 2 + 6 + 1);
	testworker_init(&w);
	n.drv = &w.drv;
	set_up(true);
	open_packets();
	check_opening();
	start_worker();
	check_segments();
	check_lives();
	check_troubles();
	ktap_ok(!testworker_quit(&w), "and the worker has lived to its end");
	close(packets);
	return ktap_finish();
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The network device (Documentation/abi/net.md): its options, config area, features and queues.
 */
#include "net/device.h"

#include <endian.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/json.h"
#include "lib/util.h"
#include "net/class.h"
#include "worker/bus/bus.h"

#define BIT(n)		(1ULL << (n))

#define CSUM_FEATURES	(BIT(PVNET_F_CSUM) | BIT(PVNET_F_RX_CSUM))
#define USO_FEATURES	(BIT(PVNET_F_USO) | BIT(PVNET_F_RX_USO))
#define TSO_FEATURES	(BIT(PVNET_F_TSO4) | BIT(PVNET_F_TSO6) | BIT(PVNET_F_TSO_ECN) | \
			 BIT(PVNET_F_RX_TSO4) | BIT(PVNET_F_RX_TSO6) | BIT(PVNET_F_RX_TSO_ECN))
#define SEGMENTED	(TSO_FEATURES | USO_FEATURES)

static int fail(char *error, int err, const char *text)
{
	snprintf(error, HDEV_ERROR_LEN, "%s", text);
	return err;
}

static bool is_control(unsigned int index)
{
	return index == PVNET_CTRL_QUEUE;
}

static bool is_receive(unsigned int index)
{
	return index % 2;
}

static void net_shape(const struct hdev *dev, unsigned int index, struct hdev_shape *shape)
{
	(void)dev;
	shape->cqe_shift = PVNET_CQE_SHIFT;
	if (is_control(index))
		shape->sqe_shift = PVNET_CTRL_SQE_SHIFT;
	else
		shape->sqe_shift = is_receive(index) ? PVNET_RX_SQE_SHIFT : PVNET_TX_SQE_SHIFT;
}

/* Each way for itself. */
static void set_rate(struct net *net, uint64_t rate)
{
	hostd_rate_set(&net->rx_rate, net->dev->loop->now_ns, rate, NET_RATE_BURST_NS);
	hostd_rate_set(&net->tx_rate, net->dev->loop->now_ns, rate, NET_RATE_BURST_NS);
}

/* What may change while it runs (NET-D12). */
static void take_live(struct net *net, struct json_object *config)
{
	struct pvnet_config *c = &net->config;

	net->wants_link = hostd_json_bool(config, "link", net->wants_link);
	c->mtu = htole32(hostd_json_u64(config, "mtu", le32toh(c->mtu)));
	set_rate(net, hostd_json_u64(config, "rate", net->tx_rate.per_second));
	c->speed_mbps = htole32(hostd_json_u64(config, "speed", le32toh(c->speed_mbps)));
}

static uint64_t choose_features(struct net *net, struct json_object *config, unsigned int nr_pairs)
{
	uint64_t features = net->be.features;

	if (!hostd_json_bool(config, "csum", true))
		features &= ~(CSUM_FEATURES | SEGMENTED);
	if (!hostd_json_bool(config, "tso", true))
		features &= ~TSO_FEATURES;
	if (!hostd_json_bool(config, "uso", true))
		features &= ~USO_FEATURES;
	features |= BIT(PVNET_F_FILTER) | BIT(PVNET_F_HASH);
	if (nr_pairs > 1)
		features |= BIT(PVNET_F_RSS);
	return features;
}

static void set_up(struct net *net, struct json_object *config)
{
	unsigned int nr_pairs = hostd_json_u64(config, "queues", 1);
	uint32_t max_mtu = hostd_json_u64(config, "max-mtu", PVNET_MTU_MAX);
	struct pvnet_config *c = &net->config;
	struct hdev *dev = net->dev;

	dev->max_queues = 1 + 2 * nr_pairs;
	dev->max_queue_size = hostd_json_u64(config, "queue-size", 0);
	dev->features[0] = choose_features(net, config, nr_pairs);
	c->max_mtu = htole32(max_mtu);
	c->max_frame = htole32(max_mtu + PVNET_FRAME_OVERHEAD);
	if (dev->features[0] & SEGMENTED || le32toh(c->max_frame) > PVNET_FRAME_MAX)
		c->max_frame = htole32(PVNET_FRAME_MAX);
	c->max_macs = htole16(PVNET_MACS_MAX);
	c->rss_size = htole16(nr_pairs > 1 ? PVNET_RSS_SIZE_MAX : 0);
	c->hash_types = htole32(PVNET_HASH_IPV4 | PVNET_HASH_IPV6 | PVNET_HASH_TCPV4 | PVNET_HASH_TCPV6 |
				PVNET_HASH_UDPV4 | PVNET_HASH_UDPV6);
	net->mtu = max_mtu;
	take_live(net, config);
}

static int open_backend(struct net *net, struct json_object *config, const int *fds, unsigned int nr_fds,
			char *error)
{
	struct net_backend *be = &net->be;
	int err;

	be->ops = net_backend_find(hostd_json_str(config, "backend"));
	if (!be->ops)
		return fail(error, -EINVAL, "there is no such back end");
	if (be->ops != &net_backend_null && !nr_fds)
		return fail(error, -EINVAL, "its back end has no descriptor");
	be->features = hostd_json_u64(config, "offloads", be->ops->features);
	be->nr_used = 1;
	net->line = net->gone = -1;
	net->has_peer = !be->ops->attach;
	if (be->ops->attach) {
		be->nr_sources = 1;
		be->fds[0] = -1;
		net->line = fds[0];
	} else if (nr_fds) {
		be->nr_sources = nr_fds;
		memcpy(be->fds, fds, nr_fds * sizeof(*fds));
	}
	err = be->ops->open(be);
	return err ? fail(error, err, "out of memory") : 0;
}

static int net_create(struct hdev *dev, struct json_object *config, const int *fds, unsigned int nr_fds,
		      char *error)
{
	struct net *net = calloc(1, sizeof(*net));
	int ret;

	if (!net)
		return fail(error, -ENOMEM, "out of memory");
	net->dev = dev;
	ret = net_mac_parse(hostd_json_str(config, "mac"), net->config.mac);
	if (ret)
		fail(error, ret, "it has no address");
	else
		ret = open_backend(net, config, fds, nr_fds, error);
	if (ret) {
		free(net);
		return ret;
	}
	dev->priv = net;
	net_pack_init(net);
	net_rx_init(net);
	net_end_init(net);
	net_tx_init(net);
	set_up(net, config);
	net_publish(net);
	ret = net_events_init(net);
	if (!ret)
		return 0;
	hdev_forget_waits(dev);
	net->be.ops->close(&net->be);
	free(net);
	snprintf(error, HDEV_ERROR_LEN, "its line to the broker cannot be watched: %s", strerror(-ret));
	return ret;
}

static void net_destroy(struct hdev *dev)
{
	struct net *net = dev->priv;
	unsigned int i;

	net_capture_end(net);
	net->be.ops->close(&net->be);
	for (i = 0; i < net->be.nr_sources; i++)
		if (net->be.fds[i] >= 0)
			close(net->be.fds[i]);
	net_close_gone(net);
	if (net->line >= 0)
		close(net->line);
	free(net);
	dev->priv = NULL;
}

static int net_start(struct hdev_queue *q)
{
	struct net *net = q->dev->priv;

	if (is_control(q->index))
		return 0;
	return is_receive(q->index) ? net_pack_start(net, q) : net_tx_start(net, q);
}

static void forget_driver(struct net *net)
{
	memset(&net->set, 0, sizeof(net->set));
	net->nr_pairs = 0;
	net->mtu = le32toh(net->config.max_mtu);
	net->full = false;
	hdev_timer_set(&net->full_timer, HDEV_NEVER);
	hdev_timer_set(&net->pack_timer, HDEV_NEVER);
	hdev_timer_set(&net->hold_timer, HDEV_NEVER);
}

/* The control queue is the last one. */
static void net_stop(struct hdev_queue *q)
{
	struct net *net = q->dev->priv;

	net_down(net);
	if (is_control(q->index))
		forget_driver(net);
	else if (is_receive(q->index))
		net->rx[(q->index - 1) / 2] = NULL;
	else
		net->tx[(q->index - 2) / 2] = NULL;
	free(q->priv);
	q->priv = NULL;
}

static unsigned int net_poll(struct hdev_queue *q, unsigned int budget)
{
	if (is_control(q->index))
		return net_ctrl_poll(q, budget);
	return is_receive(q->index) ? net_rx_poll(q) : net_tx_poll(q, budget);
}

static int net_set(struct hdev *dev, struct json_object *config, char *error)
{
	struct net *net = dev->priv;
	bool had_link = net_has_link(net);
	uint64_t mtu = hostd_json_u64(config, "mtu", 0);

	if (mtu > le32toh(net->config.max_mtu))
		return fail(error, -EINVAL, "mtu= is larger than max-mtu=");
	take_live(net, config);
	if (had_link != net_has_link(net)) {
		if (!had_link)
			net_rx_discard(net);
		net_tx_go_on(net);
		net_watch(net);
	}
	/* What has waited for a limit waits for this one, or no more. */
	hdev_timer_set(&net->rate_timer, dev->loop->now_ns);
	net_publish(net);
	return 0;
}

static int net_capture(struct hdev *dev, struct json_object *config, int fd, char *error)
{
	struct net *net = dev->priv;

	if (net->capture)
		return fail(error, -EBUSY, "its frames are being captured already: end that first");
	return net_capture_start(net, fd, hostd_json_u64(config, "snaplen", UINT32_MAX), error);
}

/* Counters of pairs by their names, as pvctl has them; those of reception come first. */
static const struct {
	const char *name;
	size_t offset;
} counters[] = {
#define COUNTER(name)	{ #name, offsetof(struct net_counts, name) }
	COUNTER(rx_frames), COUNTER(rx_no_link), COUNTER(rx_filtered), COUNTER(rx_no_buffers), COUNTER(rx_too_long),
	COUNTER(rx_bad), COUNTER(rx_starved),
	COUNTER(tx_frames), COUNTER(tx_no_link), COUNTER(tx_full), COUNTER(tx_failed), COUNTER(tx_bad),
};

#define NR_RX_COUNTERS	7

static uint64_t counter_of(const struct net *net, unsigned int pair, unsigned int i)
{
	return *(const uint64_t *)((const uint8_t *)&net->count[pair] + counters[i].offset);
}

static void net_describe(const struct hdev *dev, struct json_object *obj)
{
	const struct net *net = dev->priv;
	unsigned int i, pair;
	uint64_t sum;

	hostd_json_add_bool(obj, "carrier", net_has_link(net));
	hostd_json_add_u64(obj, "sources", net->be.nr_sources);
	hostd_json_add_u64(obj, "pairs", net->nr_pairs);
	for (i = 0; i < HOSTD_ARRAY_SIZE(counters); i++) {
		for (pair = 0, sum = 0; pair < PVNET_MAX_PAIRS; pair++)
			sum += counter_of(net, pair, i);
		hostd_json_add_u64(obj, counters[i].name, sum);
	}
}

static void net_describe_queue(const struct hdev *dev, unsigned int index, struct json_object *obj)
{
	unsigned int i = is_receive(index) ? 0 : NR_RX_COUNTERS;
	unsigned int end = is_receive(index) ? NR_RX_COUNTERS : HOSTD_ARRAY_SIZE(counters);

	for (; !is_control(index) && i < end; i++)
		hostd_json_add_u64(obj, counters[i].name, counter_of(dev->priv, (index - 1) / 2, i));
}

const struct pvdev_ops hdev_net_ops = {
	.shape = net_shape,
	.max_fds = PVNET_MAX_PAIRS,
	.create = net_create,
	.destroy = net_destroy,
	.start = net_start,
	.stop = net_stop,
	.poll = net_poll,
	.set = net_set,
	.describe = net_describe,
	.describe_queue = net_describe_queue,
	.capture = net_capture,
	.work = net_rx_work,
};

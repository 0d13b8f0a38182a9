// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the driver wants: settings, taken as a whole or not at all.
 */
#include "net/device.h"

#include <endian.h>
#include <errno.h>
#include <stddef.h>

#include "lib/log/log.h"
#include "lib/log/report.h"
#include "worker/bus/bus.h"
#include "worker/bus/shmem.h"

#define BIT(n)		(1ULL << (n))
#define RX_FEATURES	(BIT(PVNET_F_RX_CSUM) | BIT(PVNET_F_RX_TSO4) | BIT(PVNET_F_RX_TSO6) | \
			 BIT(PVNET_F_RX_TSO_ECN) | BIT(PVNET_F_RX_USO))

/* Bits of mode that are known, and agreed. */
static unsigned int allowed_mode(const struct hdev *dev)
{
	unsigned int mode = PVNET_M_UP | PVNET_M_PROMISC | PVNET_M_ALLMULTI;

	if (hdev_has_feature(dev, PVNET_F_FILTER))
		mode |= PVNET_M_VLANS;
	if (hdev_has_feature(dev, PVNET_F_HASH))
		mode |= PVNET_M_HASH;
	if (hdev_has_feature(dev, PVNET_F_RSS))
		mode |= PVNET_M_RSS;
	return mode;
}

static bool table_is_valid(const struct net *net, const struct pvnet_settings *set)
{
	unsigned int i, nr = le16toh(net->config.rss_size);

	for (i = 0; i < nr; i++)
		if (set->rss_table[i] >= le16toh(set->nr_pairs))
			return false;
	return true;
}

/* NET-D9 */
static bool are_valid(const struct net *net, const struct pvnet_settings *set)
{
	const struct pvnet_config *c = &net->config;
	unsigned int mode = le16toh(set->mode), nr_pairs = le16toh(set->nr_pairs);
	uint32_t mtu = le32toh(set->mtu);

	return !(mode & ~allowed_mode(net->dev)) &&
	       nr_pairs && nr_pairs <= (net->dev->nr_queues - 1) / 2 &&
	       le16toh(set->nr_macs) <= le16toh(c->max_macs) &&
	       mtu >= PVNET_MTU_MIN && mtu <= le32toh(c->max_mtu) &&
	       !(le64toh(set->offloads) & ~(net->dev->taken[0] & RX_FEATURES)) &&
	       !(le32toh(set->hash_types) & ~le32toh(c->hash_types)) &&
	       (!(mode & PVNET_M_RSS) || table_is_valid(net, set));
}

/* A frame that was received by other settings is not given by these, or in another epoch. */
static void drop_kept(struct net *net)
{
	unsigned int i;

	for (i = 0; i < PVNET_MAX_PAIRS; i++) {
		if (!net->rx[i] || !net->rx[i]->kept.len)
			continue;
		net->rx[i]->kept.len = 0;
		net->count[i].rx_no_buffers++;
	}
}

static void use_sources(struct net *net)
{
	net->be.nr_used = net->be.nr_sources < net->nr_pairs ? net->be.nr_sources : net->nr_pairs;
	if (!net->be.nr_used)
		net->be.nr_used = 1;
	if (net->be.ops->set_sources)
		net->be.ops->set_sources(&net->be);
}

static void set_offloads(struct net *net, uint64_t offloads)
{
	int err;

	net->be.offloads = offloads;
	if (!net->be.ops->set_offloads)
		return;
	err = net->be.ops->set_offloads(&net->be);
	/* One that is gone says so when it is read. What comes all the same, and is not wanted, is dropped. */
	if (err)
		hostd_report(HOSTD_LOG_DEBUG, "%s: its offloads cannot be set: error %d", net->dev->name, -err);
}

static void apply(struct net *net, const struct pvnet_settings *set)
{
	net_pack_flush(net);
	drop_kept(net);
	net->set = *set;
	net->mtu = le32toh(set->mtu);
	net->nr_pairs = le16toh(set->nr_pairs);
	net->up = le16toh(set->mode) & PVNET_M_UP;
	use_sources(net);
	set_offloads(net, le64toh(set->offloads));
	hdev_set_busy(net->dev, net->up && net->be.nr_sources);
	net_rx_hold(net);
	net_watch(net);
}

void net_down(struct net *net)
{
	drop_kept(net);
	net->up = false;
	hdev_set_busy(net->dev, false);
	net_watch(net);
}

/* PVNET_S_*, or -EPROTO */
static int execute(struct net *net, const struct hdev_queue *q, const struct pvnet_ctrl_sqe *sqe)
{
	struct pvnet_settings set;
	const void *data;

	if (le32toh(sqe->op) != PVNET_CTRL_SET)
		return PVNET_S_INVAL;
	data = hostd_window_at(&q->data, le64toh(sqe->data_off), sizeof(set), sizeof(uint64_t));
	if (!data || le32toh(sqe->len) != sizeof(set))
		return -EPROTO;
	_Static_assert(sizeof(set) % sizeof(uint64_t) == 0, "hostd_copy_in()");
	hostd_copy_in(&set, data, sizeof(set));
	if (!are_valid(net, &set))
		return PVNET_S_INVAL;
	apply(net, &set);
	return PVNET_S_OK;
}

unsigned int net_ctrl_poll(struct hdev_queue *q, unsigned int budget)
{
	struct pvnet_ctrl_sqe sqe;
	unsigned int nr;
	int ret;

	for (nr = 0; nr < budget && hdev_queue_pop(q, &sqe); nr++) {
		struct pvnet_cqe cqe = { .id = sqe.id };

		ret = execute(q->dev->priv, q, &sqe);
		if (ret < 0) {
			hdev_queue_break(q, PVRING_E_ENTRY, "settings are of another length, or lie where none may lie");
			break;
		}
		cqe.status = htole32(ret);
		hdev_queue_push(q, &cqe, ret == PVNET_S_OK);
	}
	return nr;
}

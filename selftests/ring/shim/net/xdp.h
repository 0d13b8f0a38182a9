/* SPDX-License-Identifier: GPL-2.0-only */
#define __rcu

struct bpf_prog;
struct ethtool_ops;
struct netdev_bpf;
struct netlink_ext_ack;
struct xdp_frame;

struct xdp_rxq_info {
	int queue_index;
};

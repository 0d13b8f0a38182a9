/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_NET_XDP_H
#define SHIM_NET_XDP_H

#include <linux/netdevice.h>
#include <linux/types.h>

#define __rcu
#define rcu_dereference_bh(p)		READ_ONCE(p)
#define rcu_access_pointer(p)		READ_ONCE(p)
#define rtnl_dereference(p)		READ_ONCE(p)
#define rcu_assign_pointer(p, v)	WRITE_ONCE(p, v)

#define XDP_XMIT_FLUSH			1u
#define XDP_XMIT_FLAGS_MASK		1u
#define MEM_TYPE_PAGE_POOL		2

struct bpf_prog;
struct ethtool_ops;
struct netlink_ext_ack;

enum { XDP_SETUP_PROG };

struct netdev_bpf {
	int			command;
	struct bpf_prog		*prog;
	struct netlink_ext_ack	*extack;
};

struct xdp_frame {
	void	*data;
	u16	len;
};

struct xdp_rxq_info {
	int queue_index;
};

struct xdp_buff {
	void			*data;
	void			*data_end;
	void			*data_meta;
	void			*data_hard_start;
	u32			frame_sz;
	struct xdp_rxq_info	*rxq;
};

static inline void xdp_init_buff(struct xdp_buff *xdp, u32 size, struct xdp_rxq_info *rxq)
{
	*xdp = (struct xdp_buff) { .frame_sz = size, .rxq = rxq };
}

static inline void xdp_prepare_buff(struct xdp_buff *xdp, void *start, int headroom, int len, bool meta)
{
	xdp->data_hard_start = start;
	xdp->data = start + headroom;
	xdp->data_end = xdp->data + len;
	xdp->data_meta = meta ? xdp->data : xdp->data + 1;
}

#define xdp_rxq_info_reg(rxq, dev, index, id)		((void)(dev), (void)(index), (void)(id), 0)
#define xdp_rxq_info_reg_mem_model(rxq, type, pool)	((void)(rxq), (void)(pool), 0)
#define xdp_rxq_info_is_reg(rxq)			((void)(rxq), false)
#define xdp_rxq_info_unreg(rxq)				((void)(rxq))

/* The test's. */
void xdp_return_frame(struct xdp_frame *frame);

#endif

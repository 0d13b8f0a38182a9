// SPDX-License-Identifier: GPL-2.0-only
/*
 * XDP: a program sees each frame before the stack does, in a page of the pool's with room around it.
 *
 * While there is a program, the device is not to give frames that are longer than a page or unfinished:
 * the features of the interface, which settings.c tells the device, lack these (pvnet_fix_features()).
 * What a program sends is copied into the window, as all that is sent, by any CPU into any queue: each
 * has a lock, so there need not be one for each CPU.
 */
#include <linux/bpf.h>
#include <linux/bpf_trace.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/stringify.h>
#include <net/xdp.h>
#include "pvnet.h"

/* With all around it, a frame of that is at most half of what the pool allocates. */
#define XDP_MTU_MAX	9216

/* So much longer can a program make a frame. */
#define TAILROOM	128

/* Bits of pvnet_rx.xdp_todo. */
#define PVNET_XDP_SENT		0x1
#define PVNET_XDP_REDIRECTED	0x2

static void free_frame(struct pvnet_rx *rx, const struct xdp_buff *xdp)
{
	page_pool_recycle_direct(rx->pool, virt_to_head_page(xdp->data_hard_start));
}

/* A frame in a page, with room. False: no memory. */
static bool copy_frame(struct pvnet_rx *rx, const void *data, u32 len, struct xdp_buff *xdp)
{
	u32 size = SKB_DATA_ALIGN(XDP_PACKET_HEADROOM + len + TAILROOM) +
		   SKB_DATA_ALIGN(sizeof(struct skb_shared_info));
	unsigned int off;
	struct page *page = page_pool_dev_alloc_frag(rx->pool, &off, size);

	if (!page)
		return false;
	xdp_init_buff(xdp, size, &rx->xdp_rxq);
	xdp_prepare_buff(xdp, page_address(page) + off, XDP_PACKET_HEADROOM, len, true);
	memcpy(xdp->data, data, len);
	return true;
}

static struct sk_buff *to_skb(struct pvnet_rx *rx, const struct xdp_buff *xdp)
{
	unsigned int meta = xdp->data - xdp->data_meta;
	struct sk_buff *skb = napi_build_skb(xdp->data_hard_start, xdp->frame_sz);

	if (!skb) {
		pvnet_count(rx->stats.no_memory, 1);
		free_frame(rx, xdp);
		return NULL;
	}
	skb_reserve(skb, xdp->data - xdp->data_hard_start);
	__skb_put(skb, xdp->data_end - xdp->data);
	if (meta)
		skb_metadata_set(skb, meta);
	skb_mark_for_recycle(skb);
	return skb;
}

static bool send_back(struct pvnet_pair *pair, const struct xdp_buff *xdp)
{
	bool sent;

	pvnet_tx_lock(pair);
	sent = pvnet_tx_put(pair, xdp->data, xdp->data_end - xdp->data);
	pvnet_tx_unlock(pair);
	pair->rx.xdp_todo |= PVNET_XDP_SENT;
	return sent;
}

/* The frame is one of the interface's, but not of the stack's. */
static void count_frame(struct pvnet_rx *rx, u32 len)
{
	pvnet_count(rx->stats.packets, 1);
	pvnet_count(rx->stats.bytes, len);
}

/* Do with a frame as the program says. NULL: it is done with. */
static struct sk_buff *obey(struct pvnet_pair *pair, struct bpf_prog *prog, struct xdp_buff *xdp,
			    u32 len)
{
	struct net_device *dev = pair->net->dev;
	struct pvnet_rx *rx = &pair->rx;
	u32 act = bpf_prog_run_xdp(prog, xdp);

	if (act == XDP_PASS)
		return to_skb(rx, xdp);
	count_frame(rx, len);
	switch (act) {
	case XDP_TX:
		pvnet_count(rx->stats.xdp_tx, 1);
		if (!send_back(pair, xdp))
			trace_xdp_exception(dev, prog, act);
		break;
	case XDP_REDIRECT:
		if (!xdp_do_redirect(dev, xdp, prog)) {
			pvnet_count(rx->stats.xdp_redirect, 1);
			rx->xdp_todo |= PVNET_XDP_REDIRECTED;
			return NULL;
		}
		pvnet_count(rx->stats.xdp_aborted, 1);
		trace_xdp_exception(dev, prog, act);
		break;
	case XDP_DROP:
		pvnet_count(rx->stats.xdp_drop, 1);
		break;
	default:
		bpf_warn_invalid_xdp_action(dev, prog, act);
		fallthrough;
	case XDP_ABORTED:
		pvnet_count(rx->stats.xdp_aborted, 1);
		trace_xdp_exception(dev, prog, act);
	}
	free_frame(rx, xdp);
	return NULL;
}

/**
 * pvnet_run_xdp() - let the program see a frame
 * @pair: the pair; its NAPI
 * @prog: the program
 * @frame: private copy of the frame's header
 * @data: the frame, in the window
 *
 * Return: what the stack is to have, or NULL: nothing, and it is counted why; or the pair has halted.
 */
struct sk_buff *pvnet_run_xdp(struct pvnet_pair *pair, struct bpf_prog *prog,
			      const struct pvnet_frame *frame, const void *data)
{
	u32 len = le32_to_cpu(frame->len);
	struct pvnet_rx *rx = &pair->rx;
	struct xdp_buff xdp;

	if (len > XDP_MTU_MAX + PVNET_FRAME_OVERHEAD || frame->offload.gso_type ||
	    (frame->offload.flags & PVNET_O_CSUM_PARTIAL)) {
		pvnet_count(rx->stats.xdp_unfit, 1);
		return NULL;
	}
	if (!copy_frame(rx, data, len, &xdp)) {
		pvnet_count(rx->stats.no_memory, 1);
		return NULL;
	}
	/* After the copy: a migration may have replaced the window in its midst (BUS-G4). */
	if (pvbus_epoch_over(pair->net->pdev)) {
		free_frame(rx, &xdp);
		WRITE_ONCE(pair->halted, true);
		return NULL;
	}
	return obey(pair, prog, &xdp, len);
}

/**
 * pvnet_xdp_flush() - let go of what programs have sent
 * @pair: the pair; its NAPI, before it ends
 */
void pvnet_xdp_flush(struct pvnet_pair *pair)
{
	unsigned int todo = pair->rx.xdp_todo;

	if (!todo)
		return;
	pair->rx.xdp_todo = 0;
	if (todo & PVNET_XDP_SENT) {
		pvnet_tx_lock(pair);
		pvnet_tx_give(pair);
		pvnet_tx_unlock(pair);
	}
	if (todo & PVNET_XDP_REDIRECTED)
		xdp_do_flush();
}

/**
 * pvnet_xdp_xmit() - see net_device_ops.ndo_xdp_xmit
 * @dev: the interface
 * @nr: frames
 * @frames: them
 * @flags: XDP_XMIT_*
 *
 * Return: how many were taken, the first ones; or -errno.
 */
int pvnet_xdp_xmit(struct net_device *dev, int nr, struct xdp_frame **frames, u32 flags)
{
	struct pvnet *net = netdev_priv(dev);
	struct pvnet_pair *pair;
	int i;

	if (flags & ~XDP_XMIT_FLAGS_MASK)
		return -EINVAL;
	if (!netif_running(dev))
		return -ENETDOWN;
	pair = &net->pairs[smp_processor_id() % pvnet_pairs_in_use(net)];
	pvnet_tx_lock(pair);
	for (i = 0; i < nr; i++)
		if (!pvnet_tx_put(pair, frames[i]->data, frames[i]->len))
			break;
	if (flags & XDP_XMIT_FLUSH || i < nr)
		pvnet_tx_give(pair);
	pvnet_tx_unlock(pair);
	/* They are in the window. */
	for (nr = i, i = 0; i < nr; i++)
		xdp_return_frame(frames[i]);
	return nr;
}

/**
 * pvnet_set_max_mtu() - tell the stack what the device takes, and a program
 * @net: the NIC; rtnl is held, or the interface is not registered
 */
void pvnet_set_max_mtu(struct pvnet *net)
{
	u32 max = READ_ONCE(net->max_mtu);

	if (rcu_access_pointer(net->prog))
		max = min_t(u32, max, XDP_MTU_MAX);
	net->dev->max_mtu = max;
}

static int set_prog(struct net_device *dev, struct bpf_prog *prog, struct netlink_ext_ack *extack)
{
	struct pvnet *net = netdev_priv(dev);
	struct bpf_prog *old = rtnl_dereference(net->prog);

	if (prog && dev->mtu > XDP_MTU_MAX) {
		NL_SET_ERR_MSG_MOD(extack, "lower the MTU first: with a program it is "
				   __stringify(XDP_MTU_MAX) " at most");
		return -EINVAL;
	}
	rcu_assign_pointer(net->prog, prog);
	if (old)
		bpf_prog_put(old);
	if (!prog == !old)
		return 0;
	pvnet_set_max_mtu(net);
	netdev_update_features(dev);
	return 0;
}

/**
 * pvnet_bpf() - see net_device_ops.ndo_bpf
 * @dev: the interface
 * @bpf: what is wanted
 *
 * A program takes the place of another without a frame that neither sees.
 *
 * Return: 0 or -errno.
 */
int pvnet_bpf(struct net_device *dev, struct netdev_bpf *bpf)
{
	switch (bpf->command) {
	case XDP_SETUP_PROG:
		return set_prog(dev, bpf->prog, bpf->extack);
	default:
		return -EINVAL;
	}
}

/**
 * pvnet_init_xdp() - what XDP is to know of a pair
 * @pair: the pair; it has its pool
 *
 * Return: 0 or -errno.
 */
int pvnet_init_xdp(struct pvnet_pair *pair)
{
	struct xdp_rxq_info *rxq = &pair->rx.xdp_rxq;
	int err;

	err = xdp_rxq_info_reg(rxq, pair->net->dev, pair->index, pair->napi.napi_id);
	if (!err)
		err = xdp_rxq_info_reg_mem_model(rxq, MEM_TYPE_PAGE_POOL, pair->rx.pool);
	return err;
}

/**
 * pvnet_exit_xdp() - the other end
 * @pair: the pair
 */
void pvnet_exit_xdp(struct pvnet_pair *pair)
{
	if (xdp_rxq_info_is_reg(&pair->rx.xdp_rxq))
		xdp_rxq_info_unreg(&pair->rx.xdp_rxq);
}

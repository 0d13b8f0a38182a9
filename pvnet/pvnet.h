/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of pvnet share.
 */
#ifndef _PVNET_H
#define _PVNET_H

#include <linux/bitmap.h>
#include <linux/dim.h>
#include <linux/if_vlan.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <net/xdp.h>
#include <pv/bus.h>
#include <uapi/pv/net.h>
#include "arena.h"
#include "compat_net.h"
#include "compat_wq.h"

/* Ids: what is in flight, and above it its generation. */
#define PVNET_ID_BITS		16

/* Bytes that are copied as headers where the rest of a frame goes to pages. */
#define PVNET_HEAD_LEN		256

/**
 * struct pvnet_tx_slot - a frame in flight; the private memory that replay starts from
 * @skb: kept until the completion, so that its socket knows; NULL: nobody waits for it
 * @off: its place in the data extent
 * @len: bytes
 * @gen: generation of the id, so that a stale completion is refused
 * @busy: the device has it
 */
struct pvnet_tx_slot {
	struct sk_buff	*skb;
	u32		off;
	u32		len;
	u16		gen;
	bool		busy;
};

/* What becomes of a frame that is to be sent now. */
enum pvnet_mode {
	PVNET_PASS,	/* it is submitted */
	PVNET_HOLD,	/* it waits in the stack, and what is in flight for the next restore */
	PVNET_DROP,	/* it is dropped, and counted */
};

/**
 * struct pvnet_tx_stats - what became of frames; each is counted in one of the first five
 * @packets: given to the back end
 * @bytes: of those
 * @dropped: the back end did not take them, or there was no device
 * @invalid: the device did not take what was left to be done
 * @stale: dropped because a new life of the device does not offer what they need
 * @bad_len: longer or shorter than the device takes
 * @replayed: submitted again in a new epoch; counted above as well
 * @stops: times that the stack was told to wait
 * @wakes: and to go on
 * @xdp: frames of XDP that were submitted, whatever became of them; counted above as well
 * @xdp_full: of XDP, and not taken: there was no room, or no device
 */
struct pvnet_tx_stats {
	u64	packets;
	u64	bytes;
	u64	dropped;
	u64	invalid;
	u64	stale;
	u64	bad_len;
	u64	replayed;
	u64	stops;
	u64	wakes;
	u64	xdp;
	u64	xdp_full;
};

/**
 * struct pvnet_tx - the transmit queue of a pair; guarded by the lock of its netdev_queue
 * @q: the queue in the window
 * @txq: the stack's side of it
 * @slots: what is in flight, by number modulo the ring's size
 * @head: number of the next frame
 * @tail: number of the oldest frame in flight
 * @since: jiffies, when that has become the oldest
 * @bytes: of the frames in flight
 * @event: number of the completion that raises an interrupt
 * @arena: the data extent
 * @mode: what becomes of the next frame
 * @stats: counters
 */
struct pvnet_tx {
	struct pvbus_queue	*q;
	struct netdev_queue	*txq;
	struct pvnet_tx_slot	*slots;
	u32			head;
	u32			tail;
	unsigned long		since;
	u32			bytes;
	u32			event;
	struct pvnet_arena	arena;
	enum pvnet_mode		mode;
	struct pvnet_tx_stats	stats;
};

/**
 * struct pvnet_rx_stats - what became of frames received; each is counted once
 * @packets: given to the stack, or to XDP
 * @bytes: of those
 * @no_memory: dropped: no memory
 * @bad_offload: dropped: what is left to be done makes no sense
 * @down: dropped: the interface is down
 * @buffers: receive buffers that the device has filled
 * @xdp_drop: among @packets: XDP dropped them
 * @xdp_tx: and sent them back
 * @xdp_redirect: and sent them elsewhere
 * @xdp_aborted: and failed, or what it wanted did
 * @xdp_unfit: dropped before XDP: too long, or not whole, as the device was not to give them any more
 */
struct pvnet_rx_stats {
	u64	packets;
	u64	bytes;
	u64	no_memory;
	u64	bad_offload;
	u64	down;
	u64	buffers;
	u64	xdp_drop;
	u64	xdp_tx;
	u64	xdp_redirect;
	u64	xdp_aborted;
	u64	xdp_unfit;
};

/**
 * struct pvnet_rx_cursor - where in a filled buffer the next frame is
 * @buf: number of the buffer
 * @pos: place of the next header in it
 * @used: end of the last frame in it
 * @left: frames that are left; 0: no buffer
 */
struct pvnet_rx_cursor {
	u32	buf;
	u32	pos;
	u32	used;
	u32	left;
};

/**
 * struct pvnet_rx - the receive queue of a pair; its NAPI's
 * @q: the queue in the window
 * @pool: where frames are copied to
 * @nr_bufs: buffers in the data extent
 * @buf_len: bytes of each
 * @gens: generations of the ids, by buffer
 * @posted: bitmap of the buffers that the device has
 * @nr_posted: how many they are
 * @cursor: in the buffer that is being read
 * @xdp_rxq: what XDP knows of the queue
 * @xdp_todo: PVNET_XDP_*, what is left to be done for frames of XDP before the NAPI ends
 * @stats: counters
 */
struct pvnet_rx {
	struct pvbus_queue	*q;
	struct page_pool	*pool;
	u32			nr_bufs;
	u32			buf_len;
	u16			*gens;
	unsigned long		*posted;
	u32			nr_posted;
	struct pvnet_rx_cursor	cursor;
	struct xdp_rxq_info	xdp_rxq;
	unsigned int		xdp_todo;
	struct pvnet_rx_stats	stats;
};

/**
 * struct pvnet_coal - how late interrupts of a pair may be
 * @rx_usecs: after a frame has come; 0: none is late
 * @tx_usecs: after a frame was sent; 0: only @tx_frames counts
 * @tx_frames: at most so many frames have been sent, or all in flight; 0: only @tx_usecs counts
 * @adaptive: @rx_usecs is DIM's
 * @dim: DIM
 */
struct pvnet_coal {
	u32		rx_usecs;
	u32		tx_usecs;
	u32		tx_frames;
	bool		adaptive;
	struct dim	dim;
};

/**
 * struct pvnet_pair - a pair of queues, the NAPI that serves them, and its poller
 * @net: the NIC
 * @index: number of the pair
 * @napi: reaps and arms both queues; nobody else does, but that who sends reaps what was sent; always on
 * @lock: the NAPI's, while it looks; those of the transmit queue and of the stack are taken inside it
 * @rx: its receive queue
 * @tx: its transmit queue
 * @poller: looks at the queues while the CPU is idle; NULL: there is none
 * @awake: it looks, so that interrupts may be late
 * @late: an interrupt came all the same
 * @misses: how often since it found something
 * @rest: jiffies for which it rests, as it was of no use
 * @rest_until: it does, or did
 * @bytes_seen: by the NAPI, of both directions
 * @halted: nothing is looked at: the device lied, or its epoch is over, or it is frozen
 * @cpus: that use the pair
 * @coal: how late interrupts may be
 */
struct pvnet_pair {
	struct pvnet		*net;
	unsigned int		index;
	struct napi_struct	napi;
	spinlock_t		lock;
	struct pvnet_rx		rx;
	struct pvnet_tx		tx;
	struct task_struct	*poller;
	bool			awake;
	bool			late;
	bool			halted;
	unsigned int		misses;
	unsigned int		rest;
	unsigned long		rest_until;
	u64			bytes_seen;
	cpumask_t		cpus;
	struct pvnet_coal	coal;
};

/**
 * struct pvnet_control - the control queue
 * @q: the queue in the window
 * @lock: the queue's, and that of what follows; taken in a freeze: nobody holds it for long
 * @running: the queue may be used
 * @dirty: what the driver wants has changed since it was last said
 * @busy: a command is outstanding
 * @since: jiffies, when it was given, or last found to be late
 * @unanswered: how often it was since the last answer
 * @id: of the last command
 * @settings: what was said last
 * @work: says what is wanted, and takes answers
 */
struct pvnet_control {
	struct pvbus_queue	*q;
	struct mutex		lock;
	bool			running;
	bool			dirty;
	bool			busy;
	unsigned long		since;
	unsigned int		unanswered;
	u32			id;
	struct pvnet_settings	settings;
	struct work_struct	work;
};

/* Bits of pvnet.news: what the stack is to be told. */
#define PVNET_NEWS_FEATURES	0	/* the device offers others */
#define PVNET_NEWS_MTU		1	/* the operator wants another */
#define PVNET_NEWS_MOVED	2	/* the guest may have moved: announce its addresses */
#define PVNET_NEWS_LINK		3	/* the link has come or gone */

/**
 * struct pvnet_rss - how frames are spread over the pairs; changed under rtnl
 * @key: of the Toeplitz hash
 * @table: pair for each hash modulo its size; the device may use less of it
 * @size: entries of it that ethtool sees, over all lives of the device
 * @types: PVNET_HASH_* that are wanted
 */
struct pvnet_rss {
	u8	key[PVNET_RSS_KEY_LEN];
	u8	table[PVNET_RSS_SIZE_MAX];
	u16	size;
	u32	types;
};

/**
 * struct pvnet - a NIC
 * @pdev: the device
 * @dev: the interface
 * @pairs: its pairs of queues
 * @nr_pairs: how many were started; how many are in use is dev->real_num_tx_queues
 * @config: checked copy of the device's config; written by the bus's callbacks
 * @features: PVNET_F_* that are agreed, as bits; the same
 * @offer: what it can do for the stack, as features of the stack's; the same
 * @chosen: features that the stack has chosen, which its own word says when they have been set
 * @control: the control queue
 * @running: the queues are in use; of the bus's callbacks
 * @news: PVNET_NEWS_*
 * @update: tells the stack; takes rtnl, so nothing waits for it
 * @link_up: there is a link; of the config, and of what has become of the device
 * @mtu: what the operator wants; of the config
 * @max_mtu: the largest; the same
 * @vlans: that are wanted, as pvnet_settings.vlans
 * @rss: how frames are spread
 * @prog: sees each frame first, or NULL; changed under rtnl
 * @rx_bufs: most buffers that each receive queue is to have
 * @tx_frames: most frames that each transmit queue is to have in flight
 * @restarts: times that the device was started anew because frames were stuck, or settings
 */
struct pvnet {
	struct pvbus_device	*pdev;
	struct net_device	*dev;
	struct pvnet_pair	*pairs;
	unsigned int		nr_pairs;
	struct pvnet_config	config;
	u64			features;
	netdev_features_t	offer;
	netdev_features_t	chosen;
	struct pvnet_control	control;
	bool			running;
	unsigned long		news;
	struct work_struct	update;
	bool			link_up;
	u32			mtu;
	u32			max_mtu;
	u8			vlans[PVNET_VLANS_LEN];
	struct pvnet_rss	rss;
	struct bpf_prog __rcu	*prog;
	u32			rx_bufs;
	u32			tx_frames;
	u64			restarts;
};

/* What a life of the device may do for the stack; all else in the stack's features is its own. */
#define PVNET_OFFERS	(NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_TSO | NETIF_F_TSO6 | NETIF_F_TSO_ECN | \
			 NETIF_F_GSO_UDP_L4 | NETIF_F_RXCSUM | NETIF_F_GRO_HW | NETIF_F_RXHASH | \
			 NETIF_F_HW_VLAN_CTAG_FILTER)

static inline bool pvnet_has(const struct pvnet *net, unsigned int feature)
{
	return READ_ONCE(net->features) & BIT_ULL(feature);
}

/* The slot of a frame, by its number. */
static inline struct pvnet_tx_slot *pvnet_tx_slot(const struct pvnet_tx *tx, u32 nr)
{
	return &tx->slots[nr & (tx->q->ring.size - 1)];
}

/*
 * How many pairs are in use; never 0. An interface that has been unregistered has no queues any
 * more, while its device may still have a new life.
 */
static inline unsigned int pvnet_pairs_in_use(const struct pvnet *net)
{
	return max(READ_ONCE(net->dev->real_num_tx_queues), 1U);
}

/**
 * pvnet_halt_pair() - look at nothing any more, until a restore
 * @pair: the pair; its NAPI, or who has the lock of its transmit queue
 * @lie: what the device said, unless its epoch is over and it was never said (BUS-G4)
 */
static inline void pvnet_halt_pair(struct pvnet_pair *pair, const char *lie)
{
	WRITE_ONCE(pair->halted, true);
	if (!pvbus_epoch_over(pair->net->pdev))
		pvbus_device_broken(pair->net->pdev, lie);
}

/* A counter that others read. */
#define pvnet_count(counter, n)	WRITE_ONCE(counter, (counter) + (n))

struct ethtool_coalesce;
struct ethtool_rxfh_fields;
struct ethtool_rxfh_param;
struct kernel_ethtool_coalesce;

/* config.c */
int pvnet_read_config(struct pvbus_device *pdev, struct pvnet_config *config);

/* netdev.c */
void pvnet_take_config(struct pvnet *net, const struct pvnet_config *config);
void pvnet_init_netdev(struct pvnet *net, const struct pvnet_config *config);
void pvnet_update_work(struct work_struct *work);
void pvnet_restart(struct pvnet *net, unsigned int pair);
void pvnet_tell_stack(struct pvnet *net, unsigned int news);

/* pair.c */
int pvnet_init_pairs(struct pvnet *net);
void pvnet_exit_pairs(struct pvnet *net);
void pvnet_spread_pairs(struct pvnet *net);

/* arm.c */
extern int pvnet_poll_us;
bool pvnet_arm(struct pvnet_pair *pair, bool traffic);
void pvnet_poll_soon(struct pvnet_pair *pair);
void pvnet_sent(struct pvnet_pair *pair, u32 bytes);
void pvnet_rest_poller(struct pvnet_pair *pair);
void pvnet_judge_poller(struct pvnet_pair *pair);

/* poll.c */
int pvnet_poll(struct napi_struct *napi, int budget);
void pvnet_shut_pair(struct pvnet_pair *pair);
void pvnet_open_pair(struct pvnet_pair *pair);
void pvnet_interrupt(struct pvbus_queue *queue);
int pvnet_poller(void *data);
void pvnet_pass_by(struct pvnet_pair *pair);

/* tx.c */
netdev_tx_t pvnet_start_xmit(struct sk_buff *skb, struct net_device *dev);
unsigned int pvnet_tx_poll(struct pvnet_pair *pair, int budget);
void pvnet_tx_try_poll(struct pvnet_pair *pair);
void pvnet_tx_lock(struct pvnet_pair *pair);
void pvnet_tx_unlock(struct pvnet_pair *pair);
bool pvnet_tx_has_room(const struct pvnet_tx *tx, u32 nr);
void pvnet_tx_kick(struct pvnet_tx *tx);
bool pvnet_tx_send(struct pvnet_pair *pair, struct sk_buff *skb);
bool pvnet_tx_put(struct pvnet_pair *pair, const void *data, u32 len);
void pvnet_tx_give(struct pvnet_pair *pair);

/* replay.c */
void pvnet_tx_hold(struct pvnet_pair *pair);
unsigned int pvnet_tx_resume(struct pvnet_pair *pair);
void pvnet_tx_drop(struct pvnet_pair *pair);
void pvnet_tx_refuse(struct pvnet_pair *pair);
struct pvnet_pair *pvnet_find_stuck(struct pvnet *net, long turn);

/* rx.c */
int pvnet_rx_poll(struct pvnet_pair *pair, int budget);
void pvnet_rx_start(struct pvnet_pair *pair);

/* offload.c */
netdev_features_t pvnet_features_check(struct sk_buff *skb, struct net_device *dev,
				       netdev_features_t features);
bool pvnet_offload_from_skb(const struct pvnet *net, const struct sk_buff *skb,
			    struct pvnet_offload *offload);
bool pvnet_offload_to_skb(const struct pvnet *net, struct sk_buff *skb,
			  const struct pvnet_offload *offload);

/* rss.c */
void pvnet_init_rss(struct pvnet *net);
void pvnet_spread_evenly(struct pvnet *net);
u16 pvnet_fill_rss(const struct pvnet *net, struct pvnet_settings *s);
void pvnet_hash_to_skb(const struct pvnet *net, struct sk_buff *skb,
		       const struct pvnet_frame *frame);

/* rxfh.c */
u32 pvnet_get_rxfh_key_size(struct net_device *dev);
u32 pvnet_get_rxfh_indir_size(struct net_device *dev);
int pvnet_get_rxfh(struct net_device *dev, struct ethtool_rxfh_param *param);
int pvnet_set_rxfh(struct net_device *dev, struct ethtool_rxfh_param *param,
		   struct netlink_ext_ack *extack);
int pvnet_get_rxfh_fields(struct net_device *dev, struct ethtool_rxfh_fields *fields);
int pvnet_set_rxfh_fields(struct net_device *dev, const struct ethtool_rxfh_fields *fields,
			  struct netlink_ext_ack *extack);

/* coalesce.c */
void pvnet_init_coal(struct pvnet_pair *pair);
void pvnet_exit_coal(struct pvnet_pair *pair);
void pvnet_adapt(struct pvnet_pair *pair);
int pvnet_get_coalesce(struct net_device *dev, struct ethtool_coalesce *now,
		       struct kernel_ethtool_coalesce *kernel, struct netlink_ext_ack *extack);
int pvnet_set_coalesce(struct net_device *dev, struct ethtool_coalesce *wanted,
		       struct kernel_ethtool_coalesce *kernel, struct netlink_ext_ack *extack);
int pvnet_get_queue_coalesce(struct net_device *dev, u32 queue, struct ethtool_coalesce *now);
int pvnet_set_queue_coalesce(struct net_device *dev, u32 queue, struct ethtool_coalesce *wanted);

/* ethtool.c */
extern const struct ethtool_ops pvnet_ethtool_ops;

/* xdp.c */
int pvnet_init_xdp(struct pvnet_pair *pair);
void pvnet_exit_xdp(struct pvnet_pair *pair);
struct sk_buff *pvnet_run_xdp(struct pvnet_pair *pair, struct bpf_prog *prog,
			      const struct pvnet_frame *frame, const void *data);
void pvnet_xdp_flush(struct pvnet_pair *pair);
void pvnet_set_max_mtu(struct pvnet *net);
int pvnet_bpf(struct net_device *dev, struct netdev_bpf *bpf);
int pvnet_xdp_xmit(struct net_device *dev, int nr, struct xdp_frame **frames, u32 flags);

/* settings.c */
void pvnet_init_control(struct pvnet *net);
void pvnet_change_settings(struct pvnet *net);
void pvnet_control_start(struct pvnet *net);
void pvnet_control_stop(struct pvnet *net);
void pvnet_control_poll(struct pvnet *net);
void pvnet_control_interrupt(struct pvbus_queue *queue);

/* epoch.c */
void pvnet_go(struct pvnet *net);
void pvnet_halt(struct pvnet *net);
void pvnet_freeze(struct pvbus_device *pdev);
int pvnet_restore(struct pvbus_device *pdev);
void pvnet_gone(struct pvbus_device *pdev);
int pvnet_config_changed(struct pvbus_device *pdev);
void pvnet_watchdog(struct pvbus_device *pdev);
void pvnet_expire(struct pvbus_device *pdev);
int pvnet_suspend(struct pvbus_device *pdev);
void pvnet_resume(struct pvbus_device *pdev);

#endif /* _PVNET_H */

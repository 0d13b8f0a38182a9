/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The stack, as far as a driver's queues see it. What acts is the test's.
 */
#ifndef SHIM_LINUX_NETDEVICE_H
#define SHIM_LINUX_NETDEVICE_H

#include <asm/barrier.h>
#include <linux/bitops.h>
#include <linux/cpumask.h>
#include <linux/jiffies.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/types.h>

typedef u64 netdev_features_t;

#define NETIF_F_RXHASH			BIT_ULL(0)
#define NETIF_F_RXCSUM			BIT_ULL(1)
#define NETIF_F_GRO_HW			BIT_ULL(2)
#define NETIF_F_HW_VLAN_CTAG_FILTER	BIT_ULL(3)
#define NETIF_F_SG			BIT_ULL(4)
#define NETIF_F_HW_CSUM			BIT_ULL(5)
#define NETIF_F_TSO			BIT_ULL(6)
#define NETIF_F_TSO6			BIT_ULL(7)
#define NETIF_F_TSO_ECN			BIT_ULL(8)
#define NETIF_F_GSO_UDP_L4		BIT_ULL(9)
#define NETIF_F_GSO_MASK		(NETIF_F_TSO | NETIF_F_TSO6 | NETIF_F_TSO_ECN | NETIF_F_GSO_UDP_L4)

#define IFF_PROMISC	0x100
#define IFF_ALLMULTI	0x200

#define __acquires(lock)
#define __releases(lock)

struct page_pool;

struct netdev_queue {
	unsigned long	trans_start;
	bool		stopped;	/* by the driver */
	bool		limited;	/* by BQL */
	int		locked;
	u64		bytes;		/* sent and not completed: BQL's account */
};

struct netdev_hw_addr {
	u8			addr[6];
};

enum { NETREG_UNINITIALIZED, NETREG_REGISTERED };

struct net_device {
	void			*priv;
	const char		*name;
	int			reg_state;
	unsigned int		flags;
	u8			dev_addr[6];
	struct netdev_hw_addr	*uc;		/* further addresses, */
	unsigned int		nr_uc;
	struct netdev_hw_addr	*mc;		/* and groups */
	unsigned int		nr_mc;
	netdev_features_t	features;
	unsigned int		real_num_tx_queues;
	unsigned int		real_num_rx_queues;
	unsigned int		mtu;
	unsigned int		max_mtu;
	bool			running;
};

enum {
	NAPI_STATE_SCHED,
	NAPI_STATE_MISSED,
	NAPI_STATE_IN_BUSY_POLL,
};

struct napi_struct {
	unsigned long	state;
	unsigned int	napi_id;
	int		(*poll)(struct napi_struct *napi, int budget);
};

typedef enum { NETDEV_TX_OK, NETDEV_TX_BUSY = 16 } netdev_tx_t;

static inline void *netdev_priv(const struct net_device *dev)
{
	return dev->priv;
}

static inline bool netif_running(const struct net_device *dev)
{
	return dev->running;
}

/* One CPU: who would wait would wait for ever. */
static inline void __netif_tx_lock(struct netdev_queue *txq, int cpu)
{
	if (txq->locked++ || cpu)
		abort();
}

static inline bool __netif_tx_trylock(struct netdev_queue *txq)
{
	if (txq->locked)
		return false;
	txq->locked++;
	return true;
}

static inline void __netif_tx_unlock(struct netdev_queue *txq)
{
	if (--txq->locked)
		abort();
}

#define netdev_for_each_uc_addr(ha, dev)	for ((ha) = (dev)->uc; (ha) < (dev)->uc + (dev)->nr_uc; (ha)++)
#define netdev_for_each_mc_addr(ha, dev)	for ((ha) = (dev)->mc; (ha) < (dev)->mc + (dev)->nr_mc; (ha)++)
#define netif_addr_lock_bh(dev)		((void)(dev))
#define netif_addr_unlock_bh(dev)	((void)(dev))
#define ether_addr_copy(to, from)	((void)memcpy(to, from, 6))
#define __netif_tx_lock_bh(txq)		__netif_tx_lock(txq, 0)
#define __netif_tx_unlock_bh(txq)	__netif_tx_unlock(txq)
#define smp_processor_id()		0
#define netif_tx_queue_stopped(txq)	((txq)->stopped)
#define netif_xmit_stopped(txq)		((txq)->stopped || (txq)->limited)
#define netif_tx_stop_queue(txq)	((void)((txq)->stopped = true))
#define netif_tx_wake_queue(txq)	((void)((txq)->stopped = false))
#define txq_trans_cond_update(txq)	((void)((txq)->trans_start = jiffies))

/* As the kernel's: only who finds it not scheduled has it run; who finds it so has it run once more. */
bool napi_schedule(struct napi_struct *napi);
bool napi_complete_done(struct napi_struct *napi, int work);

void local_bh_disable(void);
void local_bh_enable(void);

/* The test's. */
bool netdev_xmit_more(void);
bool __netdev_tx_sent_queue(struct netdev_queue *txq, unsigned int bytes, bool more);
void netdev_tx_completed_queue(struct netdev_queue *txq, unsigned int packets, unsigned int bytes);
struct sk_buff *napi_alloc_skb(struct napi_struct *napi, unsigned int len);
int napi_gro_receive(struct napi_struct *napi, struct sk_buff *skb);
u16 eth_type_trans(struct sk_buff *skb, struct net_device *dev);
void netdev_update_features(struct net_device *dev);
void netdev_rss_key_fill(void *key, size_t len);

#endif

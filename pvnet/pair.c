// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pairs of queues: what each needs outside of the window.
 */
#include <linux/kthread.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <uapi/linux/sched/types.h>
#include "pvnet.h"

module_param_named(poll_us, pvnet_poll_us, int, 0644);
MODULE_PARM_DESC(poll_us, "how long an idle CPU looks for frames after the last, in us; 0: never; -1: by what a sleep costs (default)");

/* So much of a page pool's piece is taken at once, where pages are small. */
#define POOL_PIECE	32768
#define POOL_PIECES	64

static int init_pool(struct pvnet_pair *pair)
{
	struct page_pool_params params = {
		.flags		= COMPAT_PP_FLAGS,
		.order		= get_order(POOL_PIECE),
		.pool_size	= POOL_PIECES,
		.nid		= NUMA_NO_NODE,
	};
	struct page_pool *pool = page_pool_create(&params);

	if (IS_ERR(pool))
		return PTR_ERR(pool);
	pair->rx.pool = pool;
	return 0;
}

static int start_poller(struct pvnet_pair *pair)
{
	static const struct sched_attr idle = { .size = sizeof(idle), .sched_policy = SCHED_IDLE };
	struct task_struct *task;

	task = kthread_create(pvnet_poller, pair, "pvnet/%u.%u", pair->net->pdev->slot, pair->index);
	if (IS_ERR(task))
		return PTR_ERR(task);
	sched_setattr_nocheck(task, &idle);
	pair->poller = task;
	wake_up_process(task);
	return 0;
}

static int init_pair(struct pvnet *net, unsigned int index)
{
	struct pvnet_pair *pair = &net->pairs[index];
	struct pvbus_queue *rxq = net->pdev->queues[PVNET_RX_QUEUE(index)];
	struct pvbus_queue *txq = net->pdev->queues[PVNET_TX_QUEUE(index)];

	pair->net = net;
	pair->index = index;
	pair->rx.q = rxq;
	pair->tx.q = txq;
	rxq->priv = pair;
	txq->priv = pair;
	pair->tx.txq = netdev_get_tx_queue(net->dev, index);
	pair->tx.mode = PVNET_HOLD;
	pair->rest_until = jiffies;
	pair->tx.slots = kvcalloc(txq->ring.size, sizeof(*pair->tx.slots), GFP_KERNEL);
	pair->rx.gens = kcalloc(rxq->ring.size, sizeof(*pair->rx.gens), GFP_KERNEL);
	pair->rx.posted = bitmap_zalloc(rxq->ring.size, GFP_KERNEL);
	if (!pair->tx.slots || !pair->rx.gens || !pair->rx.posted)
		return -ENOMEM;
	pvnet_init_coal(pair);
	return init_pool(pair) ?: pvnet_init_xdp(pair) ?: start_poller(pair);
}

/* It is on for as long as the pair is there, whatever becomes of the device. */
static void init_napi(struct pvnet *net, struct pvnet_pair *pair)
{
	spin_lock_init(&pair->lock);
	pair->halted = true;
	netif_napi_add(net->dev, &pair->napi, pvnet_poll);
	napi_enable(&pair->napi);
}

/**
 * pvnet_init_pairs() - all that the pairs need outside of the window
 * @net: the NIC; its queues are allocated
 *
 * They are shut. Context: process. Return: 0 or -errno.
 */
int pvnet_init_pairs(struct pvnet *net)
{
	unsigned int i;
	int err = 0;

	net->rx_bufs = U32_MAX;
	net->tx_frames = net->pdev->queues[PVNET_TX_QUEUE(0)]->ring.size;
	net->pairs = kvcalloc(net->nr_pairs, sizeof(*net->pairs), GFP_KERNEL);
	if (!net->pairs)
		return -ENOMEM;
	for (i = 0; i < net->nr_pairs; i++)
		init_napi(net, &net->pairs[i]);
	for (i = 0; i < net->nr_pairs && !err; i++)
		err = init_pair(net, i);
	if (err)
		pvnet_exit_pairs(net);
	return err;
}

static void exit_pair(struct pvnet_pair *pair)
{
	napi_disable(&pair->napi);
	if (pair->tx.slots)
		pvnet_tx_drop(pair);
	if (pair->poller)
		kthread_stop(pair->poller);
	netif_napi_del(&pair->napi);
	pvnet_exit_coal(pair);
	pvnet_exit_xdp(pair);
	if (pair->rx.pool)
		page_pool_destroy(pair->rx.pool);
	bitmap_free(pair->rx.posted);
	kfree(pair->rx.gens);
	kvfree(pair->tx.slots);
}

/**
 * pvnet_exit_pairs() - the other end
 * @net: the NIC; halted
 *
 * What is still in flight is dropped.
 */
void pvnet_exit_pairs(struct pvnet *net)
{
	unsigned int i;

	for (i = 0; i < net->nr_pairs; i++)
		exit_pair(&net->pairs[i]);
	kvfree(net->pairs);
	net->pairs = NULL;
}

/**
 * pvnet_spread_pairs() - give each CPU its pair, of those in use
 * @net: the NIC; registered, and its device started; rtnl is held
 */
void pvnet_spread_pairs(struct pvnet *net)
{
	unsigned int cpu, i, nr = pvnet_pairs_in_use(net);
	struct pvnet_pair *pair;

	for (i = 0; i < nr; i++)
		cpumask_clear(&net->pairs[i].cpus);
	for_each_possible_cpu(cpu)
		cpumask_set_cpu(cpu, &net->pairs[cpu % nr].cpus);
	for (i = 0; i < min(nr, num_possible_cpus()); i++) {
		pair = &net->pairs[i];
		pvbus_queue_set_affinity(pair->rx.q, &pair->cpus);
		netif_set_xps_queue(net->dev, &pair->cpus, i);
		set_cpus_allowed_ptr(pair->poller, &pair->cpus);
	}
}

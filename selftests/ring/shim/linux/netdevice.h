/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The stack, as far as a driver's queues see it. What acts is the test's.
 */
#ifndef SHIM_LINUX_NETDEVICE_H
#define SHIM_LINUX_NETDEVICE_H

#include <linux/bitops.h>
#include <linux/cpumask.h>
#include <linux/types.h>

typedef u64 netdev_features_t;

struct page_pool;
struct sk_buff;
struct netdev_queue;

struct net_device {
	unsigned int real_num_tx_queues;
};

enum {
	NAPI_STATE_SCHED,
	NAPI_STATE_MISSED,
	NAPI_STATE_IN_BUSY_POLL,
};

struct napi_struct {
	unsigned long	state;
	int		(*poll)(struct napi_struct *napi, int budget);
};

typedef int netdev_tx_t;

/* As the kernel's: only who finds it not scheduled has it run; who finds it so has it run once more. */
bool napi_schedule(struct napi_struct *napi);
bool napi_complete_done(struct napi_struct *napi, int work);

void local_bh_disable(void);
void local_bh_enable(void);

#endif

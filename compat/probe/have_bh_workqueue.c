// SPDX-License-Identifier: GPL-2.0-only
/* Linux 6.9, 4cb1ef64609f "workqueue: Implement BH workqueues to eventually replace tasklets" */
#include <linux/workqueue.h>

void probe(struct work_struct *work)
{
	queue_work(system_bh_wq, work);
}

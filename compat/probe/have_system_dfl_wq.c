// SPDX-License-Identifier: GPL-2.0-only
/* Linux 6.17, 128ea9f6ccfb "workqueue: Add system_percpu_wq and system_dfl_wq" */
#include <linux/workqueue.h>

void probe(struct work_struct *work)
{
	queue_work(system_dfl_wq, work);
}

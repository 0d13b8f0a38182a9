// SPDX-License-Identifier: GPL-2.0-only
/* Linux 6.14 (and 6.12.y), "block: add a queue_limits_commit_update_frozen helper" */
#include <linux/blkdev.h>

int probe(struct request_queue *q, struct queue_limits *lim)
{
	return queue_limits_commit_update_frozen(q, lim);
}

// SPDX-License-Identifier: GPL-2.0-only
/* Linux 6.13 (and 6.12.y), "blk-mq: add non_owner variant of start_freeze/unfreeze queue APIs" */
#include <linux/blk-mq.h>

void probe(struct request_queue *q)
{
	blk_freeze_queue_start_non_owner(q);
	blk_mq_unfreeze_queue_non_owner(q);
}

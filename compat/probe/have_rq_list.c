// SPDX-License-Identifier: GPL-2.0-only
/* Linux 6.13 (and 6.12.y), a3396b99990d "block: add a rq_list type" */
#include <linux/blk-mq.h>

static void queue_rqs(struct rq_list *rqlist)
{
}

const struct blk_mq_ops probe = { .queue_rqs = queue_rqs };

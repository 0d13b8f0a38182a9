// SPDX-License-Identifier: GPL-2.0-only
/*
 * debugfs shows requests at any time, also those that wait in a scheduler: these have no tag yet, and no
 * slot of the driver's is looked at for them. pvblk/mq.c as it is.
 */
#include "testdisk.h"

#include <linux/seq_file.h>

void blk_mq_end_request(struct request *rq, blk_status_t status)
{
	(void)rq;
	(void)status;
}

int main(void)
{
	struct request waiting = { .tag = -1, .mq_hctx = &hctx };
	struct request dispatched = { .tag = 1, .mq_hctx = &hctx };
	struct seq_file file = { 0 };

	ktap_plan(2);
	disk_init();
	pvblk_mq_ops.show_rq(&file, &waiting);
	ktap_ok(!file.nr_printed, "of one that has no tag nothing is shown");
	pvblk_mq_ops.show_rq(&file, &dispatched);
	ktap_ok(file.nr_printed == 1, "of one that has, its slot is");
	hring_exit(&device);
	return ktap_finish();
}

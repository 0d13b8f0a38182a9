// SPDX-License-Identifier: GPL-2.0-only
/* The balloon's header has a name of its own, and the core moves its pages (7.0). */
#include <linux/balloon.h>

int probe(struct balloon_dev_info *info);
int probe(struct balloon_dev_info *info)
{
	return info->adjust_managed_page_count;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * What ktime_get() costs in the kernel:
 *
 *   echo READS > /sys/module/ktime_cost/parameters/cost; cat /sys/module/ktime_cost/parameters/cost
 *
 * prints ns for each, times 10.
 */
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/timekeeping.h>

static u64 cost;

static int cost_set(const char *text, const struct kernel_param *kp)
{
	unsigned int reads, i;
	ktime_t start, end;
	int err = kstrtouint(text, 0, &reads);

	if (err)
		return err;
	if (!reads)
		return -EINVAL;
	start = ktime_get();
	end = start;
	for (i = 0; i < reads; i++)
		end = ktime_get();
	cost = div_u64(10 * ktime_to_ns(ktime_sub(end, start)), reads);
	return 0;
}

static int cost_get(char *text, const struct kernel_param *kp)
{
	return sysfs_emit(text, "%llu\n", cost);
}

static const struct kernel_param_ops cost_ops = { .set = cost_set, .get = cost_get };
module_param_cb(cost, &cost_ops, NULL, 0644);
MODULE_PARM_DESC(cost, "write a number of reads; read ns for each, times 10");

static int __init ktime_cost_init(void)
{
	return 0;
}
module_init(ktime_cost_init);

static void __exit ktime_cost_exit(void)
{
}
module_exit(ktime_cost_exit);

MODULE_DESCRIPTION("cost of ktime_get()");
MODULE_LICENSE("GPL");

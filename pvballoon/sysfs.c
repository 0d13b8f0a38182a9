// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the balloon tells user space: Documentation/balloon.md.
 */
#include <linux/sysfs.h>
#include <asm/barrier.h>
#include "pvballoon.h"

static struct pvballoon *to_balloon(struct device *dev)
{
	return pvbus_get_drvdata(to_pvbus_device(dev));
}

static ssize_t target_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct pvballoon *balloon = to_balloon(dev);
	u64 target = READ_ONCE(balloon->target);

	if (target == PVBALLOON_TARGET_AUTO)
		return sysfs_emit(buf, "auto %llu\n", READ_ONCE(balloon->auto_target));
	return sysfs_emit(buf, "%llu\n", target);
}
static DEVICE_ATTR_RO(target);

static ssize_t held_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%llu\n", pvballoon_held(to_balloon(dev)));
}
static DEVICE_ATTR_RO(held);

static ssize_t given_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%llu\n", pvballoon_given(to_balloon(dev)));
}
static DEVICE_ATTR_RO(given);

/* Bytes in blocks of each size: "2097152 536870912", a line for each. */
static ssize_t blocks_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct pvballoon *balloon = to_balloon(dev);
	u64 size, bytes;
	unsigned int i;
	int len = 0;

	for (i = 0; i < PVBALLOON_POOLS; i++) {
		struct pvballoon_pool *pool = &balloon->pools[i];

		size = pvballoon_block_bytes(pool);
		spin_lock(&balloon->lock);
		bytes = (pool->nr_fresh + pool->nr_in_flight + pool->nr_given) * size;
		spin_unlock(&balloon->lock);
		len += sysfs_emit_at(buf, len, "%llu %llu\n", size, bytes);
	}
	return len;
}
static DEVICE_ATTR_RO(blocks);

/* Whether the host gets the memory: all of what it was told of, some, or none. */
static ssize_t returned_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct pvballoon *balloon = to_balloon(dev);
	/* Without the lock, which the bus waits for. Pairs with the release in add_area(). */
	unsigned int i, nr = smp_load_acquire(&balloon->nr_areas), told = 0, proven = 0;

	for (i = 0; i < nr; i++) {
		told += READ_ONCE(balloon->areas[i].told);
		proven += READ_ONCE(balloon->areas[i].proven);
	}
	if (!told)
		return sysfs_emit(buf, "unknown\n");
	return sysfs_emit(buf, "%s\n", proven == told ? "yes" : proven ? "partly" : "no");
}
static DEVICE_ATTR_RO(returned);

#define COUNTER(_name)								\
static ssize_t _name##_show(struct device *dev, struct device_attribute *attr,	\
			    char *buf)						\
{										\
	return sysfs_emit(buf, "%llu\n", READ_ONCE(to_balloon(dev)->_name));	\
}										\
static DEVICE_ATTR_RO(_name)

COUNTER(relieved);
COUNTER(refused);
COUNTER(failures);
COUNTER(moved);
COUNTER(reported);

static struct attribute *pvballoon_attrs[] = {
	&dev_attr_target.attr,
	&dev_attr_held.attr,
	&dev_attr_given.attr,
	&dev_attr_blocks.attr,
	&dev_attr_returned.attr,
	&dev_attr_relieved.attr,
	&dev_attr_refused.attr,
	&dev_attr_failures.attr,
	&dev_attr_moved.attr,
	&dev_attr_reported.attr,
	NULL,
};

static const struct attribute_group pvballoon_group = {
	.attrs = pvballoon_attrs,
};

const struct attribute_group *pvballoon_groups[] = {
	&pvballoon_group,
	NULL,
};

// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/bus/pvbus/devices/pvbusN.M: identity, state, and counters per queue.
 */
#include <linux/kobject.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include "pvbus.h"

static const char * const type_names[] = {
	[PVBUS_T_BLK]		= "blk",
	[PVBUS_T_NET]		= "net",
	[PVBUS_T_CLOCK]		= "clock",
	[PVBUS_T_BALLOON]	= "balloon",
};

static const char * const state_names[] = {
	[PVBUS_IDLE]		= "idle",
	[PVBUS_UNPROBED]	= "unprobed",
	[PVBUS_RUNNING]		= "running",
	[PVBUS_FROZEN]		= "frozen",
	[PVBUS_FAILED]		= "broken",
};

static ssize_t type_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	u32 type = to_pvbus_device(dev)->type;

	if (type < ARRAY_SIZE(type_names) && type_names[type])
		return sysfs_emit(buf, "%s\n", type_names[type]);
	return sysfs_emit(buf, "%u\n", type);
}
static DEVICE_ATTR_RO(type);

static ssize_t uuid_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%pUb\n", &to_pvbus_device(dev)->uuid);
}
static DEVICE_ATTR_RO(uuid);

static ssize_t name_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", to_pvbus_device(dev)->name);
}
static DEVICE_ATTR_RO(name);

/**
 * pvbus_state_name() - the state of a device, and the most important mark
 * @pdev: the device; any context
 */
const char *pvbus_state_name(const struct pvbus_device *pdev)
{
	if (test_bit(PVBUS_MARK_VANISHED, &pdev->marks))
		return "absent";
	if (test_bit(PVBUS_MARK_BROKEN, &pdev->marks))
		return "broken";
	if (pvbus_not_ready(pdev))
		return "not_ready";
	return state_names[READ_ONCE(pdev->state)];
}

static ssize_t state_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", pvbus_state_name(to_pvbus_device(dev)));
}
static DEVICE_ATTR_RO(state);

static ssize_t features_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	const struct pvbus_device *pdev = to_pvbus_device(dev);

	return sysfs_emit(buf, "%016llx%016llx\n", READ_ONCE(pdev->features[1]),
			  READ_ONCE(pdev->features[0]));
}
static DEVICE_ATTR_RO(features);

static ssize_t features_offered_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	const struct pvbus_device *pdev = to_pvbus_device(dev);

	return sysfs_emit(buf, "%016llx%016llx\n", READ_ONCE(pdev->offered[1]),
			  READ_ONCE(pdev->offered[0]));
}
static DEVICE_ATTR_RO(features_offered);

static ssize_t epoch_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%#llx\n", READ_ONCE(to_pvbus_device(dev)->epoch));
}
static DEVICE_ATTR_RO(epoch);

static ssize_t sleep_ns_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", pvbus_sleep_ns(to_pvbus_device(dev)));
}
static DEVICE_ATTR_RO(sleep_ns);

static ssize_t modalias_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "pvbus:t%u\n", to_pvbus_device(dev)->type);
}
static DEVICE_ATTR_RO(modalias);

static ssize_t replaces_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	const struct device *function = pvbus_replaced(to_pvbus_device(dev));

	return sysfs_emit(buf, "%s\n", function ? dev_name(function) : "");
}
static DEVICE_ATTR_RO(replaces);

static struct attribute *pvbus_dev_attrs[] = {
	&dev_attr_type.attr,
	&dev_attr_uuid.attr,
	&dev_attr_name.attr,
	&dev_attr_state.attr,
	&dev_attr_features.attr,
	&dev_attr_features_offered.attr,
	&dev_attr_epoch.attr,
	&dev_attr_sleep_ns.attr,
	&dev_attr_modalias.attr,
	&dev_attr_replaces.attr,
	NULL
};

static const struct attribute_group pvbus_dev_group = {
	.attrs	= pvbus_dev_attrs,
};

const struct attribute_group *pvbus_dev_groups[] = {
	&pvbus_dev_group,
	NULL
};

/* queues/N/: one directory and four counters for each queue */
struct queue_kobj {
	struct kobject			kobj;
	const struct pvbus_queue	*queue;
};

struct queue_attr {
	struct attribute	attr;
	size_t			offset;
};

#define QUEUE_ATTR(_name)						\
	static const struct queue_attr queue_attr_##_name = {		\
		.attr	= { .name = #_name, .mode = 0444 },		\
		.offset	= offsetof(struct pvbus_queue, _name),		\
	}

QUEUE_ATTR(ops);
QUEUE_ATTR(kicks);
QUEUE_ATTR(interrupts);
QUEUE_ATTR(spins);

static const struct attribute *queue_attrs[] = {
	&queue_attr_ops.attr,
	&queue_attr_kicks.attr,
	&queue_attr_interrupts.attr,
	&queue_attr_spins.attr,
	NULL
};

static ssize_t queue_attr_show(struct kobject *kobj, struct attribute *attr, char *buf)
{
	const struct queue_kobj *qk = container_of(kobj, struct queue_kobj, kobj);
	const struct queue_attr *qa = container_of(attr, struct queue_attr, attr);
	const u64 *counter = (const void *)qk->queue + qa->offset;

	return sysfs_emit(buf, "%llu\n", READ_ONCE(*counter));
}

static const struct sysfs_ops queue_sysfs_ops = {
	.show	= queue_attr_show,
};

static void queue_kobj_release(struct kobject *kobj)
{
	kfree(container_of(kobj, struct queue_kobj, kobj));
}

static const struct kobj_type queue_ktype = {
	.sysfs_ops	= &queue_sysfs_ops,
	.release	= queue_kobj_release,
};

static int add_queue(struct pvbus_device *pdev, struct pvbus_queue *queue)
{
	struct queue_kobj *qk = kzalloc(sizeof(*qk), GFP_KERNEL);
	int err;

	if (!qk)
		return -ENOMEM;

	qk->queue = queue;
	err = kobject_init_and_add(&qk->kobj, &queue_ktype,
				   pdev->queues_kobj, "%u", queue->index);
	if (!err)
		err = sysfs_create_files(&qk->kobj, queue_attrs);
	if (err) {
		kobject_put(&qk->kobj);
		return err;
	}
	queue->kobj = &qk->kobj;
	return 0;
}

/**
 * pvbus_queues_sysfs_add() - show the queues of a device
 * @pdev: the device
 *
 * Return: 0 or -errno; what was added is removed by pvbus_queues_sysfs_del().
 */
int pvbus_queues_sysfs_add(struct pvbus_device *pdev)
{
	unsigned int i;
	int err = 0;

	pdev->queues_kobj = kobject_create_and_add("queues", &pdev->dev.kobj);
	if (!pdev->queues_kobj)
		return -ENOMEM;
	for (i = 0; i < pdev->nr_queues && !err; i++)
		err = add_queue(pdev, pdev->queues[i]);
	return err;
}

/**
 * pvbus_queues_sysfs_del() - the other end of pvbus_queues_sysfs_add()
 * @pdev: the device
 *
 * No reader is left in the counters when it returns.
 */
void pvbus_queues_sysfs_del(struct pvbus_device *pdev)
{
	unsigned int i;

	for (i = 0; pdev->queues && i < pdev->nr_queues; i++) {
		if (!pdev->queues[i] || !pdev->queues[i]->kobj)
			continue;
		kobject_del(pdev->queues[i]->kobj);
		kobject_put(pdev->queues[i]->kobj);
		pdev->queues[i]->kobj = NULL;
	}
	kobject_put(pdev->queues_kobj);
	pdev->queues_kobj = NULL;
}

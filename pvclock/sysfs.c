// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the clock tells user space, beside the PTP clock: Documentation/clock.md.
 */
#include <linux/sysfs.h>
#include "pvclk.h"

static struct pvclk *to_pvclk(struct device *dev)
{
	return pvbus_get_drvdata(to_pvbus_device(dev));
}

/* poll(2) on it returns POLLPRI when it has changed. */
static ssize_t disruptions_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%llu\n", READ_ONCE(to_pvclk(dev)->disruptions));
}
static DEVICE_ATTR_RO(disruptions);

static ssize_t disruption_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	static const char *const names[] = {
		[PVCLK_D_NONE]		= "none",
		[PVCLK_D_EPOCH]		= "epoch",
		[PVCLK_D_SUSPEND]	= "suspend",
		[PVCLK_D_JUMP]		= "jump",
	};

	return sysfs_emit(buf, "%s\n", names[READ_ONCE(to_pvclk(dev)->disruption)]);
}
static DEVICE_ATTR_RO(disruption);

static ssize_t error_ns_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%llu\n", READ_ONCE(to_pvclk(dev)->error_ns));
}
static DEVICE_ATTR_RO(error_ns);

static ssize_t reading_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", READ_ONCE(to_pvclk(dev)->by_page) ? "page" : "exchange");
}
static DEVICE_ATTR_RO(reading);

static ssize_t counter_hz_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct pvclk *clk = to_pvclk(dev);
	u64 hz;

	mutex_lock(&clk->turn);
	hz = clk->line.confirmed ? clk->line.hz : 0;
	mutex_unlock(&clk->turn);
	return sysfs_emit(buf, "%llu\n", hz);
}
static DEVICE_ATTR_RO(counter_hz);

static ssize_t clocksource_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	static const char *const names[] = {
		[PVCLK_SRC_MEASURING]	= "measuring",
		[PVCLK_SRC_REGISTERED]	= "registered",
		[PVCLK_SRC_REFUSED]	= "refused",
	};

	return sysfs_emit(buf, "%s\n", names[pvclk_source_state()]);
}
static DEVICE_ATTR_RO(clocksource);

static struct attribute *pvclk_attrs[] = {
	&dev_attr_disruptions.attr,
	&dev_attr_disruption.attr,
	&dev_attr_error_ns.attr,
	&dev_attr_reading.attr,
	&dev_attr_counter_hz.attr,
	&dev_attr_clocksource.attr,
	NULL,
};

static const struct attribute_group pvclk_group = {
	.attrs = pvclk_attrs,
};

const struct attribute_group *pvclk_groups[] = {
	&pvclk_group,
	NULL,
};

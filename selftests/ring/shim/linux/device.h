/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_DEVICE_H
#define SHIM_LINUX_DEVICE_H

#include <stdio.h>
#include <linux/err.h>
#include <linux/types.h>

struct attribute_group;
struct bus_type;
struct cpumask;
struct dentry;
struct module;
struct pci_driver;

struct device_driver {
	const char			*name;
	const struct attribute_group	**dev_groups;
	bool				suppress_bind_attrs;
};

struct kobject {
	int unused;
};

struct device {
	struct kobject		kobj;
	void			*data;
	struct device_driver	*driver;
};

static inline const char *dev_name(const struct device *dev)
{
	(void)dev;
	return "device";
}

#define container_of_const(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))

static inline void dev_set_drvdata(struct device *dev, void *data)
{
	dev->data = data;
}

static inline void *dev_get_drvdata(const struct device *dev)
{
	return dev->data;
}

/* ring/log.c. Evaluated, so that what is printed is looked at by the sanitizers. */
extern unsigned int shim_log_lines;
extern bool shim_log_quiet;
void shim_log(const struct device *dev, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#define dev_warn_once(dev, ...)							\
	do {									\
		static bool said;						\
										\
		if (!said)							\
			shim_log(dev, __VA_ARGS__);				\
		said = true;							\
	} while (0)
#define pr_warn(...)			shim_log(NULL, __VA_ARGS__)
#define dev_err_ratelimited(dev, ...)	shim_log(dev, __VA_ARGS__)
#define dev_warn_ratelimited(dev, ...)	shim_log(dev, __VA_ARGS__)
#define dev_info_ratelimited(dev, ...)	shim_log(dev, __VA_ARGS__)
#define dev_err(dev, ...)		shim_log(dev, __VA_ARGS__)
#define dev_warn(dev, ...)		shim_log(dev, __VA_ARGS__)
#define dev_info(dev, ...)		shim_log(dev, __VA_ARGS__)

#endif

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The config area: a copy of it that makes sense.
 *
 * The tests build this file in user space.
 */
#include <linux/etherdevice.h>
#include <linux/log2.h>
#include "pvnet.h"

static const char *config_error(const struct pvnet_config *config)
{
	u32 mtu = le32_to_cpu(config->mtu), max_mtu = le32_to_cpu(config->max_mtu);
	u32 max_frame = le32_to_cpu(config->max_frame), rss_size = le16_to_cpu(config->rss_size);

	if (!is_valid_ether_addr(config->mac))
		return "its address is none";
	if (mtu < PVNET_MTU_MIN || mtu > max_mtu || max_mtu > PVNET_MTU_MAX)
		return "its MTU is none";
	if (max_frame > PVNET_FRAME_MAX ||
	    max_frame < min_t(u32, max_mtu + PVNET_FRAME_OVERHEAD, PVNET_FRAME_MAX))
		return "its longest frame does not fit its MTU";
	if (rss_size > PVNET_RSS_SIZE_MAX || (rss_size && !is_power_of_2(rss_size)))
		return "its table of RSS is of no size";
	return NULL;
}

/**
 * pvnet_read_config() - a checked copy of the config area
 * @pdev: the device
 * @config: where to
 *
 * Context: process. Return: 0 or -errno, as pvbus_read_config(); it makes no sense: -EINVAL, and the log says why.
 */
int pvnet_read_config(struct pvbus_device *pdev, struct pvnet_config *config)
{
	int err = pvbus_read_config(pdev, config, sizeof(*config));
	const char *why;

	if (err)
		return err;
	why = config_error(config);
	if (!why)
		return 0;
	dev_err_ratelimited(&pdev->dev, "the config makes no sense: %s\n", why);
	return -EINVAL;
}

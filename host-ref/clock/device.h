/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The clock device.
 */
#ifndef HOSTD_CLOCK_DEVICE_H
#define HOSTD_CLOCK_DEVICE_H

struct pvdev_ops;

extern const struct pvdev_ops hdev_clock_ops;

#endif /* HOSTD_CLOCK_DEVICE_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the driver is shown of the bus and its devices, and the interrupts that say so.
 */
#ifndef HOSTD_PUBLISH_H
#define HOSTD_PUBLISH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hdev;
struct hostd_bus;
struct pvbus_ack;

/**
 * hdev_publish - show a device in its slot, with the status RESET
 * @dev: the device, ready or not
 */
void hdev_publish(struct hdev *dev);

/**
 * hdev_set_status - note and publish the status
 * @dev: the device
 * @status: PVBUS_S_*
 */
void hdev_set_status(struct hdev *dev, uint32_t status);

/**
 * hdev_set_config - publish the config area (BUS-D14)
 * @dev: the device
 * @config: its content
 * @len: bytes, a multiple of 8
 */
void hdev_set_config(struct hdev *dev, const void *config, size_t len);

/**
 * hostd_bus_is_ours - may what was copied from the window be executed (BUS-D4)
 * @bus: the bus, its window locked
 * @ack: the answer of the bus, or of the slot that it was copied from, in the shadow
 *
 * Return: false if the window was overwritten; nothing is until the next epoch.
 */
bool hostd_bus_is_ours(struct hostd_bus *bus, const struct pvbus_ack *ack);

/**
 * hostd_bus_raise - interrupt the guest
 * @bus: the bus
 * @vector: below nr_vectors
 */
void hostd_bus_raise(struct hostd_bus *bus, unsigned int vector);

#endif /* HOSTD_PUBLISH_H */

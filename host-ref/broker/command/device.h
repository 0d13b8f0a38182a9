/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The commands about devices.
 */
#ifndef HOSTD_COMMAND_DEVICE_H
#define HOSTD_COMMAND_DEVICE_H

#include <stdbool.h>

struct hostd_call;
struct hostd_device;

/*
 * Each answers the command, at once or later. Its arguments are an object or NULL; those of "remove",
 * "continue" and "pcap" were checked.
 */
void hostd_device_cmd_list(struct hostd_call *call);
void hostd_device_cmd_show(struct hostd_call *call);
void hostd_device_cmd_add(struct hostd_call *call);
void hostd_device_cmd_set(struct hostd_call *call);
void hostd_device_cmd_resize(struct hostd_call *call);
void hostd_device_cmd_remove(struct hostd_call *call);
void hostd_device_cmd_continue(struct hostd_call *call);
void hostd_device_cmd_pcap(struct hostd_call *call);

/**
 * hostd_device_cmd_run - execute a command that is named after a class, if it is
 * @call: the command
 * @name: its name: "add-disk", or the word of a class of which a VM has one
 *
 * Return: true if so; it is answered, at once or later.
 */
bool hostd_device_cmd_run(struct hostd_call *call, const char *name);

/**
 * hostd_command_prepared - a change of a device has been prepared, or cannot be made
 * @dev: the device
 * @error: what went wrong, in one line, or NULL
 */
void hostd_command_prepared(struct hostd_device *dev, const char *error);

#endif /* HOSTD_COMMAND_DEVICE_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The commands of the control socket.
 */
#ifndef HOSTD_COMMAND_H
#define HOSTD_COMMAND_H

struct hostd_call;
struct hostd_device;

/**
 * hostd_command_run - execute a command of the control socket
 * @call: answered by it, at once or later
 * @name: the command
 */
void hostd_command_run(struct hostd_call *call, const char *name);

/**
 * hostd_command_room - the medium of a device has, or has not, room for the size that was asked for
 * @dev: the device
 * @error: what went wrong, in one line, or NULL
 */
void hostd_command_room(struct hostd_device *dev, const char *error);

#endif /* HOSTD_COMMAND_H */

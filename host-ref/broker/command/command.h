/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The commands of the control socket.
 */
#ifndef HOSTD_COMMAND_H
#define HOSTD_COMMAND_H

struct hostd_call;

/**
 * hostd_command_run - execute a command of the control socket
 * @call: answered by it, at once or later
 * @name: the command
 */
void hostd_command_run(struct hostd_call *call, const char *name);

#endif /* HOSTD_COMMAND_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pvctl: what its files share.
 */
#ifndef HOSTD_PVCTL_H
#define HOSTD_PVCTL_H

#include <stdbool.h>

#include "lib/json.h"

#define PVCTL_USAGE	2	/* exit code of an error on the command line */

/**
 * struct pvctl - the command line before the command
 * @name: name of the VM
 * @control: path of the control socket
 * @json: print what pvhostd answers, as it is
 * @timeout_s: how long it may take to answer; 0: as usual
 */
struct pvctl {
	const char *name;
	const char *control;
	bool json;
	unsigned int timeout_s;
};

/**
 * pvctl_fail - print one line "pvctl: ..." and exit
 * @code: exit code
 * @fmt: printf format of what is wrong and what to do
 */
void pvctl_fail(int code, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), noreturn));

/**
 * pvctl_call - have pvhostd execute a command
 * @ctl: where it is
 * @command: name of the command
 * @args: its arguments; the reference is taken over; may be NULL
 *
 * An error ends the program.
 *
 * Return: the result, to be put.
 */
struct json_object *pvctl_call(const struct pvctl *ctl, const char *command,
			       struct json_object *args);

/**
 * pvctl_print_list - print the devices as a table
 * @list: result of "list"
 */
void pvctl_print_list(struct json_object *list);

/**
 * pvctl_print_status - print the state of pvhostd
 * @status: result of "status"
 */
void pvctl_print_status(struct json_object *status);

/**
 * pvctl_print_stats - print counters, one a line
 * @stats: result of "stats"
 */
void pvctl_print_stats(struct json_object *stats);

/**
 * pvctl_print_balloon - print the state of a balloon
 * @balloon: result of "balloon"
 */
void pvctl_print_balloon(struct json_object *balloon);

/**
 * pvctl_print_json - print an answer as it is
 * @value: the answer
 */
void pvctl_print_json(struct json_object *value);

/**
 * pvctl_find_control - see that the control socket is known
 * @ctl: the command line; its name, or "vm0", says where pvhostd is if it has no @control
 */
void pvctl_find_control(struct pvctl *ctl);

/**
 * pvctl_balloon - show or change the balloon, and wait for it
 * @ctl: the command line before the command
 * @argc: number of arguments
 * @argv: "balloon", VM, SIZE, options
 *
 * Return: exit code.
 */
int pvctl_balloon(const struct pvctl *ctl, int argc, char **argv);

/**
 * pvctl_qemu_args - the arguments that give a QEMU the window
 * @name: of the VM, for ids that differ
 * @path: of the ivshmem socket
 * @nr_vectors: of the window
 * @chardev: gets the value of -chardev, to be freed
 * @device: gets the value of -device, to be freed
 */
void pvctl_qemu_args(const char *name, const char *path, unsigned int nr_vectors, char **chardev,
		     char **device);

/**
 * pvctl_run - start pvhostd, then QEMU, and end when that ends
 * @name: name of the VM, or NULL: a private run directory
 * @argc: number of arguments
 * @argv: "run", options, "--", the command
 *
 * Return: exit code of QEMU.
 */
int pvctl_run(const char *name, int argc, char **argv);

#endif /* HOSTD_PVCTL_H */

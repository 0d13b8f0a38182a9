/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pvctl: what its files share.
 */
#ifndef HOSTD_PVCTL_H
#define HOSTD_PVCTL_H

#include <stdbool.h>

#include "lib/json.h"

struct pv_class;

#define PVCTL_PATH_MAX	4096
#define PVCTL_ERROR_MAX	1024	/* room of the text of an error */
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
 * struct pvctl_fds - descriptors that go with a command
 * @fds: the descriptors
 * @nr: their number
 */
struct pvctl_fds {
	const int *fds;
	unsigned int nr;
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
 * pvctl_ask - the same, for who can go on without
 * @ctl: where it is
 * @command: name of the command
 * @args: its arguments; the reference is taken over; may be NULL
 * @fds: descriptors that go along, and stay the caller's; NULL: none
 * @error: gets one line when that fails
 *
 * A pvhostd that is there, and does not answer, ends the program.
 *
 * Return: the result, to be put, or NULL.
 */
struct json_object *pvctl_ask(const struct pvctl *ctl, const char *command, struct json_object *args,
			      const struct pvctl_fds *fds, char error[PVCTL_ERROR_MAX]);

/**
 * pvctl_try - have pvhostd execute a command, if it is there and knows it
 * @ctl: where it is
 * @command: name of a command without arguments
 *
 * Return: the result, to be put, or NULL.
 */
struct json_object *pvctl_try(const struct pvctl *ctl, const char *command);

/**
 * pvctl_program - find pvhostd's program
 * @path: gets it: the one beside this program, or else "pvhostd", to be found in PATH
 */
void pvctl_program(char path[PVCTL_PATH_MAX]);

/**
 * pvctl_classes - the classes of devices, and what may be said of them
 * @ctl: whose pvhostd is asked; NULL, or it has none, or that is not there: the program is
 *
 * They are pvhostd's to know. An error ends the program.
 *
 * Return: the classes, up to NULL.
 */
const struct pv_class *const *pvctl_classes(const struct pvctl *ctl);

/**
 * pvctl_find_classes - the same, where it does not matter much
 * @ctl: as for pvctl_classes()
 *
 * Return: the classes, up to NULL; NULL if nobody tells.
 */
const struct pv_class *const *pvctl_find_classes(const struct pvctl *ctl);

/**
 * pvctl_print_list - print the devices as a table
 * @classes: have the columns
 * @list: result of "list"
 */
void pvctl_print_list(const struct pv_class *const *classes, struct json_object *list);

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
 * pvctl_print_device - print a device
 * @class: its class, or NULL
 * @device: result of "show"
 */
void pvctl_print_device(const struct pv_class *class, struct json_object *device);

/**
 * pvctl_print_summary - print what a device comes to
 * @device: result of "show" or "set"
 */
void pvctl_print_summary(struct json_object *device);

/**
 * pvctl_format_ns - write a time with its unit
 * @ns: the time
 * @buf: gets it, as 12.3us
 * @len: room of @buf
 *
 * Return: @buf.
 */
char *pvctl_format_ns(uint64_t ns, char *buf, size_t len);

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

/*
 * Commands: @argv begins with the name; each returns the exit code. Those of device.c are what classes
 * and their keys make of them.
 */
int pvctl_cmd_add(const struct pvctl *ctl, int argc, char **argv);
int pvctl_cmd_set(const struct pvctl *ctl, int argc, char **argv);
int pvctl_cmd_show(const struct pvctl *ctl, int argc, char **argv);
int pvctl_cmd_resize(const struct pvctl *ctl, int argc, char **argv);

/* watch/ */
int pvctl_cmd_top(const struct pvctl *ctl, int argc, char **argv);
int pvctl_cmd_metrics(const struct pvctl *ctl, int argc, char **argv);

/**
 * pvctl_cmd_pcap - copy the frames of a NIC to a file
 * @ctl: the command line before the command
 * @argc: number of arguments
 * @argv: "pcap", the device, the file or "-", and maybe keys
 *
 * Return: exit code.
 */
int pvctl_cmd_pcap(const struct pvctl *ctl, int argc, char **argv);

/**
 * pvctl_class_command - execute a command that is named after a class, if it is
 * @ctl: the command line before the command
 * @argc: number of arguments
 * @argv: "add-disk" or the like; or the word of a class of which a VM has one
 * @code: gets the exit code
 *
 * Return: true if so.
 */
bool pvctl_class_command(const struct pvctl *ctl, int argc, char **argv, int *code);

/**
 * pvctl_help - print help
 * @ctl: the command line before the command
 * @command: on which command; NULL: on all
 *
 * Return: exit code.
 */
int pvctl_help(const struct pvctl *ctl, const char *command);

/**
 * pvctl_print_completion - print a script that completes command lines
 * @ctl: the command line before the command
 * @shell: "bash" or "zsh"
 * @commands: names of those that are pvctl's own, up to NULL
 *
 * Return: exit code.
 */
int pvctl_print_completion(const struct pvctl *ctl, const char *shell, const char *const *commands);

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
 * pvctl_qemu_value - a text as a value in QEMU's options
 * @text: the text
 *
 * Return: the same with its commas doubled, to be freed.
 */
char *pvctl_qemu_value(const char *text);

/**
 * struct pvctl_words - words of a command line
 * @word: each to be freed, as pvctl_free_words() does
 * @nr: their number
 */
struct pvctl_words {
	char **word;
	unsigned int nr;
};

/**
 * pvctl_twins - the arguments that give a QEMU the emulated devices that devices replace
 * @ctl: whose devices
 * @name: of the VM, for ids that differ
 * @words: empty; gets the arguments, also those before an error
 * @error: gets one line when it fails
 *
 * Return: 0, or -1 if one cannot be made, or nothing is replaced.
 */
int pvctl_twins(const struct pvctl *ctl, const char *name, struct pvctl_words *words,
		char error[PVCTL_ERROR_MAX]);

/**
 * pvctl_free_words - free all words
 * @words: the words
 */
void pvctl_free_words(struct pvctl_words *words);

/**
 * pvctl_make_id - what the VM's window is called, for QEMU and libvirt
 * @name: of the VM
 *
 * Return: letters, digits and "-._", to be freed.
 */
char *pvctl_make_id(const char *name);

/**
 * pvctl_cmd_libvirt_xml - print what a domain of libvirt's needs
 * @ctl: the command line before the command
 * @argc: number of arguments
 * @argv: "libvirt-xml", perhaps "--override" or "--replace"
 *
 * Return: exit code.
 */
int pvctl_cmd_libvirt_xml(const struct pvctl *ctl, int argc, char **argv);

/**
 * pvctl_cmd_doctor - print what the host, or the pvhostd of a VM, lacks, and what mends it
 * @ctl: the command line before the command
 * @argc: number of arguments
 * @argv: "doctor"
 *
 * Return: exit code: 1 if something is missing.
 */
int pvctl_cmd_doctor(const struct pvctl *ctl, int argc, char **argv);

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

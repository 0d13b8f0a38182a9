/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A device class: all that anybody but itself knows of it.
 *
 * It is one line in classes.c. Whoever parses, prints, adds, serves devices finds it there, by name or
 * word; pvctl, which is another program, has it from "query-classes".
 */
#ifndef HOSTD_CLASS_H
#define HOSTD_CLASS_H

#include <stdint.h>
#include <stdio.h>

#include "keys/keys.h"

struct hostd_device_ops;
struct json_object;
struct pvdev_ops;

/**
 * struct hostd_column - a column of "list", from a member of what is said of the device
 * @head: head of the column; classes share those of the same head
 * @member: the member; NULL ends a table
 * @kind: HOSTD_KEY_SIZE is printed as 4K
 */
struct hostd_column {
	const char *head;
	const char *member;
	enum hostd_kind kind;
};

/**
 * struct hostd_counter - what a worker counts of the device, besides what it counts of each queue
 * @name: member of "stats"; NULL ends a table
 * @help: what it is, with its unit
 */
struct hostd_counter {
	const char *name;
	const char *help;
};

/**
 * struct pv_class - a device class
 * @name: as the ABI has it, and the type in "list" and "stats"
 * @word: the operator's word: "disk" makes add-disk and --disk
 * @title: a few words on what it is, for help
 * @type: PVBUS_T_*
 * @only_one: a VM has no more than one, which its word names, too
 * @id: name of a device that is given none; NULL: it must have one
 * @keys: what may be said of it
 * @columns: of "list"; NULL: none
 * @counters: of "stats"; NULL: none
 * @notes: what else help says, lines; may be NULL
 * @example: KEY=VALUE,... for help; NULL: none is needed
 * @broker: the broker's half (broker/devices.h); NULL: there is nothing to do
 * @worker: the worker's half (worker/bus/device.h)
 * @helper: what its helper process runs, with the words that @broker->helper gave; may be NULL
 */
struct pv_class {
	const char *name;
	const char *word;
	const char *title;
	uint32_t type;
	bool only_one;
	const char *id;
	const struct hostd_key *keys;
	const struct hostd_column *columns;
	const struct hostd_counter *counters;
	const char *notes;
	const char *example;
	const struct hostd_device_ops *broker;
	const struct pvdev_ops *worker;
	int (*helper)(int argc, char **argv);
};

/* All classes that this program is built with, up to NULL; classes.c has them. */
extern const struct pv_class *const pv_classes[];

/**
 * hostd_class_find - look a class up
 * @classes: a list, up to NULL
 * @name: its name or word
 *
 * Return: the class or NULL.
 */
const struct pv_class *hostd_class_find(const struct pv_class *const *classes, const char *name);

/**
 * hostd_class_find_add - the class of a command that adds a device
 * @classes: a list, up to NULL
 * @command: "add-disk"
 *
 * Return: the class or NULL.
 */
const struct pv_class *hostd_class_find_add(const struct pv_class *const *classes, const char *command);

/**
 * hostd_class_parse - make the arguments of a device from text
 * @class: its class
 * @id: its name, or NULL
 * @text: as hostd_keys_parse() has it
 * @err: gets one line when that fails
 * @len: room of @err
 *
 * Return: the arguments or NULL.
 */
struct json_object *hostd_class_parse(const struct pv_class *class, const char *id, const char *text,
				      char *err, size_t len);

/**
 * hostd_class_complete - check the arguments of a new device, and add what is not given
 * @class: its class
 * @args: the arguments, an object
 * @err: gets one line when that fails
 * @len: room of @err
 *
 * Return: 0 or -EINVAL.
 */
int hostd_class_complete(const struct pv_class *class, struct json_object *args, char *err, size_t len);

/**
 * hostd_class_fds - find the descriptors that devices are made of, and see that no program gets them
 * @classes: a list, up to NULL
 * @devices: an array of "type" and "arguments" of each, checked
 * @fds: gets those that are open, above 2
 * @max: room of @fds
 *
 * Return: their number.
 */
unsigned int hostd_class_fds(const struct pv_class *const *classes, struct json_object *devices, int *fds,
			     unsigned int max);

/**
 * hostd_classes_describe - the classes as data: what "query-classes" returns
 * @classes: a list, up to NULL
 *
 * "schema" of each is a JSON schema of what adds a device; it says what is more in members that are
 * not JSON schema's.
 *
 * Return: an array.
 */
struct json_object *hostd_classes_describe(const struct pv_class *const *classes);

/**
 * hostd_classes_print_mdoc - the classes as part of a manual page: their keys and counters
 * @classes: a list, up to NULL
 * @f: gets it: sections of mdoc(7), ".Ss" each
 */
void hostd_classes_print_mdoc(const struct pv_class *const *classes, FILE *f);

/**
 * hostd_classes_load - make classes from that, without their halves
 * @list: result of "query-classes"; must live as long as they do
 *
 * Return: a list, up to NULL, that is never freed; NULL if @list is none.
 */
const struct pv_class *const *hostd_classes_load(struct json_object *list);

/**
 * hostd_completion_begin - the beginning of a script that completes command lines
 * @classes: a list, up to NULL
 * @shell: "bash" or "zsh"
 * @program: what it is for
 * @f: gets it
 *
 * The script has functions for what follows, which is to define the function "_PROGRAM" (bash's, which
 * zsh's bashcompinit understands): _pvkit_words WORDS BEFORE TEXT, _pvkit_files BEFORE TEXT and
 * _pvkit_spec TYPE keys|live, for the keys of a device.
 *
 * Return: 0; -EINVAL, and nothing is printed: there is none for @shell.
 */
int hostd_completion_begin(const struct pv_class *const *classes, const char *shell, const char *program, FILE *f);

/**
 * hostd_completion_end - the end of the script
 * @shell: as before
 * @program: as before
 * @f: gets it
 */
void hostd_completion_end(const char *shell, const char *program, FILE *f);

#endif /* HOSTD_CLASS_H */

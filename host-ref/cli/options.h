/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The options of pvhostd, wherever they are read.
 */
#ifndef HOSTD_OPTIONS_H
#define HOSTD_OPTIONS_H

#include <stdbool.h>

#include "broker/broker.h"
#include "keys/class.h"
#include "lib/util.h"

/**
 * struct hostd_arguments - what the options have said
 * @opt: what the broker gets
 * @devices: array of "type" and "arguments" of each
 * @daemon: go to the background
 * @log: path of the log, or "stderr"; NULL: as usual
 * @config: text of the configuration file, which @opt points into; NULL: there is none
 * @err: what is wrong
 */
struct hostd_arguments {
	struct hostd_options opt;
	struct json_object *devices;
	bool daemon;
	const char *log;
	char *config;
	char err[HOSTD_ERROR_MAX];
};

/**
 * struct hostd_option - one that is of no class
 * @name: its long name
 * @letter: its short one; 0: none
 * @value: what its value is called in the help; NULL: it has none
 * @want: what a value has to be
 * @take: keeps the value; 0 or -EINVAL, and the reason in the arguments' err if it is not @want. NULL:
 *	  for the command line only, which knows what to do
 * @help: one line or more
 */
struct hostd_option {
	const char *name;
	char letter;
	const char *value;
	const char *want;
	int (*take)(struct hostd_arguments *a, const char *text);
	const char *help;
};

extern const struct hostd_option hostd_options[];
extern const unsigned int hostd_nr_options;

/**
 * hostd_option_find - find an option by its long name
 * @classes: each has one, too
 * @name: the name
 *
 * Return: its number: in hostd_options[], and those of classes after them; -1: there is none.
 */
int hostd_option_find(const struct pv_class *const *classes, const char *name);

/**
 * hostd_option_take - take an option
 * @a: gets what it says; strings are not copied
 * @nr: its number; not one that only the command line knows
 * @text: its value; NULL: none
 *
 * Return: 0; -EINVAL, and the reason in @a->err.
 */
int hostd_option_take(struct hostd_arguments *a, unsigned int nr, const char *text);

#endif /* HOSTD_OPTIONS_H */

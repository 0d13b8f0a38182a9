// SPDX-License-Identifier: GPL-2.0-only
/*
 * The command line of pvhostd, and its help.
 */
#include "cli/command.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/completion.h"
#include "cli/config.h"
#include "cli/options.h"
#include "lib/json.h"

#define WRONG_USAGE	2
#define HELP_COLUMN	20
/* Above any letter. */
#define FIRST_OPTION	256

static void print_option(const char *option, const char *help)
{
	const char *end = strchrnul(help, '\n');
	int width = HELP_COLUMN - 3;

	if ((int)strlen(option) > width)
		printf("  %s\n%*s%.*s\n", option, HELP_COLUMN, "", (int)(end - help), help);
	else
		printf("  %-*s %.*s\n", width, option, (int)(end - help), help);
	for (; *end; help = end) {
		help = end + 1;
		end = strchrnul(help, '\n');
		printf("%*s%.*s\n", HELP_COLUMN, "", (int)(end - help), help);
	}
}

static void print_class_options(const struct pv_class *const *classes)
{
	char option[64], help[128];

	for (; *classes; classes++) {
		snprintf(option, sizeof(option), (*classes)->id ? "--%s[=SPEC]" : "--%s SPEC", (*classes)->word);
		snprintf(help, sizeof(help), "start with %s", (*classes)->title);
		print_option(option, help);
	}
}

static void print_class_keys(const struct pv_class *class)
{
	char *help = hostd_keys_help(class->keys, HOSTD_USE_ADD);

	printf("\nKeys of %s (%s):\n  id=NAME%17sname of the device%s%s%s\n%s", class->title, class->name, "",
	       class->id ? " (" : "", class->id ? class->id : "", class->id ? ")" : "", help ? help : "");
	free(help);
}

static void print_usage(const struct pv_class *const *classes)
{
	const struct hostd_option *o;
	char option[64];

	puts("usage: pvhostd [OPTION]...\n"
	     "Serve paravirtual devices to one VM. Start it before QEMU; pvctl talks to it.\n");
	for (o = hostd_options; o < hostd_options + hostd_nr_options; o++) {
		snprintf(option, sizeof(option), "-%c, --%s%s%s", o->letter, o->name, o->value ? " " : "",
			 o->value ? o->value : "");
		/* Without "-x, " if it has no letter. */
		print_option(option + (o->letter ? 0 : 4), o->help);
		if (!strcmp(o->name, "device"))
			print_class_options(classes);
	}
	puts("\nExit status: 0 when it was ended; 1 after an error; 2 when an option is wrong.");
	for (; *classes; classes++)
		print_class_keys(*classes);
}

static void print_classes(const struct pv_class *const *classes)
{
	struct json_object *list = hostd_classes_describe(classes);

	puts(json_object_to_json_string_ext(list, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(list);
}

/* The options, and one for each class; of what needs no name all may be left out. @letters is for getopt. */
static struct option *make_options(const struct pv_class *const *classes, char letters[64])
{
	unsigned int i, nr = hostd_nr_options, nr_classes = 0, len = 0;
	const struct hostd_option *o;
	struct option *options;

	while (classes[nr_classes])
		nr_classes++;
	options = calloc(nr + nr_classes + 1, sizeof(*options));
	for (i = 0; options && i < nr; i++) {
		o = &hostd_options[i];
		options[i] = (struct option) { o->name, o->value ? required_argument : no_argument, NULL,
					       FIRST_OPTION + i };
		if (o->letter)
			len += snprintf(letters + len, 64 - len, "%c%s", o->letter, o->value ? ":" : "");
	}
	for (; options && i < nr + nr_classes; i++)
		options[i] = (struct option) { classes[i - nr]->word,
					       classes[i - nr]->id ? optional_argument : required_argument,
					       NULL, FIRST_OPTION + i };
	return options;
}

/* The number of the option that getopt has found. */
static unsigned int number_of(int c)
{
	unsigned int i = 0;

	if (c >= FIRST_OPTION)
		return c - FIRST_OPTION;
	while (hostd_options[i].letter != c)
		i++;
	return i;
}

static int print_completion(struct hostd_arguments *a, const char *shell)
{
	if (!hostd_options_complete(a->opt.classes, shell))
		exit(EXIT_SUCCESS);
	snprintf(a->err, sizeof(a->err), "--completion %.128s: give bash or zsh", shell);
	hostd_text_clean(a->err);
	return -EINVAL;
}

/* What only the command line has. Returns 0 or -EINVAL, or not at all. */
static int take_own(struct hostd_arguments *a, const char *name, const char *text)
{
	if (!strcmp(name, "config"))
		return hostd_config_read(a, text);
	if (!strcmp(name, "completion"))
		return print_completion(a, text);
	if (!strcmp(name, "help"))
		print_usage(a->opt.classes);
	else if (!strcmp(name, "query-classes"))
		print_classes(a->opt.classes);
	else
		puts("pvhostd " PVKIT_VERSION);
	exit(EXIT_SUCCESS);
}

static int take(struct hostd_arguments *a, unsigned int nr, const char *text)
{
	if (nr < hostd_nr_options && !hostd_options[nr].take)
		return take_own(a, hostd_options[nr].name, text);
	return hostd_option_take(a, nr, text);
}

void hostd_command_line_read(struct hostd_arguments *a, int argc, char **argv)
{
	char letters[64] = "";
	struct option *options = make_options(a->opt.classes, letters);
	int c, err = 0;

	while (options && !err && (c = getopt_long(argc, argv, letters, options, NULL)) >= 0) {
		if (c == '?')
			exit(WRONG_USAGE);
		err = take(a, number_of(c), optarg);
	}
	free(options);
	if (!err && a->daemon && a->log && !strcmp(a->log, "stderr")) {
		snprintf(a->err, sizeof(a->err), "--log stderr: a daemon has none: leave out --log or --daemon, or name a file");
		err = -1;
	}
	if (!err && optind < argc) {
		snprintf(a->err, sizeof(a->err), "'%.128s' is not an option: 'pvhostd --help' lists them",
			 argv[optind]);
		err = -1;
	}
	if (!err)
		return;
	hostd_log(HOSTD_LOG_ERR, "%s", a->err);
	exit(WRONG_USAGE);
}

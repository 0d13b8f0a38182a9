// SPDX-License-Identifier: GPL-2.0-only
/*
 * Completion for shells, from the table of options and the keys of classes.
 */
#include "cli/completion.h"

#include <stdio.h>
#include <string.h>

#include "cli/options.h"

/* What the shell has to look for; NULL: it does not know. */
static const char *value_kind(const struct hostd_option *option)
{
	static const char *const kinds[] = { "FILE", "DIR", "GROUP", "USER", "TYPE", "bash" };
	unsigned int i;

	for (i = 0; option->value && i < HOSTD_ARRAY_SIZE(kinds); i++)
		if (!strncmp(option->value, kinds[i], strlen(kinds[i])))
			return kinds[i];
	return option->value ? "other" : NULL;
}

static void print_options(const struct pv_class *const *classes)
{
	const struct hostd_option *o;

	printf("_pvhostd_options='");
	for (o = hostd_options; o < hostd_options + hostd_nr_options; o++)
		printf("--%s ", o->name);
	for (; *classes; classes++)
		printf("--%s ", (*classes)->word);
	puts("'");
}

/* The value of what needs none is in the same word. */
static void print_values(const struct pv_class *const *classes)
{
	const struct hostd_option *o;

	puts("# $1: option, with a '=' if the value is in the same word\n"
	     "_pvhostd_option() {\n\t_pvhostd_value=\n\tcase $1 in");
	for (o = hostd_options; o < hostd_options + hostd_nr_options; o++) {
		if (!value_kind(o))
			continue;
		printf("\t--%s|--%s=", o->name, o->name);
		if (o->letter)
			printf("|-%c", o->letter);
		printf(") _pvhostd_value=%s ;;\n", value_kind(o));
	}
	for (; *classes; classes++) {
		printf("\t--%s=", (*classes)->word);
		if (!(*classes)->id)
			printf("|--%s", (*classes)->word);
		puts(") _pvhostd_value=SPEC ;;");
	}
	puts("\tesac\n}");
}

static void print_types(const struct pv_class *const *classes)
{
	printf("_pvhostd_types='");
	for (; *classes; classes++)
		printf("%s ", (*classes)->word);
	puts("'");
}

/* What stands between blanks is a word, whatever the shell calls one; $before is what of it stays. */
static const char script[] =
	"_pvhostd() {\n"
	"\tlocal line=${COMP_LINE:0:$COMP_POINT} before=${COMP_WORDS[$COMP_CWORD]} word option value\n"
	"\tword=${line##* }\n"
	"\toption=${line%\"$word\"}\n"
	"\toption=${option%\"${option##*[! ]}\"}\n"
	"\toption=${option##* }\n"
	"\tvalue=$word\n"
	"\tcase $word in\n"
	"\t--*=*) option=${word%%=*}= value=${word#*=} ;;\n"
	"\tesac\n"
	"\t[ \"$before\" != '=' ] || before=\n"
	"\tbefore=${before%\"$value\"}\n"
	"\tCOMPREPLY=()\n"
	"\t_pvhostd_option \"$option\"\n"
	"\tcase $_pvhostd_value in\n"
	"\t'') _pvkit_words \"$_pvhostd_options\" '' \"$word\" ;;\n"
	"\tFILE|DIR) _pvkit_files \"$before\" \"$value\" ;;\n"
	"\tGROUP) _pvkit_words \"$(getent group | cut -d: -f1)\" \"$before\" \"$value\" ;;\n"
	"\tUSER) _pvkit_words \"$(getent passwd | cut -d: -f1)\" \"$before\" \"$value\" ;;\n"
	"\tbash) _pvkit_words 'bash zsh' \"$before\" \"$value\" ;;\n"
	"\tTYPE)\n"
	"\t\tcase $value in\n"
	"\t\t*,*) _pvkit_spec \"${value%%,*}\" keys ;;\n"
	"\t\t*) _pvkit_words \"$_pvhostd_types\" \"$before\" \"$value\" ;;\n"
	"\t\tesac ;;\n"
	"\tSPEC)\n"
	"\t\toption=${option#--}\n"
	"\t\t_pvkit_spec \"${option%=}\" keys ;;\n"
	"\tesac\n"
	"}\n";

int hostd_options_complete(const struct pv_class *const *classes, const char *shell)
{
	int err = hostd_completion_begin(classes, shell, "pvhostd", stdout);

	if (err)
		return err;
	print_options(classes);
	print_types(classes);
	print_values(classes);
	fputs(script, stdout);
	hostd_completion_end(shell, "pvhostd", stdout);
	return 0;
}

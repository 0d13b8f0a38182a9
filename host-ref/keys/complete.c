// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keys for a shell: what the completions of pvctl and of pvhostd have in common.
 */
#include "keys/class.h"

#include <errno.h>
#include <string.h>

/* "name=" of the keys. */
static void print_names(FILE *f, const struct hostd_key *key, enum hostd_use use)
{
	for (; key && key->name; key++) {
		if (use == HOSTD_USE_SET ? key->live : !key->only_live)
			fprintf(f, "%s= ", key->name);
	}
}

/* The values that a key is known to have. */
static void print_values(FILE *f, const struct hostd_key *key)
{
	const char *p;

	if (key->kind == HOSTD_KEY_SWITCH)
		fputs("on off", f);
	for (p = key->words ? key->words : ""; *p; p++)
		fputc(*p == '|' ? ' ' : *p, f);
}

static void print_class(FILE *f, const struct pv_class *class)
{
	const struct hostd_key *key;

	fprintf(f, "\t%s|%s)\n\t\t_pvkit_keys='", class->word, class->name);
	print_names(f, class->keys, HOSTD_USE_ADD);
	fputs("'\n\t\t_pvkit_live='", f);
	print_names(f, class->keys, HOSTD_USE_SET);
	fputs("'\n\t\tcase $2 in\n", f);
	for (key = class->keys; key && key->name; key++) {
		if (!key->words && key->kind != HOSTD_KEY_SWITCH)
			continue;
		fprintf(f, "\t\t%s) _pvkit_values='", key->name);
		print_values(f, key);
		fputs("' ;;\n", f);
	}
	fputs("\t\tesac ;;\n", f);
}

/* For both shells: zsh's bashcompinit knows compgen, but only its -W, and not bash's own mapfile and ${!name}. */
static const char script[] =
	"_pvkit_words() { COMPREPLY=($(compgen -P \"$2\" -W \"$1\" -- \"$3\")); }\n"
	"_pvkit_files() {\n"
	"\tlocal file\n"
	"\tCOMPREPLY=()\n"
	"\tfor file in \"$2\"*; do [ ! -e \"$file\" ] || COMPREPLY+=(\"$1$file\"); done\n"
	"}\n"
	"# SPEC: keys, or the values of the one before the last '='. $1: type, $2: keys to choose from.\n"
	"# To bash what is behind a '=' is a word of its own.\n"
	"_pvkit_spec() {\n"
	"\tlocal line=${COMP_LINE:0:$COMP_POINT} item word=${COMP_WORDS[$COMP_CWORD]} keys\n"
	"\tline=${line##* }\n"
	"\tline=${line#--*=}\n"
	"\titem=${line##*,}\n"
	"\t_pvkit_class \"$1\" \"${item%%=*}\"\n"
	"\tkeys=$_pvkit_keys\n"
	"\t[ \"$2\" != live ] || keys=$_pvkit_live\n"
	"\t[ \"$word\" != '=' ] || word=\n"
	"\tcase $item in\n"
	"\t*=*)\n"
	"\t\titem=${item#*=}\n"
	"\t\tif [ -n \"$_pvkit_values\" ]; then\n"
	"\t\t\t_pvkit_words \"$_pvkit_values\" \"${word%\"$item\"}\" \"$item\"\n"
	"\t\telse\n"
	"\t\t\t_pvkit_files \"${word%\"$item\"}\" \"$item\"\n"
	"\t\tfi ;;\n"
	"\t*)\n"
	"\t\t_pvkit_words \"$keys\" \"${word%\"$item\"}\" \"$item\"\n"
	"\t\tcompopt -o nospace 2>/dev/null ;;\n"
	"\tesac\n"
	"}\n";

static bool is_zsh(const char *shell)
{
	return !strcmp(shell, "zsh");
}

int hostd_completion_begin(const struct pv_class *const *classes, const char *shell, const char *program, FILE *f)
{
	if (strcmp(shell, "bash") && !is_zsh(shell))
		return -EINVAL;
	if (is_zsh(shell))
		fprintf(f, "#compdef %s\nautoload -Uz bashcompinit && bashcompinit\n", program);
	fputs("# $1: type, $2: key\n_pvkit_class() {\n\t_pvkit_keys= _pvkit_live= _pvkit_values=\n\tcase $1 in\n", f);
	for (; *classes; classes++)
		print_class(f, *classes);
	fputs("\tesac\n}\n", f);
	fputs(script, f);
	return 0;
}

void hostd_completion_end(const char *shell, const char *program, FILE *f)
{
	/* Bash is told for each word whether a blank follows. */
	fprintf(f, "complete %s-F _%s %s\n", is_zsh(shell) ? "-o nospace " : "", program, program);
	/* As a file of the shell's it is read when it is first needed. */
	if (is_zsh(shell))
		fprintf(f, "[[ $funcstack[1] != _%s ]] || _bash_complete -o nospace -F _%s\n", program, program);
}

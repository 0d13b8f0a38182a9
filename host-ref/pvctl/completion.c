// SPDX-License-Identifier: GPL-2.0-only
/*
 * pvctl: completion for shells. What is of a class comes from its keys.
 */
#include <stdio.h>

#include "keys/class.h"
#include "pvctl/pvctl.h"

/* The command is the first word that is none of pvctl's own options, or the value of one. */
static const char script[] =
	"_pvctl_ask() { pvctl ${_pvctl_to[@]+\"${_pvctl_to[@]}\"} list 2>/dev/null; }\n"
	"_pvctl_ids() { _pvctl_ask | awk 'NR > 1 { print $1 }'; }\n"
	"_pvctl_type_of() { _pvctl_ask | awk -v id=\"$1\" '$1 == id { print $2 }'; }\n"
	"_pvctl() {\n"
	"\tlocal cur=${COMP_WORDS[$COMP_CWORD]} command first=1 word\n"
	"\tCOMPREPLY=() _pvctl_to=()\n"
	"\twhile [ \"$first\" -lt \"$COMP_CWORD\" ]; do\n"
	"\t\tword=${COMP_WORDS[$first]}\n"
	"\t\tcase $word in\n"
	"\t\t-n|--name|--control)\n"
	"\t\t\t[ \"${COMP_WORDS[$((first + 1))]}\" != '=' ] || first=$((first + 1))\n"
	"\t\t\tfirst=$((first + 1))\n"
	"\t\t\t_pvctl_to=(\"$word\" \"${COMP_WORDS[$first]}\") ;;\n"
	"\t\t--name=*|--control=*) _pvctl_to=(\"$word\") ;;\n"
	"\t\t-*) ;;\n"
	"\t\t*) break ;;\n"
	"\t\tesac\n"
	"\t\tfirst=$((first + 1))\n"
	"\tdone\n"
	"\tif [ \"$first\" -gt \"$COMP_CWORD\" ]; then\n"
	"\t\t[ \"$word\" != --control ] || _pvkit_files '' \"$cur\"\n"
	"\t\treturn\n"
	"\tfi\n"
	"\tif [ \"$first\" = \"$COMP_CWORD\" ]; then\n"
	"\t\tcase $cur in\n"
	"\t\t-*) _pvkit_words '--name --control --json --version --help' '' \"$cur\" ;;\n"
	"\t\t*) _pvkit_words \"$_pvctl_commands\" '' \"$cur\" ;;\n"
	"\t\tesac\n"
	"\t\treturn\n"
	"\tfi\n"
	"\tcommand=${COMP_WORDS[$first]}\n"
	"\tcase $command in\n"
	"\tadd)\n"
	"\t\tif [ \"$COMP_CWORD\" = $((first + 1)) ]; then\n"
	"\t\t\t_pvkit_words \"$_pvctl_types\" '' \"$cur\"\n"
	"\t\telse\n"
	"\t\t\t_pvkit_spec \"${COMP_WORDS[$((first + 1))]}\" keys\n"
	"\t\tfi ;;\n"
	"\tadd-*)\n"
	"\t\t_pvkit_spec \"${command#add-}\" keys ;;\n"
	"\tstats|show|set|remove|resize|continue|pcap)\n"
	"\t\tif [ \"$COMP_CWORD\" = $((first + 1)) ]; then\n"
	"\t\t\t_pvkit_words \"$(_pvctl_ids)\" '' \"$cur\"\n"
	"\t\telif [ \"$command\" = set ]; then\n"
	"\t\t\t_pvkit_spec \"$(_pvctl_type_of \"${COMP_WORDS[$((first + 1))]}\")\" live\n"
	"\t\telif [ \"$command\" = pcap ] && [ \"$COMP_CWORD\" = $((first + 2)) ]; then\n"
	"\t\t\t_pvkit_files '' \"$cur\"\n"
	"\t\tfi ;;\n"
	"\thelp)\n"
	"\t\t_pvkit_words \"$_pvctl_commands\" '' \"$cur\" ;;\n"
	"\tesac\n"
	"}\n";

int pvctl_print_completion(const struct pvctl *ctl, const char *shell, const char *const *commands)
{
	const struct pv_class *const *classes = pvctl_classes(ctl), *const *class;

	if (hostd_completion_begin(classes, shell, "pvctl", stdout))
		pvctl_fail(PVCTL_USAGE, "completion: there is none for '%s': use bash or zsh", shell);
	printf("_pvctl_commands='");
	for (; *commands; commands++)
		printf("%s ", *commands);
	for (class = classes; *class; class++)
		printf("add-%s %s%s", (*class)->word, (*class)->only_one ? (*class)->word : "",
		       (*class)->only_one ? " " : "");
	printf("'\n_pvctl_types='");
	for (class = classes; *class; class++)
		printf("%s ", (*class)->word);
	puts("'");
	fputs(script, stdout);
	hostd_completion_end(shell, "pvctl", stdout);
	return 0;
}
